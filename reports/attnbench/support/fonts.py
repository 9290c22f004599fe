"""Fonts for text that DejaVu Sans, the font of the figures, cannot write: words of a dataset may be of any script."""

import logging
from collections.abc import Iterable
from functools import cache

from matplotlib import font_manager

FONT = "DejaVu Sans"


def families_for(text: str) -> list[str] | None:
    """Families that write all of `text` between them, DejaVu Sans first; None where a sign is in no installed font."""
    missing, families = _unknown(text, FONT), [FONT]
    for family in _others() if missing else ():
        known = missing - _unknown(missing, family)
        if known:
            families.append(family)
            missing -= known
        if not missing:
            break
    return None if missing else families


def unwritten(names: Iterable[str], words: Iterable[str]) -> str | None:
    """One line about the signs that no installed font has; None where all can be written."""
    signs = unwritable([*names, *words])
    if not signs:
        return None
    shown = ", ".join(signs[:5]) + (" and more" if len(signs) > 5 else "")
    return (f"no installed font has {shown}: heat maps with such words show token numbers instead, names show boxes in "
            "PNG and PDF; install a font that has them, such as Debian's fonts-noto-cjk")  # fmt: skip


def unwritable(texts: Iterable[str]) -> str:
    """The signs of the texts that no installed font has, each once."""
    signs = dict.fromkeys("".join(texts))
    return "".join(sign for sign in signs if families_for(sign) is None)


def _unknown(text: Iterable[str], family: str) -> set[str]:
    signs = _signs(family)
    return {sign for sign in text if ord(sign) not in signs and not sign.isspace()}


@cache
def _signs(family: str) -> frozenset[int]:
    """Code points that the family's regular face has."""
    path = font_manager.findfont(family, fallback_to_default=False)
    return frozenset(font_manager.get_font(path).get_charmap())


@cache
def _others() -> tuple[str, ...]:
    """Installed families in the order of their names; those that cannot be opened are left out."""
    _add_new_fonts()
    found = []
    for family in sorted({font.name for font in font_manager.fontManager.ttflist if font.name != FONT}):
        try:
            _signs(family)
        except (OSError, RuntimeError, ValueError) as error:
            logging.getLogger(__name__).debug("font %s: %s", family, error)
        else:
            found.append(family)
    return tuple(found)


def _add_new_fonts() -> None:
    """Adds the fonts installed since matplotlib wrote its list, which it keeps in a cache from its first use on."""
    listed = {font.fname for font in font_manager.fontManager.ttflist}
    for path in sorted(set(font_manager.findSystemFonts()) - listed):
        try:
            font_manager.fontManager.addfont(path)
        except (OSError, RuntimeError, ValueError) as error:
            logging.getLogger(__name__).debug("font %s: %s", path, error)

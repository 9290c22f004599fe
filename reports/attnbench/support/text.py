"""Text from records on its way to a terminal: names and reasons may hold anything, escape sequences included."""

import json
import re
import sys
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any


def plain(text: str) -> str:
    """Control and direction characters written out, `\\x1b`, so that a terminal shows them and obeys none; line feeds
    stay."""
    return "".join(_shown(sign) for sign in text)


def _shown(sign: str) -> str:
    category = unicodedata.category(sign)
    if sign == "\n" or category not in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        return sign
    return repr(sign)[1:-1] if category != "Cf" else f"\\u{ord(sign):04x}"


def plain_json(value: Any, indent: int | None = None) -> str:
    """JSON in which control and direction characters are escapes: json.dumps leaves those above U+007E as they are."""
    text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    return "".join(sign if _shown(sign) == sign else json.dumps(sign)[1:-1] for sign in text)


def natural(text: str) -> list[tuple[int, int | str]]:
    """Sort key that puts h2 before h16: digits compare as numbers, everything else as text."""
    words = re.split(r"(\d+)", text)  # text and digits in turn
    return [(0, int(word)) if i % 2 else (1, word) for i, word in enumerate(words)]


def aligned(lines: Sequence[Sequence[str]], sides: str, paint: Callable[[str], str] | None = None) -> str:
    """A table whose first line holds the titles. `sides`: l or r for each column; `paint` colours a padded cell."""
    lines = [[plain(text) for text in line] for line in lines]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = [
        [text.rjust(w) if side == "r" else text.ljust(w) for text, w, side in zip(line, widths, sides, strict=True)]
        for line in [lines[0], ["─" * w for w in widths], *lines[1:]]
    ]
    text = "\n".join("  ".join(map(paint, line) if paint else line) for line in padded)
    return re.sub(r" +$", "", text, flags=re.MULTILINE)


def say(text: str) -> None:
    """To standard output."""
    print(plain(text))


def complain(text: str) -> None:
    """To standard error."""
    print(plain(text), file=sys.stderr)

"""Text from records on its way to a terminal: names and reasons may hold anything, escape sequences included."""

import sys
import unicodedata


def plain(text: str) -> str:
    """Control and direction characters written out, `\\x1b`, so that a terminal shows them and obeys none; line feeds
    stay."""
    return "".join(_shown(sign) for sign in text)


def _shown(sign: str) -> str:
    category = unicodedata.category(sign)
    if sign == "\n" or category not in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        return sign
    return repr(sign)[1:-1] if category != "Cf" else f"\\u{ord(sign):04x}"


def say(text: str) -> None:
    """To standard output."""
    print(plain(text))


def complain(text: str) -> None:
    """To standard error."""
    print(plain(text), file=sys.stderr)

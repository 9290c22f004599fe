"""Declared growth: what a variant's label such as "O(n sqrt(n) d)" says about n.

Only the growth in the sequence length counts: n, n_q and n_k are n, every other symbol (d, w, b, D, d_a, ...) is held
fixed along a sweep over n. A label is O(expression), where factors stand side by side, with *, / or ^, sqrt(...) and
log(...), and terms are joined by +. After it may stand "+ inner" (the cost of an attention inside, given by its own
label) or "per thread" (a constant factor).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LENGTHS = ("n", "n_q", "n_k", "N")
LABEL = re.compile(r"\s*O\((?P<expression>.*)\)\s*(?P<rest>\+ inner|per thread)?\s*")
TOKEN = re.compile(r"\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<word>[A-Za-z]\w*)|(?P<sign>[-+*/^()]))")


@dataclass(frozen=True, order=True)
class Power:
    """n^power (log n)^logs; ordered by growth."""

    power: float = 0.0
    logs: int = 0

    def slope(self, sizes: Sequence[float]) -> float:
        """Slope of its logarithm on log n over these sizes, as a fit to measurements would see it."""
        if not self.logs:
            return self.power
        x = np.log(np.maximum(sizes, 2))
        return self.power + self.logs * float(np.polyfit(x, np.log(x), 1)[0])

    def __str__(self) -> str:
        power = "n" if self.power == 1 else f"n^{self.power:g}" if self.power else ""
        logs = "" if not self.logs else "log n" if self.logs == 1 else f"(log n)^{self.logs}"
        return f"{power} {logs}".strip() or "1"


@dataclass(frozen=True)
class Declared:
    text: str
    growth: Power  # of the fastest term
    symbols: frozenset[str]  # everything but the length: w, b, d, ...
    plus_inner: bool  # the growth of an attention inside comes on top


class LabelError(ValueError):
    """The label is not of this grammar; the message says where."""


def parse_label(text: str) -> Declared:
    found = LABEL.fullmatch(text)
    if not found:
        raise LabelError(f"'{text}' is not of the form O(...)")
    parser = _Parser(text, _tokens(found["expression"], text))
    growth = parser.sum()
    parser.expect_end()
    return Declared(text, growth, frozenset(parser.symbols), found["rest"] == "+ inner")


def _tokens(expression: str, text: str) -> list[str]:
    tokens, place = [], 0
    while expression[place:].strip():
        found = TOKEN.match(expression, place)
        if not found:
            raise LabelError(f"'{text}' has '{expression[place:].strip()[0]}', which means nothing here")
        tokens.append(found[0].strip())
        place = found.end()
    return tokens


class _Parser:
    """Recursive descent: sum of products of powers."""

    def __init__(self, text: str, tokens: list[str]) -> None:
        self.text, self.tokens = text, tokens
        self.symbols: set[str] = set()

    @property
    def next(self) -> str:
        return self.tokens[0] if self.tokens else ""

    def take(self, expected: str = "") -> str:
        if not self.tokens or (expected and self.next != expected):
            raise LabelError(f"'{self.text}': {expected or 'a factor'} expected, found '{self.next or 'the end'}'")
        return self.tokens.pop(0)

    def expect_end(self) -> None:
        if self.tokens:
            raise LabelError(f"'{self.text}': '{self.next}' is left over")

    def sum(self) -> Power:
        growth = self.product()
        while self.next == "+":
            self.take()
            growth = max(growth, self.product())
        return growth

    def product(self) -> Power:
        growth = self.factor()
        while self.next and self.next not in "+)":
            sign = self.take() if self.next in ("*", "/") else "*"
            factor = self.factor()
            turn = -1 if sign == "/" else 1
            growth = Power(growth.power + turn * factor.power, growth.logs + turn * factor.logs)
        return growth

    def factor(self) -> Power:
        growth = self.atom()
        if self.next != "^":
            return growth
        self.take()
        exponent = self.exponent()
        return Power(growth.power * exponent, round(growth.logs * exponent))

    def exponent(self) -> float:
        if self.next != "(":
            return self.number()
        self.take()
        value = self.number()
        if self.next == "/":
            self.take()
            value /= self.number()
        self.take(")")
        return value

    def number(self) -> float:
        try:
            return float(self.take())
        except ValueError:
            raise LabelError(f"'{self.text}': an exponent must be a number") from None

    def atom(self) -> Power:
        token = self.take()
        if token == "(":
            growth = self.sum()
            self.take(")")
            return growth
        if token == "sqrt":
            growth = self.atom()
            return Power(growth.power / 2, growth.logs)
        if token == "log":
            return Power(0, 1) if self.atom().power > 0 else Power()
        if token in LENGTHS:
            return Power(1)
        if not token[0].isalnum():
            raise LabelError(f"'{self.text}': a factor expected, found '{token}'")
        if token[0].isalpha():
            self.symbols.add(token)
        return Power()

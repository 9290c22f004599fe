"""The picture of a comparison (a forest plot): a line per case, its ratio and interval on one logarithmic axis.

Drawn as one row of HTML per case with positions in per cent, so that text keeps its size on a phone and on a wide
screen. Colours are those of the verdicts and follow the page's margin (comparison.js).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from attnbench.compare.model import Row
from attnbench.compare.table import ratio_interval
from attnbench.support import units

PAD = 0.04  # of the axis, free at either end
NARROWEST = math.log(1.05)  # half an axis: two equal sides are not blown up to fill it
APART = 0.2  # least distance of two ticks, as a share of the axis: five labels fit a phone
ROUND = (5, 2, 1.5, 0.5, 0.2, 1.2, 0.8, 1.1, 0.9, 1.05, 0.95, 1.02, 0.98, 1.01, 0.99)  # ticks, the first preferred


@dataclass(frozen=True)
class Tick:
    text: str
    at: float  # per cent of the axis


@dataclass(frozen=True)
class Bar:
    place: int  # in the table of rows
    name: str  # n, where the case has one
    verdict: str
    text: str  # ratio
    help: str
    at: float  # per cent of the axis
    ends: tuple[float, float] | None  # of the interval; None where there is none


@dataclass(frozen=True)
class Group:
    title: str
    bars: list[Bar]


@dataclass(frozen=True)
class Forest:
    low: float  # log ratio at the left end
    high: float
    ticks: list[Tick]
    groups: list[Group]

    def place(self, ratio: float) -> float:
        return position(math.log(ratio), self.low, self.high)


def forest(rows: Sequence[Row]) -> Forest:
    logs = [math.log(value) for row in rows for value in _values(row)]
    low, high = min(*logs, -NARROWEST), max(*logs, NARROWEST)
    pad = PAD * (high - low)
    low, high = low - pad, high + pad
    several = len({row.key.setting for row in rows}) > 1
    numbered = groupby(enumerate(rows), lambda item: (item[1].key.variant, item[1].key.setting))
    groups = [
        Group(f"{variant} · {setting}" if several and setting else variant,
              [_bar(place, row, low, high) for place, row in members])
        for (variant, setting), members in numbered
    ]  # fmt: skip
    return Forest(low, high, _ticks(low, high), groups)


def position(log: float, low: float, high: float) -> float:
    return round(100 * (log - low) / (high - low), 3)


def _values(row: Row) -> list[float]:
    interval = row.measured.interval
    return [row.measured.ratio, *((interval.low, interval.high) if interval else ())]


def _bar(place: int, row: Row, low: float, high: float) -> Bar:
    ratio, interval = row.measured.ratio, row.measured.interval
    ends = interval and tuple(position(math.log(end), low, high) for end in (interval.low, interval.high))
    text = units.ratio_text(ratio)
    said = f"{row.key.name}: {text} {ratio_interval(interval)}, {units.change(ratio)}"
    name = "" if row.key.n is None else f"n = {row.key.n}"
    return Bar(place, name, str(row.judged.verdict), text, said, position(math.log(ratio), low, high), ends)


def _ticks(low: float, high: float) -> list[Tick]:
    """1 first, then round values from the ends of the axis inwards, as long as their labels do not meet."""
    decades = range(1, math.ceil(max(-low, high) / math.log(10)) + 1)
    outer = [10.0 ** (sign * k) for k in reversed(decades) for sign in (1, -1)]
    chosen: list[float] = []
    for value in [1.0, *outer, *ROUND]:
        log = math.log(value)
        if low <= log <= high and all(abs(log - math.log(c)) >= APART * (high - low) for c in chosen):
            chosen.append(value)
    return [Tick(f"{value:.3g}", position(math.log(value), low, high)) for value in sorted(chosen)]

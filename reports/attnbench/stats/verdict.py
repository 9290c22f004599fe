"""Verdicts over a table of comparisons: FASTER, SLOWER, SAME or UNDECIDED, each with its reason in words.

FASTER or SLOWER needs two things: Holm's step-down procedure over the whole table (Holm 1979) rejects that the ratio is
1, which keeps the chance of *any* false call in the table at 5 %, and the effect exceeds the margin, max(1 %, noise
floor). `adjusted` is the exact interval at the level of the step at which a row was decided, so it excludes 1 if and
only if Holm rejects. SAME is the opposite claim and is per row: its 95 % interval lies inside the margin. Everything
else is UNDECIDED.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from attnbench.stats.comparison import Comparison, exact_interval
from attnbench.stats.intervals import CONFIDENCE, Interval
from attnbench.stats.power import minimum_effect, rounds_needed

MARGIN = 0.01  # effects up to 1 % are called the same however sure they are: code layout alone moves that much


class Verdict(StrEnum):
    FASTER = "FASTER"
    SLOWER = "SLOWER"
    SAME = "SAME"
    UNDECIDED = "UNDECIDED"


@dataclass(frozen=True)
class Judged:
    comparison: Comparison
    verdict: Verdict
    reason: str  # one line
    margin: float  # max(1 %, noise floor), as a share
    adjusted: Interval | None  # exact interval of the ratio at Holm's level; None where the rounds cannot reach it
    p_adjusted: float  # Holm's: below 0.05 exactly where `adjusted` excludes 1
    table: int  # rows judged together

    @property
    def minimum_effect(self) -> float | None:
        """The smallest change, as a share, that this table finds in this row with 80 % power; None if none."""
        row, level = self.comparison, (1 - CONFIDENCE) / self.table
        return minimum_effect(row, self.margin, level)


def judge(
    rows: Sequence[Comparison], noise_floor: float | Sequence[float] = 0.0, confidence: float = CONFIDENCE
) -> list[Judged]:
    """Judges rows of one table together; `noise_floor` (a share, such as 0.02) is one for all or one per row."""
    floors = [noise_floor] * len(rows) if isinstance(noise_floor, int | float) else list(noise_floor)
    steps = holm([row.p_value for row in rows], 1 - confidence)
    table = zip(rows, floors, steps, strict=True)
    return [_judged(row, max(MARGIN, floor), step, len(rows)) for row, floor, step in table]


@dataclass(frozen=True)
class Step:
    p_adjusted: float
    level: float  # the test level of the step at which the row was decided: alpha / (rows still standing)


def holm(p_values: Sequence[float], alpha: float = 1 - CONFIDENCE) -> list[Step]:
    """Holm's procedure; rows after the first that stands share its level."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    steps: list[Step] = [Step(1.0, alpha)] * len(p_values)
    largest, standing = 0.0, None
    for place, i in enumerate(order):
        left = len(p_values) - place
        largest = max(largest, min(1.0, left * p_values[i]))
        if standing is None and p_values[i] > alpha / left:
            standing = left
        steps[i] = Step(largest, alpha / (standing or left))
    return steps


def _judged(row: Comparison, margin: float, step: Step, table: int) -> Judged:
    adjusted = exact_interval(row, 1 - step.level)
    verdict, reason = _verdict(row, margin, adjusted, table)
    return Judged(row, verdict, reason, margin, adjusted, step.p_adjusted, table)


def _verdict(row: Comparison, margin: float, adjusted: Interval | None, table: int) -> tuple[Verdict, str]:
    large = abs(math.log(row.ratio)) > math.log1p(margin)
    if adjusted and 1 not in adjusted and large:
        return (Verdict.SLOWER if row.ratio > 1 else Verdict.FASTER), f"{_words(adjusted)} excludes 1"
    inside = row.interval and 1 / (1 + margin) <= row.interval.low and row.interval.high <= 1 + margin
    if inside:
        return Verdict.SAME, f"{_words(row.interval)} lies within the margin of {100 * margin:.3g} %"
    return Verdict.UNDECIDED, _why_undecided(row, margin, adjusted, table, large)


def _why_undecided(row: Comparison, margin: float, adjusted: Interval | None, table: int, large: bool) -> str:
    if row.interval is None:
        return f"{_rounds(row)}: too few for an interval"
    if adjusted is None and row.design != "starts" and 1 not in row.interval:
        return f"{_rounds(row)} cannot decide a table of {table}: {rounds_needed(table, row.design)} are needed"
    if adjusted and 1 not in adjusted and not large:
        return f"the effect is within the margin of {100 * margin:.3g} %, its interval {_words(row.interval)} is not"
    return f"{_words(adjusted or row.interval)} includes 1"


def _rounds(row: Comparison) -> str:
    a, b = row.rounds
    return (f"{a} round" if a == 1 else f"{a} rounds") if a == b else f"{a} and {b} rounds"


def _words(interval: Interval) -> str:
    return f"[{interval.low:.3f}, {interval.high:.3f}]"

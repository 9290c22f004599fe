"""Crossover: the size n* at which two variants take equally long, with its interval.

Between two sizes the log ratio of the two times is interpolated over log n twice: by a straight line, exact where both
follow power laws, and by a cubic spline through up to two more sizes on either side, which follows a bend. Every round
gives one such curve, so at any n between the sizes there is one independent value per round, and its median has the
order-statistic interval that a time has (intervals.py). n* is where the median of the splines passes 0; its interval
holds every n at which the interval of either holds 0 (inversion, as Fieller 1954 does for ratios), so that it is as
wide as the two interpolations are apart. Where times bend between sizes the straight line alone was 0.3 to 1 % off and
held the truth in 3 to 15 % of simulations at 0.2 % noise, both together in 94 to 97 %. A kink right between two sizes
remains invisible. No resampling: 6 to 20 rounds have too few distinct medians for a bootstrap. A crossing is claimed
only between sizes that the verdicts (with Holm over the sizes) call FASTER and SLOWER; anything weaker says so.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np
from scipy.interpolate import CubicSpline

from attnbench.stats.intervals import Interval, median_interval
from attnbench.stats.paired import compare_paired
from attnbench.stats.unpaired import compare_unpaired
from attnbench.stats.verdict import Judged, Verdict, judge

CLEAR = (Verdict.FASTER, Verdict.SLOWER)
Rounds = Mapping[int, float]  # round -> process median, seconds
NEIGHBOURS = 2  # sizes on either side that the spline passes through
GRID = 32  # steps between two sizes on which the interval is followed; its ends are interpolated between steps


class Crossing(StrEnum):
    ONE = "one"
    SEVERAL = "several"  # the faster of the two changes more than once
    NONE = "none in range"
    UNDECIDED = "undecided"  # too noisy, or too few rounds, to say


@dataclass(frozen=True)
class Crossover:
    kind: Crossing
    n: float | None  # for ONE; also an estimate where the medians cross once but not beyond doubt
    interval: Interval | None  # only for ONE
    reason: str  # one line, from the side of `new`


def crossover(
    sizes: Sequence[float],
    base: Sequence[Rounds],
    new: Sequence[Rounds],
    noise_floor: float = 0.0,
    paired: bool = True,
) -> Crossover:
    """Where the faster of two variants changes: ascending sizes, the rounds of both at each. `paired`: round r of both
    ran side by side (one run); sizes at which no round did are left out then."""
    if paired:
        met = [i for i, (a, b) in enumerate(zip(base, new, strict=True)) if a.keys() & b.keys()]
        sizes, base, new = ([side[i] for i in met] for side in (sizes, base, new))
    if len(sizes) < 2:
        return Crossover(Crossing.UNDECIDED, None, None, "fewer than two sizes at which both were measured")
    rows = [compare_paired(a, b) if paired else compare_unpaired([*a.values()], [*b.values()])
            for a, b in zip(base, new, strict=True)]  # fmt: skip
    judged = judge(rows, noise_floor)
    verdicts = [row.verdict for row in judged]
    clear = [i for i, verdict in enumerate(verdicts) if verdict in CLEAR]
    changes = [(i, j) for i, j in pairwise(clear) if verdicts[i] is not verdicts[j]]
    if not changes:
        return _uncrossed(sizes, judged)
    parts = [_from(sizes, verdicts, j) for _, j in changes]
    reason = "; ".join([f"{verdicts[clear[0]].lower()} up to n = {sizes[changes[0][0]]:g}", *parts])
    if len(changes) > 1:
        return Crossover(Crossing.SEVERAL, None, None, reason)
    first, last = changes[0]
    curves = _curves(sizes, base, new, paired, first, last)
    n = math.exp(_zeros(curves.x, np.median(curves.spline, axis=0), middle=True)[0])
    return Crossover(Crossing.ONE, n, _inverted(curves), reason)


def _from(sizes: Sequence[float], verdicts: Sequence[Verdict], place: int) -> str:
    return f"{verdicts[place].lower()} from n = {sizes[place]:g}"


@dataclass(frozen=True)
class Curves:
    """Log ratios of each round between two sizes, [rounds, grid], over x = log n."""

    x: np.ndarray
    line: np.ndarray
    spline: np.ndarray


def _curves(sizes: Sequence[float], base: Sequence[Rounds], new: Sequence[Rounds], paired: bool, first: int, last: int):
    near = slice(max(0, first - NEIGHBOURS), last + 1 + NEIGHBOURS)
    at = [_log_ratios(a, b, paired) for a, b in zip(base[near], new[near], strict=True)]
    rounds = min(map(len, at))
    corners = np.log(sizes[near])
    inside = np.log(sizes[first : last + 1])
    x = np.interp(np.arange(0, len(inside) - 1 + 0.5 / GRID, 1 / GRID), np.arange(len(inside)), inside)
    logs = np.array([values[:rounds] for values in at])
    line = np.array([np.interp(x, corners, column) for column in logs.T])
    return Curves(x, line, CubicSpline(corners, logs)(x).T)


def _log_ratios(base: Rounds, new: Rounds, paired: bool) -> list[float]:
    """One per round; independent rounds are paired in their order, which is as good as any."""
    if paired:
        return [math.log(new[number] / base[number]) for number in base if number in new]
    return [math.log(b / a) for a, b in zip(base.values(), new.values(), strict=False)]


def _inverted(curves: Curves) -> Interval | None:
    """The n at which the interval of the median of either curve holds 0; None with too few rounds."""
    found = [_where_zero_is_held(curves.x, logs) for logs in (curves.line, curves.spline)]
    if None in found:
        return None
    places = [place for held, _ in found for place in held]
    return Interval(math.exp(min(places)), math.exp(max(places)), found[0][1])


def _where_zero_is_held(x: np.ndarray, logs: np.ndarray) -> tuple[list[float], float] | None:
    """The ends of those n, as log n, and the coverage; None with too few rounds."""
    intervals = [median_interval(column) for column in logs.T]
    if intervals[0] is None:
        return None
    ends = [np.array([getattr(interval, end) for interval in intervals]) for end in ("low", "high")]
    places = [place for end in ends for place in _zeros(x, end)]
    places += [x[i] for i in (0, -1) if 0 in intervals[i]]  # unpaired rounds need not agree with the U test there
    return places, intervals[0].coverage


def _zeros(x: np.ndarray, y: np.ndarray, middle: bool = False) -> list[float]:
    """Where the line through (x, y) passes 0, ascending; only the middle one of several if asked for."""
    flips = np.flatnonzero(np.sign(y[:-1]) != np.sign(y[1:]))
    zeros = [float(x[i] + (x[i + 1] - x[i]) * y[i] / (y[i] - y[i + 1])) for i in flips]
    return [zeros[len(zeros) // 2]] if middle else zeros


def _uncrossed(sizes: Sequence[float], judged: Sequence[Judged]) -> Crossover:
    first = judged[0].verdict
    if first is not Verdict.UNDECIDED and all(row.verdict is first for row in judged):
        return Crossover(Crossing.NONE, None, None, f"{first.lower()} at every size")
    zeros = _zeros(np.log(sizes), np.log([row.comparison.ratio for row in judged]))
    estimate = math.exp(zeros[0]) if len(zeros) == 1 else None
    n, row = next((n, row) for n, row in zip(sizes, judged, strict=True) if row.verdict not in CLEAR)
    return Crossover(Crossing.UNDECIDED, estimate, None, f"n = {n:g}: {row.reason}")

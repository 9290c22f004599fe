"""Comparison: how much slower `new` is than `base` at one point, as the ratio of their times, with its interval.

Three designs give the same value type. Paired (paired.py): round r of both ran side by side, so the log ratio of each
round is one independent value and whatever drifted slowly cancels. Unpaired (unpaired.py): one start of each side is
known by its process medians. Starts (starts.py): several starts of each side, and the start is what is independent.

For the first two the exact interval is [D_(k), D_(N+1-k)] of the ordered `differences` of log times; the design only
says which k has which coverage. Two things that such an interval cannot see widen it, on the scale of logarithms:
`stretch` multiplies the distance of its ends from the estimate where rounds depend on each other (dependence.py), and
`between` adds, in quadrature, a normal offset between the two sides that nobody measured (unpaired.py).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import numpy as np
from scipy.stats import binom, norm, t

from attnbench.stats.intervals import CONFIDENCE, Interval, exact_coverage, order_statistic_rank
from attnbench.stats.rank_sum import rank_sum_coverage, rank_sum_cumulative, rank_sum_rank

Design = Literal["paired", "unpaired", "starts"]


@dataclass(frozen=True)
class Comparison:
    design: Design
    base_s: float  # median of process medians, seconds
    new_s: float
    ratio: float  # new / base: above 1 is slower; median of paired ratios, Hodges-Lehmann estimate, or mean over starts
    interval: Interval | None  # 95 % of `ratio`, for this comparison alone; None with too few rounds
    p_value: float  # two-sided: sign test (paired), Mann-Whitney U (unpaired), Student's t (starts)
    noise: float  # sd of a log time from process to process (paired: of a log ratio; starts: from start to start)
    rounds: tuple[int, int]  # of base and new; equal when paired
    differences: tuple[float, ...]  # ascending log ratios: one per round (paired), or per pair of rounds or starts
    scatter: tuple[tuple[float, ...], ...] = ()  # log ratios about their median (paired), or the log times of each side
    starts: tuple[int, int] = (1, 1)
    stretch: float = 1.0
    between: float = 0.0  # standard deviation, of the log ratio


def doubted(row: Comparison, stretch: float = 1.0, between: float = 0.0) -> Comparison:
    """The comparison with its interval and p-value widened by what its rounds cannot show."""
    wider = replace(row, stretch=stretch, between=between)
    interval = row.interval and _widened(wider, row.interval, CONFIDENCE)
    return replace(wider, interval=interval, p_value=_inverted_p(wider))


def exact_interval(row: Comparison, confidence: float = CONFIDENCE) -> Interval | None:
    """Interval of the ratio that covers at least `confidence`, with its exact coverage; None where none reaches it."""
    if row.design == "starts":
        return student_interval(math.log(row.ratio), row.noise, row.starts, confidence)
    k = rank_at(row.design, row.rounds, confidence)
    if k is None:
        return None
    coverage = coverage_at(row.design, row.rounds, k)
    return _widened(row, ratio_interval(row.differences, k, coverage), confidence)


def ratio_interval(differences: Sequence[float], k: int, coverage: float) -> Interval:
    return Interval(math.exp(differences[k - 1]), math.exp(differences[len(differences) - k]), coverage)


def student_interval(estimate: float, noise: float, starts: tuple[int, int], confidence: float) -> Interval:
    """Of a ratio whose logarithm is the difference of two means over starts with one common standard deviation."""
    reach = float(t.ppf((1 + confidence) / 2, degrees_of_freedom(starts))) * standard_error(noise, starts)
    return Interval(math.exp(estimate - reach), math.exp(estimate + reach), confidence)


def degrees_of_freedom(starts: tuple[int, int]) -> int:
    return sum(starts) - 2


def standard_error(noise: float, starts: tuple[int, int]) -> float:
    return noise * math.sqrt(1 / starts[0] + 1 / starts[1])


def rank_at(design: Design, rounds: tuple[int, int], confidence: float) -> int | None:
    return order_statistic_rank(rounds[0], confidence) if design == "paired" else rank_sum_rank(*rounds, confidence)


def coverage_at(design: Design, rounds: tuple[int, int], k: int) -> float:
    return exact_coverage(rounds[0], k) if design == "paired" else rank_sum_coverage(*rounds, k)


def count_against(differences: Sequence[float]) -> int:
    """How many differences contradict the majority's sign; a zero contradicts both, which keeps the tests conservative
    and every p-value in step with its interval."""
    below, above = sum(d <= 0 for d in differences), sum(d >= 0 for d in differences)
    return min(below, above)


def _widened(row: Comparison, interval: Interval, confidence: float) -> Interval:
    if row.stretch == 1 and row.between == 0:
        return interval
    middle, unseen = math.log(row.ratio), float(norm.ppf((1 + confidence) / 2)) * row.between
    below, above = middle - math.log(interval.low), math.log(interval.high) - middle
    low, high = (math.hypot(row.stretch * part, unseen) for part in (below, above))
    return Interval(math.exp(middle - low), math.exp(middle + high), confidence)


def _inverted_p(row: Comparison) -> float:
    """The smallest level at which the widened interval excludes 1."""
    middle, differences = math.log(row.ratio), np.array(row.differences)
    towards = differences if middle > 0 else -differences[::-1]
    levels = _levels(row.design, row.rounds)
    reach = row.stretch * (abs(middle) - towards[: len(levels)])
    excludes = reach < abs(middle)
    if not excludes.any():
        return 1.0
    levels, reach = levels[excludes], reach[excludes]
    if row.between:
        levels = np.maximum(levels, 2 * norm.sf(np.sqrt(middle**2 - reach**2) / row.between))
    return min(1.0, float(levels.min()))


@cache
def _levels(design: Design, rounds: tuple[int, int]) -> np.ndarray:
    """1 - coverage of the interval of rank k, for k = 1, 2, ... up to the middle."""
    if design == "paired":
        return 2 * binom.cdf(np.arange(rounds[0] // 2), rounds[0], 0.5)
    return 2 * rank_sum_cumulative(*rounds)[: rounds[0] * rounds[1] // 2]

"""Comparison: how much slower `new` is than `base` at one point, as the ratio of their times, with its interval.

Two designs give the same value type. Paired (paired.py): round r of both ran side by side, so the log ratio of each
round is one independent value and whatever drifted slowly cancels. Unpaired (unpaired.py): only the two sets of process
medians are known. Either way the exact interval is [D_(k), D_(N+1-k)] of the ordered `differences` of log times; the
design only says which k has which coverage.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from attnbench_reports.stats.intervals import CONFIDENCE, Interval, exact_coverage, order_statistic_rank
from attnbench_reports.stats.rank_sum import rank_sum_coverage, rank_sum_rank

Design = Literal["paired", "unpaired"]


@dataclass(frozen=True)
class Comparison:
    design: Design
    base_s: float  # median of process medians, seconds
    new_s: float
    ratio: float  # new / base: above 1 is slower; median of paired ratios, or Hodges-Lehmann estimate
    interval: Interval | None  # 95 % of `ratio`, for this comparison alone; None with too few rounds
    p_value: float  # two-sided, exact: sign test (paired) or Mann-Whitney U (unpaired)
    noise: float  # standard deviation of what one process adds to a log time (paired: to a log ratio)
    rounds: tuple[int, int]  # of base and new; equal when paired
    differences: tuple[float, ...]  # ascending log ratios: one per round (paired) or per pair of rounds (unpaired)


def exact_interval(comparison: Comparison, confidence: float = CONFIDENCE) -> Interval | None:
    """Interval of the ratio that covers at least `confidence`, with its exact coverage; None where none reaches it."""
    k = rank_at(comparison.design, comparison.rounds, confidence)
    if k is None:
        return None
    coverage = coverage_at(comparison.design, comparison.rounds, k)
    return ratio_interval(comparison.differences, k, coverage)


def ratio_interval(differences: Sequence[float], k: int, coverage: float) -> Interval:
    return Interval(math.exp(differences[k - 1]), math.exp(differences[len(differences) - k]), coverage)


def rank_at(design: Design, rounds: tuple[int, int], confidence: float) -> int | None:
    return order_statistic_rank(rounds[0], confidence) if design == "paired" else rank_sum_rank(*rounds, confidence)


def coverage_at(design: Design, rounds: tuple[int, int], k: int) -> float:
    return exact_coverage(rounds[0], k) if design == "paired" else rank_sum_coverage(*rounds, k)


def count_against(differences: Sequence[float]) -> int:
    """How many differences contradict the majority's sign; a zero contradicts both, which keeps the tests conservative
    and every p-value in step with its interval."""
    below, above = sum(d <= 0 for d in differences), sum(d >= 0 for d in differences)
    return min(below, above)

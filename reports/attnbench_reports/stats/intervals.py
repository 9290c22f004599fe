"""Timing: the time of one call as the median of process medians, with the exact order-statistic interval.

Samples inside one process share its memory layout and its luck, so only the medians of fresh processes (rounds) count
as independent. For n of them the interval [x_(k), x_(n+1-k)] holds the true median with probability 1 - 2 P(B < k), B
~ Binomial(n, 1/2), whatever the distribution (David & Nagaraja 2003, Order Statistics, section 7.1).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.stats import binom

CONFIDENCE = 0.95
MIN_ROUNDS = 6  # the smallest n for which k = 1 reaches 95 %: 1 - 2/2^6 = 96.9 %, while 5 give 93.8 %


@dataclass(frozen=True)
class Interval:
    low: float
    high: float
    coverage: float = CONFIDENCE  # exact where it is not the nominal one


@dataclass(frozen=True)
class Timing:
    median_s: float
    interval: Interval | None  # None below MIN_ROUNDS rounds
    min_s: float
    rounds: int
    samples: int


@cache
def order_statistic_rank(n: int, confidence: float = CONFIDENCE) -> int | None:
    """The largest k (from 1) whose interval [x_(k), x_(n+1-k)] covers the median with `confidence`; None if none."""
    ranks = [k for k in range(1, n // 2 + 1) if 1 - 2 * binom.cdf(k - 1, n, 0.5) >= confidence]
    return max(ranks, default=None)


def median_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval | None:
    n = len(values)
    k = order_statistic_rank(n, confidence)
    if k is None:
        return None
    ordered = sorted(values)
    return Interval(ordered[k - 1], ordered[n - k], float(1 - 2 * binom.cdf(k - 1, n, 0.5)))


def process_medians(samples: dict[int, Sequence[float]]) -> dict[int, float]:
    """round -> median of its samples."""
    return {number: float(np.median(values)) for number, values in samples.items()}


def timing(samples: dict[int, Sequence[float]]) -> Timing | None:
    if not samples:
        return None
    medians = list(process_medians(samples).values())
    every = [value for values in samples.values() for value in values]
    return Timing(float(np.median(medians)), median_interval(medians), min(every), len(medians), len(every))

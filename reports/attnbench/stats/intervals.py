"""Timing: the time of one call as the median of process medians, with an order-statistic interval.

Samples inside one process share its memory layout and its luck, so only the medians of fresh processes (rounds) count
as independent. For n of them [x_(k), x_(n+1-k)] holds the true median with probability 1 - 2 P(B < k), B ~ Bin(n, 1/2),
whatever the distribution (David & Nagaraja 2003, Order Statistics, section 7.1). Those coverages are coarse: 10 rounds
give 97.9 % or 89.1 %, nothing between. Intervals that are shown therefore interpolate between the two ranks around 95 %
(Hettmansperger & Sheather 1986; Nyblom 1992, section 2); decisions use the exact ones (verdict.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import median

import numpy as np
from scipy.stats import binom

CONFIDENCE = 0.95
MIN_ROUNDS = 6  # the smallest n for which k = 1 reaches 95 %: 1 - 2/2^6 = 96.9 %, while 5 give 93.8 %
TOO_FEW_ROUNDS = (
    f"the order-statistic 95 % interval of a median needs {MIN_ROUNDS} rounds (5 rounds cover 93.8 % at most)"
)


@dataclass(frozen=True)
class Interval:
    low: float
    high: float
    coverage: float = CONFIDENCE  # nominal where interpolated, exact elsewhere

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Timing:
    median_s: float
    interval: Interval | None  # None below MIN_ROUNDS rounds
    min_s: float
    rounds: int
    samples: int
    dependent: str = ""  # how the rounds were found to depend on each other; then no interval is claimed

    @property
    def why_no_interval(self) -> str | None:
        """None where there is one."""
        if self.interval:
            return None
        return f"rounds depend on each other ({self.dependent})" if self.dependent else TOO_FEW_ROUNDS


def exact_coverage(n: int, rank: int) -> float:
    """Probability that [x_(rank), x_(n+1-rank)] of n independent values holds their median."""
    return float(1 - 2 * binom.cdf(rank - 1, n, 0.5))


@cache
def order_statistic_rank(n: int, confidence: float = CONFIDENCE) -> int | None:
    """The largest k (from 1) whose interval [x_(k), x_(n+1-k)] covers the median with `confidence`; None if none."""
    return max((k for k in range(1, n // 2 + 1) if exact_coverage(n, k) >= confidence), default=None)


def median_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval | None:
    """The interpolated interval of nominal coverage `confidence`; None where no exact one reaches it."""
    n = len(values)
    rank, inner = _interpolation(n, confidence)
    if rank is None:
        return None
    ordered = sorted(values)
    low = (1 - inner) * ordered[rank - 1] + inner * ordered[rank]
    high = (1 - inner) * ordered[n - rank] + inner * ordered[n - rank - 1]
    return Interval(low, high, confidence)


@cache
def _interpolation(n: int, confidence: float) -> tuple[int | None, float]:
    """(k, weight of x_(k+1) against x_(k)): Hettmansperger & Sheather 1986, section 2."""
    k = order_statistic_rank(n, confidence)
    if k is None:
        return None, 0.0
    outer, inner = exact_coverage(n, k), exact_coverage(n, k + 1)
    share = (outer - confidence) / (outer - inner)
    return k, (n - k) * share / (k + (n - 2 * k) * share)


def process_medians(samples: dict[int, Sequence[float]]) -> dict[int, float]:
    """round -> median of its samples."""
    return {number: float(median(values)) for number, values in samples.items()}  # numpy's takes 20 times as long


def timing(samples: dict[int, Sequence[float]]) -> Timing | None:
    if not samples:
        return None
    medians = list(process_medians(samples).values())
    every = [value for values in samples.values() for value in values]
    return Timing(float(np.median(medians)), median_interval(medians), min(every), len(medians), len(every))

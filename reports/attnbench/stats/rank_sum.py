"""The null distribution of Mann and Whitney's U for m and n values, and the ranks of the intervals that invert it.

Exact by Mann & Whitney's recurrence (1947, section 3) up to EXACT_PAIRS; beyond, the normal approximation with
continuity correction, whose error there is below 1e-3.
"""

import math
from functools import cache

import numpy as np
from scipy.stats import norm

EXACT_PAIRS = 2500  # m n up to here: 50 rounds on both sides take 0.1 s once


@cache
def rank_sum_cumulative(m: int, n: int) -> np.ndarray:
    """P(U <= u) for u = 0 .. m n when all orders of the m + n values are equally likely."""
    if m * n > EXACT_PAIRS:
        spread = math.sqrt(m * n * (m + n + 1) / 12)
        return norm.cdf((np.arange(m * n + 1) + 0.5 - m * n / 2) / spread)
    return np.cumsum(_probabilities(m, n))


def _probabilities(m: int, n: int) -> np.ndarray:
    """P(U = u): the largest value belongs to the first side with probability m / (m + n), and then beats all n."""
    row = [np.ones(1)] * (n + 1)  # of m = 0
    for i in range(1, m + 1):
        above, row = row, [np.ones(1)]
        for j in range(1, n + 1):
            p = np.zeros(i * j + 1)
            p[j:] = above[j] * i / (i + j)
            p[: i * (j - 1) + 1] += row[j - 1] * j / (i + j)
            row.append(p)
    return row[n]


def rank_sum_p(m: int, n: int, against: int) -> float:
    """Two-sided p-value when `against` of the m n pairs contradict the direction of the rest."""
    return min(1.0, 2 * float(rank_sum_cumulative(m, n)[against]))


def rank_sum_coverage(m: int, n: int, k: int) -> float:
    """Exact coverage of [D_(k), D_(mn+1-k)] of the m n differences for a shift between the two sides."""
    return 1 - 2 * float(rank_sum_cumulative(m, n)[k - 1])


@cache
def rank_sum_rank(m: int, n: int, confidence: float) -> int | None:
    """The largest k (from 1) whose interval covers a shift with `confidence`; None if none does."""
    reached = np.flatnonzero(1 - 2 * rank_sum_cumulative(m, n) >= confidence)
    return int(reached[-1]) + 1 if len(reached) else None

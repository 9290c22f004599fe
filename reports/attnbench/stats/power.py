"""What a comparison can find before it is made: the minimum detectable effect and the rounds a table needs.

The minimum detectable effect is the smallest true change that comes out as FASTER or SLOWER with 80 % probability. It
is simulated, not approximated: a draw of noise is called SLOWER under a shift s if its interval's lower end and its
estimate, both moved by s, pass 0 and the margin. So each draw has a smallest shift that it finds, max(-low, margin -
estimate), and a quantile over draws is the answer. The noise is drawn twice, and the larger answer counts:

- normal noise of the observed size (Qn), which knows tails that few rounds have not shown yet;
- the row's own rounds about their median, with replacement (Efron 1979), which know modes and outliers that a standard
  deviation does not: two memory layouts 20 % apart can have a Qn of 0.2 %.

Both quantiles lie above 80 %, because the noise is known from the same few rounds only. Chosen by simulation
(tests/reports/stats_power_test.py): an effect of the stated size is then found at least as often as stated.
"""

import math
from functools import cache

import numpy as np
from scipy.stats import norm, t

from attnbench.stats.comparison import Comparison, Design, degrees_of_freedom, rank_at, standard_error
from attnbench.stats.intervals import CONFIDENCE

POWER = 0.8
NORMAL_QUANTILE, RESAMPLED_QUANTILE = 0.85, 0.9
DRAWS = 10_000  # of normal noise, kept for every table
RESAMPLES = 500
MOST_VALUES = 2_000_000  # differences held at once while resampling
MOST_ROUNDS = 1000


def minimum_effect(row: Comparison, margin: float, level: float = 1 - CONFIDENCE) -> float | None:
    """As a share (0.03 = 3 %), for another comparison with the noise and the rounds of this one at the two-sided test
    level `level`; None where no effect is large enough, because the rounds cannot reach the level at all."""
    if row.design == "starts":
        return math.expm1(max(math.log1p(margin), row.noise * _student_factor(row.starts, level)))
    k = rank_at(row.design, row.rounds, 1 - level)
    if k is None:
        return None
    low, estimate = _standard_draws(row.design, row.rounds, k)
    normal = _quantile(row, row.noise * low, row.noise * estimate, margin, level, NORMAL_QUANTILE)
    resampled = _quantile(row, *_resampled(row, k), margin, level, RESAMPLED_QUANTILE)
    return math.expm1(max(normal, resampled))


def _quantile(row: Comparison, low: np.ndarray, estimate: np.ndarray, margin: float, level: float, at: float) -> float:
    """Of the smallest log shift that each draw finds, from the lower end and the estimate of each without a shift."""
    unseen = row.between * float(norm.ppf(1 - level / 2))
    offset = row.between * np.random.default_rng(2).standard_normal(len(low))
    reach = np.hypot(row.stretch * (estimate - low), unseen)
    return float(np.quantile(np.maximum(reach, math.log1p(margin)) - estimate - offset, at))


@cache
def _standard_draws(design: Design, rounds: tuple[int, int], k: int) -> tuple[np.ndarray, np.ndarray]:
    """(lower end of the interval, estimate) of DRAWS comparisons without an effect under standard normal noise."""
    draw = np.random.default_rng(1)
    if design == "paired":
        return _ends(draw.standard_normal((DRAWS, rounds[0])), k)
    base, new = draw.standard_normal((DRAWS, rounds[0])), draw.standard_normal((DRAWS, rounds[1]))
    step = max(1, MOST_VALUES // (rounds[0] * rounds[1]))
    parts = [_ends(_differences(base[i : i + step], new[i : i + step]), k) for i in range(0, DRAWS, step)]
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True))


def _resampled(row: Comparison, k: int) -> tuple[np.ndarray, np.ndarray]:
    """(lower end, estimate) of comparisons of rounds drawn from those of the row, about their median."""
    draw = np.random.default_rng(1)
    count = max(50, min(RESAMPLES, MOST_VALUES // len(row.differences)))
    sides = []
    for scatter in row.scatter:
        values = math.sqrt(len(scatter) / max(1, len(scatter) - 1)) * np.array(scatter)
        sides.append(values[draw.integers(0, len(values), (count, len(values)))])
    return _ends(sides[0] if row.design == "paired" else _differences(*sides), k)


def _differences(base: np.ndarray, new: np.ndarray) -> np.ndarray:
    return (new[:, :, None] - base[:, None, :]).reshape(len(base), -1)


def _ends(differences: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    ordered = np.partition(differences, k - 1, axis=1)
    return ordered[:, k - 1], np.median(differences, axis=1)


@cache
def _student_factor(starts: tuple[int, int], level: float) -> float:
    """The effect found with 80 % probability over the observed standard deviation: that of the comparison to come is
    another draw of the same chi-squared, which few starts know badly."""
    draw, freedom = np.random.default_rng(1), degrees_of_freedom(starts)
    observed, coming = np.sqrt(draw.chisquare(freedom, (2, DRAWS)) / freedom)
    error = standard_error(1.0, starts)
    reach = float(t.ppf(1 - level / 2, freedom)) * error * coming
    return float(np.quantile((reach - error * draw.standard_normal(DRAWS)) / observed, POWER))


def rounds_needed(rows: int, design: Design = "paired", confidence: float = CONFIDENCE) -> int:
    """The fewest rounds (on each side) with which Holm can reject every row of a table of `rows`, however clear."""
    level = (1 - confidence) / max(1, rows)
    return next(n for n in range(2, MOST_ROUNDS) if rank_at(design, (n, n), 1 - level) is not None)

"""What a comparison can find before it is made: the minimum detectable effect and the rounds a table needs.

The minimum detectable effect is the smallest true change that comes out as FASTER or SLOWER with 80 % probability. It
is simulated, not approximated: for normal log noise of the observed size a draw is called SLOWER under a shift s if its
interval's lower end and its estimate, both moved by s, pass 0 and the margin. So each draw has a smallest shift that
it finds, max(-low, margin - estimate), and the 80 % quantile over draws is the answer.
"""

import math
from functools import cache

import numpy as np

from attnbench_reports.stats.comparison import Design, rank_at
from attnbench_reports.stats.intervals import CONFIDENCE

POWER = 0.8
DRAWS = 10_000  # standard error of the power: 0.4 points
MOST_ROUNDS = 1000


def minimum_effect(
    design: Design,
    rounds: tuple[int, int],
    noise: float,
    margin: float,
    level: float = 1 - CONFIDENCE,
    power: float = POWER,
) -> float | None:
    """As a share (0.03 = 3 %): `noise` as Comparison.noise, two-sided test level `level`; None where no effect is
    large enough, because the rounds cannot reach the level at all."""
    k = rank_at(design, rounds, 1 - level)
    if k is None:
        return None
    low, estimate = _standard_draws(design, rounds, k)
    needed = np.maximum(-noise * low, math.log1p(margin) - noise * estimate)
    return math.expm1(float(np.quantile(needed, power)))


@cache
def _standard_draws(design: Design, rounds: tuple[int, int], k: int) -> tuple[np.ndarray, np.ndarray]:
    """(lower end of the interval, estimate) of DRAWS comparisons without an effect under standard normal noise."""
    draw = np.random.default_rng(1)
    if design == "paired":
        differences = draw.standard_normal((DRAWS, rounds[0]))
    else:
        base, new = draw.standard_normal((DRAWS, rounds[0])), draw.standard_normal((DRAWS, rounds[1]))
        differences = (new[:, :, None] - base[:, None, :]).reshape(DRAWS, -1)
    return np.partition(differences, k - 1, axis=1)[:, k - 1], np.median(differences, axis=1)


def rounds_needed(rows: int, design: Design = "paired", confidence: float = CONFIDENCE) -> int:
    """The fewest rounds (on each side) with which Holm can reject every row of a table of `rows`, however clear."""
    level = (1 - confidence) / max(1, rows)
    return next(n for n in range(2, MOST_ROUNDS) if rank_at(design, (n, n), 1 - level) is not None)

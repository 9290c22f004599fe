"""Unpaired: two stored runs, compared by the Mann-Whitney U test on their process medians.

The ratio is the Hodges-Lehmann estimate, the median of all differences of log times, with the interval that inverts
the exact U test (Hodges & Lehmann 1963; Lehmann 1975, Nonparametrics, section 2.3). Nothing cancels here: what the
machine did between the two runs is part of the ratio, and one start of each side cannot show how far two starts of the
same thing lie apart. `BETWEEN_STARTS` is what is assumed of that where several starts (starts.py) do not measure it.
Results are marked "unpaired" wherever they are shown.
"""

import math
from collections.abc import Sequence

import numpy as np

from attnbench.stats.comparison import Comparison, count_against, ratio_interval
from attnbench.stats.intervals import CONFIDENCE
from attnbench.stats.noise import scale
from attnbench.stats.rank_sum import rank_sum_coverage, rank_sum_p, rank_sum_rank

# Standard deviation, as a share, by which starts of the same binary are assumed to differ: 1 to 3 % is what shared
# machines and code placement do from one start to the next (Mytkowicz et al. 2009; Kalibera & Jones 2013, section 4).
BETWEEN_STARTS = 0.02
ONE_START_EACH = math.sqrt(2) * BETWEEN_STARTS  # of the log ratio of one start to another


def compare_unpaired(base: Sequence[float], new: Sequence[float]) -> Comparison:
    """From the process medians of both, in seconds. ValueError when one side has none."""
    if not base or not new:
        raise ValueError("one side has no rounds")
    a, b = np.log(base), np.log(new)
    differences = np.sort(np.subtract.outer(b, a), axis=None)
    rounds = len(base), len(new)
    k = rank_sum_rank(*rounds, CONFIDENCE)
    return Comparison(
        design="unpaired",
        base_s=float(np.median(base)),
        new_s=float(np.median(new)),
        ratio=math.exp(float(np.median(differences))),
        interval=k and ratio_interval(differences, k, rank_sum_coverage(*rounds, k)),
        p_value=rank_sum_p(*rounds, count_against(differences)),
        noise=math.sqrt((scale(a) ** 2 + scale(b) ** 2) / 2),
        rounds=rounds,
        differences=tuple(differences.tolist()),
        scatter=tuple(tuple((side - np.median(side)).tolist()) for side in (a, b)),
    )

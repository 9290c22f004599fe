"""Outliers: samples far from their process' median are marked. They stay in every statistic; nothing is ever dropped.

The modified z-score on log times, 0.6745 |x - median| / MAD > 3.5 (Iglewicz & Hoaglin 1993, How to Detect and Handle
Outliers, section 3.3), about the median of the sample's own process: a process that is slow as a whole is noise
between processes, which the interval already shows, and not an outlier.
"""

from collections.abc import Mapping, Sequence

import numpy as np

THRESHOLD = 3.5
CONSISTENCY = 0.6745  # MAD of a standard normal
CONSISTENCY_MEAN = 0.7979  # mean absolute deviation of one; stands in where more than half of the values are equal


def mark(samples: Mapping[int, Sequence[float]]) -> dict[int, tuple[bool, ...]]:
    """round -> samples_s to round -> whether each sample is an outlier among the deviations of the whole case.

    Each process' smallest deviation, that of its median itself, tells nothing of the scatter and is left out of the
    MAD: with 3 samples it would be a third of all, and 10 % of normal samples would be marked (so: 0.5 %).
    """
    logs = {number: np.log(np.asarray(values, float)) for number, values in samples.items()}
    deviations = {number: np.abs(values - np.median(values)) for number, values in logs.items()}
    telling = [d for values in deviations.values() for d in sorted(values)[1:]]
    unit = np.median(telling) / CONSISTENCY or np.mean(telling) / CONSISTENCY_MEAN if telling else 0.0
    return {number: tuple((values > THRESHOLD * unit).tolist()) for number, values in deviations.items()}


def count(marks: Mapping[int, Sequence[bool]]) -> int:
    return sum(map(sum, marks.values()))

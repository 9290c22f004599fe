"""Outliers: samples far from their case's median are marked. They stay in every statistic; nothing is ever dropped.

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
    """round -> samples_s to round -> whether each sample is an outlier among the whole case's deviations."""
    logs = {number: np.log(np.asarray(values, float)) for number, values in samples.items() if len(values)}
    deviations = {number: np.abs(values - np.median(values)) for number, values in logs.items()}
    if not deviations:
        return {}
    every = np.concatenate(list(deviations.values()))
    unit = np.median(every) / CONSISTENCY or np.mean(every) / CONSISTENCY_MEAN
    return {number: tuple((values > THRESHOLD * unit).tolist()) for number, values in deviations.items()}


def count(marks: Mapping[int, Sequence[bool]]) -> int:
    return sum(map(sum, marks.values()))

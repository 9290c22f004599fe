"""Starts: two sides that were each started several times, compared by Student's t on the starts.

Rounds of one start share what that start changed: the machine's speed on that day, where the loader put the code, what
else ran. However many they are, they are one witness of the difference between starts. So each start counts once, by
the median of its log process medians; the variance between starts is pooled over both sides, which are taken to differ
from start to start alike, and the interval of the difference of the two means is Student's with all starts - 2 degrees
of freedom. That includes what processes inside a start add. One side may have a single start then.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import t

from attnbench.stats.comparison import Comparison, degrees_of_freedom, standard_error, student_interval
from attnbench.stats.intervals import CONFIDENCE

FEWEST_STARTS = 3  # of both sides together: two starts of the same side are the first to show a variance


def compare_starts(base: Sequence[Sequence[float]], new: Sequence[Sequence[float]]) -> Comparison:
    """From the process medians of every start, in seconds. ValueError with fewer than FEWEST_STARTS starts."""
    if not base or not new or len(base) + len(new) < FEWEST_STARTS:
        raise ValueError(f"{len(base)} and {len(new)} starts show no variance between starts")
    a, b = (np.array([np.median(np.log(start)) for start in side]) for side in (base, new))
    starts = len(a), len(b)
    squares = sum(float(np.sum((side - side.mean()) ** 2)) for side in (a, b))
    noise = math.sqrt(squares / degrees_of_freedom(starts))
    middle, error = float(b.mean() - a.mean()), standard_error(noise, starts)
    base_s, new_s = (float(np.median([seconds for start in side for seconds in start])) for side in (base, new))
    return Comparison(
        design="starts",
        base_s=base_s,
        new_s=new_s,
        ratio=math.exp(middle),
        interval=student_interval(middle, noise, starts, CONFIDENCE),
        p_value=2 * float(t.sf(abs(middle) / error, degrees_of_freedom(starts))) if error else float(middle == 0),
        noise=noise,
        rounds=(sum(map(len, base)), sum(map(len, new))),
        differences=tuple(np.sort(np.subtract.outer(b, a), axis=None).tolist()),
        starts=starts,
    )

"""Paired rounds: base and new measured side by side, one log ratio per round.

The ratio is the median of the paired ratios; its interval is the interpolated order-statistic one (intervals.py), its
p-value the exact sign test's (Conover 1999, Practical Nonparametric Statistics, section 3.4). Where a coin decided for
every round which side goes first (measure/turns.py), both hold whatever the machine did: without an effect swapping
the two sides of a round only changes the sign of its log ratio, and the coin makes both signs equally likely, in every
round for itself (Fisher 1935, The Design of Experiments, section 21). Drift, waves of any period and noise that depends
from round to round are covered by that. A fixed order has no such protection: A B B A turns a wave of four processes
into an effect.
"""

import math
from collections.abc import Mapping

import numpy as np
from scipy.stats import binom

from attnbench.stats.comparison import Comparison, count_against
from attnbench.stats.intervals import Interval, median_interval
from attnbench.stats.noise import scale


def compare_paired(base: Mapping[int, float], new: Mapping[int, float]) -> Comparison:
    """From round -> process median in seconds; only rounds that both have count. ValueError when there is none."""
    shared = [number for number in base if number in new]
    if not shared:
        raise ValueError("no round is in both")
    logs = tuple(sorted(math.log(new[number] / base[number]) for number in shared))
    interval = median_interval(logs)
    return Comparison(
        design="paired",
        base_s=float(np.median([base[number] for number in shared])),
        new_s=float(np.median([new[number] for number in shared])),
        ratio=math.exp(float(np.median(logs))),
        interval=interval and Interval(math.exp(interval.low), math.exp(interval.high), interval.coverage),
        p_value=sign_test(logs),
        noise=scale(logs),
        rounds=(len(shared), len(shared)),
        differences=logs,
        scatter=(tuple((np.array(logs) - np.median(logs)).tolist()),),
    )


def sign_test(differences: tuple[float, ...]) -> float:
    """Two-sided p-value of the hypothesis that the median is 0; zeros count against the majority."""
    return min(1.0, 2 * float(binom.cdf(count_against(differences), len(differences), 0.5)))

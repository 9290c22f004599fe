"""A/A: how often identical things are called different, and how far apart they come out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import beta

from attnbench.stats.comparison import Comparison
from attnbench.stats.intervals import CONFIDENCE, Interval
from attnbench.stats.unpaired import compare_unpaired
from attnbench.stats.verdict import Judged, Verdict
from attnbench.support.coin import coin

COIN_SEED = 1
MIN_SELF_ROUNDS = 8  # 4 against 4 is the smallest exact U test that reaches 5 %


@dataclass(frozen=True)
class Rate:
    count: int
    total: int
    interval: Interval  # exact binomial: Clopper & Pearson 1934

    @property
    def value(self) -> float:
        return self.count / self.total


def rate(count: int, total: int, confidence: float = CONFIDENCE) -> Rate:
    """ValueError when total is 0."""
    if total < 1:
        raise ValueError("a rate needs at least one trial")
    tail = (1 - confidence) / 2
    low = float(beta.ppf(tail, count, total - count + 1)) if count else 0.0
    high = float(beta.ppf(1 - tail, count + 1, total - count)) if count < total else 1.0
    return Rate(count, total, Interval(low, high, confidence))


def false_positives(judged: Sequence[Judged]) -> Rate | None:
    """Share of the rows of an A/A table called FASTER or SLOWER; None for an empty table."""
    called = sum(row.verdict in (Verdict.FASTER, Verdict.SLOWER) for row in judged)
    return rate(called, len(judged)) if judged else None


def noise_floor(identical: Sequence[Comparison], share: float = CONFIDENCE) -> float:
    """The change, as a share, that `share` of A/A comparisons stay below: what the machine does by itself between two
    measurements. ValueError without comparisons."""
    if not identical:
        raise ValueError("a noise floor needs at least one A/A comparison")
    return math.expm1(float(np.quantile([abs(math.log(row.ratio)) for row in identical], share)))


def halves(rounds: Mapping[int, float]) -> Comparison | None:
    """One case against itself: of every two rounds that follow each other a coin gives one to each half, as in a paired
    measurement; None below MIN_SELF_ROUNDS rounds. A stored run estimates its own A/A rate this way, at half its
    rounds. The coin is that of the place of the two, so that all cases of a run are halved alike."""
    if len(rounds) < MIN_SELF_ROUNDS:
        return None
    ordered = [rounds[number] for number in sorted(rounds)]
    pairs = list(zip(ordered[0::2], ordered[1::2], strict=False))
    heads = [coin(COIN_SEED, place) for place in range(len(pairs))]
    first, second = ([pair[head ^ side] for pair, head in zip(pairs, heads, strict=True)] for side in (0, 1))
    return compare_unpaired(first, second)

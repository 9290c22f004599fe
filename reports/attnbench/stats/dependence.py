"""Dependence between rounds: whether a slow round was followed by slow ones.

Order-statistic intervals need independent rounds: with a lag-1 correlation of 0.3, 0.6, 0.9 a nominal 95 % covers 88,
73, 38 %. All cases of a run shared its minutes, so they are tested together. The squared differences between
neighbouring rounds are summed over the log medians of all cases (von Neumann 1941, Annals of Mathematical Statistics
12, 367-395); if the rounds are independent, any other order of them is as likely, and the share of orders with a sum at
least as small is the p value (a permutation test: exact, whatever the noise and whatever the cases have in common).
Rounds of a case are one tour over all sizes apart, so what is tested is that they are independent at that distance.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np

from attnbench.stats.intervals import MIN_ROUNDS, process_medians
from attnbench.stats.points import Point

LEVEL = 0.02  # one sound run in fifty is called dependent; six rounds reach p = 2/720
MOST = 0.95  # a trend or a wave gives larger estimates of the correlation, which would stretch without bound
EVERY_ORDER = 7  # rounds up to which all orders are looked at, beyond a sample
SAMPLED = 2000


@dataclass(frozen=True)
class Dependence:
    lag1: float  # correlation of neighbouring rounds, corrected for the mean having been estimated
    p: float
    rounds: int

    @property
    def found(self) -> bool:
        return self.p < LEVEL

    @property
    def stretch(self) -> float:
        """Factor on the half-width of an interval of a median; 1 where nothing is found. With a correlation of r^lag
        the variance of a mean grows by (1 + r) / (1 - r). `lag1` is still too small in short series: its mean is about
        r (n - 4) / (n - 1) (Kendall 1954; Marriott & Pope 1954)."""
        if not self.found or self.lag1 <= 0:
            return 1.0
        r = min(MOST, self.lag1 * (self.rounds - 1) / (self.rounds - 4))
        return math.sqrt((1 + r) / (1 - r))


def dependence_of(points: Sequence[Point]) -> Dependence | None:
    """Of the points of one run; None where no case has rounds enough."""
    return dependence_of_rounds([list(process_medians(p.case.samples).values()) for p in points if p.time])


def dependence_of_rounds(rows: Sequence[Sequence[float]]) -> Dependence | None:
    """Of values in the order of the rounds; None where no row has enough. Rows of other lengths than most are left out:
    an order of rounds must be the same for all."""
    counts = [len(row) for row in rows if len(row) >= MIN_ROUNDS]
    if not counts:
        return None
    rounds = max(set(counts), key=lambda count: (counts.count(count), count))
    return dependence([row for row in rows if len(row) == rounds])


def without_interval(point: Point, found: Dependence) -> Point:
    """The same point; its time keeps no interval, which would be too narrow."""
    return replace(point, time=point.time and replace(point.time, interval=None, dependent=text(found)))


def dependence(rows: Sequence[Sequence[float]]) -> Dependence:
    """`rows`: the process medians of each case, in seconds, by round; equally many."""
    logs = np.log(np.asarray(rows, float))
    logs -= logs.mean(axis=1, keepdims=True)
    scale = np.sqrt((logs**2).mean(axis=1, keepdims=True))
    logs = np.divide(logs, scale, out=np.zeros_like(logs), where=scale > 0)  # a noisy case counts no more than others
    products = logs.T @ logs  # [round, round], over all cases
    rounds = logs.shape[1]
    orders = _orders(rounds)
    squares = products.diagonal()[:, None] + products.diagonal() - 2 * products
    sums = squares[orders[:, :-1], orders[:, 1:]].sum(axis=1)
    total = float(np.trace(products))
    if total <= 0:
        return Dependence(0.0, 1.0, rounds)
    observed = float(products[range(rounds - 1), range(1, rounds)].sum())
    lag1 = observed / total * rounds / (rounds - 1) + 1 / (rounds - 1)
    return Dependence(lag1, float(np.mean(sums <= sums[0] + 1e-9 * total)), rounds)


def _orders(rounds: int) -> np.ndarray:
    """[order, place]; the order as measured comes first."""
    if rounds <= EVERY_ORDER:
        return np.array(list(permutations(range(rounds))))
    random = np.random.default_rng(0)
    return np.array([range(rounds), *(random.permutation(rounds) for _ in range(SAMPLED))])


def text(found: Dependence) -> str:
    """Follows "rounds depend on each other": (lag-1 correlation 0.62, p 0.003)."""
    p = f"p {found.p:.3f}" if found.p >= 0.001 else f"p below {10 ** math.ceil(math.log10(max(found.p, 1e-4))):g}"
    return f"lag-1 correlation {found.lag1:.2f}, {p}"

"""Rivals: two variants of one setting and where the faster of them changes (crossover.py), for every pair that may."""

from dataclasses import dataclass
from itertools import combinations

from attnbench.stats.crossover import Crossing, Crossover, crossover
from attnbench.stats.intervals import process_medians
from attnbench.stats.points import Point
from attnbench.stats.series import Panel


@dataclass(frozen=True)
class Rivals:
    run: str
    base: str  # variants
    new: str
    sizes: tuple[int, ...]  # at which both were timed
    crossover: Crossover


def rivals(base: list[Point], new: list[Point]) -> Rivals | None:
    """Both timed, of one run and one setting; None unless they share two sizes."""
    first, second = ({p.n: p for p in points} for points in (base, new))
    sizes = sorted(first.keys() & second.keys())
    if len(sizes) < 2:
        return None
    rounds = [[process_medians(side[n].case.samples) for n in sizes] for side in (first, second)]
    case, other = base[0].case, new[0].case
    return Rivals(case.run, case.variant, other.variant, tuple(sizes), crossover(sizes, *rounds))


def crossing_rivals(panel: Panel) -> list[Rivals]:
    """Pairs of comparable variants whose medians change order, by run; the others have no crossover in the range."""
    shown = [s for s in panel.series if s.timed and s.timed[0].case.computes != "own_definition"]
    pairs = [(a, b) for a, b in combinations(shown, 2) if a.run == b.run and _change_order(a.timed, b.timed)]
    found = [rivals(a.timed, b.timed) for a, b in pairs]
    return [r for r in found if r is not None and r.crossover.kind is not Crossing.NONE]


def _change_order(base: list[Point], new: list[Point]) -> bool:
    other = {p.n: p.time.median_s for p in new}
    return len({p.time.median_s < other[p.n] for p in base if p.n in other}) > 1

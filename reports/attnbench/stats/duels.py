"""Duels: at each point that a library from elsewhere (a peer) was timed at, the fastest of our variants against it.

Ours is the variant with the smallest median among those that compute the same mathematics: exact softmax attention, or
what SAME_MATHEMATICS pairs. The ratio is time(ours) / time(theirs), above 1 where the
peer wins, paired by rounds; each duel is judged for itself, as in the crossover map: a correction over the hundreds of
duels of a sweep would need more rounds than anyone runs.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from attnbench.load.cases import PEER, Case
from attnbench.stats.comparison import Comparison
from attnbench.stats.intervals import process_medians
from attnbench.stats.paired import compare_paired
from attnbench.stats.points import Point
from attnbench.stats.verdict import Verdict, judge

SAME_MATHEMATICS = {"torch_mha": ("multi_head",)}  # peers with a definition of their own, and who of ours shares it


@dataclass(frozen=True)
class Duel:
    ours: Point
    theirs: Point
    measured: Comparison  # base: theirs, new: ours
    verdict: Verdict  # FASTER: we win

    @property
    def ratio(self) -> float:
        return self.measured.ratio


def is_peer(point: Point) -> bool:
    return point.case.family == PEER


def duels_of(points: Iterable[Point]) -> list[Duel]:
    """In the order of the points; a peer that meets none of ours, or shares no round with it, has no duel."""
    places: dict[tuple, list[Point]] = defaultdict(list)
    for point in points:
        if point.time:
            places[_place(point.case)].append(point)
    return [duel for there in places.values() for duel in _duels_at(there)]


def _place(case: Case) -> tuple:
    """Where two cases computed the same thing on the same inputs."""
    return case.run, case.dataset, case.problem, case.threads, case.cache, case.computes


def _duels_at(points: list[Point]) -> list[Duel]:
    own = sorted((p for p in points if not is_peer(p)), key=lambda p: p.time.median_s)
    fastest = ((next((p for p in own if _comparable(p, peer)), None), peer) for peer in points if is_peer(peer))
    return [_duel(ours, peer) for ours, peer in fastest if ours]


def _comparable(ours: Point, theirs: Point) -> bool:
    """Whether both compute the same, and shared a round."""
    same = ours.case.computes == "exact_softmax" or ours.case.name in SAME_MATHEMATICS.get(theirs.case.name, ())
    return same and not ours.case.times.keys().isdisjoint(theirs.case.times)


def _duel(ours: Point, theirs: Point) -> Duel:
    measured = compare_paired(process_medians(theirs.case.samples), process_medians(ours.case.samples))
    (judged,) = judge([measured])
    return Duel(ours, theirs, measured, judged.verdict)

"""Head-to-heads: at each point that an external baseline was timed at, the fastest of our variants against it.

Ours is the variant with the smallest median among those that compute the same mathematics: exact softmax attention, or
the variant that the baseline says it is equivalent to. The ratio is time(ours) / time(theirs), above 1 where the
baseline is faster, paired by rounds; each head-to-head is judged for itself, as in the crossover map: a correction over
the hundreds of them in a sweep would need more rounds than anyone runs.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from attnbench.load.cases import EXTERNAL, Case
from attnbench.stats.comparison import Comparison
from attnbench.stats.intervals import process_medians
from attnbench.stats.paired import compare_paired
from attnbench.stats.points import Point
from attnbench.stats.verdict import Verdict, judge


@dataclass(frozen=True)
class HeadToHead:
    ours: Point
    theirs: Point
    measured: Comparison  # base: theirs, new: ours
    verdict: Verdict  # FASTER: ours is

    @property
    def ratio(self) -> float:
        return self.measured.ratio


def is_external(point: Point) -> bool:
    return point.case.family == EXTERNAL


def head_to_heads_of(points: Iterable[Point]) -> list[HeadToHead]:
    """In the order of the points; a baseline that meets none of ours, or shares no round with it, has none."""
    places: dict[tuple, list[Point]] = defaultdict(list)
    for point in points:
        if point.time:
            places[_place(point.case)].append(point)
    return [pair for there in places.values() for pair in _head_to_heads_at(there)]


def _place(case: Case) -> tuple:
    """Where two cases computed the same thing on the same inputs."""
    return case.run, case.group, case.cache, case.computes


def _head_to_heads_at(points: list[Point]) -> list[HeadToHead]:
    own = sorted((p for p in points if not is_external(p)), key=lambda p: p.time.median_s)
    theirs = [p for p in points if is_external(p)]
    fastest = ((next((p for p in own if _comparable(p, other)), None), other) for other in theirs)
    return [_head_to_head(ours, other) for ours, other in fastest if ours]


def _comparable(ours: Point, theirs: Point) -> bool:
    """Whether both compute the same, and shared a round."""
    same = ours.case.computes == "exact_softmax" or ours.case.name == theirs.case.equivalent_to
    return same and not ours.case.times.keys().isdisjoint(theirs.case.times)


def _head_to_head(ours: Point, theirs: Point) -> HeadToHead:
    measured = compare_paired(process_medians(theirs.case.samples), process_medians(ours.case.samples))
    (judged,) = judge([measured])
    return HeadToHead(ours, theirs, measured, judged.verdict)

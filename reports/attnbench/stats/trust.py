"""Trust: how far the numbers of a report can be believed, counted from its own samples.

What the page says in words (pages/trust.py) and summary.json in numbers comes from here, so that they cannot differ.
"""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import median

from attnbench.load.run import Run
from attnbench.stats import outliers
from attnbench.stats.comparison import Comparison, doubted
from attnbench.stats.dependence import Dependence
from attnbench.stats.intervals import process_medians
from attnbench.stats.noise import scale
from attnbench.stats.points import Point
from attnbench.stats.power import minimum_effect
from attnbench.stats.roof import Roofs, above_ceiling
from attnbench.stats.self_comparison import Rate, false_positives, halves, noise_floor
from attnbench.stats.speed import Speeds
from attnbench.stats.unpaired import ONE_START_EACH, compare_unpaired
from attnbench.stats.verdict import MARGIN, judge

GOOD_PREDICTION = 1.5  # a prediction within this factor is called right; what the progress bar's ETA promises


@dataclass(frozen=True)
class Spread:
    median: float
    highest: float


@dataclass(frozen=True)
class Trust:
    """Over the timed points of a report, but for `above_ceiling`; shares are fractions of 1."""

    cases: int
    false_positives: Rate | None  # A/A: each case against itself; None where no case has rounds enough
    noise_floor: float | None  # of the same comparisons
    minimum_effect: Spread | None  # None where no case has rounds enough for any effect
    samples: int
    outliers: int
    switches: int  # involuntary context switches
    switched_samples: int  # samples with any
    clock_drift: Spread | None  # None where the peak was not probed
    load_1m: Spread | None  # None where the system does not tell
    above_ceiling: int  # cases, with those that have no time because of it
    invalid_calibrations: Sequence[str]  # why, one for each run and number of threads
    speed_changes: Sequence[Speeds]  # of the settings between whose sizes the machine changed its speed
    dependence: Dependence | None  # between rounds, of the run where it is plainest; None with too few rounds to tell
    predicted: int  # cases with a prediction
    predicted_right: int  # within GOOD_PREDICTION
    stops: Mapping[str, int]  # `time.stop` of the records -> cases


def trust_of(
    points: Sequence[Point], roofs: Roofs, speeds: Collection[Speeds], dependences: Collection[Dependence]
) -> Trust | None:
    """None when nothing was timed. `speeds`: of every setting; `dependences`: of every run that can tell."""
    timed = [p for p in points if p.time]
    if not timed:
        return None
    compared = [c for p in timed if (c := halves(process_medians(p.case.samples))) is not None]
    switched = [count for p in timed for count in _switches(p)]
    predicted = [prediction_ratio(p) for p in timed if p.case.prediction["seconds"] > 0]
    return Trust(
        cases=len(timed),
        false_positives=_false_positives(compared),
        noise_floor=noise_floor(compared) if compared else None,
        minimum_effect=_spread([effect for p in timed if (effect := resolution(p)) is not None]),
        samples=sum(p.time.samples for p in timed),
        outliers=sum(outlier_count(p) for p in timed),
        switches=sum(switched),
        switched_samples=sum(count > 0 for count in switched),
        clock_drift=_spread([value for p in timed for value in _known(p, "clock_drift")]),
        load_1m=_spread([value for p in timed for value in _known(p, "load_1m")]),
        above_ceiling=sum(above_ceiling(p, roofs) for p in points),
        invalid_calibrations=[roof.invalid for roof in roofs.values() if roof.invalid],
        speed_changes=[found for found in speeds if found.other],
        dependence=min(dependences, key=lambda found: found.p, default=None),
        predicted=len(predicted),
        predicted_right=sum(map(is_right, predicted)),
        stops=Counter(stop for p in timed if (stop := stop_of(p)) is not None),
    )


def _false_positives(compared: Sequence[Comparison]) -> Rate | None:
    """Each case judged for itself, not as a row of a table."""
    return false_positives([row for c in compared for row in judge([c])])


def resolution(point: Point) -> float | None:
    """The smallest change between this run and another of as many rounds that is found with 80 % probability."""
    return _resolution(tuple(process_medians(point.case.samples).values()))


@cache  # the page asks several times for each case, and it takes 10 ms
def _resolution(medians: tuple[float, ...]) -> float | None:
    return minimum_effect(doubted(compare_unpaired(medians, medians), between=ONE_START_EACH), MARGIN)


def process_noise(point: Point) -> float:
    """Standard deviation of the log of a process median: 0.01 is 1 % from one process to the next."""
    return scale([math.log(value) for value in process_medians(point.case.samples).values()])


def outlier_count(point: Point) -> int:
    return outliers.count(outliers.mark(point.case.samples))


def switches(point: Point) -> int:
    return sum(_switches(point))


def _switches(point: Point) -> list[int]:
    """One per sample."""
    return [count for time in point.case.times.values() for count in time["involuntary_switches"]]


def drift(point: Point) -> float | None:
    """The largest over the rounds."""
    return max(_known(point, "clock_drift"), default=None)


def prediction_ratio(point: Point) -> float:
    """Measured over predicted time."""
    return point.time.median_s / point.case.prediction["seconds"]


def is_right(ratio: float) -> bool:
    return 1 / GOOD_PREDICTION <= ratio <= GOOD_PREDICTION


def stop_of(point: Point) -> str | None:
    """Why the last round of the case was its last, in the word of the record; None where it does not say."""
    return point.case.times[max(point.case.times)]["stop"]


def mixes_origins(runs: Sequence[Run]) -> bool:
    """Whether any run holds records of several binaries or machines."""
    return any(len({s[key] for s in run.sessions}) > 1 for run in runs for key in ("binary_id", "machine_id"))


def _known(point: Point, name: str) -> list[float]:
    """A condition beside the samples, of each round that knows it."""
    return [time[name] for time in point.case.times.values() if time[name] is not None]


def _spread(values: Sequence[float]) -> Spread | None:
    return Spread(median(values), max(values)) if values else None

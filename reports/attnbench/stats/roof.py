"""Roof: the ceilings that hold for the points of a run, the calibrated ones or those that were probed beside them.

A probe is one short burst and cannot find more than the machine has. Where it found more than the calibration, the
calibration was made on a slower or busier machine: its peaks are no ceilings, and its bandwidths are not to be trusted
either. Figure, table and count all ask here, so that they cannot differ.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from attnbench.load.calibration import Calibration, Level
from attnbench.stats.points import Point

CALIBRATED_SLACK = 1.05  # what a probe may exceed a calibrated peak by: both are the best of several bursts
ABOVE_CEILING = "above_ceiling"  # the status of a case whose time the harness called impossible
PROBED_SLACK = 1.02  # of a time against the peak probed beside it, as the harness judges it


@dataclass(frozen=True)
class Roof:
    """At one number of threads."""

    peaks: Mapping[str, float]  # ISA -> GFLOP/s, fastest first
    levels: Sequence[Level]  # read bandwidths; none where the calibration is invalid
    invalid: str  # why the calibration is; "" where it holds or where there is none
    factor: float  # probed over calibrated peak, the largest; 0 where either is unknown

    def exceeded_by(self, point: Point) -> bool:
        """Whether a timed point is faster than the machine: above the roof as drawn, or called so by the harness."""
        peak = self.peaks.get(point.case.isa)
        above = peak is not None and point.useful_gflops > CALIBRATED_SLACK * peak
        return above or any(self._called(time) for time in point.case.times.values())

    def _called(self, time: dict) -> bool:
        """The harness held bandwidths of an invalid calibration against the time too."""
        if not self.invalid:
            return time["above_ceiling"]
        return (time["share_of_peak"] or 0) > PROBED_SLACK


Roofs = Mapping[tuple[str, int], Roof]  # by run and threads


def roofs_of(points: Sequence[Point], calibrations: Mapping[str, Calibration | None]) -> Roofs:
    """`calibrations`: by run."""
    groups: dict[tuple[str, int], list[Point]] = {}
    for point in points:
        if point.time:
            groups.setdefault((point.case.run, point.case.threads), []).append(point)
    return {(run, threads): _roof(members, calibrations.get(run), threads)
            for (run, threads), members in groups.items()}  # fmt: skip


def above_ceiling(point: Point, roofs: Roofs) -> bool:
    """Also a case that `run` refused for it, which has no time."""
    if point.case.status == ABOVE_CEILING:
        return True
    return bool(point.time) and roofs[point.case.run, point.case.threads].exceeded_by(point)


def _roof(points: Sequence[Point], calibration: Calibration | None, threads: int) -> Roof:
    probed: dict[str, float] = {}
    for point in points:
        for time in point.case.times.values():
            probed[point.case.isa] = max(probed.get(point.case.isa, 0.0), time["peak_gflops"])
    probed = {isa: peak for isa, peak in sorted(probed.items(), key=lambda item: -item[1]) if peak > 0}
    calibrated = calibration.fma_peaks(threads) if calibration else {}
    if not calibrated:
        return Roof({}, calibration.levels(threads) if calibration else [], "", 0.0)
    factors = {isa: peak / calibrated[isa] for isa, peak in probed.items() if calibrated.get(isa, 0) > 0}
    worst = max(factors, key=factors.__getitem__, default=None)
    if worst is None or factors[worst] <= CALIBRATED_SLACK:
        return Roof(calibrated, calibration.levels(threads), "", factors[worst] if worst else 0.0)
    invalid = (f"calibrated at {calibrated[worst]:.3g} GFLOP/s, but {probed[worst]:.3g} were probed beside the samples "
               f"({worst}, {threads} {'thread' if threads == 1 else 'threads'})")  # fmt: skip
    return Roof(probed, [], invalid, factors[worst])

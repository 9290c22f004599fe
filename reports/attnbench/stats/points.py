"""Point: one case with what was derived from its samples. Times in seconds, sizes in bytes, rates in GFLOP/s.

Useful GFLOP/s counts the multiply-adds this variant needs for this problem (2 FLOPs each); dense-equivalent GFLOP/s
divides the FLOPs of dense attention, 2 b h n_q n_k (d_qk + d_v), by the same time. The first says how busy the
machine was, the second how soon the answer came; they are never shown under each other's name.
"""

from dataclasses import dataclass

import numpy as np

from attnbench.load.cases import EXTERNAL, Case
from attnbench.stats.intervals import Interval, Timing, process_medians, timing
from attnbench.stats.paired import compare_paired


@dataclass(frozen=True)
class Ratio:
    """Speed-up: the median over rounds of time(baseline) / time(variant), paired by round."""

    value: float
    interval: Interval | None


@dataclass(frozen=True)
class Point:
    case: Case
    time: Timing | None
    speedup: Ratio | None  # over the baseline of the same run, dataset, problem and threads
    useful_gflops: float | None
    dense_gflops: float | None
    share_of_peak: float | None  # useful rate over the FMA rate probed beside it
    extra_bytes: int | None  # workspace peak + prepared; of an external baseline, what its process grew by
    prepare_s: float | None

    @property
    def n(self) -> int:
        return self.case.n


def points_of(cases: list[Case], baseline: str | None = None) -> list[Point]:
    """`baseline` is the label of the variant that the speed-ups are over; None leaves them out."""
    baselines = {_place(c): _medians(c) for c in cases if c.variant == baseline and c.times}
    return [_point(case, baselines.get(_place(case))) for case in cases]


def _place(case: Case) -> tuple:
    return case.run, case.group, case.cache


def _medians(case: Case) -> dict[int, float]:
    return process_medians({number: time["samples_s"] for number, time in case.times.items()})


def _point(case: Case, baseline: dict[int, float] | None) -> Point:
    measured = timing({number: time["samples_s"] for number, time in case.times.items()})
    useful = 2 * case.cost["multiply_adds"] / measured.median_s / 1e9 if measured else None
    dense = case.cost["dense_flops"] / measured.median_s / 1e9 if measured else None
    return Point(
        case=case,
        time=measured,
        speedup=_speedup(_medians(case), baseline) if measured and baseline else None,
        useful_gflops=useful,
        dense_gflops=dense,
        share_of_peak=_share_of_peak(case) if measured else None,
        extra_bytes=_extra_bytes(case),
        prepare_s=float(np.median([time["prepare_s"] for time in case.times.values()])) if measured else None,
    )


def _speedup(medians: dict[int, float], baseline: dict[int, float]) -> Ratio | None:
    if not medians.keys() & baseline.keys():
        return None
    row = compare_paired(medians, baseline)
    return Ratio(row.ratio, row.interval)


def _extra_bytes(case: Case) -> int | None:
    """What a call takes beyond inputs and output: counted for ours; for a baseline, what its process grew by."""
    if case.family == EXTERNAL:
        said = [time["implementation"]["peak_bytes"] for time in case.times.values()
                if "peak_bytes" in time.get("implementation", ())]  # fmt: skip
        return int(np.median([int(text) for text in said])) if said else None
    return case.memory["workspace_peak"] + case.memory["prepared_bytes"] if case.memory else None


def _share_of_peak(case: Case) -> float | None:
    """Median over the rounds that probed the peak of useful rate / probed rate."""
    flops = 2 * case.cost["multiply_adds"]
    medians = _medians(case)
    probed = {number: time["peak_gflops"] for number, time in case.times.items() if time["peak_gflops"] > 0}
    return float(np.median([flops / medians[k] / 1e9 / peak for k, peak in probed.items()])) if probed else None

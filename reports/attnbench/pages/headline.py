"""The headline table: one row per series, what a reader wants to know first."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from attnbench.load.families import family_rank
from attnbench.model import Report
from attnbench.pages.cases import speedup_text
from attnbench.pages.columns import Column, Table, family_column, number
from attnbench.stats.points import Point
from attnbench.stats.scaling import Fit
from attnbench.stats.series import Panel, Series
from attnbench.support import units

COMPUTES = {
    "exact_softmax": "exact",
    "masked_softmax": "pattern",
    "approximates_softmax": "approximation",
    "own_definition": "own definition",
}
APPROXIMATE = ("masked_softmax", "approximates_softmax")


@dataclass(frozen=True)
class Line:
    """A series, seen at the largest n that every variant of its setting reached: there numbers may be compared."""

    series: Series
    n: int | None

    @property
    def point(self) -> Point | None:
        return self.series.at(self.n)

    @property
    def sized(self) -> Point | None:
        """Where its memory is known: at n, or where the memory pass failed there, at the largest n it measured."""
        known = [p for p in self.series.points if p.extra_bytes is not None]
        return next((p for p in known if p.n == self.n), max(known, key=lambda p: p.n, default=None))


def headline(report: Report) -> Table:
    lines = [line for panel in report.panels for line in _lines(panel)]
    shared = {line.n for line in lines if line.n is not None}
    at = f"n={shared.pop()}" if len(shared) == 1 else "common n"
    columns = [Column("variant", lambda r: report.shown(r.series.variant), name=True)]
    columns += family_column(report, lambda r: r.series.variant)
    if report.several_runs:
        columns.insert(0, Column("run", lambda r: report.tag(r.series.run)))
    if len(report.panels) > 1:
        columns.append(Column("setting", lambda r: str(r.series.setting), help="everything but the sequence length"))
    columns += [
        Column("computes", lambda r: COMPUTES[r.series.points[0].case.computes]),
        Column("time n^ at the end", lambda r: end_text(r.series), lambda r: r.series.end and r.series.end.value,
               "slope of log(time) on log(n) between the two largest sizes; in brackets that of the exact work"),
        Column("time ~ n^", lambda r: fit_text(r.series.time_fit),
               lambda r: r.series.time_fit and r.series.time_fit.slope.value,
               "slope of log(time) on log(n) over all sizes with its 95 % interval over sizes; * too few sizes to call "
               "it an exponent, † no single exponent, ‡ the machine changed its speed between sizes"),
    ]  # fmt: skip
    if at == "common n":
        columns.append(number("common n", lambda n: str(n or units.DASH), lambda r: r.n,
                              "the largest n that every variant of the setting reached"))  # fmt: skip
    columns += [
        Column(f"time at {at}", lambda r: _at(r.point, time_text), lambda r: _at(r.point, time_value, None),
               "the largest n that every variant of the setting reached: median of process medians, with its 95 % "
               "interval", unit="s"),
        Column(f"vs {report.yardstick}", lambda r: _at(r.point, speedup_text),
               lambda r: r.point and r.point.speedup and r.point.speedup.value,
               f"time({report.yardstick}) / time(variant) there; above 1 the variant is faster", unit="×"),
        Column("extra memory", memory_text, lambda r: r.sized and r.sized.extra_bytes,
               "workspace peak + prepared", unit="B"),
        Column("memory ~ n^", lambda r: fit_text(r.series.memory_fit),
               lambda r: r.series.memory_fit and r.series.memory_fit.slope.value,
               "slope of log(extra memory) on log(n)"),
        Column("error", lambda r: error_text(r.point), lambda r: r.point and approximation_error(r.point),
               "relative RMS distance from exact softmax attention; an output of zeros has 100 %", unit="%"),
        number("largest n", lambda n: str(n or units.DASH), lambda r: r.series.largest and r.series.largest.n,
               "largest sequence length at which this variant was timed"),
        Column("time at largest n", lambda r: _at(r.series.largest, time_text),
               lambda r: _at(r.series.largest, time_value, None),
               unit="s"),
        Column("not measured", lambda r: failures_text(r.series), lambda r: len(r.series.failed),
               "cases without a result, by status"),
    ]  # fmt: skip
    return Table("headline", columns, lines)


def _lines(panel: Panel) -> list[Line]:
    """In the order of the series; those of a crowded panel by family, the fastest of each first."""
    lines = [Line(s, panel.shared_n()) for s in panel.series]
    if not panel.crowded:
        return lines
    return sorted(
        lines, key=lambda line: (family_rank(line.series.family), _at(line.point, time_value, None) or math.inf)
    )


def end_text(series: Series) -> str:
    """1.05 (work 1.01)"""
    if series.end is None or series.time_fit.sizes < 3:
        return units.DASH
    return f"{series.end.value:.2f}" + (f" (work {series.work_fit.local[-1]:.2f})" if series.work_fit else "")


def fit_text(fit: Fit | None) -> str:
    """1.98 [1.95, 2.01], with *, † or ‡ where it is not a single exponent that may be claimed."""
    return units.DASH if fit is None else f"{fit.slope}{fit.mark}"


def time_text(point: Point) -> str:
    if point.time is None:
        return units.DASH
    interval = point.time.interval
    return units.with_interval(units.seconds, point.time.median_s, interval and (interval.low, interval.high))


def time_value(point: Point) -> float | None:
    return point.time and point.time.median_s


def memory_text(line: Line) -> str:
    point = line.sized
    if point is None:
        return units.DASH
    text = units.size(point.extra_bytes)
    return text if point.n == line.n else f"{text} at n={point.n}"


def approximation_error(point: Point) -> float | None:
    return point.case.verify["approximation_rel_rms"] if point.case.verify else None


def error_text(point: Point | None) -> str:
    """In per cent, with its interval where rows were sampled, and a remark where zeros are closer."""
    if point is None or point.case.verify is None:
        return units.DASH
    if point.case.computes == "own_definition":
        return "not comparable"
    value, ends = approximation_error(point), point.case.verify.get("approximation_interval")
    return units.with_interval(units.error_percent, value, ends) + ", worse than zeros" * worse_than_zeros(point)


def worse_than_zeros(point: Point) -> bool:
    """Whether an output of all zeros lies closer to exact softmax attention."""
    error = approximation_error(point)
    return error is not None and point.case.computes != "own_definition" and error >= 1


def failures_text(series: Series) -> str:
    counts: dict[str, int] = {}
    for point in series.failed:
        counts[point.case.status] = counts.get(point.case.status, 0) + 1
    return ", ".join(f"{count} {status}" for status, count in counts.items()) or units.DASH


def error_notes(report: Report) -> list[str]:
    """What an error may be read against, from the baselines that the verifier computed at the same points."""
    names = {"mean_v": "the mean of the values", "random_keys": "attention to as many random keys"}
    said = []
    for name, words in names.items():
        at = [p for panel in report.panels for s in panel.series if (p := s.at(panel.shared_n())) and p.case.verify]
        known = [v for p in at if (v := p.case.verify.get(f"baseline_{name}_rel_rms")) is not None]
        if known:
            ends = list(dict.fromkeys(units.error_percent(v) for v in (min(known), max(known))))
            said.append(f"{words} {' to '.join(ends)}")
    if any(series.points[0].case.computes in APPROXIMATE for series in report.series):
        return [f"Errors to compare with: all zeros {'; '.join(['100 %', *said])}."]
    return []


def fit_notes(report: Report) -> list[str]:
    """What the marks in fit_text mean, with the numbers, where they occur."""
    fits = [(s, f) for s in report.series for f in (s.time_fit, s.memory_fit) if f is not None]
    notes = []
    if short := [f for _, f in fits if not f.has_sizes]:
        fewest = min(short, key=lambda f: (f.sizes, f.factor))
        notes.append(f"* {fewest.verdict}." if len(short) == 1 else f"* {fewest.verdict} (the fewest here).")
    if changed := next((f for _, f in fits if f.withheld), None):
        notes.append(f"‡ {changed.verdict}.")
    curved = [s for s in report.series if s.time_fit and s.time_fit.mark == "†"]
    if curved:
        tails = ", ".join(f"{report.name(s.run, s.variant)} {s.time_fit.tail}" for s in curved)
        notes.append("† no single exponent describes the times (the curvature's interval excludes 0, or sizes lie off "
                     f"the line by more than the noise); slope of the upper half of the sizes: {tails}.")  # fmt: skip
    return notes


def _at(point: Point | None, of: Callable[[Point], Any], absent: Any = units.DASH) -> Any:
    return absent if point is None else of(point)

"""The headline table: one row per series, what a reader wants to know first."""

from attnbench_reports import units
from attnbench_reports.model import Report
from attnbench_reports.pages.cases import speedup_text as case_speedup_text
from attnbench_reports.pages.columns import Column, Table
from attnbench_reports.stats.points import Point
from attnbench_reports.stats.scaling import Fit
from attnbench_reports.stats.series import Series

COMPUTES = {
    "exact_softmax": "exact",
    "masked_softmax": "pattern",
    "approximates_softmax": "approximation",
    "own_definition": "own definition",
}


def headline(report: Report) -> Table:
    columns = [Column("variant", lambda s: s.variant)]
    if report.several_runs:
        columns.insert(0, Column("run", lambda s: report.tag(s.run)))
    if len(report.panels) > 1:
        columns.append(Column("setting", lambda s: str(s.setting), help="everything but the sequence length"))
    columns += [
        Column("computes", lambda s: COMPUTES[s.points[0].case.computes]),
        Column("time ~ n^", lambda s: fit_text(s.time_fit), lambda s: s.time_fit and s.time_fit.slope.value,
               "slope of log(time) on log(n) with its 95 % interval over sizes; * too few sizes to call it an "
               "exponent, † no single exponent"),
        Column("largest n", lambda s: _at(s.largest, lambda p: str(p.n)), lambda s: s.largest and s.largest.n,
               "largest sequence length that was timed"),
        Column("time there", lambda s: _at(s.largest, time_text),
               lambda s: s.largest and s.largest.time.median_s, "median of process medians, with its 95 % interval"),
        Column("vs naive", speedup_text, lambda s: s.largest_compared and s.largest_compared.speedup.value,
               "time(naive) / time(variant) at the largest n both reached"),
        Column("extra memory", memory_text, peak_extra, "workspace peak + prepared at the largest n measured"),
        Column("memory ~ n^", lambda s: fit_text(s.memory_fit), lambda s: s.memory_fit and s.memory_fit.slope.value,
               "slope of log(extra memory) on log(n)"),
        Column("error", error_text, approximation_error,
               "relative RMS distance from exact softmax attention at the largest n timed"),
        Column("not measured", failures_text, lambda s: len(s.failed), "cases without a result, by status"),
    ]  # fmt: skip
    return Table("headline", columns, report.series)


def fit_text(fit: Fit | None) -> str:
    """1.98 [1.95, 2.01], with * or † where it is not a single exponent that may be claimed."""
    return units.DASH if fit is None else f"{fit.slope}{fit.mark}"


def time_text(point: Point) -> str:
    interval = point.time.interval
    return units.with_interval(units.seconds, point.time.median_s, interval and (interval.low, interval.high))


def speedup_text(series: Series) -> str:
    point = series.largest_compared
    if point is None:
        return units.DASH
    text = case_speedup_text(point)
    return text if point is series.largest else f"{text} at n={point.n}"


def memory_text(series: Series) -> str:
    point = _largest_with_memory(series)
    if point is None:
        return units.DASH
    text = units.size(point.extra_bytes)
    return text if series.largest is None or point.n == series.largest.n else f"{text} at n={point.n}"


def peak_extra(series: Series) -> int | None:
    point = _largest_with_memory(series)
    return point and point.extra_bytes


def _largest_with_memory(series: Series) -> Point | None:
    return max((p for p in series.points if p.extra_bytes is not None), key=lambda p: p.n, default=None)


def approximation_error(series: Series) -> float | None:
    point = series.largest
    return point.case.verify["approximation_rel_rms"] if point and point.case.verify else None


def error_text(series: Series) -> str:
    if series.points[0].case.computes == "own_definition":
        return "not comparable"
    return units.error(approximation_error(series))


def failures_text(series: Series) -> str:
    counts: dict[str, int] = {}
    for point in series.failed:
        counts[point.case.status] = counts.get(point.case.status, 0) + 1
    return ", ".join(f"{count} {status}" for status, count in counts.items()) or units.DASH


def fit_notes(report: Report) -> list[str]:
    """What the marks in fit_text mean, with the numbers, where they occur."""
    fits = [(s, f) for s in report.series for f in (s.time_fit, s.memory_fit) if f is not None]
    notes = []
    if short := [f for _, f in fits if not f.is_exponent]:
        fewest = min(short, key=lambda f: (f.sizes, f.factor))
        notes.append(f"* {fewest.verdict}." if len(short) == 1 else f"* {fewest.verdict} (the fewest here).")
    curved = [s for s in report.series if s.time_fit and s.time_fit.is_exponent and s.time_fit.curved]
    if curved:
        tails = ", ".join(f"{report.name(s.run, s.variant)} {s.time_fit.tail}" for s in curved)
        notes.append(f"† no single exponent describes the times (the curvature's interval excludes 0); "
                     f"slope of the upper half of the sizes: {tails}.")  # fmt: skip
    return notes


def _at(point, text) -> str:
    return units.DASH if point is None else text(point)

"""Tables with one row per case: all cases, those without a result, and how each variant was verified."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median

from attnbench.model import Report
from attnbench.pages.columns import Column, Table, family_column, number
from attnbench.pages.trust import stop_reason
from attnbench.stats.counters import are_scaled, count_of, instructions_per_cycle
from attnbench.stats.points import Point
from attnbench.stats.roof import ABOVE_CEILING, Roofs, above_ceiling
from attnbench.stats.trust import drift, outlier_count, switches
from attnbench.support import units


def case_table(report: Report) -> Table:
    """Variant and n first: they stay in view while the rest scrolls. What is the same in every row, and what few ask
    for, is there but hidden."""
    columns = [
        *_identity(report), Column("status", partial(status_text, report.roofs), choose=True),
        number("time", units.seconds, lambda p: p.time and p.time.median_s, "median of process medians"),
        Column("95 % interval", _interval, lambda p: p.time and p.time.interval and p.time.interval.low,
               "exact order-statistic interval of the median; needs 6 rounds", unit="s"),
        number("minimum", units.seconds, lambda p: p.time and p.time.min_s, "fastest sample", extra=True),
        Column("rounds × samples", _counts, lambda p: p.time and p.time.samples,
               "fresh processes × samples in each (mean)", extra=True),
        Column(f"vs {report.yardstick}", speedup_text, lambda p: p.speedup and p.speedup.value,
               f"time({report.yardstick}) / time(variant), median over paired rounds, with its 95 % interval",
               unit="×"),
        number("useful GFLOP/s", units.gflops, lambda p: p.useful_gflops,
               "2 × multiply-adds this variant needs, per second"),
        number("dense-equiv. GFLOP/s", units.gflops, lambda p: p.dense_gflops, "FLOPs of dense attention, per second",
               extra=True),
        number("of FMA peak", units.percent, lambda p: p.share_of_peak,
               "useful rate / FMA rate probed beside the samples"),
        number("of bandwidth", units.percent, bandwidth_share,
               "compulsory bytes per second / calibrated read bandwidth for that working set", extra=True),
        number("extra memory", units.size, lambda p: p.extra_bytes, "workspace peak + prepared"),
        number("declared workspace", units.size, lambda p: _memory(p, "workspace_declared"), extra=True),
        number("RSS growth", units.size, rss_growth, "peak resident bytes over those with inputs and output in place",
               extra=True),
        number("heap allocations", units.count, lambda p: _memory(p, "stray_allocations"),
               "inside run(), which should take its scratch from the workspace only", extra=True),
        number("implementation error", units.error, lambda p: _verify(p, "rel_rms"),
               "relative RMS against the float64 oracle of the same mathematics", extra=True),
        number("approximation error", units.error_percent, lambda p: _verify(p, "approximation_rel_rms"),
               "relative RMS against exact softmax attention; an output of zeros has 100 %"),
        number("prepare", units.seconds, lambda p: p.prepare_s, "untimed set-up before the call", extra=True),
        number("predicted", units.seconds, lambda p: p.case.prediction["seconds"], "by the cost model, before it ran",
               extra=True),
        number("outliers", units.count, lambda p: outlier_count(p) if p.time else None,
               "samples far from the median of their process; kept in every number", extra=True),
        number("switches", units.count, lambda p: switches(p) if p.time else None,
               "involuntary context switches while it was measured", extra=True),
        *_counters(report),
        number("clock drift", units.percent, lambda p: drift(p) if p.time else None,
               "largest difference of the FMA rate before and after the samples of a round", extra=True),
        Column("ended by", lambda p: stop_reason(p) if p.time else units.DASH, help="what stopped its rounds",
               extra=True),
        Column("ISA", lambda p: p.case.isa, extra=True),
        Column("reproducer", lambda p: p.case.reproducer, help="measures this case again", code=True),
    ]  # fmt: skip
    return Table("cases", columns, report.points)


def _counters(report: Report) -> list[Column]:
    """Hardware counters, where any case has them."""
    if all(are_scaled(point) is None for point in report.points):
        return []

    def column(title: str, form: Callable[[float], str], value: Callable[[Point], float | None], help: str) -> Column:
        def text(point: Point) -> str:
            found = value(point)
            return units.DASH if found is None else ("≈ " if are_scaled(point) else "") + form(found)

        return Column(title, text, value, f"{help}; user space, all threads; ≈ counters took turns and were scaled up",
                      extra=True)  # fmt: skip

    return [
        column("instructions per cycle", "{:.2f}".format, instructions_per_cycle, "median over rounds"),
        column("cycles", units.count, partial(count_of, name="cycles"), "per call"),
        column("instructions", units.count, partial(count_of, name="instructions"), "per call"),
        column("LLC misses", units.count, partial(count_of, name="llc_misses"), "of the last-level cache, per call"),
        column("branch misses", units.count, partial(count_of, name="branch_misses"), "per call"),
    ]


def status_text(roofs: Roofs, point: Point) -> str:
    """A case faster than the machine is no success, whatever its status."""
    return ABOVE_CEILING if above_ceiling(point, roofs) else point.case.status


def bandwidth_share(point: Point) -> float | None:
    shares = [time["share_of_bandwidth"] for time in point.case.times.values()]
    known = [share for share in shares if share is not None]
    return median(known) if known else None


def failure_table(report: Report) -> Table:
    columns = [
        *_identity(report),
        Column("status", lambda p: p.case.status, choose=True),
        Column("reason", lambda p: "; ".join(p.case.reasons), prose=True),
        Column("reproducer", lambda p: p.case.reproducer, code=True),
    ]
    return Table("failures", columns, report.failed)


@dataclass(frozen=True)
class Verified:
    """The verification of one variant of one run; the worst case is the one of largest error over tolerance."""

    run: str
    variant: str
    points: list[Point]

    @property
    def cases(self) -> int:
        return len(self.points)

    @property
    def statuses(self) -> Counter:
        return Counter(p.case.status for p in self.points)

    @property
    def worst(self) -> dict:
        return max(self.points, key=_severity).case.verify

    @property
    def worst_problem(self) -> str:
        return max(self.points, key=_severity).case.problem


def verification_table(report: Report) -> Table:
    columns = [Column("variant", lambda v: report.shown(v.variant), name=True)]
    columns += family_column(report, lambda v: v.variant)
    if report.several_runs:
        columns.insert(0, Column("run", lambda v: report.tag(v.run)))
    columns += [
        number("cases verified", str, lambda v: v.cases),
        Column("outcome", lambda v: ", ".join(f"{n} {status}" for status, n in v.statuses.items())),
        Column("oracle", lambda v: v.worst["oracle"].replace("_", " ")),
        number("worst relative RMS", _or_nan, lambda v: v.worst["rel_rms"],
               "largest error relative to its tolerance among the variant's cases"),
        number("tolerance", units.error, lambda v: v.worst["tolerance_rel_rms"]),
        number("max-abs", _or_nan, lambda v: v.worst["max_abs"]),
        number("tolerance (max-abs)", units.error, lambda v: v.worst["tolerance_max_abs"]),
        Column("same bits twice", lambda v: _all(v, "deterministic"), help="in every case"),
        Column("guards intact", lambda v: _all(v, "guards_intact"), help="in every case"),
        Column("workspace as declared", lambda v: _all(v, "workspace_within_declared"), help="in every case"),
        number("rows compared", str, lambda v: v.worst["rows"], "per batch entry and head, in the worst case"),
        Column("worst case", lambda v: v.worst_problem),
    ]  # fmt: skip
    return Table("verification", columns, verified(report))


def verified(report: Report) -> list[Verified]:
    groups: dict[tuple[str, str], list[Point]] = {}
    for point in report.points:
        if point.case.verify is not None:
            groups.setdefault((point.case.run, point.case.variant), []).append(point)
    return [Verified(run, variant, points) for (run, variant), points in groups.items()]


def rss_growth(point: Point) -> int | None:
    memory = point.case.memory
    return max(0, memory["rss_peak"] - memory["rss_baseline"]) if memory else None


def _identity(report: Report) -> list[Column]:
    points = report.points
    columns = [
        Column("variant", lambda p: report.shown(p.case.variant), choose=True, name=True),
        number("n", str, lambda p: p.n, "sequence length (keys)"),
        *family_column(report, lambda p: p.case.variant),
        Column("run", lambda p: report.tag(p.case.run), choose=True),
        Column("dataset", lambda p: p.case.dataset, extra=len({p.case.dataset for p in points}) == 1),
        Column("problem", lambda p: p.case.problem, extra=len({p.case.setting for p in points}) == 1),
        number("threads", str, lambda p: p.case.threads, extra=len({p.case.threads for p in points}) == 1),
        Column("cache", lambda p: p.case.cache, extra=True),
    ]
    return [column for column in columns if column.title != "run" or report.several_runs]


def _severity(point: Point) -> float:
    """Error over tolerance; an error that is not a number is the worst there is."""
    error, tolerance = _verify(point, "rel_rms"), _verify(point, "tolerance_rel_rms")
    return float("inf") if error is None else error / tolerance if tolerance else error


def speedup_text(point: Point) -> str:
    if point.speedup is None:
        return units.DASH
    interval = point.speedup.interval
    return units.with_interval(units.ratio, point.speedup.value, interval and (interval.low, interval.high))


def _interval(point: Point) -> str:
    if point.time is None:
        return units.DASH
    if point.time.interval is None:
        return f"none: {units.plural(point.time.rounds, 'round')}"
    return units.seconds_range(point.time.interval.low, point.time.interval.high)


def _verify(point: Point, name: str) -> float | None:
    return point.case.verify[name] if point.case.verify else None


def _memory(point: Point, name: str) -> int | None:
    return point.case.memory[name] if point.case.memory else None


def _counts(point: Point) -> str:
    return f"{point.time.rounds} × {point.time.samples / point.time.rounds:g}" if point.time else units.DASH


def _or_nan(error: float | None) -> str:
    return "not a number" if error is None else units.error(error)


def _all(row: Verified, name: str) -> str:
    return "yes" if all(p.case.verify[name] for p in row.points) else "NO"

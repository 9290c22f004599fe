"""Approximation error against time at one n, with the Pareto frontier: what accuracy costs.

Variants that compute softmax attention lie near 1e-7, the rounding of float32. Variants with a definition of their own
(additive, unscaled, projected) do not approximate softmax attention: they are marked ≠ and kept off the frontier.
"""

from matplotlib.figure import Figure

from attnbench_reports import units
from attnbench_reports.figures.axes import legend_beside, log_quantity, new_figure
from attnbench_reports.figures.style import Looks
from attnbench_reports.model import Report
from attnbench_reports.stats.pareto import frontier
from attnbench_reports.stats.points import Point
from attnbench_reports.stats.series import Panel, Series

TITLE = "Approximation error against time"
CAPTION = (
    "Relative RMS distance of the output from exact softmax attention, at the largest n that most variants reached."
    " The grey band is float32 rounding: variants in it are exact. The stepped line is the Pareto frontier (no "
    "other variant is both faster and closer). ≠: a definition of its own, not comparable. Lower left is "
    "better."
)
ROUNDING_LIMIT = 2e-6  # relative RMS up to which float32 counts as exact (docs: exactness of fp32 variants)
FLOOR = 1e-8  # where an error of exactly 0 is drawn


def error_time(report: Report, looks: Looks, panel: Panel) -> Figure | None:
    n = panel.common_n()
    drawn = [(s, p) for s, p in panel.points_at(n) if _error(p) is not None] if n is not None else []
    if not drawn:
        return None
    figure, ax = new_figure(len(drawn))
    ax.axhspan(FLOOR / 10, ROUNDING_LIMIT, color="#eeeeee", zorder=0)
    ax.text(0.015, FLOOR, "float32 rounding: exact", transform=ax.get_yaxis_transform(),
            ha="left", va="bottom", fontsize=8, color="#666666")  # fmt: skip
    _frontier(ax, drawn)
    entries = [_draw(report, looks, ax, series, point) for series, point in drawn]
    times = [p.time.median_s for _, p in drawn]
    log_quantity(ax.xaxis, min(times), max(times), units.seconds)
    log_quantity(ax.yaxis, FLOOR, max(1.0, *(_error(p) for _, p in drawn)), units.error)
    ax.set_xlabel(f"time per call at n = {n} (log scale)")
    ax.set_ylabel("relative RMS error (log scale)")
    legend_beside(ax, entries, "variant: error, time")
    return figure


def _error(point: Point) -> float | None:
    return point.case.verify["approximation_rel_rms"] if point.case.verify else None


def _comparable(point: Point) -> bool:
    return point.case.computes != "own_definition"


def _frontier(ax, drawn: list[tuple[Series, Point]]) -> None:
    # Rounding differences do not order exact variants: all of them count as equally close.
    points = [(p.time.median_s, max(_error(p), ROUNDING_LIMIT)) for _, p in drawn if _comparable(p)]
    errors = [max(_error(p), FLOOR) for _, p in drawn if _comparable(p)]
    kept = frontier(points)
    if len(kept) > 1:
        ax.step([points[i][0] for i in kept], [errors[i] for i in kept], where="post", color="#888888", linewidth=1.2,
                zorder=1)  # fmt: skip


def _draw(report: Report, looks: Looks, ax, series: Series, point: Point) -> tuple:
    style = looks.of(series.run, series.variant).point()
    style["markersize"] = 8
    place = point.time.median_s, max(_error(point), FLOOR)
    (handle,) = ax.plot(*([x] for x in place), linestyle="none", **style, zorder=3)
    label = f"{report.name(series.run, series.variant)}: {units.error(_error(point))}, {units.seconds(place[0])}"
    if not _comparable(point):
        ax.annotate("≠", place, xytext=(6, 3), textcoords="offset points", fontsize=11)
        label += ", ≠ own definition"
    return _error(point), handle, label

"""Roofline (Williams, Waterman & Patterson 2009): rate against arithmetic intensity, under the calibrated ceilings.

Intensity is useful FLOPs per compulsory byte (queries, keys and values read once, output written once), so it is the
same for variants that do the same work, and a variant that moves more than it must lies further below the roof. The
roof of a level of the memory hierarchy is min(FMA peak, intensity x read bandwidth of that level).
"""

import math
from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation

from attnbench.figures.axes import fit_labels, legend_text, log_quantity, new_figure, set_legend, trimmed
from attnbench.figures.missing import NOTHING_TIMED, Missing
from attnbench.figures.quantities import tiles_caption
from attnbench.figures.style import Looks
from attnbench.figures.tiles import Line, family_tiles
from attnbench.load.calibration import Calibration, Level
from attnbench.model import Report
from attnbench.stats.points import Point
from attnbench.stats.roof import Roof
from attnbench.stats.series import Panel, Series
from attnbench.support import units

TITLE = "Roofline"
CAPTION = (
    "Useful GFLOP/s against useful FLOPs per compulsory byte; a line joins a variant's sizes, the large marker is its "
    "largest n. Horizontal: multiply-add peak per instruction set; slanted: read bandwidth by working set, both "
    "calibrated at this number of threads. The legend gives the share of the peak at the largest n. Higher is better; "
    "a point above the roof is a measurement error. Where a probe beside the samples exceeded the calibrated peak, the "
    "calibration is invalid: the probed peak is drawn, and no bandwidth."
)
LEGEND_GIVES = " The legend gives the share of the peak at the largest n."
AXES = ("useful FLOPs per compulsory byte (log scale)", "useful GFLOP/s (log scale)")
INK, FAINT = "#333333", "#aaaaaa"
CLOSE = 1.25  # peaks nearer to each other than this factor would have labels on top of each other
WITHOUT = Missing("no calibration of this machine is stored with the run; attnbench calibrate, then attnbench run")


def roofline(report: Report, looks: Looks, panel: Panel) -> Figure | Missing:
    shown = [s for s in panel.series if s.timed]
    if not shown:
        return NOTHING_TIMED
    threads = panel.setting.threads
    if _calibration(report, shown) is None:
        return WITHOUT
    roof = report.roofs[shown[0].run, threads]
    peaks, levels = roof.peaks, roof.levels
    if not peaks or not (levels or roof.invalid):
        return Missing(f"the calibration has no ceilings at {units.plural(threads, 'thread')}; attnbench calibrate")
    points = [p for s in shown for p in s.timed]
    intensities = [intensity(p) for p in points]
    top = max(*peaks.values(), *(p.useful_gflops for p in points))
    # Where memory stops to be the limit.
    ridges = [max(peaks.values()) / min(level.gbytes_per_s for level in levels)] if levels else []
    lowest, highest = min([*intensities, *(r / 30 for r in ridges)]), max([*intensities, *(2 * r for r in ridges)])
    used = {p.case.isa for p in points}

    def scale(ax: Axes) -> None:
        log_quantity(ax.xaxis, lowest, highest, units.gflops, most=5 if panel.crowded else None)
        log_quantity(ax.yaxis, min(p.useful_gflops for p in points), top, units.gflops,
                     most=6 if panel.crowded else None)  # fmt: skip

    if panel.crowded:
        return _by_family(report, looks, shown, scale, roof, used)
    figure, ax = new_figure(len(shown) + 3)
    scale(ax)
    _peaks(ax, peaks, used)
    ax.set_xlabel(AXES[0])
    ax.set_ylabel(AXES[1])
    set_legend(ax, [_draw(report, looks, ax, s) for s in shown], "variant: share of probed peak at largest n")
    _levels(ax, levels, max(peaks.values()))
    if roof.invalid:
        why = "probed peak; the calibration is invalid:\n" + roof.invalid.replace(", but", ",\nbut")
        ax.text(0.01, 0.99, why, va="top", transform=ax.transAxes, fontsize=7.5, color="#a03000")
    return figure


def caption(report: Report, panel: Panel) -> str:
    if not panel.crowded:
        return CAPTION
    return CAPTION.replace(LEGEND_GIVES, " The share of the peak is a figure of its own.") + tiles_caption(
        report.yardstick
    )


def _by_family(report: Report, looks: Looks, shown: list[Series], scale: Callable[[Axes], None], roof: Roof,
               used: set[str]) -> Figure:  # fmt: skip
    """The peak that the points ran under and the bandwidths, in every tile; named in the head."""
    lines = [Line(s.run, s.variant, s.family, looks.of(s.run, s.variant), [intensity(p) for p in s.timed],
                  [p.useful_gflops for p in s.timed]) for s in shown]  # fmt: skip
    peaks = {isa: peak for isa, peak in roof.peaks.items() if isa in used} or roof.peaks
    highest = max(roof.peaks.values())

    def finish(ax: Axes) -> None:
        left, right = ax.get_xlim()
        bottom = ax.get_ylim()[0]
        for peak in peaks.values():
            ax.axhline(peak, color=INK, linewidth=1.1, zorder=2)
        for level in roof.levels:
            rate = level.gbytes_per_s
            start, end = max(left, bottom / rate), min(right, highest / rate)
            if start < end:
                ax.plot([start, end], [start * rate, end * rate], color=INK if level.is_memory else FAINT,
                        linewidth=1.1 if level.is_memory else 0.8, zorder=1)  # fmt: skip

    named = [f"{isa} {units.gflops(peak)} GFLOP/s" for isa, peak in peaks.items()]
    named += [f"{'memory' if v.is_memory else '≤ ' + trimmed(units.size(v.bytes))} {units.gflops(v.gbytes_per_s)} GB/s"
              for v in roof.levels]  # fmt: skip
    said = ["roofs: " + ", ".join(named)]
    if roof.invalid:
        said = ["roof: " + ", ".join(named) + ", the probed peak;", f"the calibration is invalid: {roof.invalid}"]
    return family_tiles(report, lines, scale, AXES, finish, said=said)[0]


def intensity(point: Point) -> float:
    """Useful FLOPs per byte that must move whatever the algorithm."""
    return 2 * point.case.cost["multiply_adds"] / point.case.cost["compulsory_bytes"]


def _calibration(report: Report, shown: list[Series]) -> Calibration | None:
    """Of the first run shown; runs on several machines have several roofs and none of them holds for all."""
    runs = {s.run for s in shown}
    found = [run.calibration for run in report.runs if run.label in runs]
    same = len({c.data["machine_id"] for c in found if c}) == 1
    return found[0] if same else None


def _peaks(ax: Axes, peaks: dict[str, float], used: set[str]) -> None:
    """The instruction sets that the points ran on are always named, the others where their name has room."""
    right, named = ax.get_xlim()[1], []
    for isa, peak in sorted(peaks.items(), key=lambda item: item[0] not in used):
        ran = isa in used
        ax.axhline(peak, color=INK if ran else FAINT, linewidth=1.4 if ran else 0.9, zorder=2 if ran else 1)
        if ran or all(max(peak, other) > CLOSE * min(peak, other) for other in named):
            _name(ax, f"{isa} {units.gflops(peak)} GFLOP/s", (right, peak), ran)
            named.append(peak)


def _name(ax: Axes, text: str, place: tuple[float, float], strong: bool) -> None:
    ax.annotate(text, place, xytext=(-2, 2.5), textcoords="offset points", ha="right", fontsize=7.5,
                color=INK if strong else "#777777", zorder=2)  # fmt: skip


def _levels(ax: Axes, levels: list[Level], highest: float) -> None:
    """Bandwidths with their names along them, in a figure of its final shape; where a name does not fit, the level
    bounds only a corner of the plot and is left out."""
    if ax.figure.get_layout_engine() is not None:
        fit_labels(ax.figure)
        ax.figure.draw_without_rendering()
        ax.figure.set_layout_engine("none")
    (left, right), (bottom, _) = ax.get_xlim(), ax.get_ylim()
    for level in levels:
        rate, colour = level.gbytes_per_s, INK if level.is_memory else FAINT
        start, end = max(left, bottom / rate), min(right, highest / rate)
        if start >= end:
            continue
        low, high = ax.transData.transform([(start, start * rate), (end, end * rate)])
        angle = math.atan2(high[1] - low[1], high[0] - low[0])
        above = (14 * math.cos(angle) - 3 * math.sin(angle), 14 * math.sin(angle) + 3 * math.cos(angle))
        what = "memory" if level.is_memory else f"≤ {trimmed(units.size(level.bytes))}"
        label = ax.annotate(f"{what} {units.gflops(rate)} GB/s", (start, start * rate), xytext=above, ha="left",
                            textcoords="offset points", rotation_mode="anchor", fontsize=7.5,
                            color=INK if level.is_memory else "#777777", zorder=2)  # fmt: skip
        if label.get_window_extent().width > 0.9 * math.hypot(*(high - low)):
            label.remove()
            continue
        label.set_rotation(math.degrees(angle))
        _move_inside(ax, label, above, high - low)
        ax.plot([start, end], [start * rate, end * rate], color=colour, linewidth=1.4 if level.is_memory else 0.9,
                zorder=1)  # fmt: skip


def _move_inside(ax: Axes, label: Annotation, offset: tuple[float, float], along: np.ndarray) -> None:
    """Shifts a name along its line until it stands inside the plot: turned, its first letters may lie left of it."""
    box, plot = label.get_window_extent(), ax.get_window_extent()
    step = along / math.hypot(*along)
    points = 72 / ax.figure.dpi
    missing = max(plot.x0 + 2 - box.x0, 0) / max(step[0], 0.1) + max(plot.y0 + 2 - box.y0, 0) / max(step[1], 0.1)
    label.set_position((offset[0] + missing * step[0] * points, offset[1] + missing * step[1] * points))


def _draw(report: Report, looks: Looks, ax: Axes, series: Series) -> tuple:
    look = looks.of(series.run, series.variant)
    path = [(intensity(p), p.useful_gflops) for p in series.timed]
    ax.plot(*zip(*path, strict=True), color=look.colour, linewidth=0.9, alpha=0.7, zorder=2, marker=look.marker,
            markersize=2.4)  # fmt: skip
    (handle,) = ax.plot(*([v] for v in path[-1]), linestyle="none", **look.point(), zorder=3)
    share = series.largest.share_of_peak
    return path[-1][1], handle, legend_text(report.name(series.run, series.variant), units.percent(share))

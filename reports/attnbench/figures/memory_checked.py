"""Memory as declared, as the workspace counted it, and as the system saw it: one small plot per variant."""

import math
from functools import partial

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from attnbench.figures.axes import log_quantity, log_sizes, paper_width, wrapped
from attnbench.figures.missing import Missing
from attnbench.figures.rows import Row, family_rows
from attnbench.model import Report
from attnbench.stats.points import Point
from attnbench.stats.series import Panel, Series
from attnbench.support import units

TITLE = "Memory: declared, counted, resident"
CAPTION = (
    "Per variant: the workspace it declares, the peak of the workspace in a real call, and how far the resident "
    "memory of a fresh process rose above its inputs and output. Declared and counted should coincide; resident memory "
    "includes the thread pool's stacks and whatever the allocator keeps, so it is honest only where it is large. Sizes "
    "of 0 are drawn at the lower edge."
)
TILE = (2.15, 1.75)  # inches
MOST_TILES = 20
SOURCES = (
    ("declared", lambda memory: memory["workspace_declared"], {"color": "#000000", "linewidth": 1.1}),
    ("counted", lambda memory: memory["workspace_peak"],
     {"color": "#D55E00", "linestyle": "none", "marker": "o", "markersize": 5.5, "markerfacecolor": "none"}),
    ("resident", lambda memory: max(0, memory["rss_peak"] - memory["rss_baseline"]),
     {"color": "#0072B2", "linestyle": (0, (2, 1.5)), "marker": "s", "markersize": 3, "linewidth": 1.1}),
)  # fmt: skip
# Of one size: a tick, a ring around it and a square.
MARKS = {
    "declared": {"color": "#000000", "linestyle": "none", "marker": "|", "markersize": 9, "markeredgewidth": 1.4},
    "counted": {"color": "#D55E00", "linestyle": "none", "marker": "o", "markersize": 6, "markerfacecolor": "none"},
    "resident": {"color": "#0072B2", "linestyle": "none", "marker": "s", "markersize": 3},
}


def memory_checked(report: Report, panel: Panel) -> Figure | Missing:
    shown = [s for s in panel.series if any(p.case.memory for p in s.points)]
    sizes = sorted({p.n for s in shown for p in s.points if p.case.memory})
    if not shown:
        return Missing("the memory pass measured none of these cases; attnbench run --resume finishes the run")
    if len(sizes) < 2:
        return Missing("one size only; sweep the sequence length: -a n=256:8k:x2")
    if panel.crowded:
        return _by_family(report, shown)
    shown = shown[:MOST_TILES]
    narrow = paper_width()
    columns = min(2 if narrow else 5, len(shown))
    rows = math.ceil(len(shown) / columns)
    size = (narrow or TILE[0] * columns + 0.8, (1.3 if narrow else TILE[1]) * rows + 0.75)
    figure, grid = plt.subplots(rows, columns, figsize=size, squeeze=False, sharex=True, sharey=True,
                                layout="constrained")  # fmt: skip
    values = [value for s in shown for p in s.points if p.case.memory for value in _values(p) if value > 0]
    low, high = (min(values), max(values)) if values else (1, 2)
    for ax, series in zip(grid.flat, shown, strict=False):
        _tile(ax, wrapped(report.name(series.run, series.variant), 20 if narrow else 27, lines=3), series, low)
    for ax in list(grid.flat)[len(shown) :]:
        ax.set_axis_off()
    first = grid[0, 0]
    log_sizes(first, sizes, "")
    log_quantity(first.yaxis, low, high, units.size, base=2)
    figure.supxlabel("sequence length n (log scale)", fontsize="medium")
    figure.supylabel("bytes (log scale)", fontsize="medium")
    handles = [plt.Line2D([], [], **style) for _, _, style in SOURCES]
    figure.legend(handles, [name for name, _, _ in SOURCES], loc="outside upper left", ncols=3, fontsize=8.8)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # laid out once, not again for every format
    return figure


def caption(panel: Panel) -> str:
    if not panel.crowded:
        return CAPTION
    at = ", at the largest n measured; the number is the resident memory"
    order = "By family, the largest on top; other sizes are in the table of cases"
    return CAPTION.replace(". Declared and", f"{at}. {order}. Declared and")


def _by_family(report: Report, shown: list[Series]) -> Figure:
    """A row per variant at its largest n."""
    points = [(s, max((p for p in s.points if p.case.memory), key=lambda p: p.n)) for s in shown]
    values = [value for _, p in points for value in _values(p) if value > 0]
    low, high = (min(values), max(values)) if values else (1, 2)
    most = max(p.n for _, p in points)
    rows = [
        Row(s.run, s.variant, s.family, -_values(p)[1], partial(_marks, [max(low, value) for value in _values(p)]),
            units.size(_values(p)[2]) + (f", n = {p.n}" if p.n != most else ""))
        for s, p in points
    ]  # fmt: skip
    handles = [plt.Line2D([], [], **MARKS[name], label=name) for name, _, _ in SOURCES]

    def scale(ax: Axes) -> None:
        log_quantity(ax.xaxis, low, high, units.size, base=2, most=3)

    return family_rows(report, rows, scale, f"bytes (log scale), n = {most}", handles=handles)


def _marks(values: list[int], ax: Axes, row: int) -> None:
    for (name, _, _), value in zip(SOURCES, values, strict=True):
        ax.plot([value], [row], **MARKS[name], zorder=3, clip_on=False)


def _values(point: Point) -> list[int]:
    return [value(point.case.memory) for _, value, _ in SOURCES]


def _tile(ax: Axes, name: str, series: Series, floor: float) -> None:
    points = [p for p in series.points if p.case.memory]
    for _, value, style in SOURCES:
        ax.plot([p.n for p in points], [max(floor, value(p.case.memory)) for p in points], clip_on=False, **style)
    ax.set_title(name, fontsize=7 if paper_width() else 8.5, fontweight="normal")
    ax.tick_params(labelsize=7 if paper_width() else 7.5)

"""Small multiples by family, for a panel of more series than one plot can tell apart.

Every tile has the same axes. It draws the series of one family in colour, with their names at their right ends, over
thin grey lines of all others; the baseline is black in every tile and named in that of its own family. A page shows
each tile as its own picture, so that a row holds as many as fit the screen (inline.py).
"""

import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from attnbench.figures.axes import paper_width
from attnbench.figures.labels import short_names, spread, text_width
from attnbench.figures.style import BASELINE_COLOUR, OTHERS_COLOUR, Look
from attnbench.load.families import family_rank
from attnbench.model import Report
from attnbench.stats.series import MANY

PIECE = "piece-"  # gid of what a page shows as a picture of its own
COLUMNS, LEFT, PLOT = 3, 0.66, 1.95  # tiles in a row; inches
LEADER, TITLE, TICKS, GAP = 0.2, 0.26, 0.3, 0.12  # inches
HEAD, HEAD_LINE, HEAD_WIDTH, HEAD_SIGN = 0.36, 0.17, 4.1, 0.071  # inches: HEAD without lines, HEAD_SIGN of a letter
LOWEST, LINE = 1.7, 0.148  # inches: height of a plot at least, and of a name
NAME_POINTS = 8
FAR = 0.75  # of the plot's width: a line that ends before it is led to its name by a hair, not to be read as its own


@dataclass(frozen=True)
class Line:
    run: str
    variant: str
    family: str
    look: Look
    x: Sequence[float]
    y: Sequence[float]  # NaN where there is none: the line breaks
    remark: str = ""  # behind its name
    bars: Sequence[tuple[float, float, float]] = ()  # x, low, high
    hollow: Sequence[tuple[float, float]] = ()  # points measured at another speed


@dataclass(frozen=True)
class Group:
    """The contents of one tile."""

    title: str
    members: tuple


def by_family(items: Sequence, family: Callable[[object], str], most: int = MANY) -> list[Group]:
    """In the order of the families; one of more than `most` is cut into parts of the same size."""
    found: dict[str, list] = {}
    for item in items:
        found.setdefault(family(item), []).append(item)
    groups = []
    for name in sorted(found, key=family_rank):
        parts = math.ceil(len(found[name]) / most)
        size = math.ceil(len(found[name]) / parts)
        for i in range(parts):
            title = name or "no family"
            title += f", {i + 1} of {parts}" if parts > 1 else ""
            groups.append(Group(title, tuple(found[name][i * size : (i + 1) * size])))
    return groups


def family_tiles(report: Report, lines: Sequence[Line], scale: Callable[[Axes], None], axes: tuple[str, str],
                 finish: Callable[[Axes], None] = lambda ax: None, below: float = 0,
                 said: Sequence[str] = ()) -> tuple[Figure, list[Axes]]:  # fmt: skip
    """`scale` sets the axes of the first tile, which all share; `axes` are their names; `finish` adds to each tile what
    is not a series. `below`: inches left free under the tiles. `said`: further lines of the head."""
    groups = by_family(lines, lambda line: line.family)
    names = _names(report, lines)
    said = [f"upwards: {axes[1]}", f"to the right: {axes[0]}", *said]
    signs = int((paper_width() or HEAD_WIDTH) / HEAD_SIGN)
    said = [line for text in said for line in textwrap.wrap(text, signs)]
    figure, places = _grid(groups, list(names.values()), HEAD + HEAD_LINE * len(said), below)
    tiles: list[Axes] = []
    for i, (group, place) in enumerate(zip(groups, places, strict=True), 1):
        ax = figure.add_axes(place, sharex=tiles[0] if tiles else None, sharey=tiles[0] if tiles else None)
        ax.set_gid(f"{PIECE}{i}")
        ax.set_title(group.title)
        if not tiles:
            scale(ax)
        ax.tick_params(labelsize=7 if paper_width() else 7.5)
        tiles.append(ax)
    for ax, group in zip(tiles, groups, strict=True):
        _draw(report, ax, group.members, lines)
        finish(ax)
    for ax, group in zip(tiles, groups, strict=True):
        _name(ax, [(line, names[line.run, line.variant]) for line in group.members])
    _head(figure, said, baseline=any(line.variant == report.baseline for line in lines), others=len(groups) > 1)
    return figure, tiles


def _names(report: Report, lines: Sequence[Line]) -> dict[tuple[str, str], str]:
    short = short_names(report)
    return {
        (line.run, line.variant): short[line.variant]
        + (f" [{report.tag(line.run)}]" if report.several_runs else "")
        + (f": {line.remark}" if line.remark else "")
        + (", baseline" if line.variant == report.baseline else "")
        for line in lines
    }


def _grid(groups: list[Group], names: list[str], head: float, below: float) -> tuple[Figure, list[tuple]]:
    """The figure and where in it each plot stands, in shares of it."""
    narrow = paper_width()
    figure = plt.figure(figsize=(10, 4))
    label = LEADER + text_width(figure, names, NAME_POINTS) + 0.05
    columns = 1 if narrow else min(COLUMNS, len(groups))
    plot = max(1.0, narrow - LEFT - label) if narrow else PLOT
    tall = max(1.2 if narrow else LOWEST, LINE * max(len(group.members) for group in groups))
    wide, high = LEFT + plot + label, TITLE + tall + TICKS + GAP
    rows = math.ceil(len(groups) / columns)
    width, height = narrow or wide * columns, head + high * rows + below
    figure.set_size_inches(width, height)
    corners = [(wide * (i % columns) + LEFT, height - head - high * (i // columns) - TITLE - tall)
               for i in range(len(groups))]  # fmt: skip
    return figure, [(x / width, y / height, plot / width, tall / height) for x, y in corners]


def _draw(report: Report, ax: Axes, members: Sequence[Line], lines: Sequence[Line]) -> None:
    """The others as one path with gaps, which is small in a file."""
    own = {(line.run, line.variant) for line in members}
    others = [line for line in lines if (line.run, line.variant) not in own and line.variant != report.baseline]
    if others:
        x = np.concatenate([[*line.x, np.nan] for line in others])
        y = np.concatenate([[*line.y, np.nan] for line in others])
        ax.plot(x, y, color=OTHERS_COLOUR, linewidth=0.7, zorder=1.5, gid="others")
    for line in lines:
        if line.variant == report.baseline:
            ax.plot(line.x, line.y, color=BASELINE_COLOUR, linewidth=1.3, linestyle=line.look.dash, zorder=2.5,
                    gid="baseline")  # fmt: skip
    for line in members:
        style = line.look.line() | {"linewidth": 1.3, "markersize": 3.4, "markeredgewidth": 0.9}
        ax.plot(line.x, line.y, **style, zorder=3, gid="series")
        for x, low, high in line.bars:
            ends = ax.transData.transform([(x, low), (x, high)])[:, 1]
            if ends[1] - ends[0] > ax.figure.dpi / 18:  # shorter than the marker nothing is seen of it
                ax.plot([x, x], [low, high], color=line.look.colour, linewidth=2.6, alpha=0.45,
                        solid_capstyle="butt", zorder=2)  # fmt: skip
        if line.hollow:
            ax.plot(*zip(*line.hollow, strict=True), linestyle="none", marker=line.look.marker, markersize=5,
                    color=line.look.colour, markerfacecolor="white", zorder=4)  # fmt: skip


def _name(ax: Axes, lines: Sequence[tuple[Line, str]]) -> None:
    """The names right of the plot, each with a line in its colour from the last point; what has none stands lowest."""
    box = ax.get_window_extent()
    low, high = ax.get_ylim()
    ends = []
    for line, _ in lines:
        points = [(x, y) for x, y in zip(line.x, line.y, strict=True) if np.isfinite(y) and low <= y <= high]
        ends.append(ax.transAxes.inverted().transform(ax.transData.transform(points[-1])) if points else None)
    inch = ax.figure.dpi / box.height  # of the axes' height
    places = spread([0.0 if end is None else end[1] for end in ends], LINE * inch, 0.03, 0.98)
    right = 1 + LEADER * ax.figure.dpi / box.width
    for (line, name), end, y in zip(lines, ends, places, strict=True):
        if end is not None:
            style = {
                "transform": ax.transAxes,
                "clip_on": False,
                "color": line.look.colour,
                "zorder": 2.2,
                "gid": "leader",
            }
            far = {"linewidth": 0.5, "alpha": 0.6} if end[0] < FAR else {"linewidth": 0.9, "linestyle": line.look.dash}
            middle = right - (right - 1) / 4
            ax.plot([end[0], middle], [end[1], y], **style | far)
            ax.plot([middle, right], [y, y], **style, linewidth=0.9)
        ax.text(right + 0.02, y, name, transform=ax.transAxes, va="center", fontsize=NAME_POINTS, gid="name")


def _head(figure: Figure, said: Sequence[str], baseline: bool = False, others: bool = False) -> None:
    """Above the tiles: what their axes are and what is drawn in all of them."""
    height = figure.get_figheight()
    for row, text in enumerate(said):
        figure.text(0.06 / figure.get_figwidth(), 1 - (0.06 + HEAD_LINE * row) / height, text, va="top", fontsize=8.5)
    handles = []
    if baseline:
        handles.append(plt.Line2D([], [], color=BASELINE_COLOUR, linewidth=1.3, label="the baseline"))
    if others:
        handles.append(plt.Line2D([], [], color=OTHERS_COLOUR, linewidth=0.9, label="all other variants"))
    if handles:
        top = 1 - (0.04 + HEAD_LINE * len(said)) / height
        figure.legend(handles=handles, loc="upper left", bbox_to_anchor=(0, top), ncols=2, fontsize=8,
                      borderaxespad=0.3, borderpad=0.1, handlelength=2.2)  # fmt: skip


def breaks(values: Sequence[float | None]) -> list[float]:
    """What is not measured, or is nothing on a log axis, breaks the line."""
    return [v if v is not None and v > 0 else math.nan for v in values]

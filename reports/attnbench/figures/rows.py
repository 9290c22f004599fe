"""A row per variant in tiles by family, for what is shown at one size: many names stand legibly one below the other.

The tiles fill columns from top to bottom. A page shows each as a picture of its own (inline.py).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from attnbench.figures.axes import paper_width
from attnbench.figures.labels import short_names, text_width
from attnbench.figures.tiles import TICKS, TITLE, Group, by_family
from attnbench.model import Report

COLUMNS, PLOT, ROW, GAP, HEAD = 3, 1.75, 0.18, 0.16, 0.34  # columns; inches
NAME_POINTS = 8
STACKED = "column-"  # gid of tiles that fill columns


@dataclass(frozen=True)
class Row:
    run: str
    variant: str
    family: str
    key: float  # rows ascend by it from the top
    draw: Callable[[Axes, int], None]
    text: str = ""  # at the right end


def family_rows(report: Report, rows: Sequence[Row], scale: Callable[[Axes], None], label: str,
                reference: float | None = None, handles: Sequence = ()) -> Figure:  # fmt: skip
    """`scale` sets the x axis of the first tile, which all share, and `label` names it; `handles` make a legend."""
    groups = by_family(rows, lambda row: row.family, most=20)
    short, tag = short_names(report), report.tag if report.several_runs else None
    names = {id(row): short[row.variant] + (f" [{tag(row.run)}]" if tag else "") for row in rows}
    figure, places = _columns(groups, list(names.values()), [row.text for row in rows], HEAD + 0.2 * bool(handles))
    first = None
    for i, (group, place) in enumerate(zip(groups, places, strict=True), 1):
        ax = figure.add_axes(place, sharex=first)
        if first is None:
            first = ax
            scale(ax)
        ax.set_gid(f"{STACKED}{i}")
        ax.set_title(group.title)
        members = sorted(group.members, key=lambda row: row.key)
        for y, row in enumerate(members):
            row.draw(ax, y)
            if row.text:
                ax.text(1.03, y, row.text, transform=ax.get_yaxis_transform(), va="center", fontsize=7.5)
        if reference is not None:
            ax.axvline(reference, color="#999999", linewidth=1, zorder=1)
        ax.yaxis.set_major_locator(FixedLocator(range(len(members))))
        ax.set_yticklabels([names[id(row)] for row in members], fontsize=NAME_POINTS)
        ax.set_ylim(len(members) - 0.4, -0.6)
        ax.tick_params(axis="x", labelsize=7.5 if not paper_width() else 7)
        ax.tick_params(axis="y", length=0)
    height = figure.get_figheight()
    figure.text(0.06 / figure.get_figwidth(), 1 - 0.06 / height, label, va="top", fontsize=8.5)
    if handles:
        figure.legend(handles=handles, loc="upper left", bbox_to_anchor=(0, 1 - 0.24 / height), ncols=len(handles),
                      fontsize=8, borderaxespad=0.2, borderpad=0.1)  # fmt: skip
    return figure


def _columns(groups: list[Group], names: list[str], texts: list[str], head: float) -> tuple[Figure, list[tuple]]:
    """The figure and where each plot stands. A column is left when it holds its share of all rows."""
    narrow = paper_width()
    figure = plt.figure(figsize=(10, 4))
    left = text_width(figure, names, NAME_POINTS) + 0.2
    right = text_width(figure, texts, 7.5) + 0.2
    plot = max(0.9, narrow - left - right) if narrow else PLOT
    tall = [ROW * len(group.members) + TITLE + TICKS + GAP for group in groups]
    count = 1 if narrow else min(COLUMNS, len(groups))
    columns, used = [[]], 0.0
    for group_height in tall:
        if columns[-1] and len(columns) < count and used + group_height / 2 > sum(tall) / count:
            columns.append([])
            used = 0.0
        columns[-1].append(group_height)
        used += group_height
    wide = left + plot + right
    width, height = narrow or wide * len(columns), head + max(map(sum, columns)) + 0.05
    figure.set_size_inches(width, height)
    places = []
    for x, column in enumerate(columns):
        top = height - head
        for group_height in column:
            rows = group_height - TITLE - TICKS - GAP
            places.append(((x * wide + left) / width, (top - TITLE - rows) / height, plot / width, rows / height))
            top -= group_height
    return figure, places

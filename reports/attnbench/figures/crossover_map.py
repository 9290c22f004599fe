"""Crossover map: which variant is fastest at each n, and at each value of a second axis where one was swept.

Two maps: among the variants that compute softmax attention exactly, and among all that compute or approximate it; an
approximation that wins has its error elsewhere in the report. A cell is decided where the paired rounds of its fastest
and its second call a difference (stats/verdict.py), each cell for itself: Holm over the cells would need more rounds
than anyone runs and hatch the whole map.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby, pairwise
from string import ascii_uppercase

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import FixedFormatter, FixedLocator

from attnbench.figures.axes import log_sizes, paper_width, wrapped
from attnbench.figures.missing import Missing
from attnbench.figures.style import Looks
from attnbench.model import Report
from attnbench.stats.crossover import Crossing
from attnbench.stats.intervals import process_medians
from attnbench.stats.paired import compare_paired
from attnbench.stats.points import Point
from attnbench.stats.rivals import rivals
from attnbench.stats.verdict import Verdict, judge
from attnbench.support import units

TITLE = "Crossover map: the fastest variant"
CAPTION = (
    "The letter names the fastest variant, the number how many times longer the second takes. Hatched: not decided "
    "(the cell's own interval of the paired rounds includes 1, or there are too few rounds); the letter is then the "
    "smaller median. Diamonds are crossovers n* with their 95 % intervals. Variants with a definition of their own take"
    " no part."
)
CLASSES: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("exact softmax attention only", lambda computes: computes == "exact_softmax"),
    ("approximations and patterns included", lambda computes: computes != "own_definition"),
)
TINT = 0.42  # share of the variant's colour in its cells, the rest is white: black letters stay readable
MOST_ROWS = 12
ON_TINT = "#1a1a1a"  # text on light cells: dark on a dark page too
PLATE = {"facecolor": "#fefefe", "alpha": 0.8, "pad": 1, "linewidth": 0}


@dataclass(frozen=True)
class Cell:
    n: int
    row: str  # value of the second axis
    fastest: Point
    lead: float  # time of the second over the fastest
    decided: bool


def crossover_map(report: Report, looks: Looks, places: dict[str, list[Point]], axis: str) -> Figure | Missing:
    """`places` maps a value of the second axis (in words) to the timed points there; `axis` names it, "" for none."""
    maps = [(name, cells) for name, belongs in CLASSES if (cells := _cells(places, belongs))]
    if not maps:
        return Missing("a map needs two variants that compute or approximate softmax attention; add --variants")
    sizes = sorted({cell.n for _, cells in maps for cell in cells})
    if len(sizes) < 2:
        return Missing("one size only; sweep the sequence length: -a n=256:8k:x2")
    rows = [row for row in places if any(cell.row == row for _, cells in maps for cell in cells)][:MOST_ROWS]
    winners = list(dict.fromkeys(cell.fastest.case.variant for _, cells in maps for cell in cells))
    letters = dict(zip(winners, [*ascii_uppercase, *map(str, range(27, 27 + len(winners)))], strict=False))
    height = 0.62 + 0.42 * len(rows)
    figure, axes = plt.subplots(len(maps), 1, figsize=(paper_width() or 8.6, height * len(maps) + 0.7), squeeze=False,
                                sharex=True, layout="constrained")  # fmt: skip
    for ax, (name, cells) in zip(axes[:, 0], maps, strict=True):
        shown = [cell for cell in cells if cell.row in rows]
        _map(looks, ax, shown, rows, letters, sizes)
        _crossovers(ax, shown, rows, places)
        ax.set_title(name, fontsize=9, fontweight="normal")
        ax.set_ylabel(axis or "fastest", fontsize=9)
    log_sizes(axes[-1, 0], sizes, "sequence length n (log scale)")
    axes[-1, 0].set_xlim(_edges(sizes)[0], _edges(sizes)[-1])
    handles = [
        Patch(facecolor=_tint(looks, v), edgecolor="#555555", label=f"{letters[v]}  {wrapped(report.shown(v), 34)}")
        for v in winners
    ]
    handles.append(Patch(facecolor="white", edgecolor="#555555", hatch="////", label="not decided"))
    if paper_width():
        figure.legend(handles=handles, loc="outside lower left", ncols=2)
        figure.set_figheight(figure.get_figheight() + 0.16 * (len(handles) + 1) // 2)
    else:
        figure.legend(handles=handles, loc="outside right upper", fontsize=8.8)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # laid out once, not again for every format
    return figure


def _cells(places: dict[str, list[Point]], belongs: Callable[[str], bool]) -> list[Cell]:
    """One per row and n at which at least two variants of the class were timed; empty where there is none."""
    ranked: list[tuple[str, Point, Point]] = []
    for row, points in places.items():
        at: dict[int, list[Point]] = {}
        for point in points:
            if belongs(point.case.computes):
                at.setdefault(point.n, []).append(point)
        for timed in at.values():
            if len(timed) > 1:
                ranked.append((row, *sorted(timed, key=lambda p: p.time.median_s)[:2]))
    return [
        Cell(fastest.n, row, fastest, second.time.median_s / fastest.time.median_s, _decided(fastest, second))
        for row, fastest, second in ranked
    ]


def _decided(fastest: Point, second: Point) -> bool:
    (found,) = judge([compare_paired(_medians(second), _medians(fastest))])
    return found.verdict is Verdict.FASTER


def _medians(point: Point) -> dict[int, float]:
    return process_medians(point.case.samples)


def _map(looks: Looks, ax: Axes, cells: list[Cell], rows: list[str], letters: dict[str, str],
         sizes: list[int]) -> None:  # fmt: skip
    ends = dict(zip(sizes, pairwise(_edges(sizes)), strict=True))
    wide = ax.figure.get_figwidth() / len(sizes) > 0.6
    for cell in cells:
        (left, right), bottom = ends[cell.n], rows.index(cell.row)
        variant = cell.fastest.case.variant
        ax.add_patch(Rectangle((left, bottom), right - left, 1, facecolor=_tint(looks, variant), edgecolor="white",
                               linewidth=1))  # fmt: skip
        if not cell.decided:
            ax.add_patch(Rectangle((left, bottom), right - left, 1, facecolor="none", edgecolor="#8a8a8a", hatch="////",
                                   linewidth=0))  # fmt: skip
        text = (
            f"{letters[variant]} {units.ratio(cell.lead)}" if wide else letters[variant]
        )  # a narrow cell holds a letter
        ax.text(cell.n, bottom + 0.5, text, ha="center", va="center",
                fontsize=8.2 if wide else 7, color=ON_TINT, bbox=None if cell.decided else PLATE)  # fmt: skip
    ax.set_ylim(0, len(rows))
    ax.grid(False)
    ax.yaxis.set_major_locator(FixedLocator([i + 0.5 for i in range(len(rows))]))
    ax.yaxis.set_major_formatter(FixedFormatter(rows))
    ax.tick_params(axis="y", length=0)


def _crossovers(ax: Axes, cells: list[Cell], rows: list[str], places: dict[str, list[Point]]) -> None:
    """Diamonds at n* between neighbouring winners of a row, at the lower edge of its cells."""
    for row, members in groupby(sorted(cells, key=lambda c: (rows.index(c.row), c.n)), key=lambda c: c.row):
        winners = dict.fromkeys(cell.fastest.case.variant for cell in members)
        for pair in pairwise(winners):
            found = rivals(*([p for p in places[row] if p.case.variant == variant] for variant in pair))
            if found is None or found.crossover.kind is not Crossing.ONE:
                continue
            n, interval, y = found.crossover.n, found.crossover.interval, rows.index(row) + 0.13
            if interval is not None:
                ax.plot([interval.low, interval.high], [y, y], color=ON_TINT, linewidth=1.6, zorder=4)
            ax.plot([n], [y], marker="D", color=ON_TINT, markersize=4.5, zorder=5)
            if len(rows) == 1:  # in a map the numbers would touch; the table of crossovers has them
                ax.annotate(f"n* = {n:.0f}", (n, y), xytext=(6, 0), textcoords="offset points", fontsize=7.5,
                            va="center", color=ON_TINT, zorder=5)  # fmt: skip


def _edges(sizes: list[int]) -> list[float]:
    """Geometric middles between neighbouring sizes; the outer cells are as wide as their neighbours."""
    middles = [(a * b) ** 0.5 for a, b in pairwise(sizes)]
    return [sizes[0] ** 2 / middles[0], *middles, sizes[-1] ** 2 / middles[-1]]


def _tint(looks: Looks, variant: str) -> tuple[float, ...]:
    colour = to_rgb(looks.colour(variant))
    return tuple(1 - TINT * (1 - c) for c in colour)

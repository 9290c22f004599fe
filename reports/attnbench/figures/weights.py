"""Heat maps of the attention weights that each variant applied to one small problem: first head, one colour scale.

Variants whose matrices are the same share one map. A variant that was timed with other parameters than those of its map
(a window of 128 would cover a map of 64 tokens) says so above it, or in the caption where there are many maps.
"""

import math
import textwrap
from dataclasses import dataclass
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from attnbench.figures.axes import paper_width
from attnbench.figures.labels import short_names
from attnbench.figures.missing import Missing
from attnbench.figures.tiles import PIECE, by_family
from attnbench.load.heatmaps import Heatmap
from attnbench.load.names import parameters
from attnbench.model import Report
from attnbench.stats.series import MANY
from attnbench.support.fonts import families_for
from attnbench.support.text import plain

TILE, SMALL, MOST_TILES = 3.15, (1.95, 2.35), 24  # inches; with many maps, small tiles and at most MOST_TILES
UNIT = "attention weight, no unit (square-root scale)"
LABEL_POINTS = 6.5  # the smallest size at which a word is read
PITCH = 1.15  # height of a line of words over their size
TITLE = "Attention weights"
CAPTION = (
    "Weights read off through the public interface (feeding V = I), first head, batch entry 0; rows are queries, "
    "columns keys. One colour scale for all, square-root so that small weights show. Hatched cells are exactly 0: "
    "masked or skipped. Row entropy is the mean over rows in bits; a row spread evenly over all keys has the "
    "maximum."
)
MOST_LINES = 5  # of a heading
SAME = 1e-5  # weights this close are drawn once: exact variants differ by rounding only


@dataclass(frozen=True)
class Tile:
    """One matrix and the variants that applied it."""

    maps: tuple[Heatmap, ...]

    @property
    def weights(self) -> np.ndarray:
        return self.maps[0].weights


def caption(report: Report, maps: list[Heatmap]) -> str:
    """Names the variants that have no matrix, and why."""
    why: dict[str, list[str]] = {}
    for item in maps:
        if item.weights is None:
            why.setdefault(item.missing, []).append(report.name(item.run, item.variant))
    without = [f" No matrix of {', '.join(names)}: {reason}." for reason, names in why.items()]
    return CAPTION + "".join(without) + _of_many(report, tiles(maps))


def _of_many(report: Report, shown: list[Tile]) -> str:
    """What is left out where there are many matrices, and where it is."""
    kept = _chosen(report, shown) if len(shown) > MANY else shown
    cut = [t for t in kept if (len(t.maps) > 1 if len(shown) > MANY else report.crowded and "…" in _heading(report, t))]
    said = "".join(f" One map for {', '.join(report.name(m.run, m.variant) for m in t.maps)}." for t in cut)
    if len(shown) > MANY:
        timed = [(m, other) for tile in kept for m in tile.maps if (other := _timed_otherwise(report, m))]
        said += "".join(f" {report.name(m.run, m.variant)} was timed with {other}." for m, other in timed)
    if left := len(shown) - len(kept):
        said += (f" {left} of {len(shown)} different matrices are left out, of each family the last; all lie in the "
                 "folder weights of the run.")  # fmt: skip
    return said


def tiles(maps: list[Heatmap]) -> list[Tile]:
    found: list[Tile] = []
    for item in (m for m in maps if m.weights is not None):
        same = next((i for i, tile in enumerate(found) if _same(tile.weights, item.weights)), None)
        if same is None:
            found.append(Tile((item,)))
        else:
            found[same] = Tile((*found[same].maps, item))
    return found


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=0, atol=SAME, equal_nan=True))


def row_entropy(weights: np.ndarray) -> float:
    """Mean entropy in bits of the rows, each normalised to sum 1; rows that attend to nothing are left out."""
    magnitude = np.abs(weights)
    totals = magnitude.sum(axis=1, keepdims=True)
    p = (magnitude / np.where(totals > 0, totals, 1))[totals[:, 0] > 0]
    if p.size == 0:
        return 0.0
    return float(-(p * np.log2(np.where(p > 0, p, 1))).sum(axis=1).mean())


def weights_figure(report: Report, maps: list[Heatmap]) -> Figure | Missing:
    """`maps` share dataset and problem."""
    shown = tiles(maps)
    if not shown:
        return Missing("; ".join(dict.fromkeys(m.missing for m in maps)))
    if len(shown) > MANY:
        return _by_family(report, _chosen(report, shown))
    narrow = paper_width()
    columns = min(len(shown), 2 if narrow else 3)
    side = narrow / columns - 0.5 if narrow else TILE
    rows = math.ceil(len(shown) / columns)
    heading = 0.3 + 0.16 * max(_heading(report, tile).count("\n") for tile in shown)
    size = (narrow or side * columns + 0.9, (side + heading) * rows + 0.3)
    figure, grid = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08)
    norm = _norm(shown)
    images = [_tile(report, ax, tile, norm, side) for ax, tile in zip(grid.flat, shown, strict=False)]
    for ax in list(grid.flat)[len(shown) :]:
        ax.set_axis_off()
    place = {"location": "bottom", "aspect": 40} if narrow else {"shrink": min(1.0, 0.9 / rows + 0.1), "aspect": 30}
    bar = figure.colorbar(images[0], ax=grid, pad=0.015, **place)
    bar.set_label(UNIT)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # laid out once, not again for every format
    return figure


def _norm(shown: list[Tile]) -> PowerNorm:
    finite = [float(np.nanmax(np.abs(t.weights))) for t in shown if np.isfinite(t.weights).any()]
    return PowerNorm(0.5, vmin=0, vmax=max([*finite, 1e-12]))


def _by_family(report: Report, shown: list[Tile]) -> Figure:
    """Small maps without words, each a picture of its own on the page; the scale stands above them."""
    narrow = paper_width()
    columns = int(narrow / SMALL[0]) if narrow else 6
    rows = math.ceil(len(shown) / columns)
    width, height = narrow or columns * SMALL[0], 0.55 + rows * SMALL[1]
    figure, norm = plt.figure(figsize=(width, height)), _norm(shown)
    for i, tile in enumerate(shown):
        left, top = SMALL[0] * (i % columns) + 0.08, height - 0.55 - SMALL[1] * (i // columns)
        side = SMALL[0] - 0.25
        ax = figure.add_axes((left / width, (top - 0.5 - side) / height, side / width, side / height))
        ax.set_gid(f"{PIECE}{i + 1}")
        image = _matrix(ax, tile.weights, norm)
        ax.set_xticks([])
        ax.set_yticks([])
        first, *others = tile.maps
        more = f" and {len(others)} the same" if others else ""
        name = f"{short_names(report)[first.variant]}{more}"
        ax.text(
            0,
            1 + 0.32 / side,
            _family(report, tile) + _own(tile),
            transform=ax.transAxes,
            fontsize=7.5,
            color="#555555",
        )
        ax.text(0, 1 + 0.18 / side, name, transform=ax.transAxes, fontsize=7.5, fontweight="bold")
        ax.text(0, 1 + 0.04 / side, _entropy(tile), transform=ax.transAxes, fontsize=7, color="#555555")
    bar = figure.add_axes((0.1 / width, 1 - 0.13 / height, 2.6 / width, 0.08 / height))
    figure.colorbar(image, cax=bar, orientation="horizontal").set_label(UNIT, fontsize=7.5)
    bar.tick_params(labelsize=7)
    return figure


def _entropy(tile: Tile) -> str:
    return f"row entropy {row_entropy(tile.weights):.2f} of {math.log2(tile.weights.shape[1]):.2f} bits"


def _own(tile: Tile) -> str:
    return ", own definition" if tile.maps[0].computes == "own_definition" else ""


def _matrix(ax: Axes, w: np.ndarray, norm: PowerNorm) -> AxesImage:
    ax.grid(False)
    ax.add_patch(Rectangle((-0.5, -0.5), w.shape[1], w.shape[0], facecolor="#f4f4f4", edgecolor="#8a8a8a",
                           hatch="////", linewidth=0, zorder=0))  # fmt: skip
    image = ax.imshow(np.ma.masked_equal(np.abs(w), 0), cmap="YlGnBu", norm=norm, interpolation="nearest", zorder=1)
    ax.set_aspect("equal" if 0.5 <= w.shape[0] / w.shape[1] <= 2 else "auto")
    return image


def _tile(report: Report, ax: Axes, tile: Tile, norm: PowerNorm, side: float) -> AxesImage:
    w, first = tile.weights, tile.maps[0]
    image = _matrix(ax, w, norm)
    entropy, small = _entropy(tile) + _own(tile), side < 2
    ax.set_title(f"{_heading(report, tile)}\n", fontsize=7 if small else 9)
    ax.text(0, 1.02, entropy.partition(" of")[0] if small else entropy, transform=ax.transAxes,
            fontsize=7 if small else 7.5, color="#555555", va="bottom")  # fmt: skip
    _label(ax.xaxis, first.labels, w.shape[1], "keys", 90, side)
    _label(ax.yaxis, first.labels if w.shape[0] == w.shape[1] else (), w.shape[0], "queries", 0, side)
    return image


def _chosen(report: Report, shown: list[Tile]) -> list[Tile]:
    """By family, as many as fit: one of each family in turn, until there is room for no more."""
    groups = [list(group.members) for group in by_family(shown, partial(_family, report), len(shown))]
    turns = [(place, i) for i, group in enumerate(groups) for place in range(len(group))]
    kept = sorted(turns)[:MOST_TILES]
    return [groups[i][place] for place, i in sorted(kept, key=lambda turn: (turn[1], turn[0]))]


def _family(report: Report, tile: Tile) -> str:
    return report.families[tile.maps[0].variant]


def _heading(report: Report, tile: Tile) -> str:
    """The variants of the map and, where they were timed with other parameters, with which."""
    names = ", ".join(report.name(m.run, m.variant) for m in tile.maps)
    same = ": the same" if len(tile.maps) > 1 else ""
    said = [names + same]
    said += dict.fromkeys(f"timed with {other}" for m in tile.maps if (other := _timed_otherwise(report, m)))
    lines = [line for text in said for line in textwrap.wrap(text, 18 if paper_width() else 40)]
    return "\n".join(lines if len(lines) <= MOST_LINES else [*lines[: MOST_LINES - 1], lines[MOST_LINES - 1] + "…"])


def _timed_otherwise(report: Report, item: Heatmap) -> str:
    """Parameters that differ from those of the map in every timed case of the variant; empty where none do."""
    timed = [p.case for p in report.points if p.time and (p.case.run, p.case.name) == (item.run, item.name)]
    if not timed or any(case.params == item.params for case in timed):
        return ""
    case = timed[0]
    differing = {name: value for name, value in case.params.items() if item.params.get(name) != value}
    return parameters(case.variant, differing) or "its defaults"


def _label(axis: Axis, words: tuple[str, ...], count: int, label: str, rotation: int, side: float) -> None:
    """Words where they can be read and written, token numbers where not."""
    axis.set_label_text(label, fontsize=8)
    most = int(72 * side * 0.8 / (PITCH * LABEL_POINTS))  # 0.8 of a tile is the matrix
    step = math.ceil(count / most)
    families = families_for(plain("".join(words)))
    if len(words) != count or step > 2 or families is None:
        axis.set_tick_params(labelsize=7, length=2.5)
        return
    axis.set_tick_params(labelsize=LABEL_POINTS, length=0, labelrotation=rotation)
    places = list(range(0, count, step))
    axis.set_ticks(places, [_clip(plain(words[i])) for i in places], family=["DejaVu Sans Mono", *families])


def _clip(word: str, longest: int = 10) -> str:
    return word if len(word) <= longest else word[: longest - 1] + "…"

"""Heat maps of the attention weights that each variant applied to one small problem: first head, one colour scale."""

import math

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from attnbench_reports.figures.axes import wrapped
from attnbench_reports.load.heatmaps import Heatmap
from attnbench_reports.model import Report

TILE = 3.15  # inches
MOST_LABELS = 34  # on an axis before every second, third, ... is left out
TITLE = "Attention weights"
CAPTION = (
    "Weights read off through the public interface (feeding V = I), first head, batch entry 0; rows are queries, "
    "columns keys. One colour scale for all, square-root so that small weights show. Hatched cells are exactly 0: "
    "masked or skipped. Row entropy is the mean over rows in bits; a row spread evenly over all keys has the "
    "maximum."
)


def row_entropy(weights: np.ndarray) -> float:
    """Mean entropy in bits of the rows, each normalised to sum 1; rows that attend to nothing are left out."""
    magnitude = np.abs(weights)
    totals = magnitude.sum(axis=1, keepdims=True)
    p = (magnitude / np.where(totals > 0, totals, 1))[totals[:, 0] > 0]
    if p.size == 0:
        return 0.0
    return float(-(p * np.log2(np.where(p > 0, p, 1))).sum(axis=1).mean())


def weights_figure(report: Report, maps: list[Heatmap]) -> Figure:
    """`maps` share dataset and problem."""
    columns = min(len(maps), 3 if len(maps) <= 9 else 4)
    rows = math.ceil(len(maps) / columns)
    size = (TILE * columns + 0.9, (TILE + 0.65) * rows + 0.3)
    figure, grid = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
    present = [m.weights for m in maps if m.weights is not None]
    finite = [float(np.nanmax(np.abs(w))) for w in present if np.isfinite(w).any()]
    norm = PowerNorm(0.5, vmin=0, vmax=max([*finite, 1e-12]))
    image = None
    for ax, item in zip(grid.flat, maps, strict=False):
        image = _tile(report, ax, item, norm) or image
    for ax in list(grid.flat)[len(maps) :]:
        ax.set_axis_off()
    if image is not None:
        bar = figure.colorbar(image, ax=grid, shrink=min(1.0, 0.9 / rows + 0.1), aspect=30, pad=0.015)
        bar.set_label("attention weight, no unit (square-root scale)")
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # laid out once, not again for every format
    return figure


def _tile(report: Report, ax, item: Heatmap, norm: PowerNorm):
    name = wrapped(report.name(item.run, item.variant), 36)
    ax.grid(False)
    if item.weights is None:
        ax.set_axis_off()
        ax.set_box_aspect(1)
        ax.set_title(f"{name}\n", fontsize=9)
        ax.text(0.5, 0.5, "no matrix:\n" + "\n".join(_wrap(item.missing)), ha="center", va="center", fontsize=7.5,
                transform=ax.transAxes)  # fmt: skip
        return None
    w = item.weights
    ax.add_patch(Rectangle((-0.5, -0.5), w.shape[1], w.shape[0], facecolor="#f4f4f4", edgecolor="#8a8a8a",
                           hatch="////", linewidth=0, zorder=0))  # fmt: skip
    image = ax.imshow(np.ma.masked_equal(np.abs(w), 0), cmap="YlGnBu", norm=norm, interpolation="nearest", zorder=1)
    ax.set_aspect("equal" if 0.5 <= w.shape[0] / w.shape[1] <= 2 else "auto")
    own = ", own definition" if item.computes == "own_definition" else ""
    entropy = f"row entropy {row_entropy(w):.2f} of {math.log2(w.shape[1]):.2f} bits{own}"
    ax.set_title(f"{name}\n", fontsize=9)
    ax.text(0, 1.02, entropy, transform=ax.transAxes, fontsize=7.5, color="#444444", va="bottom")
    _label(ax.xaxis, item.labels, w.shape[1], "keys", rotation=90)
    _label(ax.yaxis, item.labels if w.shape[0] == w.shape[1] else (), w.shape[0], "queries", rotation=0)
    return image


def _label(axis, words: tuple[str, ...], count: int, label: str, rotation: int) -> None:
    axis.set_label_text(label, fontsize=8)
    fitting = min(7.5, 0.75 * 72 * TILE * 0.8 / min(count, MOST_LABELS))  # points; 0.8 of a tile is the matrix
    axis.set_tick_params(
        labelsize=fitting if words else 7, length=0 if words else 2.5, labelrotation=rotation if words else 0
    )
    if len(words) == count:
        step = math.ceil(count / MOST_LABELS)
        places = list(range(0, count, step))
        axis.set_ticks(places, [_clip(words[i]) for i in places], family="monospace")


def _clip(word: str, longest: int = 10) -> str:
    return word if len(word) <= longest else word[: longest - 1] + "…"


def _wrap(text: str, width: int = 34) -> list[str]:
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) > width:
            lines.append("")
        lines[-1] += word + " "
    return lines

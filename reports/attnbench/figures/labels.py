"""Names beside lines and points, placed so that no two overlap."""

from collections.abc import Sequence
from itertools import product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from attnbench.model import Report

MOST_SIGNS = 26  # of a name in a crowded figure


def short_names(report: Report) -> dict[str, str]:
    """The label at a line's end: the name, with those parameters that tell labels of the same name apart; the middle
    of a long one is left out, and what is then the same is numbered."""
    by_name: dict[str, dict[str, list[str]]] = {}  # name -> label -> its parameters
    for label in report.variants:
        name, _, told = label.partition("(")
        by_name.setdefault(name, {})[label] = told.removesuffix(")").split(",")
    found: dict[str, str] = {}
    for name, labels in by_name.items():
        shared = set.intersection(*map(set, labels.values()))
        for label, told in labels.items():
            differing = ",".join(word for word in told if word and word not in shared)
            short = _without_middle(f"{name}({differing})" if differing else name)
            same = list(found.values()).count(short)
            found[label] = f"{short} {same + 1}" if same else short
    return found


def _without_middle(text: str) -> str:
    half = MOST_SIGNS // 2
    return text if len(text) <= MOST_SIGNS else f"{text[: half - 1]}…{text[-half:]}"


def text_width(figure: Figure, texts: Sequence[str], size: float) -> float:
    """Inches that the longest takes."""
    made = [figure.text(0, 0, text, fontsize=size) for text in texts]
    widest = max((text.get_window_extent().width for text in made), default=0)
    for text in made:
        text.remove()
    return widest / figure.dpi


def spread(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """The nearest places, in the same order, that lie `gap` apart within [low, high]: least squares, by pooling
    neighbours that are too near. Where they do not all fit, they lie closer."""
    count = len(places)
    gap = min(gap, (high - low) / (count - 1)) if count > 1 else gap
    order = sorted(range(count), key=lambda i: (places[i], -i))  # of equals the first on top
    pools: list[tuple[float, int]] = []  # (mean of what is left when the gaps are taken away, how many)
    for rank, i in enumerate(order):
        value, size = places[i] - rank * gap, 1
        while pools and pools[-1][0] >= value:
            mean, members = pools.pop()
            value, size = (value * size + mean * members) / (size + members), size + members
        pools.append((value, size))
    level = [value for value, size in pools for _ in range(size)]
    found = [0.0] * count
    for rank, i in enumerate(order):
        found[i] = min(max(level[rank], low), high - (count - 1) * gap) + rank * gap
    return found


# Where a name may stand around its point: (alignment, direction), nearest first.
SIDES = (("left", 1, 0), ("right", -1, 0), ("left", 1, 1), ("left", 1, -1), ("right", -1, 1), ("right", -1, -1),
         ("center", 0, 1), ("center", 0, -1))  # fmt: skip
DISTANCES = (6, 12, 20, 30, 42, 56, 72, 90)  # points


def place_names(ax: Axes, names: Sequence[tuple[float, float, str]], marks: Sequence[tuple[float, float]],
                lines: Sequence[tuple] = (), size: float = 8) -> None:  # fmt: skip
    """Writes each name (x, y, text) at the nearest place inside the plot where it covers no other name, no mark and, if
    there is such a place, no line, with a hair to its point where that is not beside it. `marks` (x, y) and `lines`,
    the two ends of one that is level or upright, are in data coordinates."""
    plot, unit = ax.get_window_extent().padded(-2), ax.figure.dpi / 72
    taken = [(Bbox([point - 4, point + 4]), 10) for point in ax.transData.transform([*marks])]
    for ends in lines:
        low, high = np.sort(ax.transData.transform(ends), axis=0)
        taken.append((Bbox([low - 1, high + 1]), 1))
    for x, y, text in names:
        best = None
        for distance, (side, dx, dy) in product(DISTANCES, SIDES):
            label = ax.annotate(text, (x, y), xytext=(dx * distance, dy * distance * (0.8 if dx else 1)), ha=side,
                                textcoords="offset points", va="center", fontsize=size, zorder=6)  # fmt: skip
            box = label.get_window_extent().padded(1.5 * unit)
            inside = plot.x0 <= box.x0 and box.x1 <= plot.x1 and plot.y0 <= box.y0 and box.y1 <= plot.y1
            covered = sum(weight * box.overlaps(other) for other, weight in taken) + 1000 * (not inside)
            if best is None or covered < best[0]:
                if best:
                    best[1].remove()
                best = covered, label, box, distance
            else:
                label.remove()
            if not best[0]:
                break
        _, label, box, distance = best
        taken.append((box, 100))
        if distance > DISTANCES[0]:
            point = ax.transData.transform((x, y))
            nearest = [min(max(point[0], box.x0), box.x1), min(max(point[1], box.y0), box.y1)]
            ends = ax.transAxes.inverted().transform([point, nearest])
            ax.plot(*ends.T, transform=ax.transAxes, color="#555555", linewidth=0.6, zorder=5)

"""A plot with its legend beside it, and log axes whose ticks carry their units."""

import math
import re
from collections.abc import Callable
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

WIDTH, LEFT, PLOT_WIDTH = 7.9, 0.95, 3.6  # inches; a figure grows wider only where its legend needs it


def log_sizes(ax: Axes, sizes: list[int], label: str, most: int = 12) -> None:
    """x is a sequence length: log scale with a tick at each measured size, thinned out to about `most`."""
    ax.set_xscale("log", base=2)
    ax.set_xlim(sizes[0] / 1.25, sizes[-1] * 1.25)
    ax.xaxis.set_major_locator(FixedLocator(_apart(sizes, most)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n:.0f}"))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel(label)


def _apart(sizes: list[int], most: int) -> list[int]:
    gap = (math.log(sizes[-1] / sizes[0]) or 1) / most
    kept = [sizes[-1]]
    for n in reversed(sizes[:-1]):
        if math.log(kept[-1] / n) >= gap:
            kept.append(n)
    return kept[::-1]


def log_quantity(axis: Axis, low: float, high: float, text: Callable[[float], str], base: int = 10) -> None:
    """A log axis that shows [low, high], and at least a factor 2, with round ticks written by `text`."""
    ax, name = axis.axes, axis.axis_name
    margin = max((high / low) ** 0.06, (2 * low / high) ** 0.5)
    low, high = low / margin, high * margin
    ax.set(**{f"{name}scale": "log", f"{name}lim": (low, high)})
    axis.set_major_locator(FixedLocator(round_ticks(low, high, base, most=9 if name == "y" else 6)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: trimmed(text(value))))
    axis.set_minor_locator(NullLocator())


# Multiples of the powers of the base at which ticks stand, densest first.
MULTIPLES = {10: ((1, 1.5, 2, 3, 4, 5, 6, 8), (1, 2, 5), (1, 3), (1,)), 2: ((1, 1.25, 1.5, 1.75), (1, 1.5), (1,))}


def round_ticks(low: float, high: float, base: int, most: int) -> list[float]:
    """At most `most` round numbers in [low, high], as dense as that allows; at least two over a factor 2."""
    powers = range(math.floor(math.log(low, base)), math.ceil(math.log(high, base)) + 1)
    ticks: list[float] = []
    for multiples in MULTIPLES[base]:
        ticks = [m * float(base) ** k for k in powers for m in multiples if low <= m * float(base) ** k <= high]
        if len(ticks) <= most:
            return ticks
    return ticks[:: math.ceil(len(ticks) / most)]


def trimmed(text: str) -> str:
    """A tick needs no digits beyond the point: 10.0 ms becomes 10 ms, 1.0e-04 becomes 1e-04."""
    return re.sub(r"\.(\d*?)0+(?=\D|$)", lambda m: f".{m[1]}" if m[1] else "", text)


def wrapped(name: str, width: int, lines: int = 2) -> str:
    """A variant's name over at most that many lines of `width` characters, cut with … where it is longer."""
    words = re.findall(r"[^,(_]+[,(_]*|[,(_]+", name)
    rows = [""]
    for word in words:
        if rows[-1] and len(rows[-1]) + len(word) > width:
            rows.append("")
        rows[-1] += word
    if len(rows) > lines:
        rows = [*rows[: lines - 1], rows[lines - 1] + "…"]
    return "\n".join(row if len(row) <= width else row[: width - 1] + "…" for row in rows)


def new_figure(rows: int) -> tuple[Figure, Axes]:
    """A plot as high as its legend of `rows` entries needs; legend_beside() settles the width."""
    figure, ax = plt.subplots(figsize=(WIDTH, max(3.7, 0.5 + 0.27 * rows)))
    figure.subplots_adjust(left=LEFT / WIDTH, right=0.97, top=0.95, bottom=0.13)
    return figure, ax


def legend_beside(ax: Axes, entries: list[tuple[float, Any, str]], title: str, plots: int = 1) -> None:
    """Entries (value, handle, text) to the right of the plot, in the order of the lines' right ends, highest first;
    `plots` of the figure stand in a row and the legend beside the last."""
    entries = sorted(entries, key=lambda entry: -entry[0])
    legend = ax.legend([e[1] for e in entries], [e[2] for e in entries], loc="upper left", bbox_to_anchor=(1.02, 1.02),
                       borderaxespad=0, handlelength=3.4, labelspacing=0.55, title=title, alignment="left")  # fmt: skip
    legend.get_title().set_fontsize(8)
    legend.get_title().set_color("#555555")
    figure = ax.figure
    needed = legend.get_window_extent().width / figure.dpi + 0.25
    width = max(WIDTH, LEFT + plots * PLOT_WIDTH + needed)
    figure.set_figwidth(width)
    figure.subplots_adjust(left=LEFT / width, right=1 - needed / width, bottom=0.13, top=0.95, wspace=0.32)

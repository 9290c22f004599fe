"""A plot with its legend beside it, and log axes whose ticks carry their units."""

import math
import re
import textwrap
from collections.abc import Callable
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.ticker import FixedLocator, FuncFormatter, Locator, NullLocator

WIDTH, LEFT, PLOT_WIDTH = 7.4, 0.95, 3.3  # inches; a figure grows wider only where its legend needs it
COLUMN = 6.0  # inches: a figure narrower than this is one column of a paper and has its legend below
DIGIT = 0.64  # of the font size: width of a digit of DejaVu Sans


def paper_width() -> float | None:
    """The width in inches that a figure for a paper must keep; None on the page, where a legend may widen it."""
    width = plt.rcParams["figure.figsize"][0]
    return width if width < COLUMN else None


def log_sizes(ax: Axes, sizes: list[int], label: str) -> None:
    """x is a sequence length: log scale with a tick at each measured size whose number has room."""
    ax.set_xscale("log", base=2)
    ax.set_xlim(sizes[0] / 1.25, sizes[-1] * 1.25)
    ax.xaxis.set_major_locator(SizesWithRoom(sizes))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n:.0f}"))
    _no_minor_ticks(ax.xaxis)
    ax.set_xlabel(label)


def _no_minor_ticks(axis: Axis) -> None:
    axis.set_minor_locator(NullLocator())
    axis.remove_overlapping_locs = False  # or every drawing looks at the major ticks again for those to leave out


class SizesWithRoom(Locator):
    """Ticks at the sizes, from the largest down, whose numbers do not touch in the axis as it is drawn."""

    def __init__(self, sizes: list[int]):
        self.sizes = sizes

    def __call__(self) -> list[int]:
        ax, size = self.axis.axes, FontProperties(size=plt.rcParams["xtick.labelsize"]).get_size_in_points()
        digit = DIGIT * size * ax.figure.dpi / 72  # pixels
        kept, edge = [], math.inf
        places = ax.transData.transform([(n, 1) for n in self.sizes])[:, 0]
        for n, x in zip(reversed(self.sizes), reversed(places), strict=True):
            half = digit * len(str(n)) / 2
            if x + half + digit < edge:
                kept.append(n)
                edge = x - half
        return kept[::-1]

    def tick_values(self, vmin: float, vmax: float) -> list[int]:
        return self()


def log_quantity(axis: Axis, low: float, high: float, text: Callable[[float], str], base: int = 10,
                 most: int | None = None) -> None:  # fmt: skip
    """A log axis that shows [low, high], and at least a factor 2, with at most `most` round ticks written by `text`."""
    ax, name = axis.axes, axis.axis_name
    margin = max((high / low) ** 0.06, (2 * low / high) ** 0.5)
    low, high = low / margin, high * margin
    ax.set(**{f"{name}scale": "log", f"{name}lim": (low, high)})
    axis.set_major_locator(FixedLocator(round_ticks(low, high, base, most or (9 if name == "y" else 6))))
    axis.set_major_formatter(FuncFormatter(lambda value, _: trimmed(text(value))))
    _no_minor_ticks(axis)


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
    """A plot as high as its legend of `rows` entries needs; set_legend() settles the width."""
    narrow = paper_width()
    if narrow:
        figure, ax = plt.subplots(figsize=(narrow, 0.66 * narrow), layout="constrained")
        return figure, ax
    figure, ax = plt.subplots(figsize=(WIDTH, max(3.7, 0.5 + 0.27 * rows)))
    figure.subplots_adjust(left=LEFT / WIDTH, right=0.97, top=0.95, bottom=0.13)
    return figure, ax


def set_legend(ax: Axes, entries: list[tuple[float, Any, str]], title: str, plots: int = 1) -> None:
    """Entries (value, handle, text) in the order of the lines' right ends, highest first: to the right of the plot, or
    below it in one column of a paper. `plots` of the figure stand in a row and the legend beside the last."""
    entries = sorted(entries, key=lambda entry: -entry[0])
    handles, texts = [e[1] for e in entries], [e[2] for e in entries]
    if narrow := paper_width():
        _legend_below(ax.figure, handles, texts, title, narrow)
    else:
        _legend_beside(ax, handles, texts, title, plots)


def _legend_beside(ax: Axes, handles: list, texts: list[str], title: str, plots: int) -> None:
    legend = ax.legend(handles, texts, loc="upper left", bbox_to_anchor=(1.02, 1.02), borderaxespad=0, handlelength=2.8,
                       labelspacing=0.55, title=title, alignment="left")  # fmt: skip
    legend.get_title().set_fontsize(8)
    legend.get_title().set_color("#555555")
    figure, box = ax.figure, legend.get_window_extent()
    needed, higher = box.width / figure.dpi + 0.25, box.height / figure.dpi + 0.35
    width, height = max(WIDTH, LEFT + plots * PLOT_WIDTH + needed), max(figure.get_figheight(), higher)
    figure.set_size_inches(width, height)
    figure.subplots_adjust(left=LEFT / width, right=1 - needed / width, bottom=0.48 / height, top=1 - 0.19 / height,
                           wspace=0.32)  # fmt: skip


def _legend_below(figure: Figure, handles: list, texts: list[str], title: str, width: float) -> None:
    """Two columns where the entries are short enough for them."""
    for columns in (2, 1):
        legend = figure.legend(handles, texts, loc="outside lower left", ncols=columns, title=title, alignment="left",
                               handlelength=2.4, columnspacing=1, labelspacing=0.35, borderaxespad=0.1)  # fmt: skip
        box = legend.get_window_extent()
        if box.width <= width * figure.dpi or columns == 1:
            break
        legend.remove()
    legend.get_title().set_color("#555555")
    legend.get_title().set_fontsize(7)
    figure.set_figheight(figure.get_figheight() + box.height / figure.dpi)


def fit_labels(figure: Figure) -> None:
    """In a column of a paper the names of the axes are longer than the axes: they go over several lines."""
    for ax in figure.axes if paper_width() else ():
        ax.set_ylabel("\n".join(textwrap.wrap(ax.get_ylabel(), 26)))
        ax.set_xlabel("\n".join(textwrap.wrap(ax.get_xlabel(), 46)))


def legend_text(name: str, value: str, remark: str = "") -> str:
    """`naive: 2.01`; the parameters of a variant and a remark go on lines of their own below: they are long."""
    head, parameters, tag = re.fullmatch(r"(.*?)(?:\(([^()]*)\))?( \[\w+\])?", name, re.S).groups()
    lines = textwrap.wrap(parameters or "", 32) + [remark] * bool(remark)
    return "\n".join([f"{head}{tag or ''}: {value}", *(f"   {line}" for line in lines)])

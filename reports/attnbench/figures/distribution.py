"""Distribution of the samples at one n: empirical distribution functions, each sample over its variant's median."""

from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from attnbench.figures.axes import legend_text, new_figure, set_legend
from attnbench.figures.missing import NOTHING_TIMED, Missing
from attnbench.figures.rows import Row, family_rows
from attnbench.figures.style import Looks
from attnbench.model import Report
from attnbench.stats.points import Point
from attnbench.stats.series import Panel, Series

TITLE = "Distribution of the samples"
CAPTION = (
    "Share of all samples that took at most so long, over the variant's median, at the largest n that every variant "
    "reached. A steep line is a quiet measurement, a step beside it a second speed of the machine, a long tail to the "
    "right interruptions. The legend gives the middle half and the slowest sample; the axis ends at 2×."
)
BY_FAMILY = (
    "All samples over their variant's median, at the largest n that every variant reached: the line spans them, the "
    "bar is their middle half, the dot their median. At the right the middle half and the slowest sample; by family, "
    "the widest middle half on top. A long line to the right is interruptions or a second speed; the axis ends at 2×."
)
FASTEST, SLOWEST = 0.5, 2.0  # ends of the axis at most


def distribution(report: Report, looks: Looks, panel: Panel) -> Figure | Missing:
    n = panel.shared_n()
    drawn = [(s, relative_samples(p)) for s, p in panel.points_at(n)] if n is not None else []
    if not drawn:
        return NOTHING_TIMED
    if panel.crowded:
        return _by_family(report, looks, drawn, n)
    figure, ax = new_figure(len(drawn))
    entries = []
    low, high = max(FASTEST, min(v[0] for _, v in drawn)), min(SLOWEST, max(v[-1] for _, v in drawn))
    margin = 0.04 * (high - low) + 1e-3
    for series, values in drawn:
        look = looks.of(series.run, series.variant)
        x = np.concatenate([[low - margin], values, [high + margin]])
        y = np.concatenate([[0], np.arange(1, len(values) + 1) / len(values), [1]])
        every = max(1, len(values) // 8)  # markers enough to tell the lines apart without colour
        (handle,) = ax.step(x, y, where="post", **look.line() | {"linewidth": 1.2, "markersize": 4},
                            markevery=slice(1, -1, every), zorder=2)  # fmt: skip
        middle = np.subtract(*np.percentile(values, [75, 25]))
        entries.append((values[-1], handle, legend_text(report.name(series.run, series.variant),
                                                        f"{100 * middle:.1f} %, {values[-1]:.2f}×")))  # fmt: skip
    ax.set_xlim(low - margin, high + margin)
    ax.set_ylim(0, 1.02)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:.4g}×"))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{100 * v:.0f} %"))
    ax.xaxis.get_major_locator().set_params(nbins=5)
    ax.set_xlabel(f"time of a sample / median of its variant, n = {n}")
    ax.set_ylabel("share of samples, no unit")
    set_legend(ax, entries, "variant: middle half, slowest")
    return figure


def caption(panel: Panel) -> str:
    return BY_FAMILY if panel.crowded else CAPTION


def _by_family(report: Report, looks: Looks, drawn: list[tuple[Series, np.ndarray]], n: int) -> Figure:
    low, high = max(FASTEST, min(v[0] for _, v in drawn)), min(SLOWEST, max(v[-1] for _, v in drawn))
    margin = 0.04 * (high - low) + 1e-3

    def scale(ax: Axes) -> None:
        ax.set_xlim(low - margin, high + margin)
        ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:.4g}×"))
        ax.xaxis.get_major_locator().set_params(nbins=3)

    rows = []
    for series, values in drawn:
        look, middle = looks.of(series.run, series.variant), np.subtract(*np.percentile(values, [75, 25]))
        rows.append(Row(series.run, series.variant, series.family, -middle, partial(_box, look.colour, values),
                        f"{100 * middle:.1f} %, {values[-1]:.2f}×"))  # fmt: skip
    return family_rows(report, rows, scale, f"time of a sample / median of its variant, n = {n}", reference=1)


def _box(colour: str, values: np.ndarray, ax: Axes, row: int) -> None:
    """The middle half as a bar on the span of all samples, the median a dot."""
    low, middle, high = np.percentile(values, [25, 50, 75])
    ax.plot([values[0], values[-1]], [row, row], color=colour, linewidth=0.9, zorder=2)
    ax.plot([low, high], [row, row], color=colour, linewidth=5, alpha=0.5, solid_capstyle="butt", zorder=2)
    ax.plot([middle], [row], "o", color=colour, markersize=3.5, zorder=3)


def relative_samples(point: Point) -> np.ndarray:
    """All samples of all rounds over the point's time, ascending."""
    samples = [seconds for values in point.case.samples.values() for seconds in values]
    return np.sort(samples) / point.time.median_s


def rows(panel: Panel) -> list[dict]:
    """What the figure shows, a row for every sample."""
    return [
        {"run": s.run, "variant": s.variant, "n": p.n, "round": number, "seconds": seconds}
        for s, p in panel.points_at(panel.shared_n())
        for number, values in p.case.samples.items()
        for seconds in values
    ]

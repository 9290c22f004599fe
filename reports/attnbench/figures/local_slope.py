"""Local slope of time: log2(T(2n)/T(n)) between neighbouring sizes, where a single straight line would hide a bend."""

import math
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from attnbench.figures.against_n import SIZE_LABEL
from attnbench.figures.axes import legend_text, log_sizes, new_figure, set_legend
from attnbench.figures.missing import Missing
from attnbench.figures.quantities import tiles_caption
from attnbench.figures.style import Looks
from attnbench.figures.tiles import Line, family_tiles
from attnbench.model import Report
from attnbench.stats.series import Panel, Series, slope_between

TITLE = "Local slope of time"
CAPTION = (
    "Slope of log(time) on log(n) between neighbouring sizes, drawn at their geometric mean. A quadratic method "
    "settles at 2, a linear one at 1; small sizes show the fixed cost of a call. Bars are 95 % intervals from the "
    "process medians at both sizes, where there are enough rounds."
)


def caption(report: Report, panel: Panel) -> str:
    return CAPTION + (tiles_caption(report.yardstick) if panel.crowded else "")


def local_slope(report: Report, looks: Looks, panel: Panel) -> Figure | Missing:
    shown = [s for s in panel.series if s.time_fit is not None and s.time_fit.sizes >= 3]
    if not shown:
        return Missing("no variant was timed at three sizes; sweep the sequence length: -a n=256:8k:x2")
    if panel.crowded:
        return _by_family(report, looks, panel, shown)
    figure, ax = new_figure(len(shown))
    entries = []
    for series in shown:
        n = [p.n for p in series.timed]
        middle = [(a * b) ** 0.5 for a, b in pairwise(n)]
        look = looks.of(series.run, series.variant)
        for x, (below, above) in zip(middle, pairwise(series.timed), strict=True):
            if (interval := slope_between(below, above).interval) is not None:
                ends = [interval.low, interval.high]
                ax.plot([x, x], ends, color=look.colour, linewidth=3.2, alpha=0.35, solid_capstyle="butt")
        (handle,) = ax.plot(middle, series.time_fit.local, **look.line())
        last = series.time_fit.local[-1]
        entries.append((last, handle, legend_text(report.name(series.run, series.variant), f"{last:.2f}")))
    for reference in (1, 2):
        ax.axhline(reference, color="#999999", linewidth=1, zorder=1)
    log_sizes(ax, panel.sizes, SIZE_LABEL)
    ax.set_ylabel("local slope d log(time) / d log(n), no unit")
    set_legend(ax, entries, "variant: slope between its last two sizes")
    return figure


def _by_family(report: Report, looks: Looks, panel: Panel, shown: list[Series]) -> Figure:
    lines = []
    for series in shown:
        steps = list(pairwise(series.timed))
        middle = [math.sqrt(below.n * above.n) for below, above in steps]
        around = [(n, interval) for n, pair in zip(middle, steps, strict=True)
                  if (interval := slope_between(*pair).interval) is not None]  # fmt: skip
        lines.append(Line(series.run, series.variant, series.family, looks.of(series.run, series.variant), middle,
                          series.time_fit.local, bars=[(n, i.low, i.high) for n, i in around]))  # fmt: skip
    slopes = [slope for line in lines for slope in line.y]

    def scale(ax: Axes) -> None:
        log_sizes(ax, panel.sizes, "")
        margin = 0.08 * (max(slopes) - min(slopes)) + 0.05
        ax.set_ylim(min(slopes) - margin, max(slopes) + margin)

    def finish(ax: Axes) -> None:
        for reference in (1, 2):
            ax.axhline(reference, color="#999999", linewidth=1, zorder=1)

    return family_tiles(report, lines, scale, (SIZE_LABEL, "local slope d log(time) / d log(n), no unit"), finish)[0]

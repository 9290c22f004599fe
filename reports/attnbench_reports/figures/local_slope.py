"""Local slope of time: log2(T(2n)/T(n)) between neighbouring sizes, where a single straight line would hide a bend."""

from itertools import pairwise

from matplotlib.figure import Figure

from attnbench_reports.figures.against_n import SIZE_LABEL
from attnbench_reports.figures.axes import legend_beside, log_sizes, new_figure
from attnbench_reports.figures.style import Looks
from attnbench_reports.model import Report
from attnbench_reports.stats.series import Panel

TITLE = "Local slope of time"
CAPTION = (
    "Slope of log(time) on log(n) between neighbouring sizes, drawn at their geometric mean. A quadratic method "
    "settles at 2, a linear one at 1; small sizes show the fixed cost of a call."
)


def local_slope(report: Report, looks: Looks, panel: Panel) -> Figure | None:
    shown = [s for s in panel.series if s.time_fit is not None and s.time_fit.sizes >= 3]
    if not shown:
        return None
    figure, ax = new_figure(len(shown))
    entries = []
    for series in shown:
        n = [p.n for p in series.timed]
        middle = [(a * b) ** 0.5 for a, b in pairwise(n)]
        (handle,) = ax.plot(middle, series.time_fit.local, **looks.of(series.run, series.variant).line())
        last = series.time_fit.local[-1]
        entries.append((last, handle, f"{report.name(series.run, series.variant)}: {last:.2f}"))
    for reference in (1, 2):
        ax.axhline(reference, color="#999999", linewidth=1, zorder=1)
    log_sizes(ax, panel.sizes, SIZE_LABEL)
    ax.set_ylabel("local slope d log(time) / d log(n), no unit")
    legend_beside(ax, entries, "variant: slope between its last two sizes")
    return figure

"""Thread scaling: speed-up over the fewest threads measured, and efficiency, at the largest n all counts reached."""

from dataclasses import dataclass

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from attnbench.figures.axes import WIDTH, legend_text, paper_width, set_legend
from attnbench.figures.missing import Missing
from attnbench.figures.quantities import tiles_caption
from attnbench.figures.style import Looks
from attnbench.figures.tiles import Line, family_tiles
from attnbench.model import Report
from attnbench.stats.comparison import Comparison
from attnbench.stats.intervals import process_medians
from attnbench.stats.points import Point
from attnbench.stats.series import MANY, Panel
from attnbench.stats.unpaired import compare_unpaired
from attnbench.support import units

TITLE = "Thread scaling"
CAPTION = (
    "Left: time with the fewest threads over time with more, at the largest n that every count reached; the grey line "
    "is proportional. Right: that speed-up per thread added, 100 % is proportional. Bars are 95 % intervals (of the "
    "process medians, unpaired) where there are enough rounds."
)
BY_FAMILY = (
    "Time with the fewest threads over time with more, at the largest n that every count reached, per thread added: "
    "100 % is proportional. Bars are 95 % intervals (of the process medians, unpaired) where there are enough rounds."
)
WITHOUT = Missing("one thread count was measured; sweep it: -a threads=1,2")


@dataclass(frozen=True)
class Scaling:
    """One variant over thread counts at one n."""

    run: str
    variant: str
    n: int
    first: int  # the fewest threads
    ratios: dict[int, Comparison]  # threads -> time against `first`


def thread_scaling(report: Report, looks: Looks, panels: list[Panel]) -> Figure | Missing:
    """`panels` differ in threads only."""
    found = scalings(panels)
    if not found:
        return WITHOUT
    counts = sorted({threads for s in found for threads in (s.first, *s.ratios)})
    if len(found) > MANY:
        return _by_family(report, looks, found, counts)
    figure, (left, right) = _two_plots(len(found))
    entries = [_draw(report, looks, left, right, scaling) for scaling in found]
    ideal = [threads / counts[0] for threads in counts]
    left.plot(counts, ideal, color="#999999", linewidth=1, zorder=1)
    right.axhline(1, color="#999999", linewidth=1, zorder=1)
    _thread_axis(left, counts)
    _thread_axis(right, counts)
    left.set_yscale("log", base=2)
    left.yaxis.set_major_locator(FixedLocator([2.0**k for k in range(-2, 11)]))
    left.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}×"))
    left.yaxis.set_minor_locator(NullLocator())
    left.set_ylabel("speed-up (log scale)")
    right.set_ylim(0, max(1.15, right.get_ylim()[1]))
    right.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{100 * v:.0f} %"))
    right.set_ylabel("efficiency, speed-up / threads")
    set_legend(right, entries, f"variant: efficiency at {units.plural(counts[-1], 'thread')}", plots=2)
    return figure


def caption(report: Report, panels: list[Panel]) -> str:
    if len(scalings(panels)) <= MANY:
        return CAPTION
    return BY_FAMILY + tiles_caption(report.yardstick)


def _by_family(report: Report, looks: Looks, found: list[Scaling], counts: list[int]) -> Figure:
    lines = []
    for s in found:
        shares = {t: s.first / t / c.ratio for t, c in s.ratios.items()}
        bars = [(t, s.first / t / c.interval.high, s.first / t / c.interval.low)
                for t, c in s.ratios.items() if c.interval is not None]  # fmt: skip
        lines.append(Line(s.run, s.variant, report.families[s.variant], looks.of(s.run, s.variant),
                          [s.first, *shares], [1.0, *shares.values()], bars=bars))  # fmt: skip

    def scale(ax: Axes) -> None:
        _thread_axis(ax, counts)
        ax.set_xlabel("")
        ax.set_ylim(0, max(1.15, *(1.05 * y for line in lines for y in line.y)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{100 * v:.0f} %"))

    def finish(ax: Axes) -> None:
        ax.axhline(1, color="#999999", linewidth=1, zorder=1)

    sizes = sorted({s.n for s in found})
    said = f"efficiency, speed-up / threads added, at n = {', '.join(map(str, sizes))}"
    return family_tiles(report, lines, scale, ("threads (log scale)", said), finish)[0]


def rows(panels: list[Panel]) -> list[dict]:
    """What the figure shows, a row for every variant and number of threads."""
    return [
        {"run": s.run, "variant": s.variant, "n": s.n, "threads": t, "speedup": 1 / c.ratio,
         "efficiency": s.first / t / c.ratio, "low": c.interval and s.first / t / c.interval.high,
         "high": c.interval and s.first / t / c.interval.low}
        for s in scalings(panels) for t, c in s.ratios.items()
    ]  # fmt: skip


def _two_plots(rows: int) -> tuple[Figure, tuple[Axes, Axes]]:
    """Side by side on the page, one above the other in a column of a paper."""
    if narrow := paper_width():
        return plt.subplots(2, 1, figsize=(narrow, 1.2 * narrow), layout="constrained")
    return plt.subplots(1, 2, figsize=(WIDTH + 2.2, max(3.7, 0.5 + 0.27 * rows)))


def scalings(panels: list[Panel]) -> list[Scaling]:
    places: dict[tuple[str, str], dict[int, dict[int, Point]]] = {}
    for panel in panels:
        for series in panel.series:
            by_n = {p.n: p for p in series.timed}
            if by_n:
                places.setdefault((series.run, series.variant), {})[panel.setting.threads] = by_n
    found = []
    for (run, variant), by_threads in places.items():
        shared = set.intersection(*map(set, by_threads.values()))
        if len(by_threads) > 1 and shared:
            first, n = min(by_threads), max(shared)
            base = _medians(by_threads[first][n])
            ratios = {t: compare_unpaired(base, _medians(by_threads[t][n])) for t in sorted(by_threads) if t != first}
            found.append(Scaling(run, variant, n, first, ratios))
    return found


def _medians(point: Point) -> list[float]:
    return list(process_medians(point.case.samples).values())


def _draw(report: Report, looks: Looks, left: Axes, right: Axes, scaling: Scaling) -> tuple:
    look = looks.of(scaling.run, scaling.variant)
    counts = [scaling.first, *scaling.ratios]
    speedups = [1.0, *(1 / c.ratio for c in scaling.ratios.values())]
    shares = [s * scaling.first / t for t, s in zip(counts, speedups, strict=True)]
    (handle,) = left.plot(counts, speedups, **look.line(), zorder=3)
    right.plot(counts, shares, **look.line(), zorder=3)
    for threads, comparison in scaling.ratios.items():
        if comparison.interval is not None:
            ends = [1 / comparison.interval.high, 1 / comparison.interval.low]
            style = {"color": look.colour, "linewidth": 3.2, "alpha": 0.45, "solid_capstyle": "butt", "zorder": 2}
            left.plot([threads] * 2, ends, **style)
            right.plot([threads] * 2, [e * scaling.first / threads for e in ends], **style)
    name = report.name(scaling.run, scaling.variant)
    return shares[-1], handle, legend_text(name, f"{units.percent(shares[-1])} at n={scaling.n}")


def _thread_axis(ax: Axes, counts: list[int]) -> None:
    ax.set_xscale("log", base=2)
    ax.set_xlim(counts[0] / 1.15, counts[-1] * 1.15)
    ax.xaxis.set_major_locator(FixedLocator(counts))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel("threads (log scale)")

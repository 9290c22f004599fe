"""What accuracy costs: approximation error against time or memory at one n, with the Pareto frontier.

Variants that compute softmax attention lie near 1e-7, the rounding of float32. Variants with a definition of their own
(additive, unscaled, projected) do not approximate softmax attention: they are drawn hollow, marked ≠ in the legend
and kept off the frontier.

In a crowded panel only what lies on the frontier is named in the plot, and the exact variants as one group; all others
are small grey marks in the shape of their family.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from attnbench.figures.axes import legend_text, log_quantity, new_figure, round_ticks, set_legend, trimmed
from attnbench.figures.labels import place_names, short_names
from attnbench.figures.missing import NOTHING_TIMED, Missing
from attnbench.figures.style import Looks
from attnbench.load.families import family_rank
from attnbench.model import Report
from attnbench.stats.intervals import Interval
from attnbench.stats.pareto import frontier
from attnbench.stats.points import Point
from attnbench.stats.series import Panel, Series
from attnbench.support import units

CAPTION = (
    "Relative RMS distance of the output from exact softmax attention, at the largest n that most variants reached."
    " The grey band is float32 rounding: variants in it are exact. An output of all zeros has 100 %: variants above "
    "that line are worse than no output and stay off the stepped line, the Pareto frontier (no other variant is both "
    "{better} and closer). The mean of V is the error of giving every query the average of the values. Hollow, ≠: a "
    "definition of its own, not comparable. Lower left is better."
)
BY_FAMILY = (
    "Relative RMS distance of the output from exact softmax attention, at the largest n that most variants reached. "
    "Named: the Pareto frontier (no other variant is both {better} and closer), joined by the stepped line, and the "
    "exact variants as one group, in the grey band of float32 rounding. All others are grey, in the shape of their "
    "family; the CSV and the table of cases name them. An output of all zeros has 100 %: variants above that line "
    "stay off the frontier. The mean of V is the error of giving every query the average of the values. Hollow: a "
    "definition of its own, not comparable. Lower left is better."
)
FAMILY_ROWS, OTHERS_MARK = 14, "#8a8a8a"  # crowded figures: as tall as a legend of 14 rows
ZEROS = 1.0  # relative RMS of an output of zeros
ROUNDING_LIMIT = 2e-6  # relative RMS up to which float32 counts as exact (docs: exactness of fp32 variants)
FLOOR = 1e-8  # where an error of exactly 0 is drawn


@dataclass(frozen=True)
class Price:
    """What is paid for a small error."""

    name: str
    title: str
    axis: str  # label; {n} is the sequence length
    better: str
    of: Callable[[Point], float | None]
    text: Callable[[float | None], str]
    interval: Callable[[Point], Interval | None] = lambda point: None
    base: int = 10

    def caption(self, panel: Panel) -> str:
        return (BY_FAMILY if panel.crowded else CAPTION).format(better=self.better)


TIME = Price(
    "error_time", "Approximation error against time", "time per call at n = {n} (log scale)", "faster",
    of=lambda p: p.time.median_s if p.time else None, text=units.seconds,
    interval=lambda p: p.time.interval if p.time else None,
)  # fmt: skip
MEMORY = Price(
    "error_memory", "Approximation error against memory", "workspace peak + prepared at n = {n} (log scale)", "smaller",
    of=lambda p: float(p.extra_bytes) if p.extra_bytes is not None else None, text=units.size, base=2,
)  # fmt: skip


def tradeoff(report: Report, looks: Looks, panel: Panel, price: Price) -> Figure | Missing:
    n = panel.common_n()
    if n is None:
        return NOTHING_TIMED
    places = [(s, p, price.of(p), _error(p)) for s, p in panel.points_at(n)]
    drawn = [(s, p, paid, error) for s, p, paid, error in places if paid is not None and error is not None]
    if not drawn:
        return Missing("no case has both; attnbench run --resume finishes the run")
    positive = [paid for _, _, paid, _ in drawn if paid > 0] or [1.0]
    least = min(positive) / 2 if any(paid == 0 for _, _, paid, _ in drawn) else min(positive)  # where 0 is drawn
    if panel.crowded:
        return _by_family(report, looks, drawn, price, n, least)
    figure, ax = new_figure(len(drawn))
    ax.axhspan(FLOOR / 10, ROUNDING_LIMIT, color="#eeeeee", zorder=0)
    ax.text(0.015, FLOOR, "float32 rounding: exact", transform=ax.get_yaxis_transform(),
            ha="left", va="bottom", fontsize=8, color="#666666")  # fmt: skip
    _frontier(ax, [(max(paid, least), error) for _, p, paid, error in drawn if _comparable(p) and error < ZEROS])
    entries = [_draw(report, looks, ax, entry, price, least) for entry in drawn]
    log_quantity(ax.xaxis, least, max(positive), price.text, price.base)
    log_quantity(ax.yaxis, FLOOR, max(ZEROS, *(error for *_, error in drawn)), units.error_percent)
    entries += _yardsticks(ax, [p for _, p, _, _ in drawn])
    ax.set_xlabel(price.axis.format(n=n))
    ax.set_ylabel("relative RMS error (log scale)")
    set_legend(ax, entries, "variant: error, " + price.name.removeprefix("error_"))
    return figure


def _by_family(
    report: Report, looks: Looks, drawn: list[tuple[Series, Point, float, float]], price: Price, n: int, least: float
) -> Figure:
    """Errors on a log scale down to the smallest above float32 rounding; exact variants share a band below it, so that
    the empty decades between take no room."""
    places = [(series, max(paid, least), 0.0 if error <= ROUNDING_LIMIT else error, point)
              for series, point, paid, error in drawn]  # fmt: skip
    compared = [(x, y) for _, x, y, point in places if _comparable(point) and y < ZEROS]
    kept = {compared[i] for i in frontier(compared)}
    figure, ax = new_figure(FAMILY_ROWS)
    smallest = min((y for _, _, y, _ in places if y > 0), default=ZEROS)
    floor = max(10.0 ** math.floor(math.log10(smallest)), 10 * ROUNDING_LIMIT)
    highest = max(ZEROS, *(y for _, _, y, _ in places))
    log_quantity(ax.xaxis, least, max(x for _, x, _, _ in places), price.text, price.base, most=5)
    if any(paid == 0 for _, _, paid, _ in drawn):
        _tick_of_nothing(ax, least, price)
    ax.set_yscale("symlog", linthresh=floor, linscale=0.5)
    ax.set_ylim(-0.45 * floor, 1.6 * highest)
    ticks = round_ticks(floor, 1.4 * highest, 10, most=8)
    ax.yaxis.set_major_locator(FixedLocator([0, *ticks]))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: trimmed(units.error_percent(y)) if y else "exact"))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.axhspan(-floor, 0.45 * floor, color="#eeeeee", zorder=0)
    stepped = sorted(kept, key=lambda place: (place[0], -place[1])) if len(kept) > 1 else []
    if stepped:
        ax.step(*zip(*stepped, strict=True), where="post", color="#888888", linewidth=1.2, zorder=1)
    for series, x, y, point in places:
        look = looks.of(series.run, series.variant)
        on = (x, y) in kept and _comparable(point)
        colour = look.colour if on or y == 0 else OTHERS_MARK
        ax.plot([x], [y], linestyle="none", marker=look.marker, markersize=7 if on or y == 0 else 5,
                markeredgecolor=colour, markerfacecolor=colour if _comparable(point) else "none",
                zorder=4 if on else 3 if y == 0 else 2, gid="mark" if on or y == 0 else "other")  # fmt: skip
    yardsticks = _yardsticks(ax, [point for _, _, _, point in places])
    ax.set_xlabel(price.axis.format(n=n))
    ax.set_ylabel("relative RMS error (log scale above the band)")
    set_legend(ax, _family_entries(looks, places, yardsticks), "family")
    corners = [(b, a) for (_, a), (b, _) in pairwise(stepped)]
    path = [stepped[0], *(c for pair in zip(corners, stepped[1:], strict=True) for c in pair)] if stepped else []
    level = [((ax.get_xlim()[0], y), (ax.get_xlim()[1], y)) for y, *_ in yardsticks]
    place_names(ax, _frontier_names(report, places, kept), [(x, y) for _, x, y, _ in places],
                [*pairwise(path), *level])  # fmt: skip
    return figure


def _tick_of_nothing(ax: Axes, least: float, price: Price) -> None:
    """A price of 0 stands left of all others and is named there."""
    ticks = [tick for tick in ax.xaxis.get_major_locator()() if tick > 1.6 * least]
    text = ax.xaxis.get_major_formatter()
    ax.xaxis.set_major_locator(FixedLocator([least, *ticks]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, place: price.text(0) if x == least else text(x, place)))


def _frontier_names(report: Report, places: list, kept: set[tuple[float, float]]) -> list[tuple[float, float, str]]:
    """The exact variants as one group at the fastest of them; every other point of the frontier by itself."""
    short = short_names(report)

    def name(series: Series) -> str:
        return short[series.variant] + (f" [{report.tag(series.run)}]" if report.several_runs else "")

    exact = sorted(((x, name(series)) for series, x, y, point in places if y == 0 and _comparable(point)))
    named = [(x, y, name(series)) for series, x, y, point in places if y > 0 and (x, y) in kept and _comparable(point)]
    if exact:
        names = [text for _, text in exact]
        more = f" and {len(names) - 2} more" if len(names) > 3 else ""
        named.append((exact[0][0], 0.0, "exact: " + ",\n".join(names[:2] if more else names) + more))
    return sorted(named, key=lambda entry: -entry[1])


def _family_entries(looks: Looks, places: list, yardsticks: list[tuple]) -> list[tuple]:
    """Of the legend: the families in their order, then what hollow means and the lines."""
    markers = {s.family: looks.of(s.run, s.variant).marker for s, *_ in places}
    entries: list[tuple] = []
    for family in sorted(markers, key=family_rank):
        handle = Line2D([], [], linestyle="none", marker=markers[family], markersize=6, color=OTHERS_MARK)
        entries.append((handle, family or "no family"))
    if any(not _comparable(point) for *_, point in places):
        handle = Line2D([], [], linestyle="none", marker="o", markersize=6, color=OTHERS_MARK, markerfacecolor="none")
        entries.append((handle, "hollow: own definition"))
    entries += [(handle, text) for _, handle, text in yardsticks]
    return [(-i, handle, text) for i, (handle, text) in enumerate(entries)]


def rows(panel: Panel, price: Price) -> list[dict]:
    """What the figure shows, a row for every variant."""
    n = panel.common_n()
    places = [(s, p, price.of(p), _error(p)) for s, p in panel.points_at(n)] if n is not None else []
    return [
        {"run": s.run, "variant": s.variant, "n": n, price.name.removeprefix("error_"): paid, "relative_rms": error}
        for s, p, paid, error in places
        if paid is not None and error is not None
    ]


def _yardsticks(ax: Axes, points: list[Point]) -> list[tuple]:
    """Lines to read an error against: no output at all, and the mean of the values for every query."""
    known = [v for p in points if p.case.verify and (v := p.case.verify.get("baseline_mean_v_rel_rms"))]
    values = {
        "all zeros": (ZEROS, "#a33a00", (4, 2)),
        **({"mean of V": (median(known), "#8a8a8a", (1, 1.5))} if known else {}),
    }
    entries = []
    for name, (value, colour, dash) in values.items():
        line = ax.axhline(value, color=colour, linewidth=1.1, linestyle=(0, dash), zorder=1)
        entries.append((value, line, f"{name}: {units.error_percent(value)}"))
    return entries


def _error(point: Point) -> float | None:
    return point.case.verify["approximation_rel_rms"] if point.case.verify else None


def _comparable(point: Point) -> bool:
    return point.case.computes != "own_definition"


def _frontier(ax: Axes, places: list[tuple[float, float]]) -> None:
    # Rounding differences do not order exact variants: all of them count as equally close.
    kept = frontier([(paid, max(error, ROUNDING_LIMIT)) for paid, error in places])
    if len(kept) > 1:
        corner = [(places[i][0], max(places[i][1], FLOOR)) for i in kept]
        ax.step(*zip(*corner, strict=True), where="post", color="#888888", linewidth=1.2, zorder=1)


def _draw(report: Report, looks: Looks, ax: Axes, entry: tuple[Series, Point, float, float], price: Price,
          least: float) -> tuple:  # fmt: skip
    """A variant with a definition of its own is drawn hollow: it is not one of those that are compared."""
    series, point, paid, error = entry
    style = looks.of(series.run, series.variant).point() | {"markersize": 8}
    if not _comparable(point):
        style["markerfacecolor"] = "none"
    x, y = max(paid, least), max(error, FLOOR)
    (handle,) = ax.plot([x], [y], linestyle="none", **style, zorder=3)
    if (interval := price.interval(point)) is not None:
        ax.plot([interval.low, interval.high], [y, y], color=style["markeredgecolor"], linewidth=3.2, alpha=0.45,
                solid_capstyle="butt", zorder=2)  # fmt: skip
    remark = "≠ own definition" if not _comparable(point) else "worse than zeros" if error >= ZEROS else ""
    value = f"{units.error_percent(error)}, {price.text(paid)}"
    return error, handle, legend_text(report.name(series.run, series.variant), value, remark)

"""What accuracy costs: approximation error against time or memory at one n, with the Pareto frontier.

Variants that compute softmax attention lie near 1e-7, the rounding of float32. Variants with a definition of their own
(additive, unscaled, projected) do not approximate softmax attention: they are drawn hollow, marked ≠ in the legend
and kept off the frontier.
"""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from attnbench.figures.axes import legend_text, log_quantity, new_figure, set_legend
from attnbench.figures.missing import NOTHING_TIMED, Missing
from attnbench.figures.style import Looks
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

    @property
    def caption(self) -> str:
        return CAPTION.format(better=self.better)


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

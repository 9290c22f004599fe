"""A quantity against sequence length, log-log, one line per series; one dot per variant where there is one size."""

from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from attnbench.figures.axes import (
    WIDTH,
    legend_text,
    log_quantity,
    log_sizes,
    new_figure,
    paper_width,
    set_legend,
)
from attnbench.figures.missing import Missing
from attnbench.figures.quantities import TIME, Quantity
from attnbench.figures.rows import Row, family_rows
from attnbench.figures.style import Look, Looks
from attnbench.figures.tiles import PIECE, Line, breaks, family_tiles
from attnbench.model import Report
from attnbench.stats.intervals import Interval
from attnbench.stats.scaling import Fit, band
from attnbench.stats.series import Panel, Series
from attnbench.stats.speed import Speeds

SIZE_LABEL = "sequence length n (log scale)"
LABEL_INCHES, STRIP_INCHES = 0.5, 0.5  # below the plot: the label of its x axis, then the strip of the probed peak
OTHER_SPEED = "#c0392b"


def against_n(report: Report, looks: Looks, panel: Panel, quantity: Quantity) -> Figure | Missing:
    lines = [(s, [(p.n, v) for p in s.points if (v := quantity.value(p)) is not None]) for s in panel.series]
    lines = [(s, xy) for s, xy in lines if xy]
    if not lines:
        return Missing(quantity.without)
    sizes = sorted({n for _, xy in lines for n, _ in xy})
    positive = [v for _, xy in lines for _, v in xy if v > 0]
    if panel.crowded and positive:
        draw = _family_lines if len(sizes) > 1 else _family_dots
        return draw(report, looks, panel, lines, quantity)
    figure, ax = new_figure(len(lines))
    if not positive:
        ax.set_axis_off()
        ax.text(0.5, 0.5, f"{quantity.title}: 0 for every variant", ha="center", transform=ax.transAxes)
        return figure
    low, high = min(positive), max(positive)
    if len(sizes) > 1:
        _lines(report, looks, ax, lines, quantity, sizes)
        log_quantity(ax.yaxis, low, max(high, quantity.ceiling or high), quantity.text, quantity.base)
        if quantity.ceiling:
            _ceiling(ax, quantity.ceiling, high)
        ax.set_ylabel(quantity.axis)
        if quantity is TIME and len(panel.speeds.gflops) > 1:
            _strip(ax, panel.speeds)
    else:
        _dots(report, looks, ax, lines, quantity)
        log_quantity(ax.xaxis, low, high * 1.6, quantity.text, quantity.base)
        ax.set_xlabel(f"{quantity.axis}, n = {sizes[0]}")
    if quantity.reference is not None:
        (ax.axhline if len(sizes) > 1 else ax.axvline)(quantity.reference, color="#999999", linewidth=1, zorder=1)
    return figure


def _family_lines(report: Report, looks: Looks, panel: Panel, lines: list, quantity: Quantity) -> Figure:
    """Small multiples by family; slopes are listed in the growth table."""
    drawn = [_family_line(looks, series, quantity) for series, _ in lines]
    sizes = sorted({n for _, xy in lines for n, _ in xy})
    positive = [v for _, xy in lines for _, v in xy if v > 0]
    low, high = min(positive), max(positive)

    def scale(ax: Axes) -> None:
        log_sizes(ax, sizes, "")
        log_quantity(ax.yaxis, low, max(high, quantity.ceiling or high), quantity.text, quantity.base, most=6)

    def finish(ax: Axes) -> None:
        if quantity.ceiling:
            _ceiling(ax, quantity.ceiling, high)
        if quantity.reference is not None:
            ax.axhline(quantity.reference, color="#999999", linewidth=1, zorder=1)

    stripped = quantity is TIME and len(panel.speeds.gflops) > 1
    figure, tiles = family_tiles(report, drawn, scale, (SIZE_LABEL, quantity.axis), finish, below=1.0 * stripped)
    if stripped:
        _strip_below(tiles[0], panel.speeds)
    return figure


def _family_line(looks: Looks, series: Series, quantity: Quantity) -> Line:
    values = [quantity.value(p) for p in series.points]
    nothing = all(not v for v in values)
    around = [(p.n, interval) for p in series.points if (interval := quantity.interval(p)) is not None]
    other = [(p.n, v) for p, v in zip(series.points, values, strict=True) if p.n in series.speeds.other and v]
    return Line(
        series.run, series.variant, series.family, looks.of(series.run, series.variant), [p.n for p in series.points],
        breaks(values), quantity.text(0) if nothing else "", [(n, i.low, i.high) for n, i in around],
        other if quantity is TIME else (),
    )  # fmt: skip


def _family_dots(report: Report, looks: Looks, panel: Panel, lines: list, quantity: Quantity) -> Figure:
    """A row per variant, by family, the best of each on top."""
    positive = [v for _, xy in lines for _, v in xy if v > 0]
    rows = []
    for series, ((n, value),) in lines:
        point = series.at(n)
        rows.append(Row(series.run, series.variant, series.family, -value if quantity.higher_is_better else value,
                        partial(_family_dot, looks.of(series.run, series.variant), value, quantity.interval(point)),
                        quantity.text(value)))  # fmt: skip

    def scale(ax: Axes) -> None:
        log_quantity(ax.xaxis, min(positive), max(positive), quantity.text, quantity.base, most=3)

    return family_rows(report, rows, scale, f"{quantity.axis}, n = {lines[0][1][0][0]}", quantity.reference)


def _family_dot(look: Look, value: float, interval: Interval | None, ax: Axes, row: int) -> None:
    if value > 0:
        ax.plot([value], [row], linestyle="none", **look.point(), zorder=3)
    if interval is not None:
        ax.plot([interval.low, interval.high], [row, row], color=look.colour, linewidth=3.2, alpha=0.45)


def rows_against_n(panel: Panel, quantity: Quantity) -> list[dict]:
    """What the figure shows, a row for every variant and n."""
    found = []
    for series in panel.series:
        for point in series.points:
            if (value := quantity.value(point)) is not None:
                interval = quantity.interval(point)
                found.append({"run": series.run, "variant": series.variant, "n": point.n, quantity.name: value,
                              "low": interval and interval.low, "high": interval and interval.high})  # fmt: skip
    return found


def _strip_below(ax: Axes, speeds: Speeds) -> None:
    """Under the tiles, once: as wide as one of them."""
    figure, place = ax.figure, ax.get_position()
    strip = figure.add_axes((place.x0, 0.32 / figure.get_figheight(), place.width, 0.4 / figure.get_figheight()),
                            sharex=ax)  # fmt: skip
    strip.set_gid(f"{PIECE}strip")
    _probed(strip, speeds)
    strip.tick_params(labelbottom=True)
    strip.set_title("probed multiply-add peak, GFLOP/s", fontsize=8, fontweight="normal")
    strip.set_ylabel("")


def _strip(ax: Axes, speeds: Speeds) -> None:
    """The multiply-add peak probed beside each size, under the plot: a dip there is a kink in every curve above it."""
    figure, place = ax.figure, ax.get_position()
    if not paper_width():  # there the layout makes room for it
        height = figure.get_figheight()
        grown = height + STRIP_INCHES + 0.15
        figure.set_figheight(grown)
        figure.subplots_adjust(bottom=1 - (1 - place.y0) * height / grown, top=1 - (1 - place.y1) * height / grown)
    plot = ax.get_position().height * figure.get_figheight()  # inches
    strip = ax.inset_axes([0, -(LABEL_INCHES + STRIP_INCHES) / plot, 1, STRIP_INCHES / plot], sharex=ax)
    _probed(strip, speeds)


def _probed(strip: Axes, speeds: Speeds) -> None:
    steady = {n: peak for n, peak in speeds.gflops.items() if n not in speeds.other}
    strip.axhline(speeds.usual, color="#999999", linewidth=0.8, zorder=1)
    strip.plot(*zip(*speeds.gflops.items(), strict=True), color="#555555", linewidth=1, zorder=2)
    strip.plot(*zip(*steady.items(), strict=True), "o", color="#555555", markersize=3.5, zorder=3)
    if speeds.other:
        strip.plot(speeds.other, [speeds.gflops[n] for n in speeds.other], "o", color=OTHER_SPEED, markersize=4.5,
                   markerfacecolor="white", zorder=3)  # fmt: skip
    strip.set_ylim(0, 1.25 * max(speeds.gflops.values()))
    strip.set_yticks([0, speeds.usual], ["0", f"{speeds.usual:.3g}"])
    strip.tick_params(labelbottom=False, labelsize=7)
    strip.set_ylabel("probed\nGFLOP/s", fontsize=7)


def _hollow(ax: Axes, series: Series, quantity: Quantity, look: Look) -> None:
    """Sizes that were measured at another speed of the machine than most."""
    shown = [(p.n, v) for p in series.points if p.n in series.speeds.other and (v := quantity.value(p)) is not None]
    if shown:
        ax.plot(*zip(*shown, strict=True), linestyle="none", marker=look.marker, color=look.colour,
                markerfacecolor="white", markersize=7, zorder=4)  # fmt: skip


def _ceiling(ax: Axes, ceiling: float, high: float) -> None:
    ax.axhline(ceiling, color="#333333", linewidth=1.2, zorder=1)
    if high > ceiling:
        ax.axhspan(ceiling, ax.get_ylim()[1], facecolor="#f7e3d3", hatch="////", edgecolor="#c98a5a", linewidth=0,
                   zorder=0)  # fmt: skip
        ax.annotate("above the ceiling: a measurement error", (0.01, ceiling), xycoords=ax.get_yaxis_transform(),
                    xytext=(0, 3), textcoords="offset points", fontsize=8)  # fmt: skip


def _lines(report: Report, looks: Looks, ax: Axes, lines: list, quantity: Quantity, sizes: list[int]) -> None:
    log_sizes(ax, sizes, SIZE_LABEL)
    entries = []
    for place, (series, xy) in enumerate(lines):
        look = looks.of(series.run, series.variant)
        n, values = [x for x, _ in xy], [y for _, y in xy]
        style = look.line()
        if quantity.coincides:
            style |= {"markerfacecolor": "none", "markersize": 10 - 6.5 * place / len(lines)}
        (handle,) = ax.plot([p.n for p in series.points], _with_gaps(series, quantity), **style, zorder=3)
        fit = quantity.fit(series) if quantity.fit else None
        if fit is not None and fit.is_exponent:  # over fewer sizes it would cover the plot and say nothing
            _band(ax, fit, n, look.colour)
        _bars(ax, series, quantity, look.colour)
        if quantity is TIME:
            _hollow(ax, series, quantity, look)
        entries.append((values[-1], handle, _legend_text(report, series, quantity, fit, max(values))))
    set_legend(ax, entries, _legend_title(quantity))


def _with_gaps(series: Series, quantity: Quantity) -> list[float]:
    """A size without a result breaks the line."""
    values = [quantity.value(p) for p in series.points]
    return [v if v is not None and v > 0 else np.nan for v in values]


def _band(ax: Axes, fit: Fit, n: list[int], colour: str) -> None:
    grid = np.geomspace(n[0], n[-1], 40)
    _, low, high = band(fit, n, grid)
    ax.fill_between(grid, low, high, color=colour, alpha=0.13, linewidth=0, zorder=1)


def _bars(ax: Axes, series: Series, quantity: Quantity, colour: str) -> None:
    for point in series.points:
        if (interval := quantity.interval(point)) is not None:
            ax.plot([point.n, point.n], [interval.low, interval.high], color=colour, linewidth=3.2, alpha=0.45,
                    solid_capstyle="butt", zorder=2)  # fmt: skip


def _legend_title(quantity: Quantity) -> str:
    if quantity.fit:
        return "variant: slope at the end,\nover all n [95 % interval]"
    return "variant: value at its largest n"


def _legend_text(report: Report, series: Series, quantity: Quantity, fit: Fit | None, highest: float) -> str:
    name = report.name(series.run, series.variant)
    if quantity.fit is None:
        last = next(v for p in reversed(series.points) if (v := quantity.value(p)) is not None)
        return legend_text(name, quantity.text(last))
    if fit is None:
        return legend_text(name, "0 B at every n" if highest == 0 else "one size")
    ends = f"{fit.local[-1]:.2f}, " if fit.sizes > 2 else ""
    return legend_text(name, f"{ends}{fit.slope}{fit.mark}")


def _dots(report: Report, looks: Looks, ax: Axes, lines: list, quantity: Quantity) -> None:
    best_last = 1 if quantity.higher_is_better else -1  # rows count from the bottom
    lines = sorted(lines, key=lambda entry: best_last * entry[1][0][1])
    for row, (series, ((_, value),)) in enumerate(lines):
        look = looks.of(series.run, series.variant)
        end, place = value, ax.transData
        if value > 0:
            ax.plot([value], [row], linestyle="none", **look.point(), zorder=3)
        else:
            end, place = 0, ax.get_yaxis_transform()  # a log axis has no 0: the text stands at its left end
        point = next(p for p in series.points if quantity.value(p) is not None)
        if (interval := quantity.interval(point)) is not None:
            ax.plot([interval.low, interval.high], [row, row], color=look.colour, linewidth=3.2, alpha=0.45)
            end = interval.high
        ax.annotate(quantity.text(value), (end, row), xycoords=place, xytext=(7, 0), textcoords="offset points",
                    va="center", fontsize=8.5)  # fmt: skip
    names = [report.name(s.run, s.variant) for s, _ in lines]
    ax.yaxis.set_major_locator(FixedLocator(range(len(lines))))
    ax.set_yticklabels(names)
    ax.set_ylim(-0.6, len(lines) - 0.4)
    ax.set_ylabel("variant")
    ax.figure.subplots_adjust(left=min(0.6, (0.6 + 0.082 * max(map(len, names))) / WIDTH))

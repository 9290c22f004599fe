"""Laws of growth: how time, exact FLOPs, workspace and resident memory grow along every axis that a run varies."""

from dataclasses import dataclass

from attnbench.model import Report
from attnbench.pages.columns import Column, Table, family_column, number
from attnbench.pages.headline import fit_text
from attnbench.stats.along import AxisSeries, Growth, axis_series, growths
from attnbench.stats.scaling import Fit
from attnbench.support import units

MIN_VALUES = 3  # along an axis: two leave nothing to judge a slope by


@dataclass(frozen=True)
class Row:
    series: AxisSeries
    growth: Growth

    @property
    def fit(self) -> Fit:
        return self.growth.fit


def law_table(report: Report) -> Table:
    found = [series for series in axis_series(report.points) if len(series.x) >= MIN_VALUES]
    rows = [Row(series, growth) for series in found for growth in growths(series).values()]
    columns = [Column("run", lambda r: report.tag(r.series.run))] * report.several_runs
    columns += [
        Column("variant", lambda r: r.series.variant),
        *family_column(report, lambda r: r.series.variant),
        Column("along", lambda r: r.series.axis, help="everything else is held fixed"),
        Column("at", lambda r: " ".join(filter(None, (r.series.dataset, r.series.fixed))), help="what is held fixed"),
        Column("of", lambda r: r.growth.quantity),
        number("values", units.count, lambda r: len(r.growth.x), "of the axis"),
        Column("slope", lambda r: fit_text(r.fit), lambda r: r.fit.slope.value,
               "of logarithms, with its 95 % interval; ‡ the machine changed its speed, * too few values for an "
               "exponent, † no single exponent"),
        Column("bend", _bend, lambda r: r.fit.curvature, "95 % interval of the coefficient of the squared logarithm"),
        Column("tail slope", lambda r: str(r.fit.tail or units.DASH), lambda r: r.fit.tail and r.fit.tail.value,
               "of the upper half of the values"),
        Column("law", _law, help="chosen by AICc; x is the axis where it is not n"),
    ]  # fmt: skip
    return Table("laws", columns, rows)


def _bend(row: Row) -> str:
    around = row.fit.curvature_interval
    return f"[{around.low:.2f}, {around.high:.2f}]" if around else units.DASH


def _law(row: Row) -> str:
    if row.growth.law is None:
        return units.DASH
    return row.growth.law.named("n" if row.series.axis == "n" else "x")

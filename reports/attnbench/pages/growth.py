"""Growth tables: how time grows beside its work, declared against measured complexity, and where the faster of two
variants changes."""

from attnbench.load.families import family_rank
from attnbench.model import Report
from attnbench.pages.columns import Column, Table, family_column, number
from attnbench.stats.crossover import Crossing
from attnbench.stats.scaling import Slope
from attnbench.stats.series import Panel, Series
from attnbench.support import units

MIN_SIZES = 3  # two have one local slope, which is the whole slope too


def growth_table(report: Report) -> Table:
    """What a larger n would see comes first: the slopes at the end, of time and of the exact work."""
    columns = [Column("run", lambda s: report.tag(s.run))] * report.several_runs
    columns.append(Column("variant", lambda s: report.shown(s.variant), name=True))
    columns += family_column(report, lambda s: s.variant)
    columns += [Column("setting", lambda s: str(s.setting))] * (len(report.panels) > 1)
    columns += [
        Column("time n^ at the end", lambda s: _text(s.end), lambda s: s.end and s.end.value,
               "slope of log(time) between the two largest sizes, with the 95 % interval of the ratio of their times"),
        number("work n^ at the end", _slope, _work_end, "the same of the exact FLOPs"),
        number("time minus work", _difference, _machine, "what the machine adds: caches that fill up, fixed costs"),
        Column("time n^ overall", lambda s: f"{s.time_fit.slope}{s.time_fit.mark}", lambda s: s.time_fit.slope.value,
               "slope over all sizes, with its 95 % interval over sizes; ‡ the machine changed its speed, * too few "
               "sizes for an exponent, † no single exponent"),
        Column("at constant speed", lambda s: _text(s.steady_fit and s.steady_fit.slope),
               lambda s: s.steady_fit and s.steady_fit.slope.value,
               "slope of time × the multiply-add peak probed beside it: what the raw one would be on a machine of "
               "constant speed, where arithmetic takes the time"),
        number("work n^ overall", _slope, lambda s: s.work_fit and s.work_fit.slope.value, "slope of the exact FLOPs"),
        Column("what it says", growth_text, prose=True),
    ]  # fmt: skip
    return Table("time_growth", columns, [s for panel in report.panels for s in _grown(panel)])


def _grown(panel: Panel) -> list[Series]:
    """In the order of the series; those of a crowded panel by family, the steepest of each first."""
    shown = [s for s in panel.series if s.time_fit and s.time_fit.sizes >= MIN_SIZES]
    return sorted(shown, key=lambda s: (family_rank(s.family), -s.end.value)) if panel.crowded else shown


def growth_text(series: Series) -> str:
    """no single exponent; work n^1.01 at the end; up to n = 256 it sees every key"""
    parts = [series.time_fit.verdict]
    if (end := _work_end(series)) is not None:
        parts.append(f"work n^{end:.2f} at the end")
    if series.sees_all is not None:
        parts.append(f"up to n = {series.sees_all} it sees every key")
    return "; ".join(parts)


def _work_end(series: Series) -> float | None:
    return series.work_fit.local[-1] if series.work_fit else None


def _machine(series: Series) -> float | None:
    work = _work_end(series)
    return None if work is None else series.end.value - work


def _difference(value: float | None) -> str:
    return units.DASH if value is None else f"{value:+.2f}"


def _text(slope: Slope | None) -> str:
    return str(slope) if slope else units.DASH


QUANTITIES = {"cost": "declared work", "time": "time", "memory": "extra memory", "rss": "resident memory"}


def complexity_table(report: Report) -> Table:
    columns = [Column("run", lambda c: report.tag(c.run))] * report.several_runs
    columns.append(Column("variant", lambda c: report.shown(c.variant), name=True))
    columns += family_column(report, lambda c: c.variant)
    columns += [Column("setting", lambda c: str(c.setting))] * (len(report.panels) > 1)
    columns += [
        Column("of", lambda c: QUANTITIES[c.quantity]),
        Column("declared", lambda c: c.label, help="the label in the variant's file"),
        number("declared n^", _slope, lambda c: c.declared, "slope of the label over the sizes of the tail"),
        number("cost n^", _slope, lambda c: c.cost, "slope of the exact cost; resident memory: of extra memory"),
        Column("measured n^", lambda c: str(c.measured) if c.measured else units.DASH,
               lambda c: c.measured and c.measured.value, "tail slope with its 95 % interval over sizes"),
        Column("verdict", lambda c: c.verdict, help="with the slope that it rests on"),
        Column("why", lambda c: c.reason, prose=True),
    ]  # fmt: skip
    return Table("complexity", columns, report.checks)


def _slope(value: float | None) -> str:
    return units.DASH if value is None else f"{value:.2f}"


def crossover_table(report: Report) -> Table:
    columns = [Column("run", lambda row: report.tag(row[1].run))] * report.several_runs
    columns += [Column("setting", lambda row: str(row[0].setting))] * (len(report.panels) > 1)
    columns += [
        Column("base", lambda row: report.shown(row[1].base), name=True),
        Column("new", lambda row: report.shown(row[1].new), name=True),
        number("n*", _length, lambda row: row[1].crossover.n, "sequence length at which both take equally long"),
        Column("95 % interval", lambda row: _interval(row[1].crossover), help="of n*"),
        Column("crossing", lambda row: WORDS[row[1].crossover.kind]),
        Column("why", lambda row: row[1].crossover.reason, prose=True),
    ]
    return Table("crossovers", columns, report.crossings)


WORDS = {Crossing.ONE: "one", Crossing.SEVERAL: "several", Crossing.UNDECIDED: "undecided"}


def _length(n: float | None) -> str:
    return units.DASH if n is None else f"{n:.0f}"


def _interval(found) -> str:
    return f"{found.interval.low:.0f} – {found.interval.high:.0f}" if found.interval else units.DASH

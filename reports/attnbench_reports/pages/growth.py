"""Growth tables: declared against measured complexity, and where the faster of two variants changes."""

from attnbench_reports import units
from attnbench_reports.model import Report
from attnbench_reports.pages.columns import Column, Table, number
from attnbench_reports.stats.crossover import Crossing

QUANTITIES = {"cost": "declared work", "time": "time", "memory": "extra memory", "rss": "resident memory"}


def complexity_table(report: Report) -> Table:
    columns = [Column("run", lambda c: report.tag(c.run))] * report.several_runs
    columns.append(Column("variant", lambda c: report.shown(c.variant), name=True))
    columns += [Column("setting", lambda c: str(c.setting))] * (len(report.panels) > 1)
    columns += [
        Column("of", lambda c: QUANTITIES[c.quantity]),
        Column("declared", lambda c: c.label, help="the label in the variant's file"),
        number("declared n^", _slope, lambda c: c.declared, "slope of the label over the sizes of the tail"),
        number("cost n^", _slope, lambda c: c.cost, "slope of the exact cost; resident memory: of extra memory"),
        Column("measured n^", lambda c: str(c.measured) if c.measured else units.DASH,
               lambda c: c.measured and c.measured.value, "tail slope with its 95 % interval over sizes"),
        Column("verdict", lambda c: str(c.agreement)),
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

"""The columns of a comparison, one row per case; every page prints these."""

from attnbench_reports import units
from attnbench_reports.compare.model import Compared, Row
from attnbench_reports.pages.columns import Column, Table, number
from attnbench_reports.stats.intervals import Interval


def rows_table(found: Compared, rows: list[Row] | None = None) -> Table:
    rows = found.rows if rows is None else rows
    columns = [Column("variant", lambda r: r.key.variant)]
    if any(r.key.problem for r in rows):
        columns += [Column("case", lambda r: r.key.setting), number("n", _count, lambda r: r.key.n, "sequence length")]
    columns += [
        number("base", units.seconds, lambda r: r.measured.base_s, "median of process medians"),
        Column("95 % of base", lambda r: seconds_interval(r.base_interval), help="of its median; needs 6 rounds"),
        number("new", units.seconds, lambda r: r.measured.new_s, "median of process medians"),
        Column("95 % of new", lambda r: seconds_interval(r.new_interval), help="of its median; needs 6 rounds"),
        number("ratio", ratio, lambda r: r.measured.ratio, "new / base: above 1 is slower"),
        Column("95 % of ratio", lambda r: ratio_interval(r.measured.interval), help="for this row alone"),
        Column("verdict", lambda r: r.judged.verdict, help="Holm over the table at 5 %, and beyond the margin"),
        number("detectable", units.percent, lambda r: r.minimum_effect,
               "smallest change that this table finds in this row with 80 % probability"),
        Column("rounds", rounds),
        Column("why", lambda r: r.judged.reason),
    ]  # fmt: skip
    return Table("comparison", columns, rows)


def paper_table(found: Compared) -> Table:
    """The columns for print."""
    titles = ("variant", "case", "n", "base", "new", "ratio", "95 % of ratio", "verdict", "rounds")
    table = rows_table(found)
    return Table("comparison", [column for column in table.columns if column.title in titles], table.rows)


def left_table(found: Compared) -> Table:
    columns = [
        Column("variant", lambda x: x.key.variant),
        Column("dataset", lambda x: x.key.dataset),
        Column("problem", lambda x: x.key.problem),
        number("threads", _count, lambda x: x.key.threads),
        Column("why it is not compared", lambda x: x.why),
    ]
    return Table("left", columns, found.left)


def means_table(found: Compared) -> Table:
    columns = [
        Column("variant", lambda m: m.variant),
        number("geometric mean of the ratios", ratio, lambda m: m.ratio),
        number("cases", str, lambda m: m.rows),
    ]
    return Table("means", columns, found.means)


def ratio(value: float | None) -> str:
    return units.DASH if value is None else f"{value:.3f}"


def ratio_interval(interval: Interval | None) -> str:
    return units.DASH if interval is None else f"[{interval.low:.3f}, {interval.high:.3f}]"


def seconds_interval(interval: Interval | None) -> str:
    return units.DASH if interval is None else f"[{units.seconds(interval.low)}, {units.seconds(interval.high)}]"


def rounds(row: Row) -> str:
    base, new = row.measured.rounds
    return str(base) if base == new else f"{base}, {new}"


def counts(found: Compared) -> str:
    """`12 cases: 1 SLOWER, 2 FASTER, 3 SAME, 6 UNDECIDED; paired rounds`"""
    order = ("SLOWER", "FASTER", "SAME", "UNDECIDED")
    return f"{units.plural(len(found.rows), 'case')}: " + ", ".join(f"{found.counts[v]} {v}" for v in order)


DESIGNS = {
    "paired": "paired: rounds of both sides measured side by side, one ratio per round",
    "unpaired": "unpaired: two stored runs, so whatever the machine did between them is part of the ratios",
}


def _count(value: int | None) -> str:
    return units.DASH if value is None else str(value)

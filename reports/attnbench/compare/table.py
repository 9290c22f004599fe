"""The columns of a comparison, one row per case; every page prints these."""

from attnbench.compare.model import Compared, Row
from attnbench.pages.columns import Column, Table, number
from attnbench.stats.intervals import Interval
from attnbench.stats.unpaired import BETWEEN_STARTS
from attnbench.support import units


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
        number("ratio", units.ratio_text, lambda r: r.measured.ratio, "new / base: above 1 is slower"),
        number("change", units.change, lambda r: r.measured.ratio, "the ratio in words"),
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
        number("geometric mean of the ratios", units.ratio_text, lambda m: m.ratio),
        Column("95 % of the mean", lambda m: ratio_interval(m.interval), help="of these cases, round by round"),
        number("cases", str, lambda m: m.rows),
    ]
    return Table("means", columns, [*found.means, found.overall] if len(found.means) > 1 else found.means)


def ratio_interval(interval: Interval | None) -> str:
    return units.DASH if interval is None else f"[{units.ratio_text(interval.low)}, {units.ratio_text(interval.high)}]"


def seconds_interval(interval: Interval | None) -> str:
    return units.DASH if interval is None else f"[{units.seconds(interval.low)}, {units.seconds(interval.high)}]"


def rounds(row: Row) -> str:
    """10, or `10, 12` where they differ; with the number of starts where there are several."""
    base, new = row.measured.rounds
    text = str(base) if base == new else f"{base}, {new}"
    if row.measured.design != "starts":
        return text
    a, b = row.measured.starts
    return f"{text} in {a if a == b else f'{a}, {b}'} starts"


def counts(found: Compared) -> str:
    """`12 cases: 1 SLOWER, 2 FASTER, 3 SAME, 6 UNDECIDED`, and what the verdicts assume where it was not measured."""
    order = ("SLOWER", "FASTER", "SAME", "UNDECIDED")
    text = f"{units.plural(len(found.rows), 'case')}: " + ", ".join(f"{found.counts[v]} {v}" for v in order)
    if found.design == "unpaired":
        text += (f" (one start each: {units.percent(BETWEEN_STARTS)} between starts assumed)" if found.assumed else
                 " (one start each: differences between starts not covered)")  # fmt: skip
    return text


DESIGNS = {
    "paired": "paired: rounds of both sides measured side by side, one ratio per round",
    "unpaired": "unpaired: two stored runs, so whatever the machine did between them is part of the ratios",
    "starts": "several starts: whatever differs from start to start is in the intervals, from the starts themselves",
}


def _count(value: int | None) -> str:
    return units.DASH if value is None else str(value)

"""The comparison page: what changed from a base to a new side, row by row, with a margin that the reader may move.

The verdicts at the start are those of the statistics; moving the margin judges every row again in the page by the same
rule (stats/verdict.py), from the intervals that each row carries.
"""

from dataclasses import replace
from typing import Any

from attnbench_reports.compare.model import Compared, Row
from attnbench_reports.compare.table import DESIGNS, left_table, means_table, rows_table
from attnbench_reports.pages.columns import Column, Table
from attnbench_reports.pages.html import render
from attnbench_reports.stats.intervals import Interval
from attnbench_reports.stats.verdict import MARGIN, Verdict

MEANINGS = {
    Verdict.SLOWER: "slower beyond doubt and beyond the margin",
    Verdict.FASTER: "faster beyond doubt and beyond the margin",
    Verdict.SAME: "the interval lies inside the margin",
    Verdict.UNDECIDED: "the measurement cannot tell",
}
CHOOSE = ("variant", "case")  # columns to filter by from a list; the verdicts have a list of their own, for they move


def comparison_html(found: Compared) -> str:
    return render(
        "comparison.html.j2",
        "comparison.js",
        found=found,
        design=DESIGNS[found.design],
        counts=found.counts,
        meanings=MEANINGS,
        rows=_page_table(found),
        means=means_table(found),
        left=left_table(found),
        margin=MARGIN,
    )


def _page_table(found: Compared) -> Table:
    table = rows_table(found)
    columns = [replace(c, choose=c.title in CHOOSE, prose=c.title == "why") for c in table.columns]
    columns += [
        Column("measure the base again", lambda row: row.base.reproducer, code=True),
        Column("measure the new again", lambda row: row.new.reproducer, code=True),
    ]
    ordered = sorted(found.rows, key=lambda row: row.measured.ratio, reverse=True)
    return Table(table.name, columns, ordered, judged_again)


def judged_again(row: Row) -> dict[str, Any]:
    """What the page needs to judge a row at another margin."""
    return {
        "verdict": str(row.judged.verdict),
        "ratio": row.measured.ratio,
        "floor": row.judged.margin,
        "interval": _ends(row.measured.interval),
        "adjusted": _ends(row.judged.adjusted),
    }


def _ends(interval: Interval | None) -> str:
    return "" if interval is None else f"{interval.low!r} {interval.high!r}"

"""The comparison page: what changed from a base to a new side, row by row, with a margin that the reader may move.

The verdicts at the start are those of the statistics; moving the margin judges every row again in the page by the same
rule (stats/verdict.py), from the intervals that each row carries.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from attnbench.compare.checks import Allowed
from attnbench.compare.forest import forest
from attnbench.compare.model import Compared, Row, compared
from attnbench.compare.sides import side_of_run
from attnbench.compare.table import DESIGNS, counts, left_table, means_table, rows_table
from attnbench.load.run import Run
from attnbench.model import Report
from attnbench.pages.columns import Column, Table
from attnbench.pages.html import Link, render
from attnbench.stats.intervals import Interval
from attnbench.stats.verdict import MARGIN, Verdict
from attnbench.support.errors import UserError

HERE = Path(__file__).parent
MEANINGS = {
    Verdict.SLOWER: "slower beyond doubt and beyond the margin",
    Verdict.FASTER: "faster beyond doubt and beyond the margin",
    Verdict.SAME: "the interval lies inside the margin",
    Verdict.UNDECIDED: "the measurement cannot tell",
}
CHOOSE = ("variant", "case")  # columns to filter by from a list; the verdicts have a list of their own, for they move


def write_comparisons(report: Report, folder: Path) -> list[Link]:
    """One page for every run after the first, as `attnbench compare FIRST RUN` makes it."""
    base, *others = report.runs
    return [_write_comparison(report, base, run, folder) for run in others]


def _write_comparison(report: Report, base: Run, new: Run, folder: Path) -> Link:
    runs = f"{report.tag(new.label)} against {report.tag(base.label)}"
    try:
        found = compared(side_of_run(base), side_of_run(new), "unpaired", Allowed())
    except UserError as error:
        return Link(runs, None, str(error))
    file = f"comparison_{report.tag(new.label)}.html"
    (folder / file).write_text(comparison_html(found), encoding="utf-8")
    return Link(runs, file, counts(found))


def comparison_html(found: Compared) -> str:
    return render(
        HERE / "comparison.html.j2",
        HERE / "comparison.js",
        found=found,
        design=DESIGNS[found.design],
        counts=counts(found),
        verdicts=found.counts,
        meanings=MEANINGS,
        rows=_page_table(found),
        forest=forest(found.rows),
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
    places = {id(row): place for place, row in enumerate(found.rows)}
    return Table(table.name, columns, found.rows, lambda row: {"place": places[id(row)], **judged_again(row)})


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

"""Tables of a run in the terminal: the headline table in aligned columns, one block per setting, and all cases."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from attnbench.model import Report
from attnbench.pages.cases import case_table
from attnbench.pages.columns import Column, Table
from attnbench.pages.headline import error_notes, fit_notes, headline
from attnbench.pages.view import NOTHING, View
from attnbench.support.text import aligned
from attnbench.support.units import plural

LEFT_OUT = ("setting", "computes", "memory ~ n^")  # the block's heading, or in the report only


def terminal_summary(report: Report, view: View | None = None) -> str:
    """A view arranges the rows of each block; a block without rows is left out."""
    table = headline(report)
    table = replace(table, columns=[_short(c) for c in table.columns])
    usual = [c for c in table.columns if c.title not in (*LEFT_OUT, *_empty(table))]
    blocks = []
    for panel in report.panels:
        rows = [line for line in table.rows if line.series in panel.series]
        shown = (view or View()).arranged(replace(table, rows=rows), usual)
        if shown.rows:
            blocks.append(f"{panel.setting}\n" + table_text(shown))
    head = ["\n".join(report.key())] if report.several_runs else []
    ends = [*_parameters(report), *error_notes(report), *fit_notes(report)]
    ends += [f"warning: {line}" for line in report.warnings]
    if report.failed:
        ends.append(f"{plural(len(report.failed), 'case')} without a result; the report lists the reasons.")
    return "\n\n".join([*head, *(blocks or [NOTHING] * bool(table.rows))]) + ("\n\n" + "\n".join(ends) if ends else "")


def terminal_cases(report: Report, view: View) -> str:
    """A line per case; the columns that the page hides, and the commands, are printed when they are asked for."""
    table = case_table(report)
    table = replace(table, columns=[_short(c, lambda point: point.case.variant) for c in table.columns])
    usual = [column for column in table.columns if not column.extra and not column.code]
    return table_text(view.arranged(table, usual))


def table_text(table: Table, paint: Callable[[str], str] | None = None) -> str:
    sides = "".join("l" if column.sort is None else "r" for column in table.columns)
    return aligned([[column.title for column in table.columns], *table.texts()], sides, paint)


def _empty(table: Table) -> tuple[str, ...]:
    """Columns that say nothing here: how far each got where all got equally far, failures where there are none."""
    same = all(line.series.largest is None or line.series.largest.n == line.n for line in table.rows)
    whole = not any(line.series.failed for line in table.rows)
    return ("largest n", "time at largest n") * same + ("not measured",) * whole


def _short(column: Column, label: Callable[[Any], str] = lambda line: line.series.variant) -> Column:
    """Labels instead of full names: a terminal is narrow."""
    return replace(column, text=label) if column.title == "variant" else column


def _parameters(report: Report) -> list[str]:
    told = {s.variant: report.shown(s.variant) for s in report.series}
    longer = [name for label, name in told.items() if name != label]
    return [f"Parameters: {'; '.join(longer)}."] if longer else []

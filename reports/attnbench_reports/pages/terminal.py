"""The summary in the terminal: the headline table in aligned columns, one block per setting."""

from dataclasses import replace

from attnbench_reports.model import Report
from attnbench_reports.pages.columns import Column, Table
from attnbench_reports.pages.headline import error_notes, fit_notes, headline
from attnbench_reports.text import plain
from attnbench_reports.units import plural

LEFT_OUT = ("setting", "computes", "memory ~ n^")  # the block's heading, or in the report only


def terminal_summary(report: Report) -> str:
    table = headline(report)
    columns = [_short(c) for c in table.columns if c.title not in (*LEFT_OUT, *_empty(table))]
    blocks = ["\n".join(report.key())] if report.several_runs else []
    for panel in report.panels:
        rows = Table("panel", columns, [line for line in table.rows if line.series in panel.series]).texts()
        numeric = [c.sort is not None for c in columns]
        blocks.append(f"{panel.setting}\n" + _aligned([c.title for c in columns], rows, numeric))
    ends = [*_parameters(report), *error_notes(report), *fit_notes(report)]
    ends += [f"warning: {line}" for line in report.warnings]
    if report.failed:
        ends.append(f"{plural(len(report.failed), 'case')} without a result; the report lists the reasons.")
    return "\n\n".join(blocks) + ("\n\n" + "\n".join(ends) if ends else "")


def _empty(table: Table) -> tuple[str, ...]:
    """Columns that say nothing here: how far each got where all got equally far, failures where there are none."""
    same = all(line.series.largest is None or line.series.largest.n == line.n for line in table.rows)
    whole = not any(line.series.failed for line in table.rows)
    return ("largest n", "time at largest n") * same + ("not measured",) * whole


def _short(column: Column) -> Column:
    """Labels instead of full names: a terminal is narrow."""
    return replace(column, text=lambda line: line.series.variant) if column.title == "variant" else column


def _parameters(report: Report) -> list[str]:
    told = {s.variant: report.shown(s.variant) for s in report.series}
    longer = [name for label, name in told.items() if name != label]
    return [f"Parameters: {'; '.join(longer)}."] if longer else []


def _aligned(titles: list[str], rows: list[list[str]], numeric: list[bool]) -> str:
    titles, rows = [plain(title) for title in titles], [[plain(text) for text in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    lines = [titles, ["─" * w for w in widths], *rows]
    return "\n".join(
        "  ".join(_pad(*cell) for cell in zip(line, widths, numeric, strict=True)).rstrip() for line in lines
    )


def _pad(text: str, width: int, right: bool) -> str:
    return text.rjust(width) if right else text.ljust(width)

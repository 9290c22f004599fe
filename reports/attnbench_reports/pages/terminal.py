"""The summary in the terminal: the headline table in aligned columns, one block per setting."""

from attnbench_reports.model import Report
from attnbench_reports.pages.columns import Table
from attnbench_reports.pages.headline import fit_notes, headline
from attnbench_reports.units import plural

LEFT_OUT = ("setting", "computes", "memory ~ n^")  # the block's heading, or in the report only


def terminal_summary(report: Report) -> str:
    table = headline(report)
    left_out = LEFT_OUT if report.failed else (*LEFT_OUT, "not measured")
    columns = [c for c in table.columns if c.title not in left_out]
    blocks = ["\n".join(report.key())] if report.several_runs else []
    for panel in report.panels:
        rows = Table("panel", columns, list(panel.series)).texts()
        numeric = [c.sort is not None for c in columns]
        blocks.append(f"{panel.setting}\n" + _aligned([c.title for c in columns], rows, numeric))
    ends = [*fit_notes(report), *(f"warning: {line}" for line in report.warnings)]
    if report.failed:
        ends.append(f"{plural(len(report.failed), 'case')} without a result; the report lists the reasons.")
    return "\n\n".join(blocks) + ("\n\n" + "\n".join(ends) if ends else "")


def _aligned(titles: list[str], rows: list[list[str]], numeric: list[bool]) -> str:
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    lines = [titles, ["─" * w for w in widths], *rows]
    return "\n".join(
        "  ".join(_pad(*cell) for cell in zip(line, widths, numeric, strict=True)).rstrip() for line in lines
    )


def _pad(text: str, width: int, right: bool) -> str:
    return text.rjust(width) if right else text.ljust(width)

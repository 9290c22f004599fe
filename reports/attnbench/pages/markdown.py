"""report.md: the summary, the figures as links, what gave no result, the verification; for a repository or an issue."""

from attnbench.figures.draw import Figures
from attnbench.model import Report
from attnbench.pages.cases import failure_table, verification_table
from attnbench.pages.columns import Table
from attnbench.pages.environment import environment_rows
from attnbench.pages.external import external_section
from attnbench.pages.glossary import GLOSSARY
from attnbench.pages.growth import complexity_table, crossover_table, growth_table
from attnbench.pages.headline import error_notes, fit_notes, headline
from attnbench.pages.html import Link
from attnbench.pages.laws import law_table
from attnbench.pages.trust import facts
from attnbench.support.units import plural


def markdown(report: Report, figures: Figures, comparisons: list[Link]) -> str:
    labels = ", ".join(run.label for run in report.runs)
    parts = [f"# attnbench report: {_escape(labels)}"]
    if report.several_runs:
        parts.append("\n".join(f"- {_escape(line)}" for line in report.key()))
    if report.warnings:
        parts.append("\n".join(f"> **Warning:** {_escape(line)}" for line in report.warnings).replace("\n", "\n>\n"))
    if comparisons:
        parts.append("\n".join(f"- {_link(link)}: {_escape(link.says)}" for link in comparisons))
    parts += [
        "## Summary",
        _table(headline(report)),
        *(_escape(note) for note in error_notes(report) + fit_notes(report)),
        *_external(report),
    ]
    group = None
    for figure in figures.drawn:
        if figure.group != group:
            group = figure.group
            parts.append(f"## {_escape(group)}")
        parts += [f"![{_escape(figure.title)}](figures/{figure.name}.svg)",
                  f"**{_escape(figure.title)}.** {_escape(figure.caption)}"]  # fmt: skip
    if figures.missing:
        lines = [f"- **{_escape(f.title)}**: {_escape(f.why)}." for f in figures.missing]
        parts += ["## Not drawn", "\n".join(dict.fromkeys(lines))]
    parts += ["## Can these numbers be trusted?", _facts(report), *_growth(report)]
    failures = failure_table(report)
    parts.append("## Without a result")
    parts.append(_table(failures) if failures.rows else "None.")
    parts += ["## Verification", _table(verification_table(report)), "## Environment", _environment(report)]
    parts += ["## What the numbers mean", "\n".join(f"- **{_escape(k)}**: {_escape(v)}" for k, v in GLOSSARY)]
    parts.append(
        f"All {plural(len(report.points), 'case')} with their reproducers: [tables/cases.csv](tables/cases.csv)."
    )
    return "\n\n".join(parts) + "\n"


def _external(report: Report) -> list[str]:
    external = external_section(report)
    if external is None:
        return []
    parts = ["## Against other libraries", _escape(external.headline + ". Above 1 ours is slower.")]
    tables = {
        "": external.tally,
        "### Every head-to-head, the slowest of ours first": external.pairs,
        "### Not compared": external.absent,
    }
    return parts + [part for title, table in tables.items() if table.rows for part in (title, _table(table)) if part]


def _link(link: Link) -> str:
    return f"[{link.runs}]({link.file})" if link.file else f"{link.runs} is not compared"


def _facts(report: Report) -> str:
    rows = [[fact.name + (" (!)" if fact.alarming else ""), fact.value, fact.meaning] for fact in facts(report)]
    return _rows(["", "", "means"], ["---"] * 3, rows)


def _growth(report: Report) -> list[str]:
    tables = {"Declared against measured growth": complexity_table(report), "Crossovers": crossover_table(report)}
    if report.crowded:  # its figures leave the slopes to this table
        tables = {"Time beside work": growth_table(report), **tables}
    tables["Laws of growth"] = law_table(report)
    return [part for title, table in tables.items() if table.rows for part in (f"## {title}", _table(table))]


def _table(table: Table) -> str:
    marks = ["---:" if column.sort else "---" for column in table.columns]
    return _rows([column.title for column in table.columns], marks, table.texts())


def _environment(report: Report) -> str:
    rows = [[row.name + (" ≠" if row.differs else ""), *row.values] for row in environment_rows(report.runs)]
    return _rows(["", *(run.label for run in report.runs)], ["---"] * (len(report.runs) + 1), rows)


def _rows(titles: list[str], marks: list[str], rows: list[list[str]]) -> str:
    lines = [[_escape(t) for t in titles], marks, *([_escape(text) for text in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _escape(text: str) -> str:
    for sign in "\\|*_<>[]`":
        text = text.replace(sign, "\\" + sign)
    return " ".join(text.split())

"""The comparison for a pull request: the verdicts that need a look first, everything else folded away."""

from attnbench.compare.model import Compared
from attnbench.compare.table import DESIGNS, counts, left_table, means_table, rows_table
from attnbench.pages.columns import Table
from attnbench.stats.verdict import Verdict
from attnbench.support.text import plain
from attnbench.support.units import plural

MARKS = {Verdict.SLOWER: "🔴 ", Verdict.FASTER: "🟢 "}
SHORT = ("variant", "case", "n", "base", "new", "ratio", "95 % of ratio", "change", "verdict")


def markdown(found: Compared) -> str:
    parts = [
        f"### attnbench: {escaped(found.new.label)} against {escaped(found.base.label)}",
        f"**{counts(found)}**; {found.margin}.",
    ]
    changed = [row for row in found.rows if row.judged.verdict in MARKS]
    if changed:
        parts.append(_table(_short(rows_table(found, changed))))
    parts.append(_table(means_table(found)))
    parts += [f"> {escaped(line)}" for line in found.warnings]
    parts.append(_folded(f"All {plural(len(found.rows), 'case')}", _table(rows_table(found))))
    if found.environment:
        lines = [["", "base", "new"], ["---"] * 3, *([d.name, d.base, d.new] for d in found.environment)]
        parts.append(_folded(f"Environment: {plural(len(found.environment), 'difference')}", _rows(lines)))
    if found.left:
        parts.append(_folded(f"{plural(len(found.left), 'case')} not compared", _table(left_table(found))))
    parts.append(f"Ratio is new / base, above 1 is slower; {DESIGNS[found.design]}. FASTER and SLOWER hold for the "
                 "whole table at once (Holm, 5 %) and exceed the margin.")  # fmt: skip
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    text = plain(" ".join(text.split()))
    for sign in "\\|*_<>[]`":
        text = text.replace(sign, "\\" + sign)
    return text


def _short(table: Table) -> Table:
    return Table(table.name, [column for column in table.columns if column.title in SHORT], table.rows)


def _table(table: Table) -> str:
    marks = ["---:" if column.sort else "---" for column in table.columns]
    texts = [[MARKS.get(text, "") + escaped(text) for text in line] for line in table.texts()]
    return _rows([[escaped(column.title) for column in table.columns], marks, *texts], clean=True)


def _rows(lines: list[list[str]], clean: bool = False) -> str:
    return "\n".join("| " + " | ".join(line if clean else map(escaped, line)) + " |" for line in lines)


def _folded(title: str, text: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{text}\n\n</details>"

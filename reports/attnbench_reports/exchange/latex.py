"""A table as LaTeX in the booktabs style, to be \\input into a paper."""

from attnbench_reports.pages.columns import Table

# Signs that LaTeX reads as commands, and those its default fonts lack.
SIGNS = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "µ": r"\textmu{}", "×": r"$\times$", "–": "--",
    "·": r"$\cdot$", "≠": r"$\neq$", "†": r"\textdagger{}", "≥": r"$\geq$", "≤": r"$\leq$", "−": r"$-$",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
}  # fmt: skip


def latex(table: Table) -> str:
    """A tabular environment; needs \\usepackage{booktabs}."""
    align = "".join("r" if column.sort else "l" for column in table.columns)
    lines = [_row([column.title for column in table.columns]), r"\midrule", *map(_row, table.texts())]
    body = "\n".join(["% needs \\usepackage{booktabs}", f"\\begin{{tabular}}{{{align}}}", r"\toprule", *lines])
    return body + "\n\\bottomrule\n\\end{tabular}\n"


def escaped(text: str) -> str:
    return "".join(SIGNS.get(sign, sign) for sign in text)


def _row(texts: list[str]) -> str:
    # A bracket after \\ would be read as its optional argument.
    cells = [escaped(text) for text in texts]
    cells[0] = "{}" + cells[0] if cells[0].startswith("[") else cells[0]
    return " & ".join(cells) + r" \\"

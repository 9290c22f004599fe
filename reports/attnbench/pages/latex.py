"""A table as LaTeX in the booktabs style, to be \\input into a paper."""

import re
from collections.abc import Sequence

from attnbench.pages.columns import Table
from attnbench.support.text import plain

# Signs that LaTeX reads as commands, and those its default fonts lack.
SIGNS = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "µ": r"\textmu{}", "×": r"$\times$", "–": "--",
    "·": r"$\cdot$", "≠": r"$\neq$", "†": r"\textdagger{}", "≥": r"$\geq$", "≤": r"$\leq$", "−": r"$-$",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
}  # fmt: skip


def latex(table: Table, notes: Sequence[str] = ()) -> str:
    """A tabular environment and below it the notes that explain its marks; needs \\usepackage{booktabs}."""
    align = "".join("r" if column.sort else "l" for column in table.columns)
    lines = [_row([column.title for column in table.columns]), r"\midrule", *map(_row, table.texts())]
    body = "\n".join(["% needs \\usepackage{booktabs}", f"\\begin{{tabular}}{{{align}}}", r"\toprule", *lines])
    below = "".join(f"\n\\par\\smallskip\\footnotesize {escaped(note)}\n" for note in notes)
    return body + "\n\\bottomrule\n\\end{tabular}\n" + below


def escaped(text: str) -> str:
    """Powers as mathematics: `time ~ n^` is time $\\sim n^{x}$, 3.0e-05 is $3.0 \\times 10^{-5}$."""
    parts = re.split(r"(~ n\^|n\^[\d.]+|\b\d\.\d+e[-+]\d+)", plain(text))
    return "".join(_power(part) if i % 2 else _signs(part) for i, part in enumerate(parts))


def _power(text: str) -> str:
    if text == "~ n^":
        return r"$\sim n^{x}$"
    if text.startswith("n^"):
        return f"$n^{{{text[2:].rstrip('.')}}}$" + "." * text.endswith(".")
    digits, exponent = text.split("e")
    return rf"${digits} \times 10^{{{int(exponent)}}}$"


def _signs(text: str) -> str:
    return "".join(SIGNS.get(sign, sign) for sign in text)


def _row(texts: list[str]) -> str:
    # A bracket after \\ would be read as its optional argument.
    cells = [escaped(text) for text in texts]
    cells[0] = "{}" + cells[0] if cells[0].startswith("[") else cells[0]
    return " & ".join(cells) + r" \\"

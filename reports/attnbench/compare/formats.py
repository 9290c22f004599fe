"""The comparison in every format, one at a time or all of them in a folder."""

from collections.abc import Callable
from pathlib import Path

from attnbench.compare.data import csv_text, json_text
from attnbench.compare.markdown import markdown
from attnbench.compare.model import Compared
from attnbench.compare.page import comparison_html
from attnbench.compare.table import paper_table
from attnbench.compare.terminal import terminal
from attnbench.pages.latex import latex
from attnbench.pages.view import View
from attnbench.support.errors import UserError
from attnbench.support.files import write_whole

FILES: dict[str, tuple[str, Callable[[Compared], str]]] = {
    "markdown": ("comparison.md", markdown),
    "html": ("comparison.html", comparison_html),
    "json": ("comparison.json", json_text),
    "csv": ("comparison.csv", csv_text),
    "latex": ("comparison.tex", lambda found: latex(paper_table(found))),
}


def rendered(found: Compared, name: str, colour: bool, view: View) -> str:
    return terminal(found, colour, view) + "\n" if name == "terminal" else FILES[name][1](found)


def write_folder(found: Compared, folder: Path) -> None:
    """Writes every format into `folder`, each file whole or not at all; files of other names there stay."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in FILES.values():
            write_whole(folder / name, text(found))
    except OSError as error:
        raise UserError(f"cannot write the comparison to '{folder}' ({error.strerror}); choose another --out") from None

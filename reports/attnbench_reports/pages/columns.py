"""Table: columns with their text, sort key and meaning, over rows of any kind. Every page shows the same ones."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Column:
    title: str
    text: Callable[[Any], str]
    sort: Callable[[Any], float | None] | None = None  # numeric order; None sorts by the text
    help: str = ""  # tooltip
    code: bool = False  # monospaced, with a copy button


def number(
    title: str, form: Callable[[float | None], str], value: Callable[[Any], float | None], help: str = ""
) -> Column:
    """A column of numbers that `form` writes; None prints as `form` prints it."""
    return Column(title, lambda row: form(value(row)), value, help)


@dataclass(frozen=True)
class Cell:
    text: str
    sort: float | str  # missing numbers sort last
    numeric: bool
    code: bool


@dataclass(frozen=True)
class Table:
    name: str
    columns: list[Column]
    rows: list[Any]

    def cells(self) -> list[list[Cell]]:
        return [[_cell(column, row) for column in self.columns] for row in self.rows]

    def texts(self) -> list[list[str]]:
        return [[column.text(row) for column in self.columns] for row in self.rows]


def _cell(column: Column, row: Any) -> Cell:
    text = column.text(row)
    if column.sort is None:
        return Cell(text, text, False, column.code)
    key = column.sort(row)
    return Cell(text, "" if key is None else key, True, column.code)

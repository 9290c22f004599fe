"""Table: columns with their text, sort key and meaning, over rows of any kind. Every page shows the same ones."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from attnbench.model import Report
from attnbench.support import units

# Rows that stand in the HTML itself; the script of the page makes the others when they are asked for, so that a page of
# 5,000 cases has no 100,000 cells to lay out before it shows anything.
MOST_ROWS = 200


@dataclass(frozen=True)
class Column:
    title: str
    text: Callable[[Any], str]
    sort: Callable[[Any], float | None] | None = None  # numeric order; None sorts by the text
    help: str = ""  # tooltip
    code: bool = False  # monospaced, with a copy button
    prose: bool = False  # wraps
    choose: bool = False  # few values: the page offers them in a list to filter by
    name: bool = False  # a variant's name with its parameters: wraps between them
    unit: str = ""  # of the sort keys: "s", "B", "%" or "×"; what a filter of the column may be written in
    extra: bool = False  # hidden on the page until it is asked for

    @property
    def kind(self) -> str:
        kinds = {"number": self.sort, "code": self.code, "prose": self.prose, "name": self.name}
        return next((kind for kind, holds in kinds.items() if holds), "text")


def family_column(report: Report, variant: Callable[[Any], str]) -> list[Column]:
    """The family column of a crowded report, whose tables are grouped by family; none otherwise."""
    if not report.crowded:
        return []
    return [Column("family", lambda row: report.families[variant(row)], choose=True)]


UNITS = {units.seconds: "s", units.size: "B", units.percent: "%", units.error_percent: "%", units.ratio: "×"}


def number(
    title: str,
    form: Callable[[float | None], str],
    value: Callable[[Any], float | None],
    help: str = "",
    extra: bool = False,
) -> Column:
    """A column of numbers that `form` writes; None prints as `form` prints it."""
    return Column(title, lambda row: form(value(row)), value, help, unit=UNITS.get(form, ""), extra=extra)


@dataclass(frozen=True)
class Cell:
    text: str
    sort: float | str | None  # None sorts by the text; "" (nothing measured) sorts last
    kind: str


@dataclass(frozen=True)
class Row:
    cells: list[Cell]
    data: dict[str, Any]  # data-* attributes of the row


@dataclass(frozen=True)
class Table:
    name: str
    columns: list[Column]
    rows: list[Any]
    data: Callable[[Any], dict[str, Any]] = lambda row: {}

    def first(self) -> list[Row]:
        return [self._row(row) for row in self.rows[:MOST_ROWS]]

    def rest(self) -> list[list]:
        """What the script makes the other rows from: [cells, data], a cell being its text or [text, sort key]."""
        rows = map(self._row, self.rows[MOST_ROWS:])
        return [[[c.text if c.sort is None else [c.text, c.sort] for c in row.cells], row.data] for row in rows]

    def texts(self) -> list[list[str]]:
        return [[column.text(row) for column in self.columns] for row in self.rows]

    def _row(self, row: Any) -> Row:
        return Row([_cell(column, row) for column in self.columns], self.data(row))


def _cell(column: Column, row: Any) -> Cell:
    key = column.sort(row) if column.sort else None
    return Cell(column.text(row), ("" if key is None else key) if column.sort else None, column.kind)

"""View: which rows and columns of a table are printed, and in which order (--sort, --filter, --columns). The words are
those of the tables that the C++ part prints (harness/commands/table_view.h), the units those of the pages' filters
(table.js)."""

import argparse
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from attnbench.pages.columns import Column, Table
from attnbench.support.errors import UserError
from attnbench.support.text import natural, plain
from attnbench.support.units import DASH

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt,
}  # fmt: skip
SIGNS = (*COMPARISONS, "!=", "==", "=")
UNITS = {
    "s": {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "h": 3600},
    "B": {"b": 1, "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40},
    "%": {"%": 0.01},
    "×": {"×": 1, "x": 1},
    "": {},
}
NOTHING = "No row matches the filters."
BARE = {"%": 0.01}  # factor of a number without a unit; 1 elsewhere
EXAMPLES = {"s": "10ms", "B": "1MiB", "%": "5%", "×": "2", "": "100"}


@dataclass(frozen=True)
class View:
    sort: str | None = None
    filters: Sequence[str] = ()
    columns: str | None = None

    @classmethod
    def of(cls, options: argparse.Namespace) -> "View":
        return cls(options.sort, options.filter, options.columns)

    @property
    def given(self) -> bool:
        return bool(self.sort or self.filters or self.columns)

    def arranged(self, table: Table, usual: Sequence[Column] | None = None) -> Table:
        """What the view shows of a table; of its columns `usual`, where the user names none."""
        rows = list(table.rows)
        for text in self.filters:
            keeps = _filter(table.columns, text)
            rows = [row for row in rows if keeps(row)]
        for key in reversed(self.sort.split(",") if self.sort else []):  # a stable sort by the last key first
            name, _, order = key.partition(":")
            if order not in ("", "asc", "desc"):
                raise UserError(f"invalid order '{order}' in --sort '{key}'; expected asc or desc")
            rows = _sorted(rows, find_column(table.columns, name), order == "desc")
        chosen = [find_column(table.columns, name) for name in split(self.columns)] if self.columns else usual
        return replace(table, columns=list(chosen or table.columns), rows=rows)


def add_view_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sort", metavar="KEY[:desc]")
    parser.add_argument("--filter", metavar="EXPR", action="append", default=[])
    parser.add_argument("--columns", metavar="LIST")


def split(columns: str) -> list[str]:
    return [name.strip() for name in columns.split(",")]


def key_of(title: str) -> str:
    """`time at n=512` is time_at_n_512."""
    return re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")


def find_column(columns: Sequence[Column], wanted: str) -> Column:
    """By its title or key, or by the beginning of one where only one column begins like that."""
    wanted, key = wanted.strip(), key_of(wanted)
    attempts: tuple[Callable[[str], bool], ...] = (
        lambda title: title == wanted,
        lambda title: key_of(title) == key,
        lambda title: title.startswith(wanted),
        lambda title: key_of(title).startswith(key),
    )
    found: list[Column] = []
    for fits in attempts if key else ():
        found = [column for column in columns if fits(column.title)]
        if len(found) == 1:
            return found[0]
    keys = ", ".join(key_of(column.title) for column in found or columns)
    what = "ambiguous" if found else "unknown"
    raise UserError(f"{what} column '{wanted}'; columns: {keys}")


def _filter(columns: Sequence[Column], text: str) -> Callable[[Any], bool]:
    found = re.fullmatch(rf"([^<>=!]*)({'|'.join(SIGNS)})(.*)", text, re.DOTALL)
    if not found:
        raise UserError(
            f"invalid filter '{text}'; expected COLUMN=PATTERN, COLUMN!=PATTERN or COLUMN<NUMBER (also <=, >, >=)"
        )
    column, sign, value = find_column(columns, found[1]), found[2], found[3].strip()
    if sign not in COMPARISONS:
        return lambda row: fnmatchcase(plain(column.text(row)), _escaped(value)) == (sign != "!=")
    if column.sort is None:
        raise UserError(
            f"filter '{text}' compares numbers, but that column holds text; use = or != with a pattern such as 'a*'"
        )
    bound, number, holds = _bound(value, column.unit, text), column.sort, COMPARISONS[sign]
    return lambda row: (key := number(row)) is not None and holds(key, bound)


def _escaped(pattern: str) -> str:
    """Brackets stand for themselves, as in the patterns of --variants."""
    return pattern.replace("[", "[[]")


def _bound(text: str, unit: str, whole: str) -> float:
    found = re.fullmatch(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)\s*(\D*)", text.lower())
    factor = None if not found else UNITS[unit].get(found[2]) if found[2] else BARE.get(unit, 1)
    if factor is None:
        raise UserError(f"invalid number '{text}' in filter '{whole}'; expected one such as {EXAMPLES[unit]}")
    return float(found[1]) * factor


def _sorted(rows: Sequence[Any], column: Column, descending: bool) -> list[Any]:
    """Numbers by value, words with the numbers in them by value too. Rows without a value come last."""
    number = column.sort
    value = number if number is not None else column.text
    known = [row for row in rows if value(row) not in (None, "", DASH)]
    key = value if number is not None else lambda row: natural(column.text(row))
    return sorted(known, key=key, reverse=descending) + [row for row in rows if value(row) in (None, "", DASH)]

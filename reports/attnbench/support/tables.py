"""CSV tables for spreadsheets and pandas: no cell is read as a formula (CWE-1236), none holds control characters."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from attnbench.support.text import plain

FORMULA = ("=", "+", "-", "@", "\n")  # what makes a spreadsheet evaluate a text cell


def write_csv(file: Path, rows: Sequence[Mapping], columns: Sequence[str] | None = None) -> None:
    """`columns` are those of a table without rows."""
    table = pd.DataFrame([{k: safe_cell(v) for k, v in row.items()} for row in rows], columns=None if rows else columns)
    table.to_csv(file, index=False, lineterminator="\n")


def safe_cell(value: object) -> object:
    """A text that begins like a formula gets an apostrophe in front; control characters are written out."""
    if not isinstance(value, str):
        return value
    text = plain(value)
    return f"'{text}" if text.startswith(FORMULA) else text

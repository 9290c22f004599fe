"""Writes the report's folder: beside its place under another name, then renamed, so half a report never looks whole."""

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path

from attnbench.compare.page import write_comparisons
from attnbench.figures.draw import draw_all
from attnbench.model import Report
from attnbench.pages.data import summary, write_data
from attnbench.pages.html import html
from attnbench.pages.markdown import markdown
from attnbench.support.errors import UserError


def write_report(report: Report, out: Path) -> None:
    """Makes `out`, or replaces the report that is there."""
    _check_replaceable(out)
    out = out.resolve()  # `.` has no name of its own
    partial = out.with_name(f".{out.name}.partial-{os.getpid()}")
    try:
        partial.mkdir(parents=True)
        _write_pages(report, partial)
        _swap(partial, out)
    except OSError as error:
        raise UserError(f"cannot write the report to '{out}' ({error.strerror}); choose another --out") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write_pages(report: Report, folder: Path) -> None:
    figures = draw_all(report, folder / "figures")
    data = summary(report)
    write_data(report, data, folder)
    comparisons = write_comparisons(report, folder)
    (folder / "report.md").write_text(markdown(report, figures, comparisons), encoding="utf-8")
    (folder / "report.html").write_text(html(report, figures, data, comparisons), encoding="utf-8")


def _check_replaceable(out: Path) -> None:
    """A folder with other people's files in it is never replaced."""
    if not out.exists() and not out.is_symlink():
        return
    if out.is_dir() and (not any(out.iterdir()) or _is_report(out)):
        return
    raise UserError(f"'{out}' exists and is not a report of attnbench; choose another --out or remove it")


def _is_report(folder: Path) -> bool:
    with suppress(OSError, ValueError):
        return "summary_version" in json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return False


def _swap(partial: Path, out: Path) -> None:
    old = out.with_name(f".{out.name}.old-{os.getpid()}")
    if out.exists():
        out.rename(old)
    partial.rename(out)
    shutil.rmtree(old, ignore_errors=True)

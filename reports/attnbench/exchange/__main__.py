"""The command: python -m attnbench.exchange RUN --format FORMAT [--out PLACE]; `attnbench export` starts this.

Exit codes: 0 done, 2 a mistake in call or input.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from attnbench.pages.view import View, add_view_options
from attnbench.support.errors import UserError, run_command
from attnbench.support.text import plain, say

if TYPE_CHECKING:
    from attnbench.model import Report

TABLES = ("summary", "cases")
FORMATS = (*TABLES, "google-benchmark", "latex", "figures")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="attnbench export", allow_abbrev=False)
    parser.add_argument("run", type=Path)
    parser.add_argument("--format", choices=FORMATS, required=True)
    parser.add_argument(
        "--out", type=Path, help="file, of figures folder; default: standard output, for figures RUN/paper"
    )
    parser.add_argument("--width", help="of figures: 3.33in, 8.5cm, 241pt; default: 3.33in")
    add_view_options(parser)
    parser.add_argument("--baseline", help="variant that speed-ups are over")
    options = parser.parse_args(arguments)
    return run_command(lambda: _export(options))


def _check(options: argparse.Namespace) -> None:
    """An option of one format given with another would do nothing: it is refused."""
    tables = (*TABLES, "latex")
    belongs = {
        "width": ("figures",),
        "sort": tables,
        "filter": tables,
        "columns": tables,
        "baseline": ("figures", *tables),
    }
    for name, formats in belongs.items():
        if getattr(options, name) and options.format not in formats:
            raise UserError(f"--{name} is for --format {' or '.join(formats)}; leave it out")


def _export(options: argparse.Namespace) -> int:
    _check(options)
    if options.format == "figures":
        from attnbench.exchange.paper import COLUMN, write_figures

        folder = options.out or options.run / "paper"
        for name in write_figures(options.run, folder, options.width or COLUMN, options.baseline):
            say(str(folder / name))
        return 0
    text = _google_benchmark(options.run) if options.format == "google-benchmark" else _table(options)
    if options.out is None:
        print(text, end="")
        return 0
    from attnbench.support.files import write_whole

    try:
        write_whole(options.out, text)
    except OSError as error:
        raise UserError(f"cannot write '{options.out}' ({error.strerror}); choose another --out") from None
    return 0


def _google_benchmark(run: Path) -> str:
    from attnbench.exchange.google_benchmark import to_google_benchmark
    from attnbench.load.run import load_runs

    return json.dumps(to_google_benchmark(load_runs([run])[0]), indent=2, allow_nan=False) + "\n"


def _table(options: argparse.Namespace) -> str:
    from attnbench.model import build_model
    from attnbench.pages.terminal import terminal_cases, terminal_summary

    report, view = build_model([options.run], options.baseline), View.of(options)
    if options.format == "latex":
        return _latex(report, view)
    return plain((terminal_summary if options.format == "summary" else terminal_cases)(report, view)) + "\n"


def _latex(report: "Report", view: View) -> str:
    """The report's summary, one line per variant; its other tables are CSV files in the report's folder."""
    from attnbench.pages.headline import error_notes, fit_notes, headline
    from attnbench.pages.latex import latex

    table = view.arranged(headline(report))
    shown = "".join(text for row in table.texts() for text in row)
    notes = [note for note in fit_notes(report) if note[0] in shown]  # the marks that stand in the table
    return latex(table, [*notes, *(error_notes(report) if any(c.title == "error" for c in table.columns) else ())])


if __name__ == "__main__":
    sys.exit(main())

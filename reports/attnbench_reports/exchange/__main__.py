"""The command: python -m attnbench_reports.exchange RUN --format FORMAT [--out PLACE]; `attnbench export` starts this.

Exit codes: 0 done, 2 a mistake in call or input.
"""

import argparse
import json
import sys
from pathlib import Path

from attnbench_reports.errors import UserError, run_command
from attnbench_reports.text import say

FORMATS = ("google-benchmark", "latex", "figures")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="attnbench export", allow_abbrev=False)
    parser.add_argument("run", type=Path)
    parser.add_argument("--format", choices=FORMATS, required=True)
    parser.add_argument(
        "--out", type=Path, help="file, of figures folder; default: standard output, for figures RUN/paper"
    )
    parser.add_argument("--width", help="of figures: 3.33in, 8.5cm, 241pt; default: 3.33in")
    parser.add_argument("--columns", help="of the LaTeX table: titles, separated by commas; default: all")
    parser.add_argument("--baseline", help="variant that speed-ups are over")
    options = parser.parse_args(arguments)
    return run_command(lambda: _export(options))


def _check(options: argparse.Namespace) -> None:
    """An option of one format given with another would do nothing: it is refused."""
    belongs = {"width": ("figures",), "columns": ("latex",), "baseline": ("figures", "latex")}
    for name, formats in belongs.items():
        if getattr(options, name) is not None and options.format not in formats:
            raise UserError(f"--{name} is for --format {' or '.join(formats)}; leave it out")


def _export(options: argparse.Namespace) -> int:
    _check(options)
    if options.format == "figures":
        from attnbench_reports.exchange.paper import COLUMN, write_figures

        folder = options.out or options.run / "paper"
        for name in write_figures(options.run, folder, options.width or COLUMN, options.baseline):
            say(str(folder / name))
        return 0
    text = _latex(options) if options.format == "latex" else _google_benchmark(options.run)
    if options.out is None:
        print(text, end="")
        return 0
    from attnbench_reports.compare.files import write_whole

    try:
        write_whole(options.out, text)
    except OSError as error:
        raise UserError(f"cannot write '{options.out}' ({error.strerror}); choose another --out") from None
    return 0


def _google_benchmark(run: Path) -> str:
    from attnbench_reports.exchange.google_benchmark import to_google_benchmark
    from attnbench_reports.load.run import load_runs

    return json.dumps(to_google_benchmark(load_runs([run])[0]), indent=2, allow_nan=False) + "\n"


def _latex(options: argparse.Namespace) -> str:
    """The report's summary, one line per variant; its other tables are CSV files in the report's folder."""
    from attnbench_reports.exchange.latex import choose, latex
    from attnbench_reports.model import build_model
    from attnbench_reports.pages.headline import error_notes, fit_notes, headline

    report = build_model([options.run], options.baseline)
    table = headline(report)
    if options.columns is not None:
        table = choose(table, [title.strip() for title in options.columns.split(",")])
    shown = "".join(text for row in table.texts() for text in row)
    notes = [note for note in fit_notes(report) if note[0] in shown]  # the marks that stand in the table
    return latex(table, [*notes, *(error_notes(report) if any(c.title == "error" for c in table.columns) else ())])


if __name__ == "__main__":
    sys.exit(main())

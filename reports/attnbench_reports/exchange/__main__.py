"""The command: python -m attnbench_reports.exchange RUN --format FORMAT [--out FILE]; `attnbench export` starts this.

Exit codes: 0 done, 2 a mistake in call or input.
"""

import argparse
import json
import sys
from pathlib import Path

from attnbench_reports.errors import UserError

FORMATS = ("google-benchmark", "latex")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="attnbench export", allow_abbrev=False)
    parser.add_argument("run", type=Path)
    parser.add_argument("--format", choices=FORMATS, required=True)
    parser.add_argument("--out", type=Path, help="file; default: standard output")
    options = parser.parse_args(arguments)
    try:
        _export(options)
    except UserError as error:
        print(f"attnbench: {error}", file=sys.stderr)
        return 2
    return 0


def _export(options: argparse.Namespace) -> None:
    text = {"google-benchmark": _google_benchmark, "latex": _latex}[options.format](options.run)
    if options.out is None:
        print(text, end="")
        return
    from attnbench_reports.compare.files import write_whole

    try:
        write_whole(options.out, text)
    except OSError as error:
        raise UserError(f"cannot write '{options.out}' ({error.strerror}); choose another --out") from None


def _google_benchmark(run: Path) -> str:
    from attnbench_reports.exchange.google_benchmark import to_google_benchmark
    from attnbench_reports.load.run import load_runs

    return json.dumps(to_google_benchmark(load_runs([run])[0]), indent=2, allow_nan=False) + "\n"


def _latex(run: Path) -> str:
    """The report's summary, one line per variant; its other tables are CSV files in the report's folder."""
    from attnbench_reports.exchange.latex import latex
    from attnbench_reports.model import build_model
    from attnbench_reports.pages.headline import headline

    return latex(headline(build_model([run])))


if __name__ == "__main__":
    sys.exit(main())

"""The command: python -m attnbench_reports RUN... [--out DIR]. Exit codes: 0 done, 2 a mistake in call or input."""

import argparse
import sys
from pathlib import Path

from attnbench_reports.errors import UserError


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="attnbench report",
        description="Turns run directories into one report: HTML, Markdown, CSV, JSON and figures.",
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a run directory; several are shown together")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="where to write the report (default: the first RUN/report)"
    )
    options = parser.parse_args(arguments)
    try:
        return _report(options.runs, options.out or options.runs[0] / "report")
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _report(runs: list[Path], out: Path) -> int:
    # Imported late: matplotlib, scipy and pandas take a second that --help and a mistyped option need not wait for.
    from attnbench_reports.build import write_report
    from attnbench_reports.model import build_model
    from attnbench_reports.pages.terminal import terminal_summary

    model = build_model(runs)
    write_report(model, out)
    print(terminal_summary(model))
    print(f"\nreport: {out / 'report.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

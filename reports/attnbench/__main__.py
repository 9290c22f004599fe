"""The command: python -m attnbench RUN... [--out DIR] [--baseline NAME] [--fail-on complexity].

Exit codes: 0 done, 2 a mistake in call or input, 3 a finding that --fail-on asked for.
"""

import argparse
import sys
from pathlib import Path

from attnbench.support.errors import run_command
from attnbench.support.text import say

FINDING = 3


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="attnbench report",
        description="Turns run directories into one report: HTML, Markdown, CSV, JSON and figures.",
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a run directory; several are shown together")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="where to write the report (default: the first RUN/report)"
    )
    parser.add_argument(
        "--baseline", metavar="NAME", help="variant that speed-ups are over (default: the fastest exact variant)"
    )
    parser.add_argument(
        "--fail-on", choices=("complexity",), help="exit 3 when a variant grows faster with n than it declares"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="print nothing but findings")
    options = parser.parse_args(arguments)
    return run_command(lambda: _exit_code(options))


def _exit_code(options: argparse.Namespace) -> int:
    found = _report(options)
    return FINDING if found and options.fail_on else 0


def _report(options: argparse.Namespace) -> bool:
    """Makes the report; returns whether a variant exceeds its declared complexity."""
    # Imported late: matplotlib, scipy and pandas take a second that --help and a mistyped option need not wait for.
    from attnbench.build import write_report
    from attnbench.model import build_model
    from attnbench.pages.terminal import terminal_summary
    from attnbench.stats.complexity import exceeding

    out = options.out or options.runs[0] / "report"
    model = build_model(options.runs, options.baseline)
    write_report(model, out)
    if not options.quiet:
        say(terminal_summary(model))
    found = exceeding(model.checks)
    for check in found:
        say(f"\ncomplexity: {check}" if check is found[0] else f"complexity: {check}")
    if not options.quiet:
        say(f"\nreport: {out / 'report.html'}")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())

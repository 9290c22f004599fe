"""The command: python -m attnbench_reports.compare; `attnbench compare` checks the call and starts this.

Exit codes: 0 done; 1 a measured command failed; 2 a mistake in call or input; 3 what --fail-on asked for; 130
interrupted.
"""

import argparse
import os
import re
import sys
from pathlib import Path

from attnbench_reports.errors import UserError

USAGE, FINDING, INTERRUPTED = 2, 3, 130
FORMATS = ("terminal", "markdown", "html", "json", "csv", "latex")


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        return _compare(options)
    except UserError as error:
        print(f"attnbench: {error}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="attnbench compare", allow_abbrev=False)
    parser.add_argument("sides", nargs="*", type=Path)
    parser.add_argument("--variants", nargs=2, metavar=("A", "B"))
    parser.add_argument("--paired", nargs=2, metavar=("A", "B"))
    parser.add_argument("--builds", nargs=2, metavar=("A", "B"), type=Path)
    parser.add_argument("--revisions", nargs=2, metavar=("A", "B"))
    parser.add_argument("--resume", type=Path)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--run-option", action="append", default=[], help="one word for `attnbench run` on both sides")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--format", choices=FORMATS, default="terminal")
    parser.add_argument("--fail-on", type=_regression, default=None)
    parser.add_argument("--noise-floor", type=_share, default=0.0)
    parser.add_argument("--allow-different-machines", action="store_true")
    parser.add_argument("--allow-different-inputs", action="store_true")
    parser.add_argument("--allow-different-errors", action="store_true")
    return parser


def _share(text: str) -> float:
    """3% or 3: per cent, as a share."""
    if not re.fullmatch(r"\d+(\.\d+)?%?", text):
        raise argparse.ArgumentTypeError(f"'{text}' is no percentage such as 5%")
    return float(text.removesuffix("%")) / 100


def _regression(text: str) -> float:
    """regression or regression=5%: the slow-down that is still accepted, as a share."""
    name, _, share = text.partition("=")
    if name != "regression":
        raise argparse.ArgumentTypeError(f"'{text}' is not known; give regression or regression=5%")
    return _share(share) if share else 0.0


def _compare(options: argparse.Namespace) -> int:
    # Imported late: scipy takes most of a second that a mistyped option need not wait for.
    from attnbench_reports.compare.checks import Allowed
    from attnbench_reports.compare.model import compared
    from attnbench_reports.compare.pages import rendered, write_folder

    code, base, new, design, folder = _sides(options)
    if base is None:
        return code
    allowed = Allowed(options.allow_different_machines, options.allow_different_inputs, options.allow_different_errors)
    found = compared(base, new, design, allowed, options.noise_floor)
    folder = options.out or folder
    if folder:
        write_folder(found, folder)
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    print(rendered(found, options.format, colour), end="")
    if folder:
        print(f"comparison: {folder / 'comparison.html'}", file=sys.stderr)
    if code == 0 and options.fail_on is not None:
        return _failed_on_regression(found, options.fail_on)
    return code


def _sides(options: argparse.Namespace):
    """(exit code so far, base, new, design, folder of a paired measurement)."""
    from attnbench_reports.compare import measure, sources

    if options.paired or options.builds or options.revisions or options.resume:
        return measure.measured(options)
    return (0, *sources.stored(options.sides, options.variants), None)


def _failed_on_regression(found, accepted: float) -> int:
    regressions = found.regressions(accepted)
    for line in regressions:
        print(f"regression: {line}", file=sys.stderr)
    return FINDING if regressions else 0


if __name__ == "__main__":
    sys.exit(main())

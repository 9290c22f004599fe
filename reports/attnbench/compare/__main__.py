"""The command: python -m attnbench.compare; `attnbench compare` checks the call and starts this.

Exit codes: 0 done; 1 a measured command failed; 2 a mistake in call or input; 3 what --fail-on asked for; 130
interrupted.
"""

import argparse
import os
import re
import sys
from pathlib import Path

from attnbench.pages.columns import Table
from attnbench.pages.view import View, add_view_options
from attnbench.support.errors import UserError, run_command
from attnbench.support.text import complain

FINDING = 3
FORMATS = ("terminal", "markdown", "html", "json", "csv", "latex")


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    return run_command(lambda: _compare(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="attnbench compare", allow_abbrev=False)
    parser.add_argument("sides", nargs="*", type=Path)
    parser.add_argument("--base", nargs="+", type=Path, default=[])
    parser.add_argument("--new", nargs="+", type=Path, default=[])
    parser.add_argument("--variants", nargs=2, metavar=("A", "B"))
    parser.add_argument("--paired", nargs=2, metavar=("A", "B"))
    parser.add_argument("--builds", nargs=2, metavar=("A", "B"), type=Path)
    parser.add_argument("--revisions", nargs=2, metavar=("A", "B"))
    parser.add_argument("--plugins", nargs=2, metavar=("A", "B"), type=Path)
    parser.add_argument("--attnbench", type=Path, default=Path("attnbench"), help="measures --plugins, stores rounds")
    parser.add_argument("--resume", type=Path)
    parser.add_argument("--run-stored-commands", action="store_true")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--run-option", action="append", default=[], help="one word for `attnbench run` on both sides")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--format", choices=FORMATS, default="terminal")
    add_view_options(parser)
    parser.add_argument("--fail-on", type=_regression, default=None)
    parser.add_argument("--allow-missing", action="store_true")
    parser.add_argument("--noise-floor", type=_share, default=None)
    parser.add_argument("--allow-different-machines", action="store_true")
    parser.add_argument("--allow-different-inputs", action="store_true")
    parser.add_argument("--allow-different-errors", action="store_true")
    return parser


def _share(text: str) -> float:
    """3% or 3: per cent, as a share."""
    if not re.fullmatch(r"\d+(\.\d+)?%?", text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a percentage such as 5%")
    return float(text.removesuffix("%")) / 100


def _regression(text: str) -> float:
    """regression or regression=5%: the slow-down that is still accepted, as a share."""
    name, _, share = text.partition("=")
    if name != "regression":
        raise argparse.ArgumentTypeError(f"'{text}' is not known; give regression or regression=5%")
    return _share(share) if share else 0.0


def _compare(options: argparse.Namespace) -> int:
    # Imported late: scipy takes most of a second that a mistyped option need not wait for.
    from attnbench.compare.checks import Allowed
    from attnbench.compare.formats import rendered, write_folder
    from attnbench.compare.model import compared
    from attnbench.compare.terminal import terminal_columns

    view = View.of(options)
    view.arranged(Table("comparison", terminal_columns(), []))  # a mistake is said before anything is measured
    code, base, new, design, folder = _sides(options)
    if base is None:
        return code
    found = compared(base, new, design, Allowed.of(options), options.noise_floor)
    folder = options.out or folder
    if folder:
        write_folder(found, folder)
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    print(rendered(found, options.format, colour, view), end="")
    if folder:
        print(f"comparison: {folder / 'comparison.html'}", file=sys.stderr)
    if code == 0 and options.fail_on is not None:
        return _failed_on_regression(found, options)
    return code


def _sides(options: argparse.Namespace):
    """(exit code so far, base, new, design, folder of a paired measurement)."""
    from attnbench.compare import paired, sources
    from attnbench.compare.checks import Allowed
    from attnbench.measure.turns import measured

    if options.paired or options.builds or options.revisions or options.plugins or options.resume:
        code, folder = measured(options, paired.PairedJudge(Allowed.of(options)))
        return (code, *((None, None) if code else paired.sides_of_pairing(folder)), "paired", folder)
    return (0, *sources.stored(options.sides, options.base, options.new, options.variants), None)


def _failed_on_regression(found, options: argparse.Namespace) -> int:
    regressions = found.regressions(options.fail_on, options.allow_missing)
    for line in regressions:
        complain(f"regression: {line}")
    if regressions:
        return FINDING
    if not found.decidable:
        raise UserError("--fail-on regression could not fail: with so few rounds no row can be called SLOWER, however "
                        "slow it is; measure more rounds")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())

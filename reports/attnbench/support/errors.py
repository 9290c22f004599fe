"""UserError: a mistake of the user's in one line: what was wrong, the value seen, what to do. Exit code 2."""

import os
import sys
from collections.abc import Callable

from attnbench.support.text import complain

USAGE, OUTPUT_LOST, INTERRUPTED = 2, 1, 130


class UserError(Exception):
    pass


def run_command(command: Callable[[], int]) -> int:
    """The exit code of `command`; whatever goes wrong is one line on standard error. With ATTNBENCH_DEBUG set (--debug)
    errors that nobody foresaw keep their traceback."""
    try:
        code = command()
        sys.stdout.flush()
        return code
    except UserError as error:
        return _complain(str(error), USAGE)
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        if os.environ.get("ATTNBENCH_DEBUG"):
            raise
        if error.filename is None:  # standard output: a full device, or a reader that left
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return _complain(f"cannot write the output: {error.strerror}", OUTPUT_LOST)
        return _complain(f"cannot use '{error.filename}': {error.strerror}", USAGE)
    except Exception as error:
        if os.environ.get("ATTNBENCH_DEBUG"):
            raise
        what = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        remedy = "the input is probably damaged; --debug shows where it failed"
        return _complain(f"cannot make sense of the input ({what}); {remedy}", USAGE)


def _complain(message: str, code: int) -> int:
    complain(f"attnbench: {message}")
    return code

"""Execution: one start of one side's command. `attnbench run` is told where to write and to do one round; anything else
is run by the shell and timed as a whole.

Ctrl-C sets a flag and is passed on, so that the command ends in its own clean way before this does.
"""

import shlex
import signal
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from attnbench.support.errors import UserError

OK, CASE_FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130  # exit codes; a case that failed is in the records
OURS = ("--rounds", "--out", "--resume", "--no-report", "--dry-run", "--shard")  # what the pairing decides itself
SHELL_SIGNS = set("();<>|&")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class CommandFailedError(Exception):
    """A measured command ended badly; one line for the user."""


@dataclass(frozen=True)
class Command:
    text: str
    words: tuple[str, ...]  # of an `attnbench run`; empty for a command of the shell

    @property
    def is_run(self) -> bool:
        return bool(self.words)


def parse_command(text: str) -> Command:
    """`... attnbench run ...` without signs of the shell is a run; everything else is a command of the shell."""
    try:
        words = shlex.split(text)
        lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        shell = any(token and set(token) <= SHELL_SIGNS for token in lexer)
    except ValueError as error:
        raise UserError(f"command '{text}' cannot be read: {error}; mind the quotes") from None
    if not words:
        raise UserError("a command to measure is empty; give two, such as --paired './old' './new'")
    is_run = any(Path(a).name == "attnbench" and b == "run" for a, b in pairwise(words))
    return run_command(words, text) if is_run and not shell else Command(text, ())


def run_command(words: list[str], text: str = "") -> Command:
    for word in words:
        if word.split("=")[0] in OURS:
            raise UserError(f"'{word}' is decided by the paired comparison itself; leave it out of the command "
                            "(--rounds and --out are options of compare)")  # fmt: skip
    if "=" in words[0]:
        words = ["env", *words]
    return Command(text or shlex.join(words), tuple(words))


class Executor:
    """Starts commands one after the other; remembers whether the user asked to stop."""

    def __init__(self, log: Path):
        self.log = log
        self.stopped = False
        self._child: subprocess.Popen | None = None

    @contextmanager
    def listening(self):
        previous = {number: signal.signal(number, self._stop) for number in SIGNALS}
        try:
            yield self
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _stop(self, number: int, _frame) -> None:
        self.stopped = True
        if self._child is not None:
            self._child.send_signal(number)

    def seconds(self, command: Command, out: Path) -> float | None:
        """Wall time of one execution; None when it was interrupted. Raises CommandFailedError."""
        if self.stopped:
            return None
        words = [*command.words, "--rounds", "1", "--no-report", "--no-weights", "--quiet", "--out", str(out)]
        call = words if command.is_run else ["/bin/sh", "-c", command.text]
        with self.log.open("ab") as log:
            begin = time.perf_counter()
            try:
                self._child = subprocess.Popen(call, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            except OSError as error:
                raise UserError(f"cannot start '{call[0]}': {error.strerror}; check the path") from None
            if self.stopped:  # the signal came while the child was being started
                self._child.send_signal(signal.SIGINT)
            code = self._child.wait()
            seconds = time.perf_counter() - begin
        self._child = None
        if self.stopped or code == INTERRUPTED:
            self.stopped = True
            return None
        if command.is_run and code == USAGE:
            raise UserError(self._last_words().removeprefix("attnbench: "))
        if code != OK and not (command.is_run and code == CASE_FAILED):
            raise CommandFailedError(
                f"'{command.text}' ended with exit code {code}: {self._last_words()} (all it said: {self.log})"
            )
        return seconds

    def _last_words(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

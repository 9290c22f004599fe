"""Pairing: the folder of a paired measurement, and how rounds get into it.

    pairing.json   what is measured against what and in which order, how many rounds are planned, whether it ended
    base/, new/    ordinary run directories, round k of one measured beside round k of the other
    log.txt        what the commands said

Each execution of `attnbench run` makes a run of one round, which `attnbench add-round` adds to base/ or new/. Commands
that are not attnbench are timed as a whole, in seconds, in pairing.json itself.
"""

import fcntl
import json
import math
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from attnbench.support.errors import UserError
from attnbench.support.files import write_whole
from attnbench.support.json_file import read_json

PAIRING = "pairing.json"
LOCK = ".lock"  # may stay, as that of a run does
PAIRING_VERSION = 1
SIDES = ("base", "new")


@dataclass(frozen=True)
class Pairing:
    commands: tuple[str, str]  # as the user wrote them
    labels: tuple[str, str]
    runs: bool  # both are `attnbench run`: cases are compared; otherwise whole processes are timed
    rounds: int  # planned
    created: str  # UTC
    status: str = "running"  # running, interrupted, complete
    done: int = 0  # rounds that both sides have
    seconds: tuple[tuple[float, float], ...] = ()  # wall time of (base, new) per round
    seed: int | None = None  # of the coin that decides who goes first; None: A B B A, as earlier versions did
    first: tuple[str, ...] = ()  # per round, which side went first: A (base) or B
    paired_version: int = field(default=PAIRING_VERSION)


def read_pairing(folder: Path) -> Pairing:
    file = folder / PAIRING
    if not file.is_file():
        raise UserError(f"'{folder}' holds no {PAIRING}; give the folder of a paired comparison")
    stored = read_json(file, "measure again")
    version = stored.get("paired_version") if isinstance(stored, dict) else None
    if version != PAIRING_VERSION:
        raise UserError(f"'{file}' has version {version}, this attnbench reads {PAIRING_VERSION}; measure again")
    if wrong := next(
        (name for name, right in CHECKS.items() if not right(stored.get(name, _DEFAULTS.get(name)))), None
    ):
        raise UserError(f"'{file}' is damaged: {wrong} is {str(stored.get(wrong))[:60]!r}; measure again")
    known = {name: stored[name] for name in Pairing.__dataclass_fields__ if name in stored}
    known["seconds"] = tuple(map(tuple, stored.get("seconds", ())))
    return Pairing(**{k: tuple(v) if isinstance(v, list) else v for k, v in known.items()})


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _are_texts(value: Any, count: int | None = None) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(v, str) for v in value) and count in (None, len(value))


def _are_pairs(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(
        isinstance(pair, list | tuple) and len(pair) == 2
        and all(isinstance(s, int | float) and not isinstance(s, bool) and 0 <= s < math.inf for s in pair)
        for pair in value
    )  # fmt: skip


_DEFAULTS = {"status": "running", "done": 0, "seconds": (), "first": ()}
CHECKS: dict[str, Callable[[Any], bool]] = {
    "commands": lambda v: _are_texts(v, 2),
    "labels": lambda v: _are_texts(v, 2),
    "runs": lambda v: isinstance(v, bool),
    "rounds": _is_count,
    "created": lambda v: isinstance(v, str),
    "status": lambda v: v in ("running", "interrupted", "complete"),
    "done": _is_count,
    "seconds": _are_pairs,
    "seed": lambda v: v is None or _is_count(v),
    "first": _are_texts,
}


def _lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        remedy = "wait for it to end, or choose another --out"
        raise UserError(f"'{folder}' is in use by another attnbench; {remedy}") from None


@dataclass(frozen=True)
class PairingFolder:
    path: Path
    attnbench: Path  # the binary whose store keeps the rounds

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps a second writer out, as the store of a run does; the kernel ends the lock with the process."""
        descriptor = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            _lock(descriptor, self.path)
            yield
        finally:
            os.close(descriptor)

    def write(self, pairing: Pairing) -> None:
        write_whole(self.path / PAIRING, json.dumps(asdict(pairing), indent=1, ensure_ascii=False) + "\n")

    def add_round(self, side: str, measured: Path, number: int, planned: int) -> None:
        """Adds a run of one round to base/ or new/ as round `number`, through the store of attnbench."""
        words = [self.attnbench, "add-round", self.path / side, measured, f"--number={number}", f"--planned={planned}"]
        call = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "check": False}
        try:  # in a session of its own: Ctrl-C waits until the round is kept
            done = subprocess.run(list(map(str, words)), start_new_session=True, **call)
        except OSError as error:
            raise UserError(f"cannot start '{self.attnbench}': {error.strerror}; check the path") from None
        if done.returncode != 0:
            why = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1].removeprefix("attnbench: ")
            raise UserError(f"cannot keep round {number + 1}: {why}")

"""Measuring two commands in turns, round by round, into the folder of a pairing (pairing.py).

In every round both sides run once; a coin decides which goes first, so that whatever the machine does meets both sides
with the same probability (stats/paired.py).
"""

import argparse
import secrets
import shlex
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from attnbench.measure import builds
from attnbench.measure.execution import Command, CommandFailedError, Executor, parse_command, run_command
from attnbench.measure.pairing import LOCK, PAIRING, SIDES, Pairing, PairingFolder, read_pairing
from attnbench.measure.plugins import plugin_commands
from attnbench.support.coin import coin
from attnbench.support.errors import UserError

FAILED, INTERRUPTED = 1, 130
SCRATCH = ".round"
LONGEST_NAME = 40


class Judge(Protocol):
    """What the statistics say while rounds are measured."""

    least_rounds: int

    def check(self, folder: Path) -> None:
        """After the first round. Raises UserError where the two sides cannot be compared."""

    def rounds(self, folder: Path) -> int:
        """How many rounds are needed, once one is measured."""


def measured(options: argparse.Namespace, judge: Judge) -> tuple[int, Path]:
    """(exit code, folder). With another code than 0 there is nothing to compare."""
    path, pairing, commands = _resumed(options) if options.resume else _begun(options, judge.least_rounds)
    fixed = bool(options.rounds or options.resume)
    folder = PairingFolder(path, options.attnbench)
    with folder.locked():
        return _measure(folder, pairing, commands, fixed, judge), path


def order(seed: int | None, number: int) -> tuple[int, int]:
    """Which side goes first in a round. Without a seed A B, B A, A B ...: how measurements of old carry on."""
    new_first = number % 2 == 1 if seed is None else coin(seed, number)
    return (1, 0) if new_first else (0, 1)


def _begun(options: argparse.Namespace, least_rounds: int) -> tuple[Path, Pairing, list[Command]]:
    commands = _commands(options)
    if commands[0].is_run != commands[1].is_run:
        raise UserError("one command is `attnbench run` and the other is not; cases cannot be compared with a whole "
                        "process, give two of a kind")  # fmt: skip
    labels = tuple(f"{place} ({text})" for place, text in zip("AB", _names(options), strict=True))
    folder = options.out or _fresh_folder()
    if folder.exists() and any(folder.iterdir()):
        raise UserError(f"'{folder}' is not empty; choose another --out, or carry on with --resume {folder}")
    folder.mkdir(parents=True, exist_ok=True)
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    seed = secrets.randbelow(10**6) if options.seed is None else options.seed
    texts = tuple(c.text for c in commands)
    rounds = options.rounds or least_rounds
    return folder, Pairing(texts, labels, commands[0].is_run, rounds, created, seed=seed), commands


def _commands(options: argparse.Namespace) -> list[Command]:
    if options.paired:
        return [parse_command(text) for text in options.paired]
    if options.plugins:
        return plugin_commands(options.plugins, options.attnbench, options.run_option)
    found = builds.binaries(options.builds) if options.builds else builds.revisions(options.revisions)
    return [run_command([str(binary), "run", *options.run_option]) for binary in found]


def _names(options: argparse.Namespace) -> list[str]:
    """What the sides are called: short, for they head columns; the whole commands are in pairing.json."""
    if paths := options.builds or options.plugins:
        return [path if len(path) <= LONGEST_NAME else "…" + path[1 - LONGEST_NAME :] for path in map(str, paths)]
    names = options.paired or options.revisions
    return [name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…" for name in names]


def _resumed(options: argparse.Namespace) -> tuple[Path, Pairing, list[Command]]:
    pairing = read_pairing(options.resume)
    if not options.run_stored_commands:
        a, b = map(shlex.quote, pairing.commands)
        raise UserError(f"--resume would run the commands stored in '{options.resume / PAIRING}', A: {a} and B: {b}; "
                        "add --run-stored-commands if you want them to run")  # fmt: skip
    rounds = max(options.rounds or pairing.rounds, pairing.done)
    commands = [run_command(shlex.split(t), t) if pairing.runs else Command(t, ()) for t in pairing.commands]
    return options.resume, replace(pairing, rounds=rounds, status="running"), commands


def _fresh_folder() -> Path:
    stem = time.strftime("results/%Y%m%dT%H%M%SZ_paired", time.gmtime())
    folder, count = Path(stem), 2
    while folder.exists():
        folder, count = Path(f"{stem}-{count}"), count + 1
    return folder


def _measure(folder: PairingFolder, pairing: Pairing, commands: list[Command], fixed: bool, judge: Judge) -> int:
    """Measures what is missing. Whatever stops it, base/ and new/ hold whole rounds only and pairing.json says so."""
    executor = Executor(folder.path / "log.txt")
    folder.write(pairing)
    try:
        with executor.listening():
            if not pairing.runs and pairing.done == 0:
                _warm_up(executor, commands, folder.path)
            checked = False
            while pairing.done < pairing.rounds:
                if pairing.done > 0 and not checked:
                    judge.check(folder.path)
                    checked = True
                seconds = _round(executor, commands, folder, pairing)
                if seconds is None:
                    break
                first = "AB"[order(pairing.seed, pairing.done)[0]]
                pairing = replace(
                    pairing,
                    done=pairing.done + 1,
                    seconds=(*pairing.seconds, seconds),
                    first=(*pairing.first, first) if pairing.seed is not None else (),
                )
                if pairing.done == 1 and pairing.runs and not fixed:
                    pairing = replace(pairing, rounds=judge.rounds(folder.path))
                folder.write(pairing)
    except CommandFailedError as error:
        print(f"attnbench: {error}", file=sys.stderr)
        folder.write(replace(pairing, status="interrupted"))
        return FAILED
    except UserError:
        _leave(folder, pairing)
        raise
    finally:
        shutil.rmtree(folder.path / SCRATCH, ignore_errors=True)
    if executor.stopped:
        print(f"attnbench: {_leave(folder, pairing)}", file=sys.stderr)
        return INTERRUPTED
    folder.write(replace(pairing, status="complete"))
    return 0


def _warm_up(executor: Executor, commands: list[Command], folder: Path) -> None:
    """Once each and not counted: files come from the disk the first time."""
    for command in commands:
        executor.seconds(command, folder)


def _round(
    executor: Executor, commands: list[Command], folder: PairingFolder, pairing: Pairing
) -> tuple[float, float] | None:
    """Both sides once; None when interrupted. Nothing is stored unless both came to their end."""
    number, scratch = pairing.done, folder.path / SCRATCH
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    taken = [0.0, 0.0]
    for side in order(pairing.seed, number):
        place = scratch / f"{SIDES[side]}-round-{number}"
        seconds = executor.seconds(commands[side], place)
        if seconds is None:
            return None
        taken[side] = seconds
        print(f"round {number + 1} of {pairing.rounds}: {'AB'[side]} {seconds:.2f} s", file=sys.stderr)
    if pairing.runs:
        for name in SIDES:
            folder.add_round(name, scratch / f"{name}-round-{number}", number, pairing.rounds)
    return taken[0], taken[1]


def _leave(folder: PairingFolder, pairing: Pairing) -> str:
    """Marks the folder as unfinished, or takes it away when it holds nothing; says which."""
    if pairing.done == 0:
        _remove_fresh(folder.path)
        return "stopped before the first round was whole; nothing is kept"
    folder.write(replace(pairing, status="interrupted"))
    return (f"stopped after {pairing.done} of {pairing.rounds} rounds; carry on with: attnbench compare --resume "
            f"{folder.path} --run-stored-commands")  # fmt: skip


def _remove_fresh(folder: Path) -> None:
    """Takes away what this made and nothing else."""
    for name in (PAIRING, "log.txt", LOCK):
        (folder / name).unlink(missing_ok=True)
    for name in (*SIDES, SCRATCH):
        shutil.rmtree(folder / name, ignore_errors=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()

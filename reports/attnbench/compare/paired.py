"""Paired measurements: the two sides of a stored one, and what the statistics say while one is measured."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

from attnbench.compare.checks import Allowed
from attnbench.compare.model import compared
from attnbench.compare.sides import Entry, Key, Side, sides_of_runs
from attnbench.measure.pairing import Pairing, read_pairing
from attnbench.stats.power import rounds_needed
from attnbench.support.errors import UserError

LEAST_ROUNDS = 10  # unless --rounds says otherwise; raised to what a table of that many rows needs


def sides_of_pairing(folder: Path) -> tuple[Side, Side]:
    pairing = read_pairing(folder)
    if pairing.done == 0:
        raise UserError(f"'{folder}' holds no whole round; carry on with attnbench compare --resume {folder}")
    unfinished = () if pairing.status == "complete" else (
        f"{pairing.done} of {pairing.rounds} rounds measured; carry on with attnbench compare --resume {folder}",
    )  # fmt: skip
    fixed = () if pairing.seed is not None else (
        "rounds were measured A B B A: a disturbance that repeats every four processes can look like a change",
    )  # fmt: skip
    doubts = unfinished + fixed
    if pairing.runs:
        sides = sides_of_runs([folder / "base"], [folder / "new"])
    else:
        sides = tuple(_whole_process(pairing, place) for place in (0, 1))
    named = zip(sides, pairing.labels, pairing.commands, strict=True)
    return tuple(
        replace(
            side, label=label, command=command, warnings=side.warnings + doubts, random_order=pairing.seed is not None
        )
        for side, label, command in named
    )


def _whole_process(pairing: Pairing, place: int) -> Side:
    key = Key("", "", "whole process", 1, "")
    rounds = {number: pair[place] for number, pair in enumerate(pairing.seconds)}
    return Side(pairing.labels[place], {key: Entry(key, "ok", (), rounds)}, created=pairing.created)


@dataclass(frozen=True)
class PairedJudge:
    """Judge of measure/turns.py."""

    allowed: Allowed
    least_rounds: int = LEAST_ROUNDS

    def check(self, folder: Path) -> None:
        """After the first round all is known that makes sides incomparable: refused now, not after all rounds."""
        try:
            found = compared(*sides_of_pairing(folder), "paired", self.allowed)
        except UserError as error:
            again = f"; go on from here with --resume {folder} --run-stored-commands" if "--allow" in str(error) else ""
            raise UserError(f"{error} (stopped before more rounds were measured{again})") from None
        for left in found.left:
            print(f"attnbench: {left.key.name} will not be compared: {left.why}", file=sys.stderr)

    def rounds(self, folder: Path) -> int:
        """Enough that Holm can reject any row of the table, once the first round has shown how many rows there are."""
        base, new = sides_of_runs([folder / "base"], [folder / "new"])
        rows = len(base.entries.keys() & new.entries.keys())
        return max(self.least_rounds, rounds_needed(max(1, rows), "paired"))

"""Pairing: the folder of a paired measurement, and how rounds get into it.

    pairing.json   what is measured against what and in which order, how many rounds are planned, whether it ended
    base/, new/    ordinary run directories, round k of one measured beside round k of the other
    log.txt        what the commands said

Each execution of `attnbench run` makes a run of one round; `add_round` folds it into base/ or new/. Commands that are
not attnbench are timed as a whole, in seconds, in pairing.json itself.
"""

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from attnbench.compare.files import write_whole
from attnbench.compare.sides import Entry, Key, Side, sides_of_runs
from attnbench.errors import UserError
from attnbench.load.json_file import read_json

PAIRING = "pairing.json"
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


def write_pairing(folder: Path, pairing: Pairing) -> None:
    write_whole(folder / PAIRING, json.dumps(asdict(pairing), indent=1, ensure_ascii=False) + "\n")


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


def add_round(run: Path, measured: Path, number: int, planned: int) -> None:
    """Folds the run of one round into `run` as round `number`; files are replaced whole, records before run.json."""
    meta = json.loads((measured / "run.json").read_text(encoding="utf-8"))
    fresh = [json.loads(line) for line in (measured / "records.jsonl").read_text(encoding="utf-8").splitlines()]
    if number == 0:
        run.mkdir(exist_ok=True)
        records, whole = [], {**meta, "run_id": run.name, "merged_from": [], "sessions": []}
    else:
        whole = json.loads((run / "run.json").read_text(encoding="utf-8"))
        records = [json.loads(line) for line in (run / "records.jsonl").read_text(encoding="utf-8").splitlines()]
        records = [r for r in records if r["kind"] != "time" or r["round"] < number]
    records = _merged(records, [_as_round(record, number, planned) for record in fresh])
    sessions = whole["sessions"][:number] + [{**s, "command": meta["command"]} for s in meta["sessions"]]
    whole |= {"status": "complete", "finished": meta["finished"], "sessions": sessions,
              "merged_from": [*whole["merged_from"][:number], meta["run_id"]]}  # fmt: skip
    whole["plan"]["rounds"] = planned
    write_whole(run / "records.jsonl", "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records))
    write_whole(run / "run.json", json.dumps(whole, indent=2, ensure_ascii=False) + "\n")


def _as_round(record: dict, number: int, planned: int) -> dict:
    record = {name: value for name, value in record.items() if name != "check"}  # of the line as it was
    record["session"] = number
    if record["kind"] != "time":
        return record
    if "time" in record and number + 1 < planned:
        record["time"] = {**record["time"], "stop": None}  # it was the last round of its own run only
    stem = record["key"].rpartition("|")[0]
    return {**record, "round": number, "key": f"{stem}|r{number}"}


def _merged(old: list[dict], fresh: list[dict]) -> list[dict]:
    """What was verified once is kept once; a case that fails in a later round has failed."""
    by_key = {record["key"]: record for record in old}
    for record in fresh:
        kept = by_key.get(record["key"])
        if kept is None or (kept["status"] == "ok" and record["status"] != "ok"):
            by_key[record["key"]] = record
    return list(by_key.values())

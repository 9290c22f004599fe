"""Run: one results directory as it lies on disk, checked just enough that the rest can rely on it.

A torn last line is what a killed harness leaves behind: it is skipped with a warning. Anything else that is not as the
schema says is refused with the line it stands on.
"""

import json
import zlib
from dataclasses import dataclass
from pathlib import Path

from attnbench.load.calibration import Calibration
from attnbench.load.schema import missing_member, wrong_type
from attnbench.support.errors import UserError
from attnbench.support.json_file import read_json

SCHEMA_VERSION = 2
KINDS = ("verify", "time", "memory", "weights")


@dataclass(frozen=True)
class Run:
    label: str  # unique among the runs of a report
    path: Path
    meta: dict  # run.json
    records: list[dict]
    warnings: tuple[str, ...]

    @property
    def sessions(self) -> list[dict]:
        """What wrote the records: one per start of the harness, several after a resume or a merge."""
        return self.meta["sessions"]

    @property
    def calibration(self) -> Calibration | None:
        return Calibration(self.meta["calibration"]) if self.meta["calibration"] else None


def load_runs(paths: list[Path]) -> list[Run]:
    """Loads every directory; runs that share a run_id are told apart as `id`, `id #2`, ..."""
    runs = []
    seen: dict[str, int] = {}
    for path in paths:
        meta = _read_meta(path)
        run_id = str(meta["run_id"])
        seen[run_id] = seen.get(run_id, 0) + 1
        label = run_id if seen[run_id] == 1 else f"{run_id} #{seen[run_id]}"
        records, warnings = _read_records(path / "records.jsonl", len(meta["sessions"]))
        runs.append(Run(label, path, meta, records, tuple(_state_warnings(meta) + warnings)))
    return runs


def _read_meta(path: Path) -> dict:
    if not path.is_dir():
        raise UserError(
            f"no run directory at '{path}'; give the folder that attnbench run wrote, such as results/<run>"
        )
    file = path / "run.json"
    if not file.exists():
        raise UserError(f"'{path}' holds no run.json; give the folder that attnbench run wrote")
    meta = read_json(file, "run attnbench again or remove the folder")
    _check_version(meta, str(file))
    if wrong := wrong_type("run", meta):
        raise UserError(f"'{file}' is damaged: {wrong}; run attnbench again or remove the folder")
    if meta.get("calibration") and (wrong := wrong_type("calibration", meta["calibration"])):
        raise UserError(f"'{file}' is damaged: in calibration, {wrong}; run attnbench again or remove the folder")
    if missing := missing_member("run", meta):
        raise UserError(f"'{file}' lacks '{missing}'; it is not a run.json of schema version {SCHEMA_VERSION}")
    return meta


def _read_records(file: Path, sessions: int) -> tuple[list[dict], list[str]]:
    try:
        lines = [(k, line) for k, line in enumerate(file.read_bytes().split(b"\n"), start=1) if line.strip()]
    except OSError as error:
        raise UserError(f"cannot read '{file}': {_one_line(error)}") from None
    records: dict[str, dict] = {}
    warnings: list[str] = []
    for number, line in lines:
        try:
            record = _parse(line, f"'{file}' line {number}")
        except _TornLineError:
            if number != lines[-1][0]:
                raise
            warnings.append(f"the last line of {file.name} is torn (an interrupted run) and was skipped")
            continue
        if not 0 <= record["session"] < sessions:
            raise UserError(f"'{file}' line {number} is of session {record['session']}, but run.json lists {sessions}; "
                            "copy run.json and records.jsonl together")  # fmt: skip
        if record["key"] in records:
            warnings.append(f"two records share the key '{record['key']}'; the later one is used")
        records[record["key"]] = record
    if not records:
        raise UserError(f"'{file}' holds no records; there is nothing to report, finish the run with --resume")
    return list(records.values()), warnings


class _TornLineError(UserError):
    pass


def _parse(line: bytes, where: str) -> dict:
    try:
        record = json.loads(line.decode("utf-8"))
    except ValueError as error:
        raise _TornLineError(f"{where} is not JSON ({_one_line(error)}); only the last line may be torn") from None
    except RecursionError:
        raise UserError(f"{where} is nested too deeply; the file is damaged") from None
    _verify_checksum(record, line, where)
    _check_version(record, where)
    if wrong := wrong_type("record", record):
        raise _damaged(where, wrong)
    if missing := missing_member("record", record):
        raise UserError(f"{where} lacks '{missing}'; it is not a record of schema version {SCHEMA_VERSION}")
    if not all(seconds > 0 for seconds in record.get("time", {}).get("samples_s", ())):
        raise UserError(f"{where} holds a time that is not above 0; the file is damaged")
    if record["kind"] not in KINDS:
        raise UserError(f"{where} has kind '{record['kind']}'; known kinds are {', '.join(KINDS)}")
    if record["status"] == "ok" and record["kind"] not in record:
        raise _damaged(where, f"{record['kind']} is missing")
    return record


def _damaged(where: str, what: str) -> UserError:
    """In the words of `attnbench run --resume` (harness/run/store.cpp)."""
    return UserError(f"{where} is damaged: {what}; remove that line to measure its case again")


def _verify_checksum(record: object, line: bytes, where: str) -> None:
    """The last member of a line is the CRC-32 of what stands before it; lines of older versions have none."""
    if not isinstance(record, dict) or "check" not in record:
        return
    text, _, rest = line.rpartition(b',"check":"')
    if rest != b'%08x"}' % zlib.crc32(text):
        raise UserError(f"{where} was changed after it was written: its checksum does not hold; "
                        "remove that line to measure its case again")  # fmt: skip
    del record["check"]


def _check_version(value: object, where: str) -> None:
    if not isinstance(value, dict):
        raise UserError(f"{where} is not a JSON object; it is not a file of attnbench")
    version = value.get("schema_version")
    if version != SCHEMA_VERSION:
        raise UserError(f"{where} has schema version {version}; this report reads version {SCHEMA_VERSION}, "
                        "use the attnbench that wrote the run")  # fmt: skip


def _state_warnings(meta: dict) -> list[str]:
    warnings = [str(line) for line in meta["environment"].get("warnings", [])]
    if meta["status"] != "complete":
        warnings.append(f"the run is {meta['status']}, not complete; attnbench run --resume carries on")
    return warnings + _mixture_warnings(meta)


def _mixture_warnings(meta: dict) -> list[str]:
    """Records of several binaries or machines in one run: their times differ for reasons that no variant has."""
    kinds = (("binary_id", "binaries"), ("machine_id", "machines"))
    counts = [(len({session[key] for session in meta["sessions"]}), name) for key, name in kinds]
    return [
        f"the records come from {count} different {name}; compare variants only where one of them measured both"
        for count, name in counts
        if count > 1
    ]


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())

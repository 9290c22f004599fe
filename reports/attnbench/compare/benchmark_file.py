"""A file in Google Benchmark's JSON, ours (exchange/google_benchmark.py) or another program's, read as a Side."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attnbench.compare.sides import Entry, Key, Side
from attnbench.exchange.google_benchmark import LABEL, PROCESSES
from attnbench.support.errors import UserError
from attnbench.support.json_file import read_json

SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}


def side_of_file(path: Path) -> Side:
    """A Google Benchmark JSON file, ours or another program's. Every repetition is a round, in the order of the file:
    where the files of several processes were joined, each of them counts its repetitions from 0 again."""
    context, benchmarks = _read(path)
    groups = _by_name(benchmarks)
    ours = context.get("attnbench_repetitions") == PROCESSES
    entries = [_entry(name, _rounds_of(runs), path) for name, runs in groups.items()]
    warnings = _warnings(groups)
    if context.get("library_build_type") == "debug" and not ours:
        warnings.append("the benchmark library was built as debug; its own overhead is in short times")
    return Side(
        label=path.name,
        entries={entry.key: entry for entry in entries},
        environment={
            k: str(v) for k, v in context.items() if k not in ("date", "caches", "executable", "attnbench_run")
        },
        machines=frozenset([f"{context.get('host_name', '')} {context.get('num_cpus', '')}"]),
        machine=f"{context.get('host_name', 'unnamed host')}, {context.get('num_cpus', '?')} CPUs",
        seeds=frozenset(int(_case_of(b)[5]) for b in benchmarks if _case_of(b)),
        created=str(context.get("date", "")),
        command=str(context.get("executable", "")),
        fresh_processes=ours or all(map(_one_per_process, map(_rounds_of, groups.values()))),
        warnings=tuple(warnings),
    )


def _read(path: Path) -> tuple[dict, list[dict]]:
    document = read_json(path, "--benchmark_out=FILE of a benchmark writes such a file")
    shaped = isinstance(document, dict) and isinstance(document.get("context"), dict)
    benchmarks = document.get("benchmarks") if shaped else None
    if not isinstance(benchmarks, list) or not all(isinstance(b, dict) for b in benchmarks):
        raise UserError(f"'{path}' is not JSON of Google Benchmark (--benchmark_out=FILE writes one); a stored run is "
                        "given as its folder")  # fmt: skip
    # Fitted rows (BigO, RMS) have no time unit of their own.
    measured = [b for b in benchmarks if "real_time" in b and b.get("time_unit") in SECONDS]
    for benchmark in measured:
        _check(benchmark, path)
    if not measured:
        raise UserError(f"'{path}' holds no times; run the benchmark to its end and give its JSON again")
    return document["context"], measured


TYPES: dict[str, tuple[type, ...]] = {
    "name": (str,), "run_name": (str,), "run_type": (str,), "aggregate_name": (str,), "label": (str,),
    "real_time": (int, float), "threads": (int,), "repetition_index": (int,), "error_message": (str,),
    "skip_message": (str,),
}  # fmt: skip


def _check(benchmark: dict, path: Path) -> None:
    name = benchmark.get("name")
    for field, types in TYPES.items():
        value = benchmark.get(field, "" if str in types else 0)
        if not isinstance(value, types) or isinstance(value, bool) or (field == "name" and not value):
            expected = "a text" if str in types else "a number"
            raise UserError(f"'{path}': benchmark {_shown(name)} has {field} {_shown(value)}, expected {expected}; "
                            "write the file again")  # fmt: skip


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"


def _by_name(benchmarks: list[dict]) -> dict[str, list[dict]]:
    groups: dict[str, list[dict]] = {}
    for benchmark in benchmarks:
        if benchmark.get("aggregate_unit") != "percentage":
            groups.setdefault(benchmark.get("run_name", benchmark["name"]), []).append(benchmark)
    return groups


def _is_repetition(benchmark: dict) -> bool:
    return benchmark.get("run_type", "iteration") == "iteration"


def _rounds_of(runs: list[dict]) -> list[dict]:
    """The repetitions; where only aggregates were stored, the medians (else the means), one for each process."""
    if single := [b for b in runs if _is_repetition(b)]:
        return single
    for name in ("median", "mean"):
        if typical := [b for b in runs if b.get("aggregate_name") == name]:
            return typical
    return runs[:1]


def _one_per_process(rounds: Sequence[dict]) -> bool:
    """Whether every round comes from a process of its own: several that are all the first of their process."""
    return len(rounds) > 1 and all(b.get("repetition_index", 0) == 0 for b in rounds)


def _warnings(groups: dict[str, list[dict]]) -> list[str]:
    warnings = []
    if any(not any(map(_is_repetition, runs)) for runs in groups.values()):
        warnings.append("only aggregates are stored: one value for each process, and no interval from one value")
    families = {name: {(b.get("family_index"), b.get("per_family_instance_index")) for b in runs}
                for name, runs in groups.items()}  # fmt: skip
    if several := [name for name, found in families.items() if len(found) > 1]:
        warnings.append(f"'{several[0]}' is registered under several families; its times are compared as one benchmark")
    return warnings


def _entry(name: str, runs: list[dict], path: Path) -> Entry:
    case = _case_of(runs[0])
    failed = next((b for b in runs if b.get("error_occurred") or b.get("skipped")), None)
    seconds = [] if failed else [b["real_time"] * SECONDS[b["time_unit"]] for b in runs]
    if bad := [s for s in seconds if not 0 < s < math.inf]:
        raise UserError(f"'{path}': {name} has a time of {bad[0]:g} s, expected one above 0; measure it again")
    if case:
        dataset, problem, variant, threads, cache, _ = case
        key = Key(dataset, problem, variant, int(threads), cache)
    else:
        key = Key("", "", name, int(runs[0].get("threads", 1)), "")
    reason = (failed.get("error_message") or failed.get("skip_message") or "no reason given",) if failed else ()
    return Entry(key, status="failed" if failed else "ok", reasons=reason, rounds=dict(enumerate(seconds)))


def _case_of(benchmark: dict) -> list[str] | None:
    label = benchmark.get("label", "")
    parts = label.removeprefix(LABEL).split("|")
    ours = label.startswith(LABEL) and len(parts) == 6 and parts[3].isdecimal() and parts[5].isdecimal()
    return parts if ours else None

"""Google Benchmark's JSON: a run written so that its compare.py reads it, and anybody's file read as a Side.

Fields as its JSON reporter writes them (1.7): one entry per repetition with run_type "iteration", then aggregates. A
repetition of ours is the median of one fresh process; the context says so, and `label` holds the case. We measure wall
time only, so cpu_time repeats real_time. Cases without a time are left out: zero times would spoil compare.py's mean.
"""

import json
import statistics
from pathlib import Path

from attnbench_reports.compare.sides import Entry, Key, Side
from attnbench_reports.errors import UserError
from attnbench_reports.load.cases import Case, cases_of
from attnbench_reports.load.run import Run
from attnbench_reports.stats.intervals import process_medians
from attnbench_reports.units import plural

SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
LABEL = "attnbench|"  # before the case in the label of an entry of ours
PROCESSES = "medians of fresh processes"
AGGREGATES = (
    ("mean", "time", statistics.fmean),
    ("median", "time", statistics.median),
    ("stddev", "time", lambda values: statistics.stdev(values) if len(values) > 1 else 0.0),
)


def to_google_benchmark(run: Run) -> dict:
    cases = cases_of(run)
    timed = [case for case in cases if case.times]
    families = list(dict.fromkeys(case.variant for case in timed))
    places = dict.fromkeys(families, 0)
    entries = []
    for case in timed:
        entries += _entries(case, families.index(case.variant), places[case.variant])
        places[case.variant] += 1
    return {"context": _context(run, len(cases) - len(timed)), "benchmarks": entries}


def name_of(case: Case) -> str:
    """naive/b1,h8,n1024,d64,f32/text/real_time/threads:2: no spaces, which filters on a command line would split."""
    cold = "/cold" if case.cache == "cold" else ""
    return f"{case.variant}/{case.problem.replace(' ', ',')}/{case.dataset}{cold}/real_time/threads:{case.threads}"


def _context(run: Run, left_out: int) -> dict:
    environment = run.meta["environment"]
    build = "release" if environment["build_type"] == "Release" else "debug"
    return {
        "date": run.meta.get("created", ""), "host_name": str(run.meta.get("machine_id", "")),
        "executable": "attnbench", "num_cpus": environment["cores"], "mhz_per_cpu": 0, "cpu_scaling_enabled": False,
        "caches": [], "load_avg": [environment.get("load_1m", 0)], "library_build_type": build,
        "attnbench_run": run.label, "attnbench_version": environment["attnbench"],
        "attnbench_repetitions": PROCESSES, "attnbench_cpu_time": "the wall time; processor time is not measured",
        "attnbench_left_out": plural(left_out, "case") + " without a time",
        **{f"attnbench_{k}": str(environment.get(k, "")) for k in ("cpu_model", "isa", "compiler", "git_sha")},
    }  # fmt: skip


def _entries(case: Case, family: int, instance: int) -> list[dict]:
    rounds = process_medians({number: time["samples_s"] for number, time in case.times.items()})
    common = {
        "family_index": family, "per_family_instance_index": instance, "run_name": name_of(case),
        "repetitions": len(rounds), "threads": case.threads,
    }  # fmt: skip
    label = LABEL + "|".join((case.dataset, case.problem, case.variant, str(case.threads), case.cache, str(case.seed)))
    entries = []
    for index, number in enumerate(sorted(rounds)):
        iterations = sum(case.times[number].get("iterations", [1]))
        entries.append({"name": name_of(case), **common, "run_type": "iteration", "repetition_index": index,
                        "iterations": iterations, **_nanoseconds(rounds[number]), "label": label,
                        **_counters(case)})  # fmt: skip
    for aggregate, unit, function in AGGREGATES:
        entries.append({"name": f"{name_of(case)}_{aggregate}", **common, "run_type": "aggregate",
                        "aggregate_name": aggregate, "aggregate_unit": unit, "iterations": len(rounds),
                        **_nanoseconds(function(list(rounds.values()))), "label": label})  # fmt: skip
    return entries


def _nanoseconds(seconds: float) -> dict:
    return {"real_time": 1e9 * seconds, "cpu_time": 1e9 * seconds, "time_unit": "ns"}


def _counters(case: Case) -> dict:
    """User counters, plain numbers beside the times."""
    verify, memory = case.verify or {}, case.memory or {}
    found = {"multiply_adds": case.cost["multiply_adds"], "implementation_rel_rms": verify.get("rel_rms"),
             "approximation_rel_rms": verify.get("approximation_rel_rms"),
             "workspace_bytes": memory.get("workspace_peak")}  # fmt: skip
    return {name: value for name, value in found.items() if value is not None}


def side_of_file(path: Path) -> Side:
    """A Google Benchmark JSON file, ours or another program's."""
    context, benchmarks = _read(path)
    entries: dict[Key, Entry] = {}
    only_aggregates = False
    for name, runs in _by_name(benchmarks).items():
        single = [b for b in runs if b.get("run_type", "iteration") == "iteration"]
        only_aggregates |= not single
        entry = _entry(name, single or _typical(runs), path)
        entries[entry.key] = entry
    ours = context.get("attnbench_repetitions") == PROCESSES
    warnings = ["only aggregates are stored: one value a benchmark, no interval"] if only_aggregates else []
    if context.get("library_build_type") == "debug" and not ours:
        warnings.append("the benchmark library was built as debug; its own overhead is in short times")
    return Side(
        label=path.name,
        entries=entries,
        environment={
            k: str(v) for k, v in context.items() if k not in ("date", "caches", "executable", "attnbench_run")
        },
        machines=frozenset([f"{context.get('host_name', '')} {context.get('num_cpus', '')}"]),
        machine=f"{context.get('host_name', 'unnamed host')}, {context.get('num_cpus', '?')} CPUs",
        seeds=frozenset(int(_case_of(b)[5]) for b in benchmarks if _case_of(b)),
        created=str(context.get("date", "")),
        command=str(context.get("executable", "")),
        fresh_processes=ours,
        warnings=tuple(warnings),
    )


def _read(path: Path) -> tuple[dict, list[dict]]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        context, benchmarks = document["context"], document["benchmarks"]
        # Fitted rows (BigO, RMS) have no time unit of their own.
        measured = [b for b in benchmarks if "real_time" in b and b.get("time_unit") in SECONDS]
    except OSError as error:
        raise UserError(f"cannot read '{path}': {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"'{path}' is no JSON of Google Benchmark (--benchmark_out=FILE writes one); a stored run is "
                        "given as its folder") from None  # fmt: skip
    if not measured:
        raise UserError(f"'{path}' holds no times; run the benchmark to its end and give its JSON again")
    return context, measured


def _by_name(benchmarks: list[dict]) -> dict[str, list[dict]]:
    groups: dict[str, list[dict]] = {}
    for benchmark in benchmarks:
        if benchmark.get("aggregate_unit") != "percentage":
            groups.setdefault(benchmark.get("run_name", benchmark["name"]), []).append(benchmark)
    return groups


def _typical(aggregates: list[dict]) -> list[dict]:
    """The median, else the mean, where the repetitions themselves were not stored."""
    by_name = {b.get("aggregate_name"): b for b in aggregates}
    return [by_name.get("median") or by_name.get("mean") or aggregates[0]]


def _entry(name: str, runs: list[dict], path: Path) -> Entry:
    case = _case_of(runs[0])
    failed = next((b for b in runs if b.get("error_occurred") or b.get("skipped")), None)
    rounds = {} if failed else {
        b.get("repetition_index", place): b["real_time"] * SECONDS[b["time_unit"]] for place, b in enumerate(runs)
    }  # fmt: skip
    if any(seconds <= 0 for seconds in rounds.values()):
        raise UserError(f"'{path}': {name} has a time that is not above 0; measure it again")
    if case:
        dataset, problem, variant, threads, cache, _ = case
        key = Key(dataset, problem, variant, int(threads), cache)
    else:
        key = Key("", "", name, int(runs[0].get("threads", 1)), "")
    reason = (failed.get("error_message") or failed.get("skip_message") or "no reason given",) if failed else ()
    return Entry(key, status="failed" if failed else "ok", reasons=reason, rounds=rounds)


def _case_of(benchmark: dict) -> list[str] | None:
    label = benchmark.get("label", "")
    parts = label.removeprefix(LABEL).split("|")
    ours = label.startswith(LABEL) and len(parts) == 6 and parts[3].isdigit() and parts[5].isdigit()
    return parts if ours else None

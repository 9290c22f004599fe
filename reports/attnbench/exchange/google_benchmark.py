"""Google Benchmark's JSON: a run written so that its compare.py reads it. compare/benchmark_file.py reads such files.

Fields as its JSON reporter writes them (1.7): one entry per repetition with run_type "iteration", then aggregates. A
repetition of ours is the median of one fresh process; the context says so, and `label` holds the case. We measure wall
time only, so cpu_time repeats real_time. Cases without a time are left out: zero times would spoil compare.py's mean.
"""

import statistics

from attnbench.load.cases import Case, cases_of
from attnbench.load.run import Run
from attnbench.stats.intervals import process_medians
from attnbench.support.units import plural

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

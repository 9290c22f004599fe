"""Makes run directories as the harness would, with known laws: time = coefficient x n^exponent x noise.

`python tests/reports/synthetic_runs.py DIR` writes a run with every kind and status, to look at its report.
"""

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

SIZES = (128, 256, 512, 1024, 2048, 4096, 8192, 16384)
WORDS = (
    "In the beginning God created the heaven and the earth . And the earth was without form , and void ; and".split()
)


@dataclass(frozen=True)
class Law:
    name: str
    computes: str
    exponent: float
    seconds: float  # at n = 1024
    memory: float  # exponent of the workspace; 0 with none at all
    error: float  # relative RMS against exact softmax
    family: str = "exact"
    params: dict = field(default_factory=dict)
    readable: bool = True  # its attention matrix can be read off
    d_exponent: float = 1  # growth of its time with the head dimension
    equivalent_to: str | None = None

    @property
    def label(self) -> str:
        return self.name + (f"({','.join(f'{k}={v}' for k, v in self.params.items())})" if self.params else "")


LAWS = (
    Law("naive", "exact_softmax", 2, 0.4, 2, 3e-7),
    Law("dot_product", "own_definition", 2, 0.05, 2, 0.9),
    Law("scaled_dot_product", "exact_softmax", 2, 0.02, 2, 2e-7),
    Law("multi_head", "own_definition", 1.6, 0.06, 1, 1.3, "composed", readable=False),
    Law("additive", "own_definition", 2, 1.1, 1, 0.95, "additive"),
    Law("blockwise", "exact_softmax", 2, 0.012, 1, 2.2e-7),
    Law("sliding_window", "masked_softmax", 1, 0.006, 1, 0.21, "sparse", {"window": 256}),
    Law("block_sparse", "masked_softmax", 1, 0.009, 1, 0.12, "sparse"),
    Law("strided", "masked_softmax", 1.5, 0.008, 1, 0.16, "sparse"),
    Law("linear", "approximates_softmax", 1, 0.003, 0, 0.47, "linear", d_exponent=2),
)
NAIVE = LAWS[0]


@dataclass(frozen=True)
class Recipe:
    """What a run holds. `bad` maps (variant name, n) to (kind, status): that record fails, the rest is missing."""

    run_id: str = "2026-11-21-demo"
    laws: tuple[Law, ...] = LAWS
    sizes: tuple[int, ...] = SIZES
    problems: tuple[str, ...] = ("b1 h8 n{n} d64 f32",)
    dataset: str = "text"
    threads: tuple[int, ...] = (2,)
    rounds: int = 10
    samples: int = 3
    noise: float = 0.01
    peak_gflops: float = 900.0
    weights: int = 24  # tokens; 0 for none
    labels: bool = True
    bad: dict = field(default_factory=dict)
    status: str = "complete"
    seed: int = 1  # of the inputs
    noise_seed: int = 1
    calibrated: bool = True
    sessions: int = 1  # rounds are spread over them


ALL_STATUSES = {
    ("naive", 16384): ("verify", "skipped"),
    ("strided", 16384): ("verify", "unsupported"),
    ("additive", 8192): ("time", "timeout"),
    ("additive", 16384): ("verify", "skipped"),
    ("dot_product", 4096): ("verify", "mismatch"),
    ("block_sparse", 512): ("verify", "mistrusted"),
    ("multi_head", 16384): ("memory", "out_of_memory"),
    ("sliding_window", 2048): ("time", "crashed"),
    ("sliding_window", 4096): ("memory", "misdeclared"),
    ("strided", 8192): ("time", "above_ceiling"),
}
WRONG = {"mismatch": 3.1e-2, "mistrusted": None}  # null: not a number
REASONS = {
    "skipped": "predicted to need 8.6 GiB, the budget is 6.0 GiB",
    "unsupported": "strided does not support a row of 16384 keys",
    "mismatch": "relative RMS 3.1e-02 exceeds the tolerance 2.0e-06",
    "mistrusted": "98 % of the output is 0 where the oracle's is not",
    "crashed": "the worker died of signal 11 (SIGSEGV)",
    "timeout": "the worker ran past its limit of 300 s",
    "out_of_memory": "the worker was killed for memory",
    "misdeclared": "holds 64.0 MiB of memory, 0 B of it while it was loaded, but declares 1.00 MiB",
    "above_ceiling": "the declared multiply-adds in this time are 1800 GFLOP/s, 2.0 times the peak of this machine",
}


def make_run(folder: Path, recipe: Recipe = Recipe()) -> Path:  # noqa: B008 (frozen)
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(run_json(recipe)), encoding="utf-8")
    records = list(_records(folder, recipe))
    (folder / "records.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")
    return folder


ENVIRONMENT = {
    "cpu_model": "Synthetic CPU @ 3.0 GHz", "cores": 2, "isa": "AVX2", "governor": "unknown",
    "memory_bytes": 8 << 30, "cgroup_memory_bytes": None, "load_1m": 0.12, "transparent_hugepages": "madvise",
    "kernel": "6.1.0", "os": "Debian GNU/Linux 12", "compiler": "g++ 12.2", "flags": "-O3",
    "build_type": "Release", "git_sha": "0123456789abcdef0123", "git_dirty": True, "attnbench": "0.1.0",
    "openblas": "0.3.21", "openblas_core": "Haswell", "tbb": "2021.8", "google_benchmark": "1.7.1",
    "clock_resolution_s": 4.1e-8, "warnings": ["the clock frequency is not readable"],
}  # fmt: skip


def calibration(recipe: Recipe) -> dict:
    """A machine of the recipe's FMA peak with three levels of memory: caches of 32 KiB and 2 MiB, and beyond."""
    counts = sorted({1, *recipe.threads})
    share = {t: t / counts[-1] for t in counts}
    rates = {16 << 10: 200.0, 32 << 10: 195.0, 256 << 10: 80.0, 2 << 20: 75.0, 32 << 20: 12.0, 256 << 20: 11.0}
    found = {
        "schema_version": 1, "machine_id": "m1", "created": "2026-11-21T01:00:00Z", "attnbench": "0.1.0",
        "binary_id": "b1", "profile": "quick", "cpu_model": ENVIRONMENT["cpu_model"], "cores": 2, "load_1m": 0.1,
        "last_level_cache_bytes": 32 << 20, "clock_resolution_s": 4.1e-8, "timer_overhead_s": 2.5e-8,
        "fork_exec_s": 1e-3, "worker_overhead_s": 0.02,
        "fma_peak": [{"isa": isa, "dtype": "f32", "threads": t, "gflops": recipe.peak_gflops * share[t] * part}
                     for isa, part in (("AVX2", 1.0), ("SSE4", 0.25)) for t in counts],
        "sgemm": [{"threads": t, "n": 1024, "gflops": 0.8 * recipe.peak_gflops * share[t]} for t in counts],
        "bandwidth": [{"kind": kind, "threads": t, "working_set_bytes": size, "gbytes_per_s": rate * share[t] * part}
                      for kind, part in (("read", 1.0), ("triad", 0.7)) for t in counts
                      for size, rate in rates.items()],
    }  # fmt: skip
    for name in ("fma_peak", "sgemm", "bandwidth"):
        found[name] = [{**line, "spread": 0.01} for line in found[name]]
    return found


def run_json(recipe: Recipe) -> dict:
    command = ["attnbench", "run", "-a", "n=128:16384:x2"]
    session = {"started": "2026-11-21T02:00:00Z", "finished": "2026-11-21T02:03:00Z", "command": command,
               "environment": ENVIRONMENT, "binary_id": "b1", "machine_id": "m1"}  # fmt: skip
    return {
        "schema_version": 2, "run_id": recipe.run_id, "created": "2026-11-21T02:00:00Z",
        "finished": "2026-11-21T02:03:00Z" if recipe.status == "complete" else None, "status": recipe.status,
        "command": command,
        "plan": {"name": "synthetic", "profile": "standard", "rounds": recipe.rounds, "samples": recipe.samples,
                 "seed": recipe.seed, "cases": len(recipe.laws) * len(recipe.sizes), "toml": "name = 'synthetic'\n"},
        "datasets": {recipe.dataset: f"{recipe.dataset}#v1"},
        "variants": [{"label": law.label, "name": law.name, "family": law.family, "summary": f"a law n^{law.exponent}",
                      "paper": "made up for tests", "computes": law.computes, "time_label": f"O(n^{law.exponent:g})",
                      "memory_label": f"O(n^{law.memory:g})", "laws": ["weights_readable"] if law.readable else [],
                      "params": law.params} for law in recipe.laws],
        "environment": ENVIRONMENT, "binary_id": "b1", "machine_id": "m1",
        "sessions": [session] * recipe.sessions, "shard": None, "merged_from": [],
        "calibration": calibration(recipe) if recipe.calibrated else None,
    }  # fmt: skip


def _records(folder: Path, recipe: Recipe):
    noise = np.random.default_rng(recipe.noise_seed)
    for problem in recipe.problems:
        for threads in recipe.threads:
            for n in recipe.sizes:
                for law in recipe.laws:
                    yield from _case(recipe, law, problem.format(n=n), n, threads, noise)
    if recipe.weights:
        for law in recipe.laws:
            if law.readable:
                yield _weights(folder, recipe, law)


def _case(recipe: Recipe, law: Law, problem: str, n: int, threads: int, noise: np.random.Generator):
    bad_kind, bad_status = recipe.bad.get((law.name, n), (None, None))
    for kind, round_ in (("verify", 0), *(("time", r) for r in range(recipe.rounds)), ("memory", 0)):
        if kind == bad_kind and (kind != "time" or round_ == recipe.rounds - 1):
            failed = record(recipe, law, problem, threads, kind, round_, bad_status)
            if bad_status in ("mismatch", "mistrusted"):
                failed["verify"] = _verify(recipe, law, failed, noise) | {"rel_rms": WRONG[bad_status]}
            yield failed
            return
        made = record(recipe, law, problem, threads, kind, round_, "ok")
        yield made | {kind: {"verify": _verify, "time": _time, "memory": _memory}[kind](recipe, law, made, noise)}


def shape_of(problem: str) -> dict:
    """problem_fields of the canonical strings used here."""
    tokens = {t[0]: t[1:] for t in problem.split() if t[0] in "bhnd"}
    pairs = {k: [int(x) for x in v.split(":")] * (1 if ":" in v else 2) for k, v in tokens.items()}
    causal = next((t for t in problem.split() if t.startswith("causal")), None)
    return {"batch": pairs["b"][0], "heads_q": pairs["h"][0], "heads_kv": pairs["h"][1], "n_q": pairs["n"][0],
            "n_k": pairs["n"][1], "d_qk": pairs["d"][0], "d_v": pairs["d"][1], "dtype": "f32",
            "causal": {None: "none", "causal": "top-left"}.get(causal, "bottom-right")}  # fmt: skip


def record(recipe: Recipe, law: Law, problem: str, threads: int, kind: str, round_: int, status: str) -> dict:
    """A record without its payload."""
    shape = shape_of(problem)
    pairs = shape["batch"] * shape["heads_q"] * shape["n_q"] * shape["n_k"]
    rows = shape["batch"] * (shape["heads_q"] * shape["n_q"] + shape["heads_kv"] * shape["n_k"])
    compulsory = 4.0 * rows * (shape["d_qk"] + shape["d_v"])  # queries and output, keys and values
    work = pairs * (shape["d_qk"] + shape["d_v"]) * (shape["n_k"] / 16) ** (law.exponent - 2)
    return {
        "schema_version": 2, "kind": kind, "status": status, "reasons": [] if status == "ok" else [REASONS[status]],
        "key": f"{recipe.dataset}|{problem}|{law.label}|t{threads}|{kind}|r{round_}",
        "group": f"{recipe.dataset}|{problem}|t{threads}", "dataset": recipe.dataset,
        "seed": recipe.seed, "problem": problem, "problem_fields": shape, "variant": law.label,
        "variant_name": law.name,
        "family": law.family, "computes": law.computes, "params": law.params, "threads": threads, "round": round_,
        "cache": "hot", "isa": "AVX2",
        "reproducer": f"attnbench run --variants '{law.label}' --dataset {recipe.dataset} --problem '{problem}'",
        "cost": {"multiply_adds": work, "exps": pairs, "bytes": 4.0 * pairs, "pairs": pairs,
                 "dense_flops": 2.0 * pairs * (shape["d_qk"] + shape["d_v"]), "compulsory_bytes": compulsory},
        "session": round_ % recipe.sessions,
        "prediction": {"seconds": 1.25 * seconds(law, shape["n_k"], threads) * width(law, shape), "peak_bytes": 1e8,
                       "model": "fitted"},
        "started": "2026-11-21T02:00:01Z", "wall_s": 0.5,
        **({"equivalent_to": law.equivalent_to} if law.equivalent_to else {}),
    }  # fmt: skip


def _verify(recipe: Recipe, law: Law, base: dict, noise: np.random.Generator) -> dict:
    n_q = base["problem_fields"]["n_q"]
    sampled, pattern = n_q > 1024, law.computes == "masked_softmax"
    return {"oracle": "own" if law.computes == "own_definition" else "dense", "rows": min(n_q, 64 if sampled else 1024),
            "rel_rms": 2.4e-7,
            "max_abs": 1.3e-6, "tolerance_rel_rms": 2e-6, "tolerance_max_abs": 3e-5, "mostly_constant": False,
            "guards_intact": True, "workspace_within_declared": True, "deterministic": True,
            "approximation_rel_rms": law.error, "approximation_max_abs": 3 * law.error,
            "approximation_cosine": 1 - min(1, law.error) ** 2 / 2, "approximation_rows": 256 if sampled else n_q,
            "approximation_interval": [0.95 * law.error, 1.05 * law.error] if sampled else None,
            "baseline_zeros_rel_rms": 1.0, "baseline_mean_v_rel_rms": 0.9,
            "baseline_random_keys_rel_rms": 0.8 if pattern else None,
            "baseline_random_keys": 129.0 if pattern else None}  # fmt: skip


def seconds(law: Law, n: int, threads: int = 1) -> float:
    """The law without noise, at 8 heads of dimension 64."""
    return law.seconds * (n / 1024) ** law.exponent / threads


def width(law: Law, shape: dict) -> float:
    """Time relative to batch 1 and 8 heads of dimension 64."""
    return shape["batch"] * shape["heads_q"] / 8 * (shape["d_qk"] / 64) ** law.d_exponent


def _time(recipe: Recipe, law: Law, base: dict, noise: np.random.Generator) -> dict:
    between, within = np.exp(recipe.noise * noise.standard_normal()), recipe.noise / 4
    shape = base["problem_fields"]
    true = seconds(law, shape["n_k"], base["threads"]) * width(law, shape)
    samples = (true * between * np.exp(within * noise.standard_normal(recipe.samples))).tolist()
    median = float(np.median(samples))
    peak = recipe.peak_gflops
    share = 2 * base["cost"]["multiply_adds"] / median / (peak * 1e9) if peak else None
    return {"samples_s": samples, "iterations": [1] * recipe.samples, "median_s": median, "min_s": min(samples),
            "warmup_calls": 1, "prepare_s": 1e-5, "peak_gflops": peak, "peak_before_gflops": peak,
            "peak_after_gflops": 0.98 * peak, "involuntary_switches": [0] * (recipe.samples - 1) + [2],
            "load_1m": 0.3, "clock_drift": 0.02, "input_sets": 1, "share_of_peak": share, "share_of_bandwidth": 0.1,
            "above_ceiling": share is not None and share > 1.02, "stop": None,
            "timed_by": "harness"}  # fmt: skip


def _memory(recipe: Recipe, law: Law, base: dict, noise: np.random.Generator) -> dict:
    n = base["problem_fields"]["n_k"]
    workspace = 32 * n ** int(law.memory) if law.memory else 0
    return {"workspace_declared": workspace, "workspace_peak": workspace, "prepared_bytes": 0, "input_bytes": 6144 * n,
            "output_bytes": 2048 * n, "rss_baseline": 10 << 20, "rss_peak": (10 << 20) + workspace,
            "stray_allocations": 0, "stray_bytes": 0}  # fmt: skip


def _weights(folder: Path, recipe: Recipe, law: Law) -> dict:
    n = recipe.weights
    problem = recipe.problems[0].format(n=n)
    base = record(recipe, law, problem, recipe.threads[0], "weights", 0, "ok")
    if law.name == "additive" and recipe.bad:
        return base | {"status": "unsupported", "reasons": ["additive does not give its weights"]}
    (folder / "weights").mkdir(exist_ok=True)
    file = f"weights/{law.name}.npy"
    np.save(folder / file, matrix(law, n).astype(np.float32)[None].repeat(2, axis=0))
    words = [WORDS[i % len(WORDS)] for i in range(n)] if recipe.labels else []
    return base | {"weights": {"file": file, "labels": words}}


def matrix(law: Law, n: int) -> np.ndarray:
    """[n, n] attention weights: softmax of random scores, flat for `linear`, banded for the patterns."""
    scores = np.random.default_rng(7).normal(size=(n, n)) * (0.3 if law.name == "linear" else 1.5)
    i, j = np.indices((n, n))
    hidden = {"sliding_window": np.abs(i - j) > 3, "block_sparse": (np.abs(i // 4 - j // 4) > 1) & (j > 1),
              "strided": (np.abs(i - j) > 4) & ((i - j) % 5 != 0)}.get(law.name)  # fmt: skip
    weights = np.exp(scores)
    if hidden is not None:
        weights[hidden] = 0
    return weights / weights.sum(axis=1, keepdims=True)


if __name__ == "__main__":
    print(make_run(Path(sys.argv[1]), Recipe(bad=ALL_STATUSES)))

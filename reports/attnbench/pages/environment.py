"""The environment of each run as rows (name, one value per run), and which of them differ between runs."""

from dataclasses import dataclass

from attnbench.load.run import Run
from attnbench.support import units

# Shown first, in this order, under these names; what else the environment holds follows under its own name.
NAMES = {
    "cpu_model": "CPU", "cores": "cores", "isa": "instruction set", "memory_bytes": "memory",
    "cgroup_memory_bytes": "memory limit", "governor": "governor", "load_1m": "load before the run",
    "transparent_hugepages": "huge pages", "os": "system", "kernel": "kernel", "compiler": "compiler", "flags": "flags",
    "build_type": "build", "attnbench": "attnbench", "git_sha": "commit", "openblas": "OpenBLAS",
    "openblas_core": "OpenBLAS core", "tbb": "TBB", "google_benchmark": "Google Benchmark",
    "clock_resolution_s": "clock resolution",
}  # fmt: skip
SIZES = ("memory_bytes", "cgroup_memory_bytes")


@dataclass(frozen=True)
class Row:
    name: str
    values: tuple[str, ...]

    @property
    def differs(self) -> bool:
        return len(set(self.values)) > 1


def environment_rows(runs: list[Run]) -> list[Row]:
    environments = [run.meta["environment"] for run in runs]
    others = [k for e in environments for k in e if k not in NAMES and k not in ("warnings", "git_dirty")]
    keys = [*NAMES, *dict.fromkeys(others)]
    about = [
        Row("plan", tuple(_plan(run.meta) for run in runs)),
        Row("created (UTC)", tuple(str(run.meta.get("created", units.DASH)) for run in runs)),
        Row("command", tuple(" ".join(run.meta.get("command", [])) or units.DASH for run in runs)),
    ]
    return about + [Row(NAMES.get(k, k), tuple(_text(k, e) for e in environments)) for k in keys]


def _plan(meta: dict) -> str:
    plan = meta["plan"]
    cases, rounds, samples = (units.plural(plan[k], k.removesuffix("s")) for k in ("cases", "rounds", "samples"))
    return f"{plan['name']}: {cases}, profile {plan['profile']}, {rounds} × {samples}, seed {plan['seed']}"


def _text(key: str, environment: dict) -> str:
    value = environment.get(key)
    if value is None or value == "":
        return units.DASH
    if key in SIZES:
        return units.size(value)
    if key == "clock_resolution_s":
        return units.seconds(value)
    if key == "git_sha":
        return str(value)[:12] + (" with local changes" if environment.get("git_dirty") else "")
    return str(value)

"""Side: one half of a comparison: its cases with the process median of every round, whichever tool stored them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

from attnbench.compare.accuracy import Accuracy, same_accuracy
from attnbench.load.cases import Case, cases_of
from attnbench.load.run import Run, load_runs
from attnbench.pages.environment import environment_rows
from attnbench.stats.intervals import process_medians
from attnbench.support.errors import UserError

PER_RUN = ("plan", "created (UTC)", "command")  # rows of the environment that say which run it is, not where it ran


@dataclass(frozen=True)
class Key:
    """A case without its round: what must agree for two measurements to be of the same thing."""

    dataset: str
    problem: str
    variant: str
    threads: int
    cache: str

    @property
    def name(self) -> str:
        """`naive, b1 h8 n256 d64 f32`: the case in a sentence."""
        return f"{self.variant}, {self.problem}" if self.problem else self.variant

    @property
    def n(self) -> int | None:
        """Number of keys, where the case is a problem of attention."""
        return int(self._length.split(":")[-1]) if self._length else None

    @property
    def setting(self) -> str:
        """The case without variant and sequence length: a heading."""
        if not self.problem:
            return ""
        same_length = ":" not in self._length
        tokens = [t for t in self.problem.split() if t != f"n{self._length}"]
        tokens += [] if same_length else [f"n_q={self._length.split(':')[0]}"]
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        cold = ", cold cache" if self.cache == "cold" else ""
        return f"{self.dataset} · {' '.join(tokens)} · {threads}{cold}"

    @property
    def _length(self) -> str:
        """`1024` of n1024, `16:4096` of n16:4096 (queries:keys)."""
        return next((t[1:] for t in self.problem.split() if t[0] == "n" and t[1:2].isdigit()), "")


@dataclass(frozen=True)
class Entry:
    key: Key
    status: str
    reasons: tuple[str, ...]
    rounds: dict[int, float]  # round -> median of its samples, seconds; empty unless the status is ok
    starts: tuple[int, ...] = ()  # where several starts were joined: how many of the rounds each has, in order
    accuracy: Accuracy | None = None
    peak_gflops: float | None = None  # median of the FMA rates probed beside the samples
    reproducer: str = ""


@dataclass(frozen=True)
class Side:
    label: str
    entries: dict[Key, Entry]
    environment: dict[str, str] = field(default_factory=dict)  # what could change a number: name -> text
    machines: frozenset[str] = frozenset()  # ids; equal sets are the same machine
    machine: str = ""  # in words
    seeds: frozenset[int] = frozenset()
    contents: dict[str, str] = field(default_factory=dict)  # dataset -> fingerprint of what it makes inputs from
    created: str = ""
    command: str = ""
    busy: bool = False  # the load before the run was worth mentioning
    clock_resolution: float = 0  # smallest step of the clock that was seen, seconds; 0 where it is not known
    fresh_processes: bool = True  # every round a process of its own; False: repetitions inside one process
    random_order: bool = False  # paired: a coin decided in every round which side went first
    warnings: tuple[str, ...] = ()
    parts: tuple["Side", ...] = ()  # the starts that this side was joined from

    @property
    def starts(self) -> int:
        return len(self.parts) or 1

    @property
    def datasets(self) -> set[str]:
        return {key.dataset for key in self.entries}

    def renamed(self, label: str) -> "Side":
        return replace(self, label=label)


def sides_of_runs(base: Sequence[Path], new: Sequence[Path]) -> tuple[Side, Side]:
    sides = [side_of_run(run) for run in load_runs([*base, *new])]
    return joined(sides[: len(base)]), joined(sides[len(base) :])


def joined(parts: Sequence[Side]) -> Side:
    """Several starts of the same thing (runs or files) as one side. Their rounds stay apart in `Entry.starts`: rounds
    of one start share what that start changed, so that only starts are independent of each other."""
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    keys = dict.fromkeys(key for part in parts for key in part.entries)
    warnings = dict.fromkeys(f"{part.label}: {line}" for part in parts for line in part.warnings)
    return replace(
        first,
        label=f"{first.label} + {len(parts) - 1} more",
        entries={key: _joined_entry([part.entries[key] for part in parts if key in part.entries]) for key in keys},
        machines=frozenset().union(*(part.machines for part in parts)),
        seeds=frozenset().union(*(part.seeds for part in parts)),
        command="; ".join(dict.fromkeys(part.command for part in parts)),
        busy=any(part.busy for part in parts),
        fresh_processes=all(part.fresh_processes for part in parts),
        warnings=tuple(warnings),
        parts=tuple(parts),
    )


def _joined_entry(entries: Sequence[Entry]) -> Entry:
    """A case that failed in one start has failed; one whose accuracy differs between starts is not one case."""
    first = entries[0]
    if failed := next((entry for entry in entries if not entry.rounds), None):
        return failed
    if not all(same_accuracy(first.accuracy, entry.accuracy) for entry in entries):
        errors = ", ".join(dict.fromkeys(str(entry.accuracy) for entry in entries))
        return replace(first, status="inconsistent", reasons=(f"the starts differ in accuracy: {errors}",), rounds={})
    rounds = [seconds for entry in entries for seconds in entry.rounds.values()]
    peaks = [entry.peak_gflops for entry in entries if entry.peak_gflops]
    return replace(
        first,
        rounds=dict(enumerate(rounds)),
        starts=tuple(len(entry.rounds) for entry in entries),
        peak_gflops=median(peaks) if peaks else None,
    )


def side_of_run(run: Run) -> Side:
    return _side(run, cases_of(run), lambda case: case.variant, run.label)


def sides_of_variants(run: Run, base: str, new: str) -> tuple[Side, Side]:
    """Two variants of one run; both get the key of their pair, so that they join."""
    cases = cases_of(run)
    known = list(dict.fromkeys(case.variant for case in cases))
    for label in (base, new):
        if label not in known:
            raise UserError(f"run '{run.label}' holds no variant '{label}'; it holds {', '.join(known)}")
    if base == new:
        raise UserError(f"'{base}' cannot be compared with itself; name two variants of the run")
    both = f"{new} vs {base}"
    pairs = [[case for case in cases if case.variant == label] for label in (base, new)]
    return tuple(_side(run, own, lambda _: both, label) for label, own in zip((base, new), pairs, strict=True))


def _side(run: Run, cases: list[Case], name: Callable[[Case], str], label: str) -> Side:
    environment = run.meta["environment"]
    rows = {row.name: row.values[0] for row in environment_rows([run])}
    rows["load before the run"] = f"{environment.get('load_1m', 0):.1f}"
    sessions = run.meta.get("sessions") or [run.meta]
    return Side(
        label=label,
        entries={(entry := _entry(case, name(case))).key: entry for case in cases},
        environment={k: v for k, v in rows.items() if k not in PER_RUN},
        machines=frozenset(str(session.get("machine_id")) for session in sessions),
        machine=f"{environment['cpu_model']}, {environment['cores']} cores",
        seeds=frozenset(case.seed for case in cases),
        contents=run.meta.get("datasets", {}),
        created=rows["created (UTC)"],
        command=rows["command"],
        busy=environment.get("load_1m", 0) > BUSY_SHARE * environment["cores"],
        clock_resolution=environment.get("clock_resolution_s", 0),
        warnings=run.warnings,
    )


BUSY_SHARE = 0.25  # load per core from which harness/measure/environment.cpp calls a machine busy


def _entry(case: Case, variant: str) -> Entry:
    key = Key(case.dataset, case.problem, variant, case.threads, case.cache)
    return Entry(
        key=key,
        status=case.status,
        reasons=case.reasons,
        rounds=process_medians({number: time["samples_s"] for number, time in case.times.items()}),
        accuracy=Accuracy.of(case),
        peak_gflops=_probed(case),
        reproducer=case.reproducer,
    )


def _probed(case: Case) -> float | None:
    rates = sorted(time["peak_gflops"] for time in case.times.values() if time["peak_gflops"] > 0)
    return rates[len(rates) // 2] if rates else None

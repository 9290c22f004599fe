"""Case: one planned point (dataset, problem, variant, threads) with everything its records say.

A case's status is the first one that is not ok among its verification, its timed rounds and its memory pass. Only a
case that verified, whose every round is ok and that is as declared keeps its times: a median over the surviving rounds
would hide the failure.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from attnbench.load.run import Run

UNFINISHED = "unfinished"  # verified, but the run stopped before timing it; never stored, only reported
EXTERNAL = "external"  # the family of every variant that is another library's (variants/external/)
RENAMED_FAMILIES = {"peer": EXTERNAL}  # as runs stored before 2026-11-28 have them
MISDECLARED = "misdeclared"  # its memory, threads, clock or cost: whatever found it, its times are not to be compared
KIND_ORDER = {"verify": 0, "time": 1, "memory": 2}


@dataclass(frozen=True)
class Case:
    run: str
    group: str  # dataset, problem and threads: what cases share whose times are compared
    dataset: str
    seed: int
    problem: str
    variant: str  # label with non-default parameters
    name: str
    family: str
    computes: str
    threads: int
    cache: str
    isa: str
    reproducer: str
    shape: dict  # problem_fields
    params: dict
    cost: dict
    prediction: dict  # for one call; the one made before the first timed round, where there is one
    sessions: tuple[int, ...]  # of the run that wrote its records
    status: str
    reasons: tuple[str, ...]
    equivalent_to: str | None = None  # the variant of the same definition, of a baseline with one of its own
    verify: dict | None = None
    memory: dict | None = None
    times: dict[int, dict] = field(default_factory=dict)  # round -> the record's `time`

    @property
    def n(self) -> int:
        """The sequence length a sweep is plotted against: n_k, which is n_q too unless the setting says otherwise."""
        return self.shape["n_k"]

    @property
    def samples(self) -> dict[int, list[float]]:
        """round -> seconds per call, one for each sample."""
        return {number: time["samples_s"] for number, time in self.times.items()}

    @property
    def setting(self) -> str:
        """The problem without its sequence length: cases that share it differ in n only."""
        tokens = []
        for token in self.problem.split():
            if token[0] == "n" and token[1:2].isdigit():
                if self.shape["n_q"] != self.shape["n_k"]:
                    tokens.append(f"n_q={self.shape['n_q']}")
                continue
            tokens.append(token)
        return " ".join(tokens)


def cases_of(run: Run) -> list[Case]:
    """One Case per identity, in the order of the records; weights records are not cases (see heatmaps.py)."""
    groups: dict[tuple, list[dict]] = defaultdict(list)
    for record in run.records:
        if record["kind"] in KIND_ORDER:
            identity = tuple(record[k] for k in ("dataset", "problem", "variant", "threads", "cache"))
            groups[identity].append(record)
    timing_run = run.meta["status"] != "complete" or any(r["kind"] == "time" for r in run.records)
    return [_case(run.label, records, timing_run) for records in groups.values()]


def _case(run: str, records: list[dict], timing_run: bool) -> Case:
    records = sorted(records, key=lambda r: (KIND_ORDER[r["kind"]], r["round"]))
    bad = next((r for r in records if r["status"] != "ok"), None)
    timed = {r["round"]: r["time"] for r in records if r["kind"] == "time" and r["status"] == "ok" and "time" in r}
    bad_timing = any(
        r["status"] != "ok" for r in records if r["kind"] in ("verify", "time") or r["status"] == MISDECLARED
    )
    status, reasons = ("ok", ()) if bad is None else (bad["status"], _reasons(bad))
    if bad is None and timing_run and not timed:
        status, reasons = UNFINISHED, ("verified, but the run stopped before it was timed",)
    payload = {r["kind"]: r.get(r["kind"]) for r in records if r["kind"] in ("verify", "memory")}
    first = records[0]
    predicting = next((r for r in records if r["kind"] == "time"), first)
    return Case(
        run=run, group=first.get("group") or _group(first), dataset=first["dataset"], seed=first["seed"],
        problem=first["problem"], variant=first["variant"],
        name=first["variant_name"], family=RENAMED_FAMILIES.get(first["family"], first["family"]),
        computes=first["computes"], threads=first["threads"], cache=first["cache"],
        isa=first["isa"], reproducer=first["reproducer"], shape=first["problem_fields"],
        params=first["params"], cost=first["cost"], prediction=predicting["prediction"],
        sessions=tuple(sorted({r["session"] for r in records})), status=status, reasons=reasons,
        equivalent_to=first.get("equivalent_to"), verify=payload.get("verify"), memory=payload.get("memory"),
        times={} if bad_timing else timed,
    )  # fmt: skip


def _group(record: dict) -> str:
    """As the harness writes it, for records of older versions."""
    return f"{record['dataset']}|{record['problem']}|t{record['threads']}"


def _reasons(record: dict) -> tuple[str, ...]:
    reasons = tuple(str(line) for line in record["reasons"]) or ("no reason was recorded",)
    if record["kind"] == "verify":
        return reasons
    stage = f"time, round {record['round']}" if record["kind"] == "time" else record["kind"]
    return tuple(f"{stage}: {line}" for line in reasons)

"""Compared: two sides joined by case, every joined row with its verdict, and everything that could not be compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import geometric_mean

from attnbench_reports.compare.accuracy import same_accuracy
from attnbench_reports.compare.checks import (
    Allowed,
    Difference,
    checked_inputs,
    checked_machines,
    environment_differences,
)
from attnbench_reports.compare.sides import Entry, Key, Side
from attnbench_reports.errors import UserError
from attnbench_reports.stats.comparison import Comparison as Measured
from attnbench_reports.stats.comparison import Design
from attnbench_reports.stats.intervals import MIN_ROUNDS, Interval, median_interval
from attnbench_reports.stats.paired import compare_paired
from attnbench_reports.stats.power import rounds_needed
from attnbench_reports.stats.self_comparison import halves
from attnbench_reports.stats.self_comparison import noise_floor as measured_floor
from attnbench_reports.stats.unpaired import compare_unpaired
from attnbench_reports.stats.verdict import Judged, Verdict, judge
from attnbench_reports.units import percent, plural

# A machine whose probed FMA rate moved more than this between the two sides gets a warning.
DRIFT_WORTH_SAYING = 0.02
FEWEST_IDENTICAL = 8  # cases against themselves from which a noise floor (their 95 % quantile) is taken


@dataclass(frozen=True)
class Row:
    """One case that both sides measured."""

    base: Entry
    new: Entry
    judged: Judged

    @property
    def key(self) -> Key:
        return self.base.key

    @property
    def measured(self) -> Measured:
        return self.judged.comparison

    @property
    def base_interval(self) -> Interval | None:
        return median_interval(list(self.base.rounds.values()))

    @property
    def new_interval(self) -> Interval | None:
        return median_interval(list(self.new.rounds.values()))

    @cached_property
    def minimum_effect(self) -> float | None:
        """Smallest change, as a share, that this table finds here with 80 % probability; None where none."""
        return self.judged.minimum_effect

    @property
    def slower_by(self) -> float:
        """How much slower `new` is, as a share, if that is the verdict; else 0."""
        return self.measured.ratio - 1 if self.judged.verdict == Verdict.SLOWER else 0.0


@dataclass(frozen=True)
class Left:
    """A case that is not compared, and why."""

    key: Key
    why: str
    lost: bool = False  # the base measured it, and the new side tried and failed


@dataclass(frozen=True)
class Mean:
    """Geometric mean of the ratios of one variant; by itself no verdict."""

    variant: str
    ratio: float
    rows: int


@dataclass(frozen=True)
class Compared:
    base: Side
    new: Side
    design: Design
    rows: list[Row]
    left: list[Left]
    environment: list[Difference]
    warnings: list[str]

    @property
    def counts(self) -> dict[Verdict, int]:
        return {verdict: sum(row.judged.verdict == verdict for row in self.rows) for verdict in Verdict}

    @property
    def margin(self) -> str:
        """`changes up to 1.0 % are the same`, in words; per row where the floors differ."""
        low, high = (bound(row.judged.margin for row in self.rows) for bound in (min, max))
        return f"changes up to {percent(low)}{'' if high == low else f' – {percent(high)}'} count as the same"

    @property
    def means(self) -> list[Mean]:
        ratios: dict[str, list[float]] = {}
        for row in self.rows:
            ratios.setdefault(row.key.variant, []).append(row.measured.ratio)
        return [Mean(variant, geometric_mean(values), len(values)) for variant, values in ratios.items()]

    def regressions(self, above: float = 0.0) -> list[str]:
        """Rows that are SLOWER by more than `above` (a share), and cases that the new side lost, in words."""
        slower = [
            f"{row.key.variant}, {row.key.problem}: {row.measured.ratio:.3f} times the base's time"
            for row in self.rows
            if row.slower_by > above
        ]
        return slower + [f"{left.key.variant}, {left.key.problem}: {left.why}" for left in self.left if left.lost]


def compared(base: Side, new: Side, design: Design, allowed: Allowed, noise_floor: float = 0.0) -> Compared:
    """Joins and judges two sides. UserError where the user has to decide something first, or nothing joins."""
    warnings = checked_machines(base, new, allowed)
    base, new, more = checked_inputs(base, new, allowed)
    warnings += more
    pairs, left = _joined(base, new)
    if not allowed.errors:
        pairs, unequal = _of_equal_accuracy(pairs)
        left += unequal
        if unequal and not pairs:
            raise UserError(f"'{base.label}' and '{new.label}' are not equally accurate ({unequal[0].why}); a speed "
                            "comparison would ignore that, give --allow-different-errors to make it")  # fmt: skip
    if not pairs:
        why = f": {left[0].key.variant}, {left[0].key.problem}: {left[0].why}" if left else ""
        raise UserError(f"'{base.label}' and '{new.label}' have no measured case in common{why}")
    floors = [noise_floor] * len(pairs)
    if design == "unpaired":
        own = max(noise_floor, _own_noise(pairs))
        floors = [max(own, _drift(*pair)) for pair in pairs]
    judged = judge([_measured(*pair, design) for pair in pairs], floors)
    rows = [Row(*pair, verdict) for pair, verdict in zip(pairs, judged, strict=True)]
    warnings += _doubts(base, new, design, rows)
    return Compared(base, new, design, rows, left, environment_differences(base, new), warnings)


def _joined(base: Side, new: Side) -> tuple[list[tuple[Entry, Entry]], list[Left]]:
    pairs, left = [], []
    for key in dict.fromkeys([*base.entries, *new.entries]):
        a, b = base.entries.get(key), new.entries.get(key)
        if a and b and a.rounds and b.rounds:
            pairs.append((a, b))
        elif a and b:
            why = "; ".join(f"{name}: {_status(e)}" for name, e in (("base", a), ("new", b)) if not e.rounds)
            left.append(Left(key, why, lost=bool(a.rounds) and b.status not in ("skipped", "unsupported")))
        else:
            left.append(Left(key, f"only in {'base' if a else 'new'}"))
    return pairs, left


def _status(entry: Entry) -> str:
    return entry.status + (f" ({entry.reasons[0]})" if entry.reasons else "")


def _of_equal_accuracy(pairs: list[tuple[Entry, Entry]]) -> tuple[list[tuple[Entry, Entry]], list[Left]]:
    """Being faster by being less accurate is no speed-up: such rows are set aside."""
    unequal = [pair for pair in pairs if not same_accuracy(pair[0].accuracy, pair[1].accuracy)]
    equal = [pair for pair in pairs if same_accuracy(pair[0].accuracy, pair[1].accuracy)]
    return equal, [Left(a.key, f"{a.accuracy} against {b.accuracy}") for a, b in unequal]


def _measured(base: Entry, new: Entry, design: Design) -> Measured:
    if design == "paired":
        return compare_paired(base.rounds, new.rounds)
    return compare_unpaired(list(base.rounds.values()), list(new.rounds.values()))


def _own_noise(pairs: Sequence[tuple[Entry, Entry]]) -> float:
    """The change that most cases show against themselves, from the halves of a stored run; 0 with too few to tell."""
    identical = [own for pair in pairs for entry in pair if (own := halves(entry.rounds)) is not None]
    return measured_floor(identical) if len(identical) >= FEWEST_IDENTICAL else 0.0


def _drift(base: Entry, new: Entry) -> float:
    """How much the machine itself changed between the sides, by the FMA rates probed beside the samples, as a share.
    Unpaired, a smaller change in time cannot be told from it."""
    if not base.peak_gflops or not new.peak_gflops:
        return 0.0
    return max(base.peak_gflops, new.peak_gflops) / min(base.peak_gflops, new.peak_gflops) - 1


def _doubts(base: Side, new: Side, design: Design, rows: Sequence[Row]) -> list[str]:
    """What weakens the verdicts, as warnings."""
    doubts = [f"{name}: {line}" for name, side in (("base", base), ("new", new)) for line in side.warnings]
    if base.warnings == new.warnings:
        doubts = list(base.warnings)
    most = max(min(row.measured.rounds) for row in rows)
    needed = rounds_needed(len(rows), design)
    if most < needed:
        doubts.append(f"{plural(most, 'round')} cannot decide a table of {plural(len(rows), 'row')}: {needed} on each "
                      "side are needed before any row can be called FASTER or SLOWER")  # fmt: skip
    elif most < MIN_ROUNDS:
        doubts.append(f"{plural(most, 'round')}: no interval of a single median below {MIN_ROUNDS}")
    if not (base.fresh_processes and new.fresh_processes):
        doubts.append("repetitions inside one process, which is weaker evidence: what differs from process to process "
                      "is not in the intervals, and identical programs are often called different")  # fmt: skip
    if design == "unpaired":
        doubts += _drifted(rows)
    return doubts


def _drifted(rows: Sequence[Row]) -> list[str]:
    drifts = [drift for row in rows if (drift := _drift(row.base, row.new)) > DRIFT_WORTH_SAYING]
    if not drifts:
        return []
    return [f"the machine's own FMA rate differs between the sides by up to {percent(max(drifts))} (in "
            f"{plural(len(drifts), 'row')}): changes below that are not called"]  # fmt: skip

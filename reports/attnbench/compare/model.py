"""Compared: two sides joined by case, every joined row with its verdict, and everything that could not be compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from statistics import geometric_mean, median

from attnbench.compare.accuracy import same_accuracy
from attnbench.compare.checks import (
    Allowed,
    Difference,
    checked_inputs,
    checked_machines,
    environment_differences,
)
from attnbench.compare.sides import Entry, Key, Side
from attnbench.stats.comparison import Comparison as Measured
from attnbench.stats.comparison import Design, doubted
from attnbench.stats.dependence import Dependence, dependence_of_rounds, text
from attnbench.stats.intervals import MIN_ROUNDS, Interval, median_interval
from attnbench.stats.paired import compare_paired
from attnbench.stats.power import rounds_needed
from attnbench.stats.self_comparison import halves
from attnbench.stats.self_comparison import noise_floor as measured_floor
from attnbench.stats.starts import FEWEST_STARTS, compare_starts
from attnbench.stats.unpaired import BETWEEN_STARTS, ONE_START_EACH, compare_unpaired
from attnbench.stats.verdict import Judged, Verdict, judge
from attnbench.support.errors import UserError
from attnbench.support.units import percent, plural, ratio_text

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


class Loss(StrEnum):
    """How the new side lost a case that the base measured."""

    MISSING = "missing"  # it has no attempt at it: absent, skipped or unsupported
    FAILED = "failed"  # it tried
    INCOMPARABLE = "incomparable"  # it computes something of another accuracy


@dataclass(frozen=True)
class Left:
    """A case that is not compared, and why."""

    key: Key
    why: str
    lost: Loss | None = None  # None where the base has no time either, or where the user accepted it


@dataclass(frozen=True)
class Mean:
    """Geometric mean of the ratios of some rows; by itself no verdict."""

    variant: str
    ratio: float
    rows: int
    interval: Interval | None  # 95 %, of these rows whatever was chosen to be measured; None with too few rounds


@dataclass(frozen=True)
class Compared:
    base: Side
    new: Side
    design: Design
    rows: list[Row]
    left: list[Left]
    environment: list[Difference]
    warnings: list[str]
    assumed: bool = False  # one start of each side: how far starts lie apart is assumed, not measured

    @property
    def counts(self) -> dict[Verdict, int]:
        return {verdict: sum(row.judged.verdict == verdict for row in self.rows) for verdict in Verdict}

    @property
    def margin(self) -> str:
        """`changes up to 1.0 % are the same`, in words; per row where the floors differ."""
        low, high = (bound(row.judged.margin for row in self.rows) for bound in (min, max))
        return f"changes up to {percent(low)}{'' if high == low else f' – {percent(high)}'} count as the same"

    @cached_property
    def means(self) -> list[Mean]:
        """One for each variant."""
        variants = dict.fromkeys(row.key.variant for row in self.rows)
        return [_mean(name, [row for row in self.rows if row.key.variant == name]) for name in variants]

    @cached_property
    def overall(self) -> Mean:
        return _mean("all", self.rows)

    def regressions(self, above: float = 0.0, allow_missing: bool = False) -> list[str]:
        """Rows that are SLOWER by more than `above` (a share), and cases that the new side lost, in words. With
        `allow_missing` a case that the new side did not attempt is not lost."""
        slower = [
            f"{row.key.name}: {ratio_text(row.measured.ratio)} times the base's time"
            for row in self.rows
            if row.slower_by > above
        ]
        accepted = (None, Loss.MISSING) if allow_missing else (None,)
        lost = [left for left in self.left if left.lost not in accepted]
        remedy = {Loss.MISSING: "; --allow-missing accepts that", Loss.FAILED: "",
                  Loss.INCOMPARABLE: "; --allow-different-errors compares them all the same"}  # fmt: skip
        return slower + [f"{left.key.name}: {left.why}{remedy[left.lost]}" for left in lost]

    @property
    def decidable(self) -> bool:
        """Whether any row could come out as SLOWER at all, however slow it were."""
        return any(row.minimum_effect is not None for row in self.rows)


def compared(base: Side, new: Side, design: Design, allowed: Allowed, noise_floor: float | None = None) -> Compared:
    """Joins and judges two sides. UserError where the user has to decide something first, or nothing joins.
    `noise_floor` is what the user says of changes that mean nothing, as a share; None when nothing was said."""
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
        why = f": {left[0].key.name}: {left[0].why}" if left else ""
        raise UserError(f"'{base.label}' and '{new.label}' have no measured case in common{why}")
    pairs = _ordered(pairs)
    if design == "unpaired" and base.starts + new.starts >= FEWEST_STARTS:
        design = "starts"
    floors = [noise_floor or 0.0] * len(pairs)
    if design == "unpaired":
        own = max(noise_floor or 0.0, _own_noise(pairs))
        floors = [max(own, _drift(*pair)) for pair in pairs]
    alike = _dependence(pairs, design, base.random_order and new.random_order)
    between = ONE_START_EACH if noise_floor is None else 0.0
    judged = judge([_measured(*pair, design, alike, between) for pair in pairs], floors)
    rows = [Row(*pair, verdict) for pair, verdict in zip(pairs, judged, strict=True)]
    warnings += _doubts(base, new, design, rows, alike, noise_floor)
    environment = environment_differences(base, new)
    return Compared(base, new, design, rows, left, environment, warnings, any(row.measured.between for row in rows))


def _ordered(pairs: list[tuple[Entry, Entry]]) -> list[tuple[Entry, Entry]]:
    """By variant, then setting, in the order in which the base met them, then by n."""
    variants, settings = (
        {name: place for place, name in reversed(list(enumerate(getattr(a.key, part) for a, _ in pairs)))}
        for part in ("variant", "setting")
    )
    return sorted(pairs, key=lambda p: (variants[p[0].key.variant], settings[p[0].key.setting], p[0].key.n or 0))


def _joined(base: Side, new: Side) -> tuple[list[tuple[Entry, Entry]], list[Left]]:
    pairs, left = [], []
    for key in dict.fromkeys([*base.entries, *new.entries]):
        a, b = base.entries.get(key), new.entries.get(key)
        if a and b and a.rounds and b.rounds:
            pairs.append((a, b))
        elif a and b:
            why = "; ".join(f"{name}: {_status(e)}" for name, e in (("base", a), ("new", b)) if not e.rounds)
            left.append(Left(key, why, _loss(b) if a.rounds else None))
        else:
            left.append(Left(key, f"only in {'base' if a else 'new'}", Loss.MISSING if a and a.rounds else None))
    return pairs, left


def _loss(new: Entry) -> Loss:
    return Loss.MISSING if new.status in ("skipped", "unsupported") else Loss.FAILED


def _status(entry: Entry) -> str:
    return entry.status + (f" ({entry.reasons[0]})" if entry.reasons else "")


def _of_equal_accuracy(pairs: list[tuple[Entry, Entry]]) -> tuple[list[tuple[Entry, Entry]], list[Left]]:
    """Being faster by being less accurate is no speed-up: such rows are set aside."""
    unequal = [pair for pair in pairs if not same_accuracy(pair[0].accuracy, pair[1].accuracy)]
    equal = [pair for pair in pairs if same_accuracy(pair[0].accuracy, pair[1].accuracy)]
    return equal, [Left(a.key, f"{a.accuracy} against {b.accuracy}", Loss.INCOMPARABLE) for a, b in unequal]


def _measured(base: Entry, new: Entry, design: Design, alike: Dependence | None, between: float) -> Measured:
    if design == "starts" and len(_by_start(base)) + len(_by_start(new)) >= FEWEST_STARTS:
        return compare_starts(_by_start(base), _by_start(new))
    stretch = alike.stretch if alike else 1.0
    if design == "paired":
        return doubted(compare_paired(base.rounds, new.rounds), stretch)
    return doubted(compare_unpaired(list(base.rounds.values()), list(new.rounds.values())), stretch, between)


def _by_start(entry: Entry) -> list[list[float]]:
    """The rounds of every start."""
    rounds = iter(entry.rounds.values())
    return [[next(rounds) for _ in range(count)] for count in entry.starts or (len(entry.rounds),)]


def _dependence(pairs: Sequence[tuple[Entry, Entry]], design: Design, random_order: bool) -> Dependence | None:
    """Of what has to be independent from round to round: log ratios of pairs, unless a coin made them so, or the times
    of each side. None where it need not be, or cannot be seen."""
    if random_order or design == "starts":
        return None
    if design == "paired":
        return dependence_of_rounds([[b.rounds[r] / a.rounds[r] for r in sorted(a.rounds) if r in b.rounds]
                                     for a, b in pairs])  # fmt: skip
    entries = [entry for pair in pairs for entry in pair]
    return dependence_of_rounds([[entry.rounds[r] for r in sorted(entry.rounds)] for entry in entries])


def _mean(name: str, rows: Sequence[Row]) -> Mean:
    """The interval is that of the mean over the rows, round by round (or start by start), which keeps what all rows of
    a round have in common. Rounds that a row lacks are left out."""
    ratio, measured = geometric_mean([row.measured.ratio for row in rows]), [row.measured for row in rows]
    base, new = [row.base for row in rows], [row.new for row in rows]
    whole: Measured | None = None
    if all(m.design == "starts" for m in measured):
        whole = (
            compare_starts(_start_means(base), _start_means(new)) if len({m.starts for m in measured}) == 1 else None
        )
    elif all(m.design == measured[0].design for m in measured):
        a, b = _round_means(base), _round_means(new)
        if measured[0].design == "paired" and a.keys() & b.keys():
            whole = doubted(compare_paired(a, b), measured[0].stretch)
        elif measured[0].design == "unpaired" and a and b:
            whole = compare_unpaired(list(a.values()), list(b.values()))
            whole = doubted(whole, measured[0].stretch, measured[0].between)
    ends = whole and whole.interval
    interval = ends and Interval(min(ends.low, ratio), max(ends.high, ratio), ends.coverage)
    return Mean(name, ratio, len(rows), interval or None)


def _round_means(entries: Sequence[Entry]) -> dict[int, float]:
    """round -> geometric mean over the cases, of rounds that all of them have."""
    shared = [r for r in entries[0].rounds if all(r in entry.rounds for entry in entries)]
    return {r: geometric_mean([entry.rounds[r] for entry in entries]) for r in shared}


def _start_means(entries: Sequence[Entry]) -> list[list[float]]:
    by_start = zip(*(map(median, _by_start(entry)) for entry in entries), strict=True)
    return [[geometric_mean(medians)] for medians in by_start]


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


def _doubts(
    base: Side, new: Side, design: Design, rows: Sequence[Row], alike: Dependence | None, noise_floor: float | None
) -> list[str]:
    """What weakens the verdicts, as warnings."""
    doubts = [f"{name}: {line}" for name, side in (("base", base), ("new", new)) for line in side.warnings]
    if base.warnings == new.warnings:
        doubts = list(base.warnings)
    if design != "starts":
        doubts += _too_few(design, rows)
    if not (base.fresh_processes and new.fresh_processes):
        doubts.append("repetitions inside one process, which is weaker evidence: what differs from process to process "
                      "is not in the intervals, and identical programs are often called different")  # fmt: skip
    if alike and alike.found:
        doubts.append(f"rounds that follow each other are alike ({text(alike)}): intervals are widened "
                      f"{alike.stretch:.1f}-fold")  # fmt: skip
    if design == "unpaired":
        doubts += [_one_start(rows, noise_floor), *_drifted(rows)]
    return doubts


def _too_few(design: Design, rows: Sequence[Row]) -> list[str]:
    most = max(min(row.measured.rounds) for row in rows)
    needed = rounds_needed(len(rows), design)
    if most < needed:
        return [f"{plural(most, 'round')} cannot decide a table of {plural(len(rows), 'row')}: {needed} on each side "
                "are needed before any row can be called FASTER or SLOWER"]  # fmt: skip
    if most < MIN_ROUNDS:
        return [f"{plural(most, 'round')}: no interval of a single median below {MIN_ROUNDS}"]
    return []


def _one_start(rows: Sequence[Row], noise_floor: float | None) -> str:
    remedy = "give several starts of each (--base A1 A2 --new B1 B2) or measure side by side (--builds)"
    if noise_floor is not None:
        return (f"one start on each side: what differs from start to start is in no interval; that it stays below "
                f"{percent(noise_floor)} rests on --noise-floor; {remedy}")  # fmt: skip
    return (f"one start on each side: how far starts of the same program lie apart is not measured; a standard "
            f"deviation of {percent(BETWEEN_STARTS)} is assumed, and is in the intervals; {remedy}, or state with "
            "--noise-floor what you know")  # fmt: skip


def _drifted(rows: Sequence[Row]) -> list[str]:
    drifts = [drift for row in rows if (drift := _drift(row.base, row.new)) > DRIFT_WORTH_SAYING]
    if not drifts:
        return []
    return [f"the machine's own FMA rate differs between the sides by up to {percent(max(drifts))} (in "
            f"{plural(len(drifts), 'row')}): changes below that are not called"]  # fmt: skip

"""Ours against the libraries that people use otherwise (external baselines), wins and losses alike.

A map per setting shows the ratio over the lengths, a table every head-to-head with interval, memory and kernel, a tally
what it comes to. What a library says of itself (version, kernel, threads) is the record's `implementation`.
"""

from collections import Counter
from dataclasses import dataclass
from math import exp, log
from statistics import mean

from attnbench.model import Report
from attnbench.pages.columns import Column, Table, number
from attnbench.stats.head_to_head import HeadToHead, head_to_heads_of, is_external
from attnbench.stats.points import Point
from attnbench.stats.verdict import Verdict
from attnbench.support import units

OUTCOMES = {Verdict.FASTER: "faster", Verdict.SLOWER: "slower", Verdict.SAME: "same", Verdict.UNDECIDED: "undecided"}


@dataclass(frozen=True)
class MapCell:
    text: str
    outcome: str  # win, loss, or open


@dataclass(frozen=True)
class RatioMap:
    """Rows are external baselines, columns sequence lengths; None where an external baseline gave no time."""

    title: str
    sizes: list[int]
    rows: list[tuple[str, list[MapCell | None]]]


@dataclass(frozen=True)
class ExternalSection:
    tally: Table
    maps: list[RatioMap]
    pairs: Table
    absent: Table

    @property
    def headline(self) -> str:
        counts = Counter(pair.verdict for pair in self.pairs.rows)
        text = f"{units.plural(len(self.pairs.rows), 'head-to-head')}: ours is faster in {counts[Verdict.FASTER]}, "
        text += f"slower in {counts[Verdict.SLOWER]}, the same in {counts[Verdict.SAME]}, "
        return text + f"undecided in {counts[Verdict.UNDECIDED]}"


def external_section(report: Report) -> ExternalSection | None:
    """None for a report without external baselines."""
    if not any(map(is_external, report.points)):
        return None
    pairs = sorted(head_to_heads_of(report.points), key=lambda pair: pair.ratio, reverse=True)
    return ExternalSection(
        _tally(report, pairs), _maps(report, pairs), _head_to_head_table(report, pairs), _absent(report)
    )


# ---- The table of head-to-heads --------------------------------------------------------------------------------------


def _head_to_head_table(report: Report, pairs: list[HeadToHead]) -> Table:
    columns = [Column("run", lambda d: report.tag(d.ours.case.run))] * report.several_runs
    columns += [
        Column("problem", lambda d: d.ours.case.problem),
        number("threads", str, lambda d: d.ours.case.threads),
        Column("baseline", lambda d: report.shown(d.theirs.case.variant), choose=True, name=True),
        Column("ours", lambda d: report.shown(d.ours.case.variant), help="the fastest of ours there", choose=True,
               name=True),
        Column("ours / theirs", _ratio, lambda d: d.ratio,
               "time of ours over time of theirs, with its 95 % interval; above 1 ours is slower"),
        Column("outcome", lambda d: OUTCOMES[d.verdict], choose=True),
        number("time, ours", units.seconds, lambda d: d.ours.time.median_s),
        number("time, theirs", units.seconds, lambda d: d.theirs.time.median_s),
        number("memory, ours", units.size, lambda d: d.ours.extra_bytes, "workspace and prepared tables"),
        number("memory, theirs", units.size, lambda d: d.theirs.extra_bytes,
               "by which resident memory rose during the first call"),
        Column("library", lambda d: fact(d.theirs, "library")),
        Column("kernel that ran", lambda d: fact(d.theirs, "kernel"), prose=True),
        Column("threads set by", lambda d: fact(d.theirs, "threads"), prose=True),
        Column("timed by", lambda d: _stopwatch(d.theirs), help="whose stopwatch was round the baseline's calls"),
        Column("overhead per call", lambda d: fact(d.theirs, "call_overhead_s"),
               help="seconds that the adapter's own loop adds to a call; part of the time shown"),
        Column("measure the baseline again", lambda d: d.theirs.case.reproducer, code=True),
    ]  # fmt: skip
    return Table("head_to_heads", columns, pairs)


def _ratio(pair: HeadToHead) -> str:
    interval = pair.measured.interval
    return units.with_interval(units.ratio, pair.ratio, interval and (interval.low, interval.high))


def fact(point: Point, name: str) -> str:
    """What the implementation said of itself in its last round; a dash where it said nothing."""
    facts = [time["implementation"] for time in point.case.times.values() if "implementation" in time]
    return facts[-1].get(name, units.DASH) if facts else units.DASH


def _stopwatch(point: Point) -> str:
    return "itself" if any(time.get("timed_by") == "variant" for time in point.case.times.values()) else "harness"


# ---- The tally -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tally:
    baseline: str
    pairs: list[HeadToHead]  # the worst for us first

    def count(self, verdict: Verdict) -> int:
        return sum(pair.verdict is verdict for pair in self.pairs)

    @property
    def typical(self) -> float:
        """Geometric mean of the ratios: swapping the sides gives its reciprocal."""
        return exp(mean(log(pair.ratio) for pair in self.pairs))


def _tally(report: Report, pairs: list[HeadToHead]) -> Table:
    baselines = [name for name in report.variants if any(d.theirs.case.variant == name for d in pairs)]
    rows = [Tally(name, [d for d in pairs if d.theirs.case.variant == name]) for name in baselines]
    columns = [
        Column("baseline", lambda t: t.baseline),
        Column("library", lambda t: fact(t.pairs[0].theirs, "library")),
        number("head-to-heads", str, lambda t: len(t.pairs)),
        number("faster", str, lambda t: t.count(Verdict.FASTER)),
        number("slower", str, lambda t: t.count(Verdict.SLOWER)),
        number("same or undecided", str, lambda t: t.count(Verdict.SAME) + t.count(Verdict.UNDECIDED)),
        number(
            "ours / theirs, mean",
            units.ratio,
            lambda t: t.typical,
            "geometric mean over the head-to-heads; above 1 ours is slower",
        ),
        Column("largest ratio", lambda t: _extreme(t.pairs[0]), lambda t: t.pairs[0].ratio),
        Column("smallest ratio", lambda t: _extreme(t.pairs[-1]), lambda t: t.pairs[-1].ratio),
    ]
    return Table("external", columns, rows)


def _extreme(pair: HeadToHead) -> str:
    return f"{units.ratio(pair.ratio)} at {pair.ours.case.problem}"


# ---- The maps --------------------------------------------------------------------------------------------------------


def _maps(report: Report, pairs: list[HeadToHead]) -> list[RatioMap]:
    """One per setting, in the order of the report's points."""
    settings: dict[str, list[HeadToHead]] = {}
    order = {id(point): place for place, point in enumerate(report.points)}
    for pair in sorted(pairs, key=lambda d: order[id(d.theirs)]):
        settings.setdefault(_setting(report, pair.theirs), []).append(pair)
    return [_map(title, found) for title, found in settings.items()]


def _setting(report: Report, point: Point) -> str:
    case = point.case
    run = f", run {report.tag(case.run)}" if report.several_runs else ""
    return f"{case.setting}, {units.plural(case.threads, 'thread')}, {case.dataset}{run}"


def _map(title: str, pairs: list[HeadToHead]) -> RatioMap:
    sizes = sorted({pair.theirs.n for pair in pairs})
    baselines = list(dict.fromkeys(pair.theirs.case.variant for pair in pairs))
    cells = {(pair.theirs.case.variant, pair.theirs.n): _cell(pair) for pair in pairs}
    return RatioMap(title, sizes, [(name, [cells.get((name, n)) for n in sizes]) for name in baselines])


def _cell(pair: HeadToHead) -> MapCell:
    outcome = {Verdict.FASTER: "win", Verdict.SLOWER: "loss"}.get(pair.verdict, "open")
    return MapCell(units.ratio(pair.ratio) + ("" if outcome != "open" else " ?"), outcome)


# ---- What could not be compared --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Absence:
    baseline: str
    status: str
    reason: str
    cases: int


def _absent(report: Report) -> Table:
    counts = Counter((p.case.variant, p.case.status, p.case.reasons[0]) for p in report.failed if is_external(p))
    rows = [Absence(*key, count) for key, count in counts.items()]
    columns = [
        Column("baseline", lambda a: a.baseline),
        Column("status", lambda a: a.status),
        number("cases", str, lambda a: a.cases),
        Column("reason", lambda a: a.reason, prose=True),
    ]
    return Table("absent", columns, rows)

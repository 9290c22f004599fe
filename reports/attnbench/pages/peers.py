"""The peers' section: ours against the libraries that people use otherwise, wins and losses alike.

A map per setting shows the ratio over the lengths, a table every duel with interval, memory and kernel, a tally what it
comes to. What a library says of itself (version, kernel, threads) is the record's `implementation`.
"""

from collections import Counter
from dataclasses import dataclass
from math import exp, log
from statistics import mean

from attnbench import units
from attnbench.model import Report
from attnbench.pages.columns import Column, Table, number
from attnbench.stats.duels import Duel, duels_of, is_peer
from attnbench.stats.points import Point
from attnbench.stats.verdict import Verdict

OUTCOMES = {Verdict.FASTER: "we win", Verdict.SLOWER: "WE LOSE", Verdict.SAME: "same", Verdict.UNDECIDED: "undecided"}


@dataclass(frozen=True)
class MapCell:
    text: str
    outcome: str  # win, loss, or open


@dataclass(frozen=True)
class RatioMap:
    """Rows are peers, columns sequence lengths; None where a peer gave no time."""

    title: str
    sizes: list[int]
    rows: list[tuple[str, list[MapCell | None]]]


@dataclass(frozen=True)
class PeerSection:
    tally: Table
    maps: list[RatioMap]
    duels: Table
    absent: Table

    @property
    def headline(self) -> str:
        counts = Counter(duel.verdict for duel in self.duels.rows)
        text = f"{units.plural(len(self.duels.rows), 'duel')}: ours is faster in {counts[Verdict.FASTER]}, "
        text += f"slower in {counts[Verdict.SLOWER]}, the same in {counts[Verdict.SAME]}, "
        return text + f"undecided in {counts[Verdict.UNDECIDED]}"


def peer_section(report: Report) -> PeerSection | None:
    """None for a report without peers."""
    if not any(map(is_peer, report.points)):
        return None
    duels = sorted(duels_of(report.points), key=lambda duel: duel.ratio, reverse=True)
    return PeerSection(_tally(report, duels), _maps(report, duels), _duel_table(report, duels), _absent(report))


# ---- The table of duels ----------------------------------------------------------------------------------------------


def _duel_table(report: Report, duels: list[Duel]) -> Table:
    columns = [Column("run", lambda d: report.tag(d.ours.case.run))] * report.several_runs
    columns += [
        Column("problem", lambda d: d.ours.case.problem),
        number("threads", str, lambda d: d.ours.case.threads),
        Column("peer", lambda d: report.shown(d.theirs.case.variant), choose=True, name=True),
        Column("ours", lambda d: report.shown(d.ours.case.variant), help="the fastest of ours there", choose=True,
               name=True),
        Column("ours / theirs", _ratio, lambda d: d.ratio,
               "time of ours over time of theirs, with its 95 % interval; above 1 we lose"),
        Column("outcome", lambda d: OUTCOMES[d.verdict], choose=True),
        number("time, ours", units.seconds, lambda d: d.ours.time.median_s),
        number("time, theirs", units.seconds, lambda d: d.theirs.time.median_s),
        number("memory, ours", units.size, lambda d: d.ours.extra_bytes, "workspace and prepared tables"),
        number("memory, theirs", units.size, lambda d: d.theirs.extra_bytes,
               "by which resident memory rose during the first call"),
        Column("library", lambda d: fact(d.theirs, "library")),
        Column("kernel that ran", lambda d: fact(d.theirs, "kernel"), prose=True),
        Column("threads set by", lambda d: fact(d.theirs, "threads"), prose=True),
        Column("timed by", lambda d: _stopwatch(d.theirs), help="whose stopwatch was round the peer's calls"),
        Column("overhead per call", lambda d: fact(d.theirs, "call_overhead_s"),
               help="seconds that the adapter's own loop adds to a call; part of the time shown"),
        Column("measure the peer again", lambda d: d.theirs.case.reproducer, code=True),
    ]  # fmt: skip
    return Table("duels", columns, duels)


def _ratio(duel: Duel) -> str:
    interval = duel.measured.interval
    return units.with_interval(units.ratio, duel.ratio, interval and (interval.low, interval.high))


def fact(point: Point, name: str) -> str:
    """What the implementation said of itself in its last round; a dash where it said nothing."""
    facts = [time["implementation"] for time in point.case.times.values() if "implementation" in time]
    return facts[-1].get(name, units.DASH) if facts else units.DASH


def _stopwatch(point: Point) -> str:
    return "itself" if any(time.get("timed_by") == "variant" for time in point.case.times.values()) else "harness"


# ---- The tally -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tally:
    peer: str
    duels: list[Duel]  # the worst for us first

    def count(self, verdict: Verdict) -> int:
        return sum(duel.verdict is verdict for duel in self.duels)

    @property
    def typical(self) -> float:
        """Geometric mean of the ratios: swapping the sides gives its reciprocal."""
        return exp(mean(log(duel.ratio) for duel in self.duels))


def _tally(report: Report, duels: list[Duel]) -> Table:
    peers = [name for name in report.variants if any(d.theirs.case.variant == name for d in duels)]
    rows = [Tally(peer, [d for d in duels if d.theirs.case.variant == peer]) for peer in peers]
    columns = [
        Column("peer", lambda t: t.peer),
        Column("library", lambda t: fact(t.duels[0].theirs, "library")),
        number("duels", str, lambda t: len(t.duels)),
        number("we win", str, lambda t: t.count(Verdict.FASTER)),
        number("we lose", str, lambda t: t.count(Verdict.SLOWER)),
        number("same or undecided", str, lambda t: t.count(Verdict.SAME) + t.count(Verdict.UNDECIDED)),
        number(
            "ours / theirs, mean", units.ratio, lambda t: t.typical, "geometric mean over the duels; above 1 we lose"
        ),
        Column("worst for us", lambda t: _extreme(t.duels[0]), lambda t: t.duels[0].ratio),
        Column("best for us", lambda t: _extreme(t.duels[-1]), lambda t: t.duels[-1].ratio),
    ]
    return Table("peers", columns, rows)


def _extreme(duel: Duel) -> str:
    return f"{units.ratio(duel.ratio)} at {duel.ours.case.problem}"


# ---- The maps --------------------------------------------------------------------------------------------------------


def _maps(report: Report, duels: list[Duel]) -> list[RatioMap]:
    """One per setting, in the order of the report's points."""
    settings: dict[str, list[Duel]] = {}
    order = {id(point): place for place, point in enumerate(report.points)}
    for duel in sorted(duels, key=lambda d: order[id(d.theirs)]):
        settings.setdefault(_setting(report, duel.theirs), []).append(duel)
    return [_map(title, found) for title, found in settings.items()]


def _setting(report: Report, point: Point) -> str:
    case = point.case
    run = f", run {report.tag(case.run)}" if report.several_runs else ""
    return f"{case.setting}, {units.plural(case.threads, 'thread')}, {case.dataset}{run}"


def _map(title: str, duels: list[Duel]) -> RatioMap:
    sizes = sorted({duel.theirs.n for duel in duels})
    peers = list(dict.fromkeys(duel.theirs.case.variant for duel in duels))
    cells = {(duel.theirs.case.variant, duel.theirs.n): _cell(duel) for duel in duels}
    return RatioMap(title, sizes, [(peer, [cells.get((peer, n)) for n in sizes]) for peer in peers])


def _cell(duel: Duel) -> MapCell:
    outcome = {Verdict.FASTER: "win", Verdict.SLOWER: "loss"}.get(duel.verdict, "open")
    return MapCell(units.ratio(duel.ratio) + ("" if outcome != "open" else " ?"), outcome)


# ---- What could not be compared --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Absence:
    peer: str
    status: str
    reason: str
    cases: int


def _absent(report: Report) -> Table:
    counts = Counter((p.case.variant, p.case.status, p.case.reasons[0]) for p in report.failed if is_peer(p))
    rows = [Absence(*key, count) for key, count in counts.items()]
    columns = [
        Column("peer", lambda a: a.peer),
        Column("status", lambda a: a.status),
        number("cases", str, lambda a: a.cases),
        Column("reason", lambda a: a.reason, prose=True),
    ]
    return Table("absent", columns, rows)

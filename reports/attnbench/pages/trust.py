"""Trust in words: how far the numbers of a report can be believed (stats/trust.py counts them).

Every fact is one line with its value and what it means; the tables behind them show noise by time scale, predictions
against what happened, sessions, and the cases that ran faster than the machine can.
"""

import math
from collections import Counter
from dataclasses import dataclass
from statistics import median

from attnbench.model import Report
from attnbench.pages.columns import Column, Table, number
from attnbench.stats import dependence
from attnbench.stats.intervals import CONFIDENCE
from attnbench.stats.points import Point
from attnbench.stats.power import POWER
from attnbench.stats.roof import above_ceiling
from attnbench.stats.self_comparison import MIN_SELF_ROUNDS
from attnbench.stats.speed import Speeds
from attnbench.stats.trust import (
    GOOD_PREDICTION,
    Trust,
    is_right,
    mixes_origins,
    prediction_ratio,
    process_noise,
    resolution,
    stop_of,
)
from attnbench.support import units


@dataclass(frozen=True)
class Fact:
    name: str
    value: str
    meaning: str
    alarming: bool = False


def facts(report: Report) -> list[Fact]:
    trust = report.trust
    if trust is None:
        return [Fact("times", "none", "nothing was timed, so there is nothing to trust or to doubt")]
    return [
        *_self_comparison(trust), _minimum_effect(trust), *_speed(report), *_dependence(trust), _outliers(trust),
        _switches(trust), *_drift(trust), *_load(report, trust), _above_ceiling(trust), *_calibration(report, trust),
        _prediction(trust), _stops(trust), _sessions(report),
    ]  # fmt: skip


def _self_comparison(trust: Trust) -> list[Fact]:
    rate = trust.false_positives
    if rate is None:
        return [Fact("A/A false positives", "not known", "each case is compared with itself, half of its rounds against"
                     f" the other half, from {MIN_SELF_ROUNDS} rounds on; use --profile standard")]  # fmt: skip
    return [
        Fact("A/A false positives", f"{rate.count} of {rate.total} cases, {units.percent(rate.value)} "
             f"[{units.percent(rate.interval.low)}, {units.percent(rate.interval.high)}]",
             "cases called FASTER or SLOWER when one half of their rounds is compared with the other, each for itself; "
             "5 % is what a 95 % interval allows", alarming=rate.interval.low > 1 - CONFIDENCE),
        Fact("noise floor", units.percent(trust.noise_floor),
             "95 % of these comparisons of a case with itself differ by less; smaller differences between runs of half"
             " as many rounds are within the noise"),
    ]  # fmt: skip


def _minimum_effect(trust: Trust) -> Fact:
    meaning = (f"the smallest difference between this run and another like it that is found with {100 * POWER:.0f} % "
               "probability, for the middle case and the worst; two starts are assumed to differ by 2 %; "
               "`compare --builds`, which measures in turns, finds smaller ones")  # fmt: skip
    if trust.minimum_effect is None:
        return Fact("minimum detectable effect", "none", "with so few rounds no difference, however large, can be told "
                    "from chance; use --profile standard", alarming=True)  # fmt: skip
    effect = trust.minimum_effect
    text = f"{units.percent(effect.median)}, worst {units.percent(effect.highest)}"
    return Fact("minimum detectable effect", text, meaning)


def _speed(report: Report) -> list[Fact]:
    probed = [panel for panel in report.panels if panel.speeds.gflops]
    if not probed:
        return []
    changed = [panel for panel in probed if panel.speeds.other]
    meaning = "the multiply-add peak probed beside each size, against the one that most sizes share"
    if not changed:
        spread = max(max(p.speeds.gflops.values()) / min(p.speeds.gflops.values()) - 1 for p in probed)
        return [Fact("speed between sizes", f"within {units.percent(spread)}", meaning)]
    several = len(report.panels) > 1
    text = "; ".join((f"{panel.setting}: " if several else "") + _sizes(panel.speeds) for panel in changed)
    return [Fact("speed between sizes", f"changed at {text}", f"{meaning}: the times there are another machine's, "
                 "and no exponent is claimed; the slope at constant speed stands beside the raw one",
                 alarming=True)]  # fmt: skip


def _sizes(speeds: Speeds) -> str:
    return ", ".join(f"n = {n} ({units.percent(speeds.gflops[n] / speeds.usual)} of it)" for n in speeds.other)


def _dependence(trust: Trust) -> list[Fact]:
    found = trust.dependence
    if found is None:
        return []
    meaning = ("whether slow rounds follow slow ones, over all cases (permutation test); the interval of a median "
               "needs independent rounds and is withheld where they are not")  # fmt: skip
    if found.found:
        return [Fact("rounds depend on each other", dependence.text(found), meaning, alarming=True)]
    return [Fact("rounds depend on each other", f"not detectable ({dependence.text(found)})", meaning)]


def _calibration(report: Report, trust: Trust) -> list[Fact]:
    if all(run.calibration is None for run in report.runs):
        return []
    if trust.invalid_calibrations:
        return [Fact("calibration", "invalid", f"{'; '.join(trust.invalid_calibrations)}: it was made on a busy or "
                     "slower machine; the roofline shows the probed peak instead", alarming=True)]  # fmt: skip
    return [Fact("calibration", "holds", "no probe beside the samples exceeded its multiply-add peak")]


def _outliers(trust: Trust) -> Fact:
    return Fact("outliers", f"{trust.outliers} of {units.plural(trust.samples, 'sample')}",
                "more than 3.5 robust standard deviations from the median of their process; counted in the table of "
                "cases, kept in every number")  # fmt: skip


def _switches(trust: Trust) -> Fact:
    text = f"{trust.switches}, in {trust.switched_samples} of {units.plural(trust.samples, 'sample')}"
    return Fact("involuntary context switches", text,
                "how often the kernel gave a core of the benchmark to another process meanwhile")  # fmt: skip


def _drift(trust: Trust) -> list[Fact]:
    if trust.clock_drift is None:
        return []
    middle, worst = trust.clock_drift.median, trust.clock_drift.highest
    return [Fact("clock drift", f"{units.percent(middle)}, worst {units.percent(worst)}",
                 "difference of the multiply-add rate probed right before and right after the samples",
                 alarming=middle > 0.05)]  # fmt: skip


def _load(report: Report, trust: Trust) -> list[Fact]:
    if trust.load_1m is None:
        return []
    cores = min(run.meta["environment"]["cores"] for run in report.runs)
    text = f"{trust.load_1m.median:.2f}, highest {trust.load_1m.highest:.2f} on {units.plural(cores, 'core')}"
    return [Fact("load while measuring", text, "one-minute average after the samples, the benchmark itself included",
                 alarming=trust.load_1m.median > 1.5 * cores)]  # fmt: skip


def _above_ceiling(trust: Trust) -> Fact:
    return Fact("above the machine's ceiling", units.plural(trust.above_ceiling, "case"),
                "faster than the multiply-add peaks or the bandwidth of the roofline allow: an error of the "
                "measurement, never a success", alarming=trust.above_ceiling > 0)  # fmt: skip


def _prediction(trust: Trust) -> Fact:
    return Fact("predicted times", f"{trust.predicted_right} of {trust.predicted} within a factor {GOOD_PREDICTION}",
                "what the cost model said before the case ran, against what was measured")  # fmt: skip


STOPS = {"rounds": "all planned rounds", "narrow": "interval under 2 %", "plateau": "interval stopped shrinking",
         "cap": "time cap"}  # fmt: skip


def stop_reason(point: Point) -> str:
    return STOPS.get(stop_of(point), units.DASH)


def _stops(trust: Trust) -> Fact:
    counts = Counter(trust.stops).most_common()
    text = ", ".join(f"{count} {STOPS.get(stop, stop)}" for stop, count in counts) or "not recorded"
    return Fact("why cases ended", text, "what stopped their rounds")


def _sessions(report: Report) -> Fact:
    count, mixed = sum(len(run.sessions) for run in report.runs), mixes_origins(report.runs)
    return Fact("sessions", f"{count}" + (", of several binaries or machines" if mixed else ""),
                "starts of attnbench whose records stand here: resumed and merged runs have several",
                alarming=mixed)  # fmt: skip


@dataclass(frozen=True)
class Scale:
    """The cases whose time lies within one decade."""

    exponent: int  # 10^exponent s to 10^(exponent + 1) s
    points: list[Point]

    @property
    def text(self) -> str:
        return f"{_round_seconds(self.exponent)} – {_round_seconds(self.exponent + 1)}"


def _round_seconds(exponent: int) -> str:
    scale, unit = next((s, u) for s, u in ((0, "s"), (-3, "ms"), (-6, "µs"), (-9, "ns")) if exponent >= s or s == -9)
    return f"{10 ** (exponent - scale):g} {unit}"


def scale_table(report: Report) -> Table:
    groups: dict[int, list[Point]] = {}
    for point in report.points:
        if point.time:
            groups.setdefault(math.floor(math.log10(point.time.median_s)), []).append(point)
    rows = [Scale(exponent, groups[exponent]) for exponent in sorted(groups)]
    columns = [
        Column("time of one call", lambda s: s.text, lambda s: s.exponent),
        number("cases", str, lambda s: len(s.points)),
        number("noise between processes", units.percent, lambda s: median(map(process_noise, s.points)),
               "standard deviation of the process medians (Qn), middle case"),
        number("noisiest case", units.percent, lambda s: max(map(process_noise, s.points))),
        number("half-width of the interval", units.percent, _half_width, "95 % interval of the median, middle case"),
        number("minimum detectable effect", units.percent, _resolution,
               "between two such runs, with 80 % probability, middle case"),
    ]  # fmt: skip
    return Table("scales", columns, rows)


def _half_width(group: Scale) -> float | None:
    known = [p.time for p in group.points if p.time.interval]
    return median((t.interval.high - t.interval.low) / 2 / t.median_s for t in known) if known else None


def _resolution(group: Scale) -> float | None:
    known = [effect for p in group.points if (effect := resolution(p)) is not None]
    return median(known) if known else None


def prediction_table(report: Report) -> Table:
    """By what the model rested on; the worst case is the one furthest off by factor."""
    groups: dict[str, list[Point]] = {}
    for point in report.points:
        if point.time and point.case.prediction["seconds"] > 0:
            groups.setdefault(point.case.prediction["model"], []).append(point)
    columns = [
        Column("cost model", lambda row: row[0], help="fitted: on probes and earlier cases of this machine"),
        number("cases", str, lambda row: len(row[1])),
        number("measured / predicted", units.ratio, lambda row: median(map(prediction_ratio, row[1])), "middle case"),
        number(f"within a factor {GOOD_PREDICTION}", units.percent,
               lambda row: sum(is_right(prediction_ratio(p)) for p in row[1]) / len(row[1])),
        number("furthest off", units.ratio, lambda row: prediction_ratio(_worst(row[1])), "measured / predicted"),
        Column("there", lambda row: f"{_worst(row[1]).case.variant}, {_worst(row[1]).case.problem}"),
    ]  # fmt: skip
    return Table("predictions", columns, list(groups.items()))


def _worst(points: list[Point]) -> Point:
    return max(points, key=lambda p: abs(math.log(prediction_ratio(p))))


def ceiling_table(report: Report) -> Table:
    """The cases faster than the machine."""
    columns = [
        Column("variant", lambda p: report.shown(p.case.variant), name=True),
        Column("problem", lambda p: p.case.problem),
        number("threads", str, lambda p: p.case.threads),
        number("time", units.seconds, lambda p: p.time and p.time.median_s),
        number("of FMA peak", units.percent, lambda p: _largest(p, "share_of_peak")),
        number("of read bandwidth", units.percent, lambda p: _largest(p, "share_of_bandwidth")),
        Column("reason", lambda p: "; ".join(p.case.reasons) or units.DASH, prose=True),
        Column("reproducer", lambda p: p.case.reproducer, code=True),
    ]
    return Table("ceiling", columns, [p for p in report.points if above_ceiling(p, report.roofs)])


def _largest(point: Point, name: str) -> float | None:
    return max((time[name] for time in point.case.times.values() if time[name] is not None), default=None)


def session_table(report: Report) -> Table:
    counts = Counter((run.label, record["session"]) for run in report.runs for record in run.records)
    rows = [(run, i, session) for run in report.runs for i, session in enumerate(run.sessions)]
    columns = [
        Column("run", lambda row: row[0].label),
        number("session", str, lambda row: row[1]),
        Column("started (UTC)", lambda row: row[2]["started"]),
        Column("finished (UTC)", lambda row: row[2]["finished"] or "did not finish"),
        number("records", str, lambda row: counts[row[0].label, row[1]]),
        Column("CPU", lambda row: row[2]["environment"]["cpu_model"]),
        Column("binary", lambda row: row[2]["binary_id"][:12]),
        Column("machine", lambda row: row[2]["machine_id"][:12]),
        Column("warnings", lambda row: "; ".join(row[2]["environment"].get("warnings", [])) or units.DASH),
    ]
    return Table("sessions", columns, rows)

"""Verdicts on experiments whose outcome is known: OK, WARN or FAIL, with numbers and what to do.

The synthetic workload is the same code however long it runs, so whatever differs between identical processes is the
machine's noise, a call of FASTER or SLOWER between them is false, twice the turns take twice the time, and work that
grows as n or n^2 has that exponent.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from attnbench.stats.comparison import Comparison
from attnbench.stats.intervals import CONFIDENCE
from attnbench.stats.noise import scale
from attnbench.stats.paired import compare_paired
from attnbench.stats.power import minimum_effect
from attnbench.stats.scaling import fit
from attnbench.stats.self_comparison import Rate, false_positives
from attnbench.stats.verdict import MARGIN, Judged, judge
from attnbench.support import units

Health = Literal["OK", "WARN", "FAIL"]

NOISE_WARN, NOISE_FAIL = 0.02, 0.20  # process-to-process standard deviation: hides a 3 % effect; hides a factor 1.3
CLOCK_WARN = 0.10  # peak probes further apart than this: times of different minutes do not compare
TOLERANCE = 0.02  # a call's own overhead and the order of loops may shift a ratio or an exponent by so much
FAR = 0.10  # beyond this it is the suite that is wrong, not the noise

QUIETER = "stop other work, fix the clock, use a machine of your own, or take more rounds (--profile rigorous)"


@dataclass(frozen=True)
class Check:
    group: str
    name: str
    health: Health
    found: str
    advice: str = ""


def judge_measurements(data: Mapping) -> list[Check]:
    """All checks on the output of run_experiments() (harness/doctor/experiments.h)."""
    checks = [judge_noise(length["seconds"], length["medians"]) for length in data["noise"]]
    checks.append(judge_clock(data["peaks_gflops"]))
    checks.append(judge_same([paired(row) for row in data["same"]]))
    checks.append(judge_resolution([paired(row) for row in data["same"]]))
    checks.append(judge_twice(paired(data["twice"])))
    return checks + [judge_growth(row["exponent"], row["n"], row["medians"]) for row in data["growth"]]


def paired(row: Mapping) -> Comparison:
    return compare_paired(dict(enumerate(row["base"])), dict(enumerate(row["new"])))


def judge_noise(seconds: float, medians: Sequence[float]) -> Check:
    """How far the medians of identical processes scatter, as a standard deviation and from fastest to slowest."""
    noise = scale([math.log(median) for median in medians])
    reach = max(medians) / min(medians) - 1
    health: Health = "FAIL" if noise > NOISE_FAIL else "WARN" if noise > NOISE_WARN else "OK"
    found = (
        f"{percent(noise)} between {len(medians)} processes of calls of {units.seconds(float(np.median(medians)))}; "
        f"slowest {percent(reach)} above fastest"
    )
    return Check("noise", f"calls of {units.seconds(seconds)}", health, found, "" if health == "OK" else QUIETER)


def judge_clock(peaks: Sequence[float]) -> Check:
    """Multiply-add peaks probed beside all the samples: the speed of the machine over these minutes."""
    probed = [peak for peak in peaks if peak > 0]
    starved = len(peaks) - len(probed)
    if not probed:
        return Check("noise", "peak probes", "FAIL", "no probe found its threads running at once", QUIETER)
    low, middle, high = np.percentile(probed, [5, 50, 95])
    swing = 1 - low / high
    found = f"{middle:.3g} GFLOP/s on one thread, 90 % of {len(probed)} probes in [{low:.3g}, {high:.3g}]" + (
        f"; {starved} starved" if starved else ""
    )
    steady = swing <= CLOCK_WARN and not starved
    advice = "" if steady else f"speed changes by {percent(swing)}: compare times only within one run; {QUIETER}"
    return Check("noise", "peak probes", "OK" if steady else "WARN", found, advice)


def judge_same(rows: Sequence[Comparison]) -> Check:
    """A/A: each row judged as a table of its own, the hardest test of the statistics: one in 20 may be called."""
    alone = [judge([row])[0] for row in rows]
    together = false_positives(judge(rows))
    rate = false_positives(alone)
    assert rate is not None and together is not None, "the experiment has rows"
    found = (
        f"{rate.count} of {rate.total} identical pairs called different ({interval(rate)}), "
        f"{together.count} when judged as one table; {_kinds(alone)}"
    )
    if rate.interval.low > 1 - CONFIDENCE:
        advice = "verdicts on this machine cannot be trusted: its noise is not random from round to round; " + QUIETER
        return Check("statistics", "A/A false positives", "FAIL", found, advice)
    if together.count:
        advice = (
            "one table in 20 may hold one; run doctor again: a second one means that verdicts here cannot be trusted"
        )
        return Check("statistics", "A/A false positives", "WARN", found, advice)
    return Check("statistics", "A/A false positives", "OK", found)


def judge_resolution(rows: Sequence[Comparison]) -> Check:
    """The smallest change that a comparison of as many rounds would find here."""
    effects = [minimum_effect(row, MARGIN) for row in rows]
    known = [effect for effect in effects if effect is not None]
    rounds = rows[0].rounds[0]
    name = "smallest effect found"
    if not known:
        return Check("statistics", name, "OK", f"{rounds} rounds are too few for any verdict; take 6 or more")
    middle = float(np.median(known))
    found = f"{percent(middle)} with {rounds} paired rounds, in 4 of 5 attempts"
    if middle <= 0.05:
        return Check("statistics", name, "OK", found)
    return Check("statistics", name, "WARN", found, f"smaller changes will be UNDECIDED; {QUIETER}")


def judge_twice(row: Comparison) -> Check:
    """Twice the turns: the interval of the ratio holds 2, up to what a call's own overhead moves."""
    name = "twice is twice"
    if row.interval is None:
        found = f"{row.ratio:.3f}, no interval from {row.rounds[0]} rounds"
        health = _distance_health(row.ratio / 2 - 1)
        return Check("statistics", name, health, found, "" if health == "OK" else _far_advice("the ratio", health))
    low, high = row.interval.low, row.interval.high
    found = f"{row.ratio:.3f} [{low:.3f}, {high:.3f}], {percent((high - low) / 2 / row.ratio)} to either side"
    off = 0.0 if low <= 2 <= high else min(abs(low / 2 - 1), abs(high / 2 - 1))
    health = _distance_health(off)
    wide = high / low > 1 + 2 * FAR
    if health == "OK" and wide:
        return Check("statistics", name, "WARN", found, f"right but too wide to be of use; {QUIETER}")
    return Check("statistics", name, health, found, "" if health == "OK" else _far_advice("the ratio", health))


def judge_growth(exponent: int, n: Sequence[int], medians: Sequence[Sequence[float]]) -> Check:
    """Work that grows as a known power of n: the interval of the fitted exponent holds it."""
    name = f"exponent of n^{exponent}"
    fitted = fit(n, [float(np.median(values)) for values in medians])
    assert fitted is not None and fitted.slope.interval is not None, "the experiment has 7 sizes or more"
    low, high = fitted.slope.interval.low, fitted.slope.interval.high
    found = f"{fitted.slope.value:.3f} [{low:.3f}, {high:.3f}] over {len(n)} sizes"
    off = 0.0 if low <= exponent <= high else min(abs(low - exponent), abs(high - exponent))
    health = _distance_health(off)
    if health == "OK" and high - low > 2 * FAR * exponent:
        return Check("statistics", name, "WARN", found, f"right but too wide to tell neighbours apart; {QUIETER}")
    return Check("statistics", name, health, found, "" if health == "OK" else _far_advice("the exponent", health))


def _distance_health(off: float) -> Health:
    return "OK" if abs(off) <= TOLERANCE else "WARN" if abs(off) <= FAR else "FAIL"


def _far_advice(what: str, health: Health) -> str:
    if health == "WARN":
        return f"{what} misses the truth by more than its interval, as one in 20 may; run doctor again; {QUIETER}"
    return f"{what} is far off: the machine changed its speed while it was measured, or the suite is broken; {QUIETER}"


def _kinds(judged: Sequence[Judged]) -> str:
    """3 SAME, 9 UNDECIDED"""
    names = [row.verdict for row in judged]
    return ", ".join(f"{names.count(kind)} {kind}" for kind in dict.fromkeys(sorted(names)))


def interval(rate: Rate) -> str:
    return f"{percent(rate.value)}, 95 % interval {percent(rate.interval.low)} .. {percent(rate.interval.high)}"


def percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 1 else f"{100 * share:.0f} %"

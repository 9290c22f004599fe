"""Counters: what the processor counted beside the samples of a case, per call, in user space and over all threads.

Rounds of machines without counters, or that forbid them, have none; the others are summed up by their median.
"""

from statistics import median

from attnbench.stats.points import Point

NAMES = ("cycles", "instructions", "llc_misses", "branch_misses")


def count_of(point: Point, name: str) -> float | None:
    known = [counters[name] for counters in _rounds(point) if name in counters]
    return median(known) if known else None


def instructions_per_cycle(point: Point) -> float | None:
    """The median of the rounds' own ratios."""
    ratios = [c["instructions"] / c["cycles"] for c in _rounds(point) if c.get("cycles") and "instructions" in c]
    return median(ratios) if ratios else None


def are_scaled(point: Point) -> bool | None:
    """Whether the counters of a round took turns with others and were scaled up; None without counters."""
    rounds = _rounds(point)
    return any(counters["scaled"] for counters in rounds) if rounds else None


def _rounds(point: Point) -> list[dict]:
    return [time["counters"] for time in point.case.times.values() if "counters" in time]

"""Declared against measured: does a variant grow with n as its label and its cost function say?

Four quantities of a series are held against what was declared. The cost (multiply-adds) and the extra memory are exact
numbers, judged against the labels alone. Time and resident memory are measured: they are judged against the labels and
against the growth of the exact cost and extra memory over the same sizes. The cost tells an early stage from a lie: a
window of 4096 costs n^2 up to n = 4096, and n^2 measured there says nothing yet. Only the tail counts, the upper half
of the sizes, because at small n constants rule.

EXCEEDS: the tail slope's interval lies above all that was declared by more than the tolerance. BELOW: it lies below it
and bends upwards no more. AGREES: the slope is inside, with an interval narrow enough to tell. CANNOT TELL: the rest.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from attnbench.load.run import Run
from attnbench.stats.along import flops, rss_growth
from attnbench.stats.growth_label import Declared, LabelError, parse_label
from attnbench.stats.points import Point
from attnbench.stats.scaling import Fit, Slope, fit
from attnbench.stats.series import Series, Setting

EXACT_TOLERANCE = 0.15  # counts have no noise; this allows for lower-order terms that still bend the tail
# Caches filling up steepen honest times: for n = 512 .. 8192 on two shared cores the tail slopes of time of the ten
# built-in variants lay between -0.22 and +0.11 of those of their cost. The nearest lie worth catching, n^1.5 for n, is
# 0.5 off.
TIME_TOLERANCE = 0.25
RSS_FLOOR = 1 << 20  # bytes; below, pages and the allocator rule: the built-in variants touch 0.3 to 0.7 MiB at any n
RSS_SIZES = 4  # sizes above the floor
# A block-sparse row sees about ten blocks, so its cost is quadratic until n passes them by: nothing is said against a
# label before n is this many times its parameter.
PARAMETER_FACTOR = 16
BEND = 0.05  # a last local slope this far from the tail's slope shows a bend


class Agreement(StrEnum):
    AGREES = "AGREES"
    EXCEEDS = "EXCEEDS"
    BELOW = "BELOW"
    CANNOT_TELL = "CANNOT TELL"


@dataclass(frozen=True)
class Check:
    run: str
    setting: Setting
    variant: str
    quantity: str  # "cost", "time", "memory" (workspace + prepared) or "rss"
    label: str  # as declared
    declared: float | None  # its slope over the sizes of the tail; None where the label leaves it open
    cost: float | None  # tail slope of the exact cost (for rss: of the extra memory) over the same sizes
    measured: Slope | None  # over the tail
    judged: float | None  # the slope that the verdict rests on: the tail's, or that of the last increments of a count
    agreement: Agreement
    reason: str

    def __str__(self) -> str:
        """naive, time: declared O(n), measured n^1.98 [1.95, 2.01]: EXCEEDS at n^1.98 (...)"""
        measured = f"measured n^{self.measured}" if self.measured else "not measured"
        return f"{self.variant}, {self.quantity}: declared {self.label}, {measured}: {self.verdict} ({self.reason})"

    @property
    def verdict(self) -> str:
        """The agreement with the number that it rests on."""
        return f"{self.agreement} at n^{self.judged:.2f}" if self.judged is not None else str(self.agreement)


@dataclass(frozen=True)
class Sized:
    """A quantity over the sizes where it is known and above 0."""

    n: tuple[int, ...]
    y: tuple[float, ...]
    fit: Fit | None

    @property
    def tail_n(self) -> tuple[int, ...]:
        return self.n[-self.fit.tail_sizes :]

    @property
    def end(self) -> float:
        """The growth at the very end of an exact count: that of its last increments, which a constant part cannot
        hide, where sizes grow by a fixed factor; else the last local slope."""
        (a, b, c), (p, q, r) = self.n[-3:], self.y[-3:]
        even = math.isclose(c / b, b / a, rel_tol=0.02)
        return math.log((r - q) / (q - p)) / math.log(c / b) if even and r > q > p else self.fit.local[-1]


def checks_of(runs: Sequence[Run], series: Sequence[Series]) -> list[Check]:
    """Four checks per series, in order; series whose run does not list their variant have none."""
    by_run = {run.label: {v["label"]: v for v in run.meta["variants"]} for run in runs}
    known = [(s, by_run[s.run]) for s in series if s.variant in by_run[s.run]]
    return [check for s, variants in known for check in check_series(s, variants)]


def exceeding(checks: Sequence[Check]) -> list[Check]:
    return [check for check in checks if check.agreement is Agreement.EXCEEDS]


def check_series(series: Series, variants: Mapping[str, Mapping]) -> list[Check]:
    """`variants`: label -> the entry of run.json, with time_label and memory_label."""
    square = all(p.case.shape["n_q"] == p.case.shape["n_k"] for p in series.points)
    time, memory = (_declared(series, variants, kind, square) for kind in ("time_label", "memory_label"))
    cost_at, memory_at = _sized(series.points, flops), _sized(series.points, _extra_bytes)
    cost = _exact(_blank(series, variants, "cost", "time_label"), cost_at, time, _parameters(series))
    extra = _exact(_blank(series, variants, "memory", "memory_label"), memory_at, memory, _parameters(series))
    return [
        cost,
        _time(_blank(series, variants, "time", "time_label"), series, time, cost),
        extra,
        _rss(_blank(series, variants, "rss", "memory_label"), series, memory),
    ]


def _blank(series: Series, variants: Mapping[str, Mapping], quantity: str, kind: str) -> Check:
    label = variants[series.variant][kind]
    blank = Agreement.CANNOT_TELL
    return Check(series.run, series.setting, series.variant, quantity, label, None, None, None, None, blank, "")


def _declared(series: Series, variants: Mapping[str, Mapping], kind: str, square: bool) -> Declared | str:
    """What the label says, or why it says nothing here."""
    if not square:
        return "labels speak of n_q = n_k"
    try:
        declared = parse_label(variants[series.variant][kind])
        inner = series.points[0].case.params.get("inner")
        entry = next((v for v in variants.values() if v["name"] == inner), None)
        if not declared.plus_inner or entry is None:
            return declared
        return replace(declared, growth=max(declared.growth, parse_label(entry[kind]).growth), plus_inner=False)
    except LabelError as error:
        return str(error)


def _parameters(series: Series) -> dict[str, float]:
    params = series.points[0].case.params
    return {name: value for name, value in params.items() if isinstance(value, int | float)}


def _extra_bytes(point: Point) -> float | None:
    return None if point.extra_bytes is None else float(point.extra_bytes)


def _sized(points: Sequence[Point], value: Callable[[Point], float | None]) -> Sized:
    known = [(p.n, y) for p in points if (y := value(p)) is not None and y > 0]
    n, y = zip(*known, strict=True) if known else ((), ())
    return Sized(n, y, fit(n, y) if known else None)


def _exact(check: Check, sized: Sized, declared: Declared | str, parameters: Mapping[str, float]) -> Check:
    if sized.fit is None:
        return replace(check, reason="it is 0 or unknown at these sizes")
    if not sized.fit.is_exponent:
        return replace(check, measured=sized.fit.tail, reason=sized.fit.verdict)
    tail = sized.fit.tail
    check = replace(check, measured=tail, judged=tail.value)
    if isinstance(declared, str):
        return replace(check, reason=declared)
    expected = declared.growth.slope(sized.tail_n)
    check = replace(check, declared=None if declared.plus_inner else expected)
    low, high = tail.interval.low, tail.interval.high
    if low > expected + EXACT_TOLERANCE:
        return _too_steep(check, sized, declared, parameters)
    if expected - EXACT_TOLERANCE <= low and high <= expected + EXACT_TOLERANCE:
        return _agrees(check, f"within {EXACT_TOLERANCE} of n^{expected:.2f}")
    if abs(sized.end - expected) <= EXACT_TOLERANCE:
        at_end = replace(check, judged=sized.end)
        return _agrees(at_end, f"its last increments grow as n^{sized.end:.2f}; before, smaller terms rule the tail")
    if high < expected - EXACT_TOLERANCE and sized.end < tail.value + BEND:
        return replace(check, agreement=Agreement.BELOW, reason="it grows more slowly than declared")
    why = f"smaller terms still bend the tail; its last increments grow as n^{sized.end:.2f}"
    return replace(check, judged=sized.end, reason=why)


def _too_steep(check: Check, sized: Sized, declared: Declared, parameters: Mapping[str, float]) -> Check:
    largest = sized.n[-1]
    if declared.plus_inner:
        return replace(check, reason="the label leaves the attention inside open")
    early = [f"{name}={value:g}" for name, value in parameters.items()
             if name[0] in {s[0] for s in declared.symbols} and value * PARAMETER_FACTOR > largest]  # fmt: skip
    if early:
        return replace(check, reason=f"n = {largest} is not large beside {early[0]}")
    if sized.fit.local[-1] < sized.fit.tail.value - BEND:
        return replace(check, reason=f"it still bends down, to n^{sized.fit.local[-1]:.2f} at n = {largest}")
    return replace(check, agreement=Agreement.EXCEEDS, reason=f"the label allows n^{check.declared:.2f} there")


def _agrees(check: Check, reason: str) -> Check:
    return replace(check, agreement=Agreement.AGREES, reason=reason)


def _time(check: Check, series: Series, declared: Declared | str, cost: Check) -> Check:
    timed = _sized(series.points, lambda p: p.time and p.time.median_s)
    if timed.fit is None:
        return replace(check, reason="nothing was timed")
    check = replace(check, measured=timed.fit.tail)
    if not series.time_fit.is_exponent:
        return replace(check, reason=series.time_fit.verdict)
    check = replace(check, judged=timed.fit.tail.value)
    work = _sized([p for p in series.points if p.time], flops).fit
    label = declared.growth.slope(timed.tail_n) if isinstance(declared, Declared) else None
    open_label = label is None or declared.plus_inner
    check = replace(check, declared=None if open_label else label, cost=work and work.tail.value)
    known = [slope for slope in (label, check.cost) if slope is not None]
    if not known:
        return replace(check, reason=f"{declared}, and no cost is declared")
    if cost.agreement is Agreement.EXCEEDS:  # a cost that itself breaks the label excuses nothing
        return _measured(check, timed.fit, label, label)
    judged = _measured(check, timed.fit, min(known), max(known))
    early = check.declared is not None and max(known) > label + EXACT_TOLERANCE
    if judged.agreement is Agreement.AGREES and early:
        reason = f"as its cost, which at these sizes still grows as n^{check.cost:.2f}"
        return replace(judged, agreement=Agreement.CANNOT_TELL, reason=reason)
    return judged


def _measured(check: Check, fit_: Fit, bottom: float, top: float) -> Check:
    """Judges the tail slope against what was declared, from `bottom` to `top`."""
    tail = check.measured
    low, high = tail.interval.low, tail.interval.high
    if low > top + TIME_TOLERANCE:
        return replace(check, agreement=Agreement.EXCEEDS, reason=f"at most n^{top:.2f} was declared there")
    if high < bottom - TIME_TOLERANCE:
        if fit_.curved and fit_.curvature > 0:
            return replace(check, reason="it still bends upwards: constants rule at these sizes")
        return replace(check, agreement=Agreement.BELOW, reason=f"at least n^{bottom:.2f} was declared there")
    if (high - low) / 2 > TIME_TOLERANCE:
        why = f"known to ± {(high - low) / 2:.2f} only; {TIME_TOLERANCE} or less is needed to tell"
        return replace(check, reason=why)
    allowed = f"n^{bottom - TIME_TOLERANCE:.2f} to n^{top + TIME_TOLERANCE:.2f}"
    if not bottom - TIME_TOLERANCE <= tail.value <= top + TIME_TOLERANCE:
        return replace(check, reason=f"the interval reaches both inside and outside of {allowed}")
    return _agrees(check, f"within {TIME_TOLERANCE} of n^{top:.2f}")


def _rss(check: Check, series: Series, declared: Declared | str) -> Check:
    """Catches memory that is taken behind the workspace's back; what is small says nothing."""
    large = [p for p in series.points if (rss_growth(p) or 0) >= RSS_FLOOR]
    if len(large) < RSS_SIZES:
        return replace(check, reason=f"above {RSS_FLOOR >> 20} MiB at {len(large)} sizes only, {RSS_SIZES} are needed")
    grown = _sized(large, rss_growth)
    check = replace(check, measured=grown.fit.slope, judged=grown.fit.slope.value)
    if isinstance(declared, str):
        return replace(check, reason=declared)
    extra = _sized(large, _extra_bytes).fit
    label = declared.growth.slope(grown.n)
    top = max(label, extra.slope.value if extra else label)
    check = replace(check, declared=None if declared.plus_inner else label, cost=extra and extra.slope.value)
    judged = _measured(check, grown.fit, 0.0, top)
    if judged.agreement is Agreement.EXCEEDS:
        return replace(judged, reason=f"{judged.reason}; memory is taken outside of the workspace")
    return judged

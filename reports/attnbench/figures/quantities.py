"""Quantity: something measured at each point that is plotted against n (by variant where there is one n only)."""

from collections.abc import Callable
from dataclasses import dataclass

from attnbench.figures.missing import NOTHING_TIMED
from attnbench.stats.intervals import Interval, median_interval
from attnbench.stats.points import Point
from attnbench.stats.scaling import Fit
from attnbench.stats.series import Series
from attnbench.support import units

NEST_CAPTION = " Where variants coincide their markers nest."
FIT_CAPTION = (
    " The legend gives the slope between the two largest sizes, then that of the least-squares line of the logarithms "
    "with its 95 % interval over sizes (* too few sizes to call it an exponent, † no single exponent, ‡ the machine "
    "changed its speed between sizes); the shaded band is that of the line, where an exponent is claimed."
)
TILES_CAPTION = (
    " One plot for each family, all with the same axes: its variants in colour, named at their right ends, over all "
    "others in grey; black in every plot is the baseline, {baseline}."
)
SLOPES_CAPTION = " Slopes and exponents are listed in the growth table."


@dataclass(frozen=True)
class Quantity:
    name: str  # file name and anchor
    title: str
    axis: str  # axis label with its unit
    caption: str
    value: Callable[[Point], float | None]
    text: Callable[[float | None], str]
    interval: Callable[[Point], Interval | None] = lambda point: None
    fit: Callable[[Series], Fit | None] | None = None
    base: int = 10  # of the axis' ticks
    higher_is_better: bool = False
    ceiling: float | None = None  # what no point may exceed; the axis reaches it
    reference: float | None = None  # a value to read the others against, drawn as a line
    without: str = NOTHING_TIMED.why  # why there is no figure
    coincides: bool = False  # several variants have the very same values: nested hollow markers keep them visible

    def heading(self, sizes: int) -> str:
        return self.title + (" against sequence length" if sizes > 1 else "")

    def explained(self, sizes: int, crowded: str | None = None) -> str:
        """`crowded`: the baseline, of a panel that is drawn by family."""
        if crowded and sizes == 1:
            return self.caption + " By family, the best on top."
        if crowded:
            return self.caption + tiles_caption(crowded) + (SLOPES_CAPTION if self.fit else "")
        if sizes == 1:
            return self.caption
        return self.caption + (NEST_CAPTION if self.coincides else "") + (FIT_CAPTION if self.fit else "")


def _per_second(name: str, title: str, axis: str, caption: str, rate: Callable[[Point], float | None]) -> Quantity:
    """Some work over the time, in GFLOP/s; its interval is the time's turned over."""

    def interval(point: Point) -> Interval | None:
        if rate(point) is None or point.time.interval is None:
            return None
        work, time = rate(point) * point.time.median_s, point.time.interval
        return Interval(work / time.high, work / time.low, time.coverage)

    return Quantity(name, title, axis, caption, rate, units.gflops, interval, higher_is_better=True)


def _share_interval(point: Point) -> Interval | None:
    """Of the median over rounds, each against the probe beside it."""
    shares = [time["share_of_peak"] for time in point.case.times.values()]
    return median_interval([share for share in shares if share is not None])


def tiles_caption(baseline: str) -> str:
    return TILES_CAPTION.format(baseline=baseline)


TIME = Quantity(
    "time", "Time of one call", "time per call (log scale)",
    "Median of process medians; bars are 95 % intervals where there are 6 rounds or more. Lower is better. The "
    "strip below shows the multiply-add peak probed beside each size; hollow markers: it was another there.",
    value=lambda p: p.time.median_s if p.time else None, text=units.seconds,
    interval=lambda p: p.time.interval if p.time else None, fit=lambda s: s.time_fit,
)  # fmt: skip

MEMORY = Quantity(
    "memory", "Extra memory", "workspace peak + prepared (log scale)",
    "Peak of the workspace during one call plus what the variant prepared before it; inputs and output are not "
    "counted. Lower is better.",
    value=lambda p: float(p.extra_bytes) if p.extra_bytes is not None else None, text=units.size,
    fit=lambda s: s.memory_fit, base=2, coincides=True,
    without="the memory pass measured none of these cases; attnbench run --resume finishes the run",
)  # fmt: skip

USEFUL = _per_second(
    "useful_gflops", "Useful work per second", "useful GFLOP/s (log scale)",
    "2 × the multiply-adds this variant needs for this problem, per second: how busy the machine was.",
    lambda p: p.useful_gflops,
)  # fmt: skip

SHARE = Quantity(
    "share_of_peak", "Share of the multiply-add peak", "useful rate / probed FMA peak (log scale)",
    "Useful GFLOP/s over the single-precision multiply-add rate probed beside the samples on the same threads: how far "
    "the arithmetic units are from their limit. Higher is better; a variant bound by memory cannot come near 100 %.",
    value=lambda p: p.share_of_peak, text=units.percent, interval=_share_interval,
    higher_is_better=True, ceiling=1.0, without="the peak was not probed beside the samples; measure again",
)  # fmt: skip

DENSE = _per_second(
    "dense_gflops", "Dense-equivalent work per second", "dense-equivalent GFLOP/s (log scale)",
    "2 b h n_q n_k (d_qk + d_v) per second whatever the variant really computes: how soon the answer came. "
    "It may exceed the machine's peak for a variant that skips work.",
    lambda p: p.dense_gflops,
)  # fmt: skip


def speedup_over(baseline: str) -> Quantity:
    """`baseline` is the name of the variant whose time is divided by the others'."""
    return Quantity(
        "speedup", f"Speed-up over {baseline}", f"time({baseline.partition('(')[0]}) / time(variant) (log scale)",
        "Median over rounds of the paired ratio; above 1× the variant is faster. Variants that do not compute exact "
        "softmax attention answer another question: read their error beside it.",
        value=lambda p: p.speedup.value if p.speedup else None, text=units.ratio,
        interval=lambda p: p.speedup.interval if p.speedup else None, higher_is_better=True, reference=1.0,
        without=f"{baseline} was not timed on the same problems; choose another variant with --baseline",
    )  # fmt: skip

"""Series: one variant of one run along n in one panel, with its fits; a panel is everything else held fixed.

`Setting` is the key of a panel: dataset, problem without its sequence length, threads and cache state.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import variance

from attnbench.load.cases import Case
from attnbench.stats.intervals import Interval, process_medians
from attnbench.stats.points import Point
from attnbench.stats.scaling import Fit, Noise, Slope, fit
from attnbench.stats.speed import Speeds, at_constant_speed, speeds_of
from attnbench.stats.unpaired import compare_unpaired

MANY = 14  # series of a panel beyond which colours and legends no longer tell them apart


@dataclass(frozen=True)
class Setting:
    dataset: str
    problem: str  # without its sequence length
    threads: int
    cache: str

    def __str__(self) -> str:
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        cold = ", cold cache" if self.cache == "cold" else ""
        return f"{self.dataset} · {self.problem} · {threads}{cold}"


@dataclass(frozen=True)
class Series:
    setting: Setting
    run: str
    variant: str
    points: tuple[Point, ...]  # ascending n, measured or not
    time_fit: Fit | None
    memory_fit: Fit | None
    steady_fit: Fit | None  # of time x probed peak: the time at constant speed, where arithmetic is what takes it
    work_fit: Fit | None  # of the exact FLOPs at the sizes that were timed
    speeds: Speeds

    @property
    def family(self) -> str:
        return self.points[0].case.family

    @property
    def timed(self) -> list[Point]:
        return [p for p in self.points if p.time is not None]

    @property
    def largest(self) -> Point | None:
        """The timed point of largest n."""
        return max(self.timed, key=lambda p: p.n, default=None)

    def at(self, n: int | None) -> Point | None:
        """The point at that n, measured or not."""
        return next((p for p in self.points if p.n == n), None)

    @property
    def largest_compared(self) -> Point | None:
        """The timed point of largest n that the baseline reached too."""
        return max((p for p in self.timed if p.speedup), key=lambda p: p.n, default=None)

    @property
    def end(self) -> Slope | None:
        """The local slope of time between the two largest sizes, with the interval of the ratio of their times."""
        return slope_between(*self.timed[-2:]) if len(self.timed) > 1 else None

    @property
    def sees_all(self) -> int | None:
        """The largest size up to which every key is attended to that the problem has; None where none is, or where all
        sizes are: only that a later size does not explains a bend."""
        whole = [p.n for p in self.points if _sees_all(p)]
        parts = [p.n for p in self.points if not _sees_all(p)]
        return max(whole) if whole and parts and max(whole) < min(parts) else None

    @property
    def failed(self) -> list[Point]:
        return [p for p in self.points if p.case.status != "ok"]


@dataclass(frozen=True)
class Panel:
    setting: Setting
    series: tuple[Series, ...]

    @property
    def crowded(self) -> bool:
        """Whether its figures and tables go by family."""
        return len(self.series) > MANY

    @property
    def sizes(self) -> list[int]:
        """Distinct n at which anything was timed or its memory taken."""
        return sorted({p.n for s in self.series for p in s.points if p.time or p.extra_bytes is not None})

    def common_n(self) -> int | None:
        """The largest n at which the most series were timed."""
        counts: dict[int, int] = {}
        for point in (p for s in self.series for p in s.timed):
            counts[point.n] = counts.get(point.n, 0) + 1
        return max(counts, key=lambda n: (counts[n], n), default=None)

    def shared_n(self) -> int | None:
        """The largest n at which every series that was timed at all was timed: where times may be compared."""
        reached = [{p.n for p in s.timed} for s in self.series if s.timed]
        return max(set.intersection(*reached), default=None) if reached else None

    @property
    def speeds(self) -> Speeds:
        """The probed peaks beside all its variants together."""
        return speeds_of([p for s in self.series for p in s.points])

    def points_at(self, n: int) -> list[tuple[Series, Point]]:
        return [(s, p) for s in self.series for p in s.timed if p.n == n]


def is_crowded(cases: list[Case]) -> bool:
    """Whether any panel of these cases will be."""
    found: dict[Setting, set[tuple[str, str]]] = {}
    for case in cases:
        found.setdefault(_setting(case), set()).add((case.run, case.variant))
    return any(len(members) > MANY for members in found.values())


def _setting(case: Case) -> Setting:
    return Setting(case.dataset, case.setting, case.threads, case.cache)


def panels_of(points: list[Point]) -> list[Panel]:
    """Panels and series in the order in which their first point comes."""
    groups: dict[Setting, dict[tuple[str, str], list[Point]]] = {}
    for point in points:
        case = point.case
        groups.setdefault(_setting(case), {}).setdefault((case.run, case.variant), []).append(point)
    return [
        Panel(setting, tuple(_series(setting, run, variant, members) for (run, variant), members in series.items()))
        for setting, series in groups.items()
    ]


def _series(setting: Setting, run: str, variant: str, points: list[Point]) -> Series:
    ordered = tuple(sorted(points, key=lambda p: p.n))
    timed = [p for p in ordered if p.time]
    speeds = speeds_of(ordered)
    return Series(
        setting, run, variant, ordered, speeds=speeds,
        time_fit=_fit(timed, lambda p: p.time.median_s, noise_of(timed), speeds.reason),
        memory_fit=_fit(ordered, lambda p: p.extra_bytes),
        steady_fit=_fit(timed, at_constant_speed, noise_of(timed)),
        work_fit=_fit(timed, lambda p: 2 * p.case.cost["multiply_adds"]),
    )  # fmt: skip


def _fit(
    points: Sequence[Point], value: Callable[[Point], float | None], noise: Noise | None = None, withheld: str = ""
) -> Fit | None:
    pairs = [(p.n, float(y)) for p in points if (y := value(p)) is not None]
    return fit([n for n, _ in pairs], [y for _, y in pairs], noise, withheld) if pairs else None


def slope_between(below: Point, above: Point) -> Slope:
    """Of time, as an exponent; its interval is that of the ratio of the times at both sizes."""
    step = math.log(above.n / below.n)
    value = math.log(above.time.median_s / below.time.median_s) / step
    found = compare_unpaired(*(list(process_medians(p.case.samples).values()) for p in (below, above))).interval
    around = found and Interval(math.log(found.low) / step, math.log(found.high) / step, found.coverage)
    return Slope(value, around, math.log(above.time.median_s) - value * math.log(above.n))


def noise_of(points: Sequence[Point]) -> Noise | None:
    """Of the log of a median of process medians, pooled over the sizes; None with one round."""
    rows = [[math.log(m) for m in process_medians(p.case.samples).values()] for p in points]
    rows = [row for row in rows if len(row) > 1]
    if not rows:
        return None
    # The median of normal values has pi / 2 of the variance of their mean.
    pooled = sum(math.pi / 2 * variance(row) / len(row) for row in rows) / len(rows)
    return Noise(pooled, sum(len(row) - 1 for row in rows))


def _sees_all(point: Point) -> bool:
    """Whether as many scores are evaluated as the problem has (query, key) pairs without a window or a mask tensor."""
    s = point.case.shape
    if s["causal"] != "none" and s["n_q"] != s["n_k"]:
        return False
    keys = s["n_q"] * (s["n_k"] + 1) / 2 if s["causal"] != "none" else s["n_q"] * s["n_k"]
    return point.case.cost["pairs"] >= s["batch"] * s["heads_q"] * keys

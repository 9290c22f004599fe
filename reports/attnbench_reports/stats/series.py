"""Series: one variant of one run along n in one panel, with its fits; a panel is everything else held fixed.

`Setting` is the key of a panel: dataset, problem without its sequence length, threads and cache state.
"""

from dataclasses import dataclass

from attnbench_reports.stats.points import Point
from attnbench_reports.stats.scaling import Fit, fit


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
    def failed(self) -> list[Point]:
        return [p for p in self.points if p.case.status != "ok"]


@dataclass(frozen=True)
class Panel:
    setting: Setting
    series: tuple[Series, ...]

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

    def points_at(self, n: int) -> list[tuple[Series, Point]]:
        return [(s, p) for s in self.series for p in s.timed if p.n == n]


def panels_of(points: list[Point]) -> list[Panel]:
    """Panels and series in the order in which their first point comes."""
    groups: dict[Setting, dict[tuple[str, str], list[Point]]] = {}
    for point in points:
        case = point.case
        setting = Setting(case.dataset, case.setting, case.threads, case.cache)
        groups.setdefault(setting, {}).setdefault((case.run, case.variant), []).append(point)
    return [
        Panel(setting, tuple(_series(setting, run, variant, members) for (run, variant), members in series.items()))
        for setting, series in groups.items()
    ]


def _series(setting: Setting, run: str, variant: str, points: list[Point]) -> Series:
    ordered = tuple(sorted(points, key=lambda p: p.n))
    timed = [(p.n, p.time.median_s) for p in ordered if p.time]
    sized = [(p.n, float(p.extra_bytes)) for p in ordered if p.extra_bytes is not None]
    return Series(setting, run, variant, ordered, _fit(timed), _fit(sized))


def _fit(pairs: list[tuple[int, float]]) -> Fit | None:
    return fit([n for n, _ in pairs], [y for _, y in pairs]) if pairs else None

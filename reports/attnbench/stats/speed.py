"""Speed: whether the machine ran at one speed while the sizes of a series were measured.

A multiply-add peak is probed beside every round. Where its median over the rounds of a size is far from that of the
other sizes, the time at that size is that of another machine: it makes a kink in the curve that is no property of the
variant, and an interval over sizes does not know of it. No exponent is claimed from such sizes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from attnbench.stats.points import Point

# Medians over rounds of the probed peak differ by 1 to 3 % from size to size on a steady machine. At one end of seven
# sizes over a factor 64, 10 % move the slope by 0.016, as much as the interval of a quiet run is wide.
CHANGE = 0.10


@dataclass(frozen=True)
class Speeds:
    """Probed peaks along a series."""

    gflops: Mapping[int, float]  # n -> median over the rounds; sizes that were not probed are missing

    @property
    def usual(self) -> float | None:
        """The speed that most sizes share; the higher one of two that as many share."""
        values = self.gflops.values()
        return max(values, key=lambda speed: (sum(_near(other, speed) for other in values), speed), default=None)

    @property
    def other(self) -> tuple[int, ...]:
        """Sizes at another speed than the usual one."""
        return tuple(n for n, speed in self.gflops.items() if not _near(speed, self.usual))

    @property
    def reason(self) -> str:
        """Why no exponent is claimed; "" where the speed was the same at all sizes."""
        if not self.other:
            return ""
        sizes = ", ".join(f"{n} ({100 * self.gflops[n] / self.usual:.0f} %)" for n in self.other)
        return f"the machine ran at another speed at n = {sizes}"


def speeds_of(points: Sequence[Point]) -> Speeds:
    """Over all rounds of all the points at a size."""
    peaks: dict[int, list[float]] = {}
    for point in points:
        for time in point.case.times.values():
            if time["peak_gflops"] > 0:
                peaks.setdefault(point.n, []).append(time["peak_gflops"])
    return Speeds({n: median(peaks[n]) for n in sorted(peaks)})


def at_constant_speed(point: Point) -> float | None:
    """Median over the rounds of time x probed peak: the work, in FLOPs, that the machine could have done meanwhile. It
    grows as the time would on a machine of constant speed, for a variant that the arithmetic units bound."""
    works = [median(time["samples_s"]) * 1e9 * time["peak_gflops"]
             for time in point.case.times.values() if time["peak_gflops"] > 0]  # fmt: skip
    return median(works) if works else None


def _near(speed: float, other: float) -> bool:
    return abs(speed / other - 1) <= CHANGE

"""Calibration: the ceilings of a machine as `attnbench calibrate` measured them, kept in run.json."""

from dataclasses import dataclass

# A working set this much slower than the fastest of its level has left that cache: neighbouring levels of the cache
# hierarchy differ by a factor 1.5 or more, repeated measurements of one level by less than a quarter.
LEVEL_DROP = 0.7


@dataclass(frozen=True)
class Level:
    """A level of the memory hierarchy: working sets up to `bytes` are read at about `gbytes_per_s`."""

    bytes: int
    gbytes_per_s: float
    is_memory: bool  # the slowest level, beyond the last cache


@dataclass(frozen=True)
class Calibration:
    data: dict  # calibration.schema.json

    @property
    def created(self) -> str:
        return self.data["created"]

    def fma_peaks(self, threads: int, dtype: str = "f32") -> dict[str, float]:
        """ISA -> GFLOP/s at that number of threads, fastest first."""
        found = {p["isa"]: p["gflops"] for p in self.data["fma_peak"] if (p["threads"], p["dtype"]) == (threads, dtype)}
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    def sgemm_peak(self, threads: int) -> float | None:
        return max((p["gflops"] for p in self.data["sgemm"] if p["threads"] == threads), default=None)

    def bandwidths(self, threads: int, kind: str = "read") -> list[tuple[int, float]]:
        """(working set in bytes, GB/s), ascending."""
        every = self.data["bandwidth"]
        return sorted(
            (b["working_set_bytes"], b["gbytes_per_s"]) for b in every if (b["threads"], b["kind"]) == (threads, kind)
        )

    def levels(self, threads: int) -> list[Level]:
        """The read bandwidths as levels, fastest first: a new level starts where the rate falls off. Between two levels
        lie sizes that fit only in part, one rate each; they are no level. The last is memory."""
        groups: list[list[tuple[int, float]]] = []
        for size, rate in self.bandwidths(threads):
            if not groups or rate < LEVEL_DROP * max(r for _, r in groups[-1]):
                groups.append([])
            groups[-1].append((size, rate))
        plateaus = [group for group in groups[:-1] if len(group) > 1] + groups[-1:]
        levels = [(group[-1][0], max(rate for _, rate in group)) for group in plateaus]
        return [Level(size, rate, i == len(levels) - 1) for i, (size, rate) in enumerate(levels)]

    def thread_counts(self) -> list[int]:
        return sorted({p["threads"] for p in self.data["fma_peak"]})

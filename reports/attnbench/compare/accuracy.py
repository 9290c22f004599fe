"""Accuracy: how far a case is from exact softmax attention. Speeds are compared at equal accuracy, unless asked."""

from dataclasses import dataclass

from attnbench.load.cases import Case
from attnbench.support import units

# Approximation errors within this factor are the same error: what rounding and the sampled rows move.
SAME_ERROR = 1.1


@dataclass(frozen=True)
class Accuracy:
    variant: str  # name without parameters
    computes: str
    tolerance: float  # relative RMS that rounding alone may cause
    approximation: float | None  # relative RMS against exact softmax; None when it is not a number

    @classmethod
    def of(cls, case: Case) -> "Accuracy | None":
        """None for a case that was not verified."""
        if case.verify is None:
            return None
        return cls(case.name, case.computes, case.verify["tolerance_rel_rms"], case.verify["approximation_rel_rms"])

    @property
    def exact(self) -> bool:
        return self.approximation is not None and self.approximation <= self.tolerance

    def __str__(self) -> str:
        if self.computes == "own_definition":
            return f"{self.variant}'s own definition"
        return "exact" if self.exact else f"error {units.error(self.approximation)}"


def same_accuracy(a: Accuracy | None, b: Accuracy | None) -> bool:
    """Functions of their own compare with themselves only; estimates of softmax if their errors agree."""
    if a is None or b is None:
        return True
    if "own_definition" in (a.computes, b.computes):
        return (a.computes, a.variant) == (b.computes, b.variant)
    if a.exact or b.exact or a.approximation is None or b.approximation is None:
        return a.exact and b.exact
    low, high = sorted((a.approximation, b.approximation))
    return high <= SAME_ERROR * low

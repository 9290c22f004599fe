"""The Pareto frontier: points that no other point beats in both coordinates (smaller is better)."""

from collections.abc import Sequence


def frontier(points: Sequence[tuple[float, float]]) -> list[int]:
    """Indices of the points not dominated by another, by ascending first coordinate; of equal points all are kept."""
    kept = []
    for i, (x, y) in enumerate(points):
        if not any(a <= x and b <= y and (a < x or b < y) for a, b in points):
            kept.append(i)
    return sorted(kept, key=lambda i: points[i])

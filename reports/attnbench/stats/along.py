"""Growth against any axis: sequence length, window, block, features, heads, head dim, threads.

A run may vary anything. `axis_series` finds, for each variant, the axes along which at least two of its points differ
while all else is the same, and gives one series per axis and per setting of the rest. What grows along it is time and,
to separate the algorithm from the machine, the exact FLOPs, the workspace and the resident memory.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from attnbench.load.cases import Case
from attnbench.stats.models import Choice, choose_law
from attnbench.stats.points import Point
from attnbench.stats.scaling import Fit, fit
from attnbench.stats.series import noise_of
from attnbench.stats.speed import speeds_of

# Axis -> the fields that move with it, all equal along the axis (n is n_q = n_k); parameters are axes of their own.
SHAPE_AXES: dict[str, tuple[str, ...]] = {
    "n": ("n_q", "n_k"),
    "n_q": ("n_q",),
    "n_k": ("n_k",),
    "d": ("d_qk", "d_v"),
    "d_qk": ("d_qk",),
    "d_v": ("d_v",),
    "heads": ("heads_q", "heads_kv"),
    "heads_q": ("heads_q",),
    "heads_kv": ("heads_kv",),
    "batch": ("batch",),
    "threads": ("threads",),
    "mask window": ("mask window",),
}
IDENTITY = ("run", "variant", "dataset")  # fields of AxisSeries of their own


@dataclass(frozen=True)
class AxisSeries:
    axis: str  # a name of SHAPE_AXES or a parameter of the variant
    run: str
    variant: str  # name without parameters
    dataset: str
    fixed: str  # what is held fixed here and differs in another series of the variant on this axis
    x: tuple[float, ...]  # ascending
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Growth:
    quantity: str  # a name of QUANTITIES
    x: tuple[float, ...]  # where the quantity is known and above 0
    y: tuple[float, ...]
    fit: Fit | None
    law: Choice | None  # None too where the machine changed its speed between the values


def flops(point: Point) -> float:
    """Exact FLOPs of one call: 2 per multiply-add; exponentials are not FLOPs."""
    return 2 * point.case.cost["multiply_adds"]


def rss_growth(point: Point) -> float | None:
    """Resident bytes above those with inputs and output in place."""
    memory = point.case.memory
    return float(memory["rss_peak"] - memory["rss_baseline"]) if memory else None


QUANTITIES: dict[str, Callable[[Point], float | None]] = {
    "time": lambda p: p.time.median_s if p.time else None,
    "flops": flops,
    "workspace": lambda p: float(p.case.memory["workspace_peak"]) if p.case.memory else None,
    "rss": rss_growth,
}


def growths(series: AxisSeries) -> dict[str, Growth]:
    """Each quantity's fit along the series; quantities with fewer than two values above 0 are left out."""
    found = {}
    for name, value in QUANTITIES.items():
        known = [(x, y) for x, p in zip(series.x, series.points, strict=True) if (y := value(p)) is not None and y > 0]
        if len(known) > 1:
            x, y = zip(*known, strict=True)
            measured = name == "time"  # the others are counts
            noise = noise_of(series.points) if measured else None
            withheld = speeds_of(series.points).reason if measured else ""
            law = None if withheld else choose_law(x, y, noise)
            found[name] = Growth(name, x, y, fit(x, y, noise, withheld), law)
    return found


def axis_series(points: Iterable[Point]) -> list[AxisSeries]:
    """Series of at least two values, in the order of their first points; times need not be there for all."""
    places = [(p, _coordinates(p.case)) for p in points if p.time or p.case.memory]
    parameters = dict.fromkeys(name for _, at in places for name in at if name.startswith("param "))
    axes = SHAPE_AXES | {name.removeprefix("param "): (name,) for name in parameters}
    return [series for axis, fields in axes.items() for series in _along(axis, fields, places)]


def _along(axis: str, fields: tuple[str, ...], places: list[tuple[Point, dict]]) -> list[AxisSeries]:
    groups: dict[tuple, dict[float, Point]] = {}
    for point, at in places:
        value = at.get(fields[0])
        if not isinstance(value, int | float) or value <= 0 or any(at[field] != value for field in fields):
            continue  # 0 has no logarithm
        rest = tuple((k, v) for k, v in at.items() if k not in fields)
        groups.setdefault(rest, {})[value] = point
    kept = {rest: members for rest, members in groups.items() if len(members) > 1}
    return [_series(axis, rest, kept, members) for rest, members in kept.items()]


def _series(axis: str, rest: tuple, others: Iterable[tuple], members: dict[float, Point]) -> AxisSeries:
    case = next(iter(members.values())).case
    siblings = [dict(other) for other in others if dict(other)["variant"] == case.name]
    telling = [(k, v) for k, v in rest if k not in IDENTITY and any(other.get(k) != v for other in siblings)]
    fixed = " ".join(f"{k.removeprefix('param ')}={v}" for k, v in telling)
    x = tuple(sorted(members))
    return AxisSeries(axis, case.run, case.name, case.dataset, fixed, x, tuple(members[value] for value in x))


def _coordinates(case: Case) -> dict[str, object]:
    """Everything that could differ between two cases, by name."""
    window = re.search(r"\bwindow=(\d+):(\d+)", case.problem)
    other = [t for t in case.problem.split() if not re.match(r"[bhnd]\d", t) and not t.startswith("window=")]
    shape = {k: case.shape[k] for k in ("batch", "heads_q", "heads_kv", "n_q", "n_k", "d_qk", "d_v")}
    return {
        "run": case.run, "variant": case.name, "dataset": case.dataset, "cache": case.cache, **shape,
        "threads": case.threads, "mask": " ".join(other),
        "mask window": int(window[1]) + int(window[2]) + 1 if window else None,
        **{f"param {name}": value for name, value in case.params.items()},
    }  # fmt: skip

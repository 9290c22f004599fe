"""The baseline: the variant whose time the speed-ups of a report are ratios to.

Unless the user names one it is the fastest exact variant. A variant that is slow on purpose, such as `naive`, makes
every other one look good; the best exact variant asks the question that matters: is anything faster than this?
"""

from collections import defaultdict
from collections.abc import Sequence

from attnbench.load.cases import EXTERNAL, Case
from attnbench.stats.intervals import timing
from attnbench.support.errors import UserError
from attnbench.support.units import plural


def baseline_of(cases: Sequence[Case], wanted: str | None = None) -> str | None:
    """The label of the baseline; None where no exact variant was timed and none was named."""
    return _fastest_exact(cases) if wanted is None else _named(cases, wanted)


def _fastest_exact(cases: Sequence[Case]) -> str | None:
    """Of the exact variants timed at the most points, the one with the smallest total time; other libraries count only
    where there is none of ours."""
    exact = [c for c in cases if c.computes == "exact_softmax" and c.times]
    seconds: dict[str, list[float]] = defaultdict(list)
    for case in [c for c in exact if c.family != EXTERNAL] or exact:
        seconds[case.variant].append(timing(case.samples).median_s)
    return min(seconds, key=lambda label: (-len(seconds[label]), sum(seconds[label])), default=None)


def _named(cases: Sequence[Case], wanted: str) -> str:
    """By label, or by name where that is one label only."""
    labels = list(dict.fromkeys(c.variant for c in cases))
    if wanted in labels:
        return wanted
    named = list(dict.fromkeys(c.variant for c in cases if c.name == wanted))
    if len(named) == 1:
        return named[0]
    if named:
        raise UserError(f"--baseline '{wanted}' matches {plural(len(named), 'variant')}: {', '.join(named)}; give one")
    raise UserError(f"--baseline '{wanted}' is not a variant of the run; choose from {', '.join(labels)}")

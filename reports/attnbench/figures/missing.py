"""Missing: a figure that has no data, with what to run to get it. Said on the page instead of an empty plot."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Missing:
    why: str  # what is lacking; what to run


NOTHING_TIMED = Missing("nothing was timed; attnbench run measures, attnbench verify only checks")

"""Families of variants, in the order in which reports show them: the folders of `variants/`, from what computes softmax
attention to what only takes its place. Families of plugins follow, and last what belongs to other libraries."""

from attnbench.load.cases import EXTERNAL

ORDER = ("exact", "sparse", "selection", "low_rank", "kernelized", "recurrent", "mixing", "composed")


def family_rank(family: str) -> tuple[int, str]:
    """Sort key."""
    if family in ORDER:
        return ORDER.index(family), ""
    return len(ORDER) + (family == EXTERNAL), family

"""What a framework module offers: `open_operator(mode, problem, tensors, threads)` gives an Operator.

A module that cannot import its library raises Unavailable; the threads are set by the library's own means. Between
`load` and `store` the operator works on its own arrays, in the layout its library likes best; bringing tensors there
and back is not timed, since a program built on that library would have them there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

Tensors = Mapping[str, np.ndarray]  # q, k, v, output, mask where there is one; [batch, head, n, d]


class Unavailable(Exception):  # noqa: N818 (a state of the machine, not an error)
    """The library is missing or does not have this operator; the case is skipped with this message."""


@dataclass(frozen=True)
class Problem:
    batch: int
    heads_q: int
    heads_kv: int
    n_q: int
    n_k: int
    d_qk: int
    d_v: int
    causal: str  # "none", "top_left" or "bottom_right"; "none" too for a single query that sees every key
    scale: float  # the one in force
    mask: str  # "none", "boolean" or "additive"

    @property
    def group(self) -> int:
        """Query heads per key/value head."""
        return self.heads_q // self.heads_kv


class Operator(Protocol):
    def load(self) -> None:
        """Takes over q, k, v and mask, which have changed."""

    def call(self) -> None:
        """One call, finished when it returns."""

    def store(self) -> None:
        """Writes the last call's output."""

    def facts(self) -> dict[str, str]:
        """library (name and version), kernel, threads, layout, and what else is worth knowing."""


def visible(problem: Problem) -> np.ndarray | None:
    """[n_q, n_k], True where the causal diagonal lets a query see a key; None where it cuts nothing off."""
    if problem.causal == "none":
        return None
    shift = problem.n_k - problem.n_q if problem.causal == "bottom_right" else 0
    return np.arange(problem.n_k)[None, :] <= np.arange(problem.n_q)[:, None] + shift

"""NumPy: the three lines that everybody writes first. It needs nothing else, so the adapter's own tests use it too."""

import numpy as np

from attnbench_adapter.operator import Operator, Problem, Tensors, Unavailable, visible


class NumPyAttention:
    def __init__(self, problem: Problem, tensors: Tensors, threads: int):
        self.problem, self.tensors, self.threads = problem, tensors, threads
        self.visible = visible(problem)
        self.output = tensors["output"]

    def load(self) -> None:
        grouped = (self.problem.batch, self.problem.heads_kv, self.problem.group, self.problem.n_q, self.problem.d_qk)
        self.q = self.tensors["q"].reshape(grouped)
        self.k, self.v = self.tensors["k"][:, :, None], self.tensors["v"][:, :, None]
        self.mask = self.mask_of_groups()

    def mask_of_groups(self) -> np.ndarray | None:
        """The dense mask, its head axis split like that of the queries."""
        if self.problem.mask == "none":
            return None
        mask = self.tensors["mask"]
        heads = (self.problem.heads_kv, self.problem.group) if mask.shape[1] > 1 else (1, 1)
        return mask.reshape(mask.shape[0], *heads, *mask.shape[2:])

    def call(self) -> None:
        scores = (self.q * np.float32(self.problem.scale)) @ self.k.swapaxes(-1, -2)
        self.hide(scores)
        largest = scores.max(axis=-1, keepdims=True)
        np.exp(scores - np.where(np.isneginf(largest), np.float32(0), largest), out=scores)
        total = scores.sum(axis=-1, keepdims=True)
        self.output = (scores / np.where(total == 0, np.float32(1), total)) @ self.v

    def hide(self, scores: np.ndarray) -> None:
        if self.problem.mask == "additive":
            scores += self.mask
        if self.problem.mask == "boolean":
            scores[~np.broadcast_to(self.mask.astype(bool), scores.shape)] = -np.inf
        if self.visible is not None:
            scores[..., ~self.visible] = -np.inf

    def store(self) -> None:
        output = self.tensors["output"]
        output[...] = self.output.reshape(output.shape)

    def facts(self) -> dict[str, str]:
        return {
            "library": f"NumPy {np.__version__}",
            "kernel": "matmul (its own OpenBLAS), exp, matmul",
            "threads": f"OPENBLAS_NUM_THREADS={self.threads} before its import; exp and sums run on one",
            "layout": "[batch, head, n, d]",
        }


def open_operator(mode: str, problem: Problem, tensors: Tensors, threads: int) -> Operator:
    if mode != "sdpa":
        raise Unavailable(f"numpy_reference has no mode '{mode}'")
    return NumPyAttention(problem, tensors, threads)

"""JAX: jax.nn.dot_product_attention, compiled by XLA for the CPU before it is called.

XLA has no public setting for the size of its pool: it takes the smaller of the variable NPROC and the processors this
process may run on, both set before the import.
"""

import os

import numpy as np

from attnbench_adapter.operator import Operator, Problem, Tensors, Unavailable


def confine(threads: int) -> str:
    """Keeps this process to as many processors as it gets threads; says how."""
    allowed = sorted(os.sched_getaffinity(0))
    chosen = allowed[-threads:]
    os.sched_setaffinity(0, chosen)
    os.environ["NPROC"] = str(threads)
    return f"NPROC={threads} and affinity to processors {','.join(map(str, chosen))} before its import"


class JaxAttention:
    def __init__(self, problem: Problem, tensors: Tensors, threads: int):
        self.confined = confine(threads)
        try:
            import jax
        except ImportError as error:
            raise Unavailable(f"jax cannot be imported: {error}") from error
        self.jax, self.tensors = jax, tensors
        jax.config.update("jax_platforms", "cpu")

        def attention(q: "jax.Array", k: "jax.Array", v: "jax.Array") -> "jax.Array":
            return jax.nn.dot_product_attention(q, k, v, scale=problem.scale, is_causal=problem.causal != "none")

        self.load()
        self.attention = jax.jit(attention).lower(*self.inputs).compile()

    def load(self) -> None:
        """[batch, n, head, d], its own order."""
        arrays = (np.ascontiguousarray(self.tensors[name].transpose(0, 2, 1, 3)) for name in ("q", "k", "v"))
        self.inputs = tuple(self.jax.device_put(array) for array in arrays)
        self.jax.block_until_ready(self.inputs)

    def call(self) -> None:
        self.output = self.attention(*self.inputs).block_until_ready()

    def store(self) -> None:
        self.tensors["output"][...] = np.asarray(self.output).transpose(0, 2, 1, 3)

    def facts(self) -> dict[str, str]:
        return {
            "library": f"JAX {self.jax.__version__}",
            "kernel": "dot_product_attention, implementation xla, compiled for the CPU",
            "threads": self.confined,
            "layout": "[batch, n, head, d]",
        }


def open_operator(mode: str, problem: Problem, tensors: Tensors, threads: int) -> Operator:
    if mode != "sdpa":
        raise Unavailable(f"jax_xla has no mode '{mode}'")
    return JaxAttention(problem, tensors, threads)

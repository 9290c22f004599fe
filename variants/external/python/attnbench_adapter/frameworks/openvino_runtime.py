"""OpenVINO: a model of one ScaledDotProductAttention, compiled for the CPU in float32.

Grouped queries are written as models write them, keys and values stretched to all heads inside the graph; whether the
plugin folds that into its kernel is its affair.
"""

import numpy as np

from attnbench_adapter.operator import Operator, Problem, Tensors, Unavailable

try:
    import openvino
    from openvino import opset13 as ops
except ImportError as error:
    raise Unavailable(f"openvino cannot be imported: {error}") from error


UNTIMED = ("", "Const", "Input", "Output", "Reshape")  # nodes that move no data


def stretched(x: "openvino.Output", problem: Problem, dim: int) -> "openvino.Output":
    """[batch, kv head, n, d] to [batch, query head, n, d]."""
    if problem.group == 1:
        return x
    grouped = [problem.batch, problem.heads_kv, problem.group, problem.n_k, dim]
    wide = ops.broadcast(ops.unsqueeze(x, np.int64(2)), np.array(grouped, np.int64))
    return ops.reshape(wide, np.array([problem.batch, problem.heads_q, problem.n_k, dim], np.int64), False)


def build_model(problem: Problem) -> "openvino.Model":
    shapes = {
        "q": [problem.batch, problem.heads_q, problem.n_q, problem.d_qk],
        "k": [problem.batch, problem.heads_kv, problem.n_k, problem.d_qk],
        "v": [problem.batch, problem.heads_kv, problem.n_k, problem.d_v],
    }
    q, k, v = (ops.parameter(shape, np.float32, name) for name, shape in shapes.items())
    keys, values = stretched(k, problem, problem.d_qk), stretched(v, problem, problem.d_v)
    attention = ops.scaled_dot_product_attention(q, keys, values, causal=problem.causal != "none")
    return openvino.Model([attention], [q, k, v], "attention")


class OpenVinoAttention:
    def __init__(self, problem: Problem, tensors: Tensors, threads: int):
        self.threads = threads
        settings = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32",  # else bf16 where the CPU has it
            "ENABLE_CPU_PINNING": False,
        }
        self.compiled = openvino.Core().compile_model(build_model(problem), "CPU", settings)
        request = self.compiled.create_infer_request()
        for index, name in enumerate(("q", "k", "v")):
            request.set_input_tensor(index, openvino.Tensor(tensors[name], shared_memory=True))
        request.set_output_tensor(0, openvino.Tensor(tensors["output"], shared_memory=True))
        self.call = request.infer

    def load(self) -> None:
        """Nothing to do: the model reads the tensors themselves."""

    def store(self) -> None:
        """Nothing to do: the model wrote the tensor itself."""

    def facts(self) -> dict[str, str]:
        used = self.compiled.get_property("INFERENCE_NUM_THREADS")
        return {
            "library": f"OpenVINO {openvino.__version__.split('-')[0]}",
            "kernel": ", ".join(self.kernels()),
            "threads": f"INFERENCE_NUM_THREADS={used}, NUM_STREAMS=1",
            "layout": "[batch, head, n, d]",
        }

    def kernels(self) -> list[str]:
        """What the compiled graph is made of: `Subgraph: jit_avx512_f32` is its fused attention."""
        kernels: list[str] = []
        for node in self.compiled.get_runtime_model().get_ordered_ops():
            info = node.get_rt_info()
            layer, kernel = (info[key].astype(str) if key in info else "" for key in ("layerType", "primitiveType"))
            if layer not in UNTIMED and f"{layer}: {kernel}" not in kernels:
                kernels.append(f"{layer}: {kernel}")
        return kernels


def open_operator(mode: str, problem: Problem, tensors: Tensors, threads: int) -> Operator:
    if mode != "sdpa":
        raise Unavailable(f"openvino_runtime has no mode '{mode}'")
    return OpenVinoAttention(problem, tensors, threads)

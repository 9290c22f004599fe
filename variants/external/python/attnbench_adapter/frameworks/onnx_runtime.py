"""ONNX Runtime: a graph of one attention operator, its inputs and outputs bound to arrays of ours.

GroupQueryAttention appends the new tokens to a cache of keys and values; for one new token the cache is a buffer shared
by input and output, as generating programs hold it, so that nothing but the last row is copied.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from attnbench_adapter.operator import Operator, Problem, Tensors, Unavailable

try:
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper
except ImportError as error:
    raise Unavailable(f"onnxruntime or onnx cannot be imported: {error}") from error

STANDARD_OPSET = 23  # the first with Attention
IR_VERSION = 10

Arrays = Mapping[str, np.ndarray | None]  # None: an optional input left out


def side_by_side(x: np.ndarray) -> np.ndarray:
    """[batch, head, n, d] to [batch, n, head d]."""
    batch, heads, rows, dim = x.shape
    return np.ascontiguousarray(x.transpose(0, 2, 1, 3)).reshape(batch, rows, heads * dim)


def element_type(array: np.ndarray) -> int:
    return TensorProto.INT32 if array.dtype == np.int32 else TensorProto.FLOAT


def one_operator(
    node: str, domain: str, attributes: dict[str, Any], inputs: Arrays, outputs: Arrays
) -> onnx.ModelProto:
    """A model whose graph is one node."""
    given = {name: array for name, array in inputs.items() if array is not None}
    names = [name if name in given else "" for name in inputs]
    graph = helper.make_graph(
        [helper.make_node(node, names, list(outputs), domain=domain, **attributes)], node, infos(given), infos(outputs)
    )
    opsets = [helper.make_opsetid("", STANDARD_OPSET), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)


def infos(arrays: Mapping[str, np.ndarray]) -> list[onnx.ValueInfoProto]:
    return [helper.make_tensor_value_info(name, element_type(array), array.shape) for name, array in arrays.items()]


class BoundSession:
    """Arrays are bound once, so that a call is the operator and ONNX Runtime's dispatch."""

    def __init__(self, model: onnx.ModelProto, inputs: Arrays, outputs: Arrays, threads: int):
        self.session = open_session(model, threads)
        self.binding = self.session.io_binding()
        for name, array in inputs.items():
            if array is not None:
                self.binding.bind_input(*buffer(name, array))
        for name, array in outputs.items():
            self.binding.bind_output(*buffer(name, array))

    def call(self) -> None:
        self.session.run_with_iobinding(self.binding)


def buffer(name: str, array: np.ndarray) -> tuple[Any, ...]:
    """An array as the binding takes it."""
    return name, "cpu", 0, array.dtype.type, list(array.shape), array.ctypes.data


def open_session(model: onnx.ModelProto, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the exception types of ONNX Runtime share no base of their own
        if "NOT_IMPLEMENTED" in str(error) or "not a registered function/op" in str(error):
            raise Unavailable(f"ONNX Runtime {onnxruntime.__version__} has no such operator: {error}") from error
        raise


class OnnxRuntimeAttention:
    """What the three operators have in common: arrays, the session, the output."""

    node: str
    domain = "com.microsoft"
    layout = "[batch, n, head d]"

    def __init__(self, problem: Problem, tensors: Tensors, threads: int):
        self.problem, self.tensors, self.threads = problem, tensors, threads
        self.arrays, self.outputs = self.allocate()
        model = one_operator(self.node, self.domain, self.attributes(), self.arrays, self.outputs)
        self.call = BoundSession(model, self.arrays, self.outputs, threads).call

    def allocate(self) -> tuple[dict[str, np.ndarray | None], dict[str, np.ndarray]]:
        inputs = {name: side_by_side(self.tensors[name]) for name in ("q", "k", "v")}
        p = self.problem
        return inputs, {"output": np.zeros((p.batch, p.n_q, p.heads_q * p.d_v), np.float32)}

    def load(self) -> None:
        for name in ("q", "k", "v"):
            self.arrays[name][...] = side_by_side(self.tensors[name])

    def store(self) -> None:
        p = self.problem
        rows = self.outputs["output"].reshape(p.batch, p.n_q, p.heads_q, p.d_v)
        self.tensors["output"][...] = rows.transpose(0, 2, 1, 3)

    def facts(self) -> dict[str, str]:
        return {
            "library": f"ONNX Runtime {onnxruntime.__version__}",
            "kernel": f"{self.domain or 'ai.onnx'}.{self.node} of the CPU execution provider",
            "threads": f"intra_op_num_threads={self.threads}, inter_op_num_threads=1",
            "layout": self.layout,
        }


class Attention(OnnxRuntimeAttention):
    node, domain, layout = "Attention", "", "[batch, head, n, d]"

    def attributes(self) -> dict[str, Any]:
        return {"is_causal": int(self.problem.causal != "none"), "scale": self.problem.scale}

    def allocate(self) -> tuple[dict[str, np.ndarray | None], dict[str, np.ndarray]]:
        inputs = {name: self.tensors[name] for name in ("q", "k", "v")}  # they have this layout already
        return inputs, {"output": self.tensors["output"]}

    def load(self) -> None:
        """Nothing to do: the operator reads the tensors themselves."""

    def store(self) -> None:
        """Nothing to do: the operator wrote the tensor itself."""


class MultiHeadAttention(OnnxRuntimeAttention):
    node = "MultiHeadAttention"

    def attributes(self) -> dict[str, Any]:
        p = self.problem
        return {"num_heads": p.heads_q, "scale": p.scale, "unidirectional": int(p.causal != "none")}


class GroupQueryAttention(OnnxRuntimeAttention):
    node = "GroupQueryAttention"

    def attributes(self) -> dict[str, Any]:
        p = self.problem
        return {"num_heads": p.heads_q, "kv_num_heads": p.heads_kv, "scale": p.scale}

    def allocate(self) -> tuple[dict[str, np.ndarray | None], dict[str, np.ndarray]]:
        p = self.problem
        caches = {name: np.zeros((p.batch, p.heads_kv, p.n_k, p.d_qk), np.float32) for name in ("key", "value")}
        self.generating = p.n_q < p.n_k
        new = slice(p.n_k - p.n_q, p.n_k)
        inputs: dict[str, np.ndarray | None] = {
            "q": side_by_side(self.tensors["q"]),
            "k": side_by_side(self.tensors["k"][:, :, new]),
            "v": side_by_side(self.tensors["v"][:, :, new]),
            "past_key": caches["key"] if self.generating else None,
            "past_value": caches["value"] if self.generating else None,
            "seqlens_k": np.full(p.batch, p.n_k - 1, np.int32),
            "total_sequence_length": np.array([p.n_k], np.int32),
        }
        output = np.zeros((p.batch, p.n_q, p.heads_q * p.d_v), np.float32)
        return inputs, {"output": output, "present_key": caches["key"], "present_value": caches["value"]}

    def load(self) -> None:
        p = self.problem
        new = slice(p.n_k - p.n_q, p.n_k)
        self.arrays["q"][...] = side_by_side(self.tensors["q"])
        self.arrays["k"][...] = side_by_side(self.tensors["k"][:, :, new])
        self.arrays["v"][...] = side_by_side(self.tensors["v"][:, :, new])
        self.outputs["present_key"][...] = self.tensors["k"]
        self.outputs["present_value"][...] = self.tensors["v"]

    def facts(self) -> dict[str, str]:
        appended = "shared by input and output, one token appended"
        return {**super().facts(), "cache": appended if self.generating else "none before the prompt"}


OPERATORS = {"attention": Attention, "mha": MultiHeadAttention, "gqa": GroupQueryAttention}


def open_operator(mode: str, problem: Problem, tensors: Tensors, threads: int) -> Operator:
    return OPERATORS[mode](problem, tensors, threads)

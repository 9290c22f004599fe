"""Each real library computes attention as the protocol has it, where scripts/external.sh has set it up; else skipped.

Nothing here is installed for the tests: a continuous integration without the libraries says which are missing.
"""

from dataclasses import replace

import numpy as np
import pytest

from .conftest import ROOT, Shape, softmax_attention

VENV = ROOT / ".venv-external"
PYTHON = VENV / "bin" / "python"

PLAIN = Shape(heads_q=4, heads_kv=4, n_q=24, n_k=24, d_qk=16, d_v=16)
GROUPED = replace(PLAIN, heads_kv=2, batch=2)
BOTH = replace(GROUPED, causal="top_left")
ONE_TOKEN = replace(GROUPED, n_q=1, n_k=40)

CASES = {
    ("onnx_runtime", "attention", "onnxruntime"): (BOTH, ONE_TOKEN, replace(PLAIN, d_v=8)),
    ("onnx_runtime", "mha", "onnxruntime"): (PLAIN, replace(PLAIN, causal="top_left")),
    ("onnx_runtime", "gqa", "onnxruntime"): (BOTH, ONE_TOKEN),
    ("openvino_runtime", "sdpa", "openvino"): (BOTH, ONE_TOKEN),
    ("jax_xla", "sdpa", "jax"): (BOTH, ONE_TOKEN),
    ("torch_modules", "mha", "torch"): (PLAIN, replace(PLAIN, causal="top_left")),
}


def require(package: str) -> None:
    if not list(VENV.glob(f"lib/python3*/site-packages/{package}-*.dist-info")):
        pytest.skip(f"{package} is not in {VENV.name}; scripts/external.sh {package} would set it up")


@pytest.mark.parametrize(("module", "mode", "package"), CASES, ids=lambda word: word)
def test_a_library_computes_attention_and_says_what_ran(start, module, mode, package):
    require(package)
    for shape in CASES[module, mode, package]:
        weights = identity_weights(shape) if mode == "mha" and module == "torch_modules" else {}
        adapter = start(shape, module, mode, python=str(PYTHON), threads=2, extras=weights)
        assert adapter.prepared == {"ok": None}, shape
        for request in ("load", "run", "store"):
            assert adapter.ask(do=request) == {"ok": None}, shape
        truth = softmax_attention(shape, adapter.tensors)
        np.testing.assert_allclose(adapter.tensors["output"], truth, rtol=2e-4, atol=2e-5, err_msg=str(shape))
        facts = adapter.ask(do="facts")["ok"]
        assert all(facts[name] for name in ("library", "kernel", "threads", "layout")), facts
        assert "2" in facts["threads"]
        assert adapter.close() == 0


def identity_weights(shape: Shape) -> dict[str, np.ndarray]:
    """With these the projections change nothing, and nn.MultiheadAttention is plain attention."""
    width = shape.heads_q * shape.d_qk
    return {name: np.eye(width, dtype=np.float32)[None, None] for name in ("w_q", "w_k", "w_v", "w_o")}


def test_every_framework_module_is_covered():
    """flex_attention compiles a kernel, which takes a minute: the plan `external` verifies it in every run instead."""
    modules = {p.stem for p in (ROOT / "variants/external/python/attnbench_adapter/frameworks").glob("*.py")} - {
        "__init__"
    }
    assert modules == {module for module, _, _ in CASES} | {"numpy_reference"}

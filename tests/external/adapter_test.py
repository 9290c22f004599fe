"""The adapter's protocol, with the one library that needs no setting up. If these fail, every external baseline that
runs in a process of its own computes, times or dies wrongly."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from attnbench_adapter import stopwatch

from .conftest import PACKAGE, Shape, softmax_attention

WORKER = """
import os, subprocess, sys
subprocess.run([sys.executable, "-c", sys.argv[1], str(os.getpid()), *sys.argv[2:]])
"""
ADAPTER = """
import os, sys, time
sys.path.insert(0, sys.argv[2])
from attnbench_adapter.parent import die_with_parent
die_with_parent(int(sys.argv[1]))
print(os.getpid(), file=open(sys.argv[3], "w"), flush=True)
time.sleep(60)
"""

SHAPES = {
    "plain": Shape(),
    "one row, one key": Shape(n_q=1, n_k=1),
    "grouped": Shape(heads_q=6, heads_kv=2, batch=2),
    "unequal dims and lengths": Shape(n_q=5, n_k=19, d_v=3),
    "causal": Shape(causal="top_left"),
    "causal with fewer queries": Shape(causal="bottom_right", n_q=3),
    "causal with more queries": Shape(causal="bottom_right", n_q=20),
    "boolean mask, grouped": Shape(mask="boolean", heads_q=4),
    "additive mask": Shape(mask="additive"),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_the_reference_library_computes_attention(start, shape):
    adapter = start(shape, "numpy_reference", "sdpa")
    assert adapter.prepared == {"ok": None}
    for request in ("load", "run", "store"):
        assert adapter.ask(do=request) == {"ok": None}
    truth = softmax_attention(shape, adapter.tensors)
    np.testing.assert_allclose(adapter.tensors["output"], truth, rtol=2e-5, atol=2e-6)


def test_new_inputs_reach_the_next_call(start):
    adapter = start(Shape(), "numpy_reference", "sdpa")
    for request in ("load", "run", "store"):
        adapter.ask(do=request)
    first = adapter.tensors["output"].copy()
    adapter.tensors["v"][...] *= 2
    for request in ("load", "run", "store"):
        adapter.ask(do=request)
    np.testing.assert_allclose(adapter.tensors["output"], 2 * first, rtol=1e-6)


def test_it_makes_the_calls_it_is_asked_to_time(start):
    calls = []
    assert stopwatch.time_calls(lambda: calls.append(1), 50) > 0
    assert len(calls) == 50
    adapter = start(Shape(), "numpy_reference", "sdpa")
    adapter.ask(do="load")
    seconds = adapter.ask(do="time", count=50)["ok"]
    assert 0 < seconds < 10
    adapter.ask(do="store")
    assert np.isfinite(adapter.tensors["output"]).all()


def test_it_answers_only_when_the_threads_sleep(monkeypatch):
    """Five pauses in which somebody spins, then quiet; and an end for a pool that never sleeps."""
    burnt = iter([0, 5e-3] * 5 + [0, 1e-5] * 5)
    pauses = []
    monkeypatch.setattr(stopwatch.time, "process_time", lambda: next(burnt))
    monkeypatch.setattr(stopwatch.time, "sleep", pauses.append)
    stopwatch.settle()
    assert len(pauses) == 6
    clock = iter(range(1000))
    monkeypatch.setattr(stopwatch.time, "process_time", lambda: next(clock))
    stopwatch.settle()
    assert len(pauses) == 6 + stopwatch.SETTLE_ROUNDS


def test_facts_name_library_kernel_threads_and_its_own_overhead(start):
    adapter = start(Shape(), "numpy_reference", "sdpa", threads=1)
    adapter.ask(do="load")
    adapter.ask(do="run")
    adapter.ask(do="time", count=3)
    facts = adapter.ask(do="facts")["ok"]
    assert facts["library"] == f"NumPy {np.__version__}"
    assert "OPENBLAS_NUM_THREADS=1" in facts["threads"]
    assert {"kernel", "layout", "process"} <= facts.keys()
    assert 0 < float(facts["call_overhead_s"]) < 1e-3
    assert int(facts["peak_bytes"]) >= 0 and float(facts["busy_threads"]) >= 0


@pytest.mark.parametrize(("module", "mode", "says"), [("numpy_reference", "no_such", "no mode 'no_such'")])
def test_an_unknown_mode_is_unavailable(start, module, mode, says):
    assert says in start(Shape(), module, mode).prepared["unavailable"]


@pytest.mark.parametrize("module", ["onnx_runtime", "openvino_runtime", "jax_xla", "torch_modules"])
def test_a_missing_library_is_unavailable_and_named(start, module, tmp_path):
    """With every such library hidden, as on a machine that lacks it."""
    hidden = module.split("_")[0]
    (tmp_path / hidden).mkdir()
    (tmp_path / hidden / "__init__.py").write_text("raise ImportError('hidden by the test')")
    script = tmp_path / "python"
    script.write_text(
        f"#!{sys.executable} -IB\nimport runpy, sys\n*_, package, parent = sys.argv\n"
        f"sys.path[:0] = [{str(tmp_path)!r}, package]\nsys.argv[1:] = [parent]\n"
        "runpy.run_module('attnbench_adapter', run_name='__main__', alter_sys=True)\n"
    )
    script.chmod(0o755)
    reply = start(Shape(), module, "sdpa", python=str(script)).prepared
    assert "hidden by the test" in reply["unavailable"] and hidden in reply["unavailable"]


def test_what_a_library_throws_is_an_answer_and_not_the_end(start):
    adapter = start(Shape(), "numpy_reference", "sdpa")
    adapter.tensors["v"][...] = 1
    reply = adapter.ask(do="run")  # nothing is loaded yet
    assert reply["failed"].startswith("AttributeError")
    assert adapter.ask(do="load") == {"ok": None}
    assert adapter.ask(do="run") == {"ok": None}


def test_it_ends_when_the_socket_closes(start):
    assert start(Shape(), "numpy_reference", "sdpa").close() == 0


def test_it_dies_with_the_process_that_started_it(tmp_path):
    """A worker that is killed for its time must not leave a library computing behind."""
    left = tmp_path / "pid"
    worker = subprocess.Popen([sys.executable, "-c", WORKER, ADAPTER, str(PACKAGE), str(left)])
    deadline = time.monotonic() + 30
    while not (left.exists() and left.read_text().strip()):
        assert time.monotonic() < deadline and worker.poll() is None
        time.sleep(0.01)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    pid = int(left.read_text())
    while alive(pid):
        assert time.monotonic() < deadline, "the adapter outlived its worker"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether a process runs still; one that nobody has waited for yet does not."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False

"""Talks to an adapter process as the plugin does: shared memory, a socket, one line of JSON each way."""

import fcntl
import json
import mmap
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "variants" / "external" / "python"
SOCKET, MEMORY = 3, 4  # what an adapter inherits


@dataclass(frozen=True)
class Shape:
    """One problem, in the words of the protocol."""

    batch: int = 1
    heads_q: int = 2
    heads_kv: int = 2
    n_q: int = 16
    n_k: int = 16
    d_qk: int = 8
    d_v: int = 8
    causal: str = "none"
    mask: str = "none"

    @property
    def problem(self) -> dict:
        return {**self.__dict__, "scale": self.d_qk**-0.5}

    def tensors(self) -> dict[str, np.ndarray]:
        random = np.random.default_rng(7)
        shapes = {
            "q": (self.batch, self.heads_q, self.n_q, self.d_qk),
            "k": (self.batch, self.heads_kv, self.n_k, self.d_qk),
            "v": (self.batch, self.heads_kv, self.n_k, self.d_v),
        }
        tensors = {name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
        tensors["output"] = np.full((self.batch, self.heads_q, self.n_q, self.d_v), np.nan, np.float32)
        pairs = (1, 1, self.n_q, self.n_k)
        if self.mask == "boolean":
            tensors["mask"] = (random.random(pairs) < 0.5).astype(np.uint8)
        if self.mask == "additive":
            tensors["mask"] = random.standard_normal(pairs).astype(np.float32)
        return tensors


def softmax_attention(shape: Shape, tensors: dict[str, np.ndarray]) -> np.ndarray:
    """The float64 truth, one query row at a time."""
    output = np.zeros(tensors["output"].shape)
    shift = shape.n_k - shape.n_q if shape.causal == "bottom_right" else 0
    for b, h, i in np.ndindex(*output.shape[:3]):
        kv = h // (shape.heads_q // shape.heads_kv)
        keys = [j for j in range(shape.n_k) if shape.causal == "none" or j <= i + shift]
        if shape.mask == "boolean":
            keys = [j for j in keys if tensors["mask"][0, 0, i, j]]
        if not keys:
            continue
        scores = tensors["k"][b, kv, keys].astype(float) @ tensors["q"][b, h, i].astype(float) / shape.d_qk**0.5
        if shape.mask == "additive":
            scores += tensors["mask"][0, 0, i, keys]
        weights = np.exp(scores - scores.max())
        output[b, h, i] = weights / weights.sum() @ tensors["v"][b, kv, keys].astype(float)
    return output


class Adapter:
    """An adapter process started the way variants/external/adapter/adapter_process.cpp starts it."""

    def __init__(
        self,
        shape: Shape,
        module: str,
        mode: str,
        python: str = sys.executable,
        threads: int = 1,
        extras: Mapping[str, np.ndarray] = MappingProxyType({}),
    ):
        tensors = {**shape.tensors(), **extras}
        offsets, end = {}, 0
        for name, array in tensors.items():
            offsets[name] = end
            end += -(-array.nbytes // 64) * 64
        memory = os.memfd_create("attnbench-test")
        os.ftruncate(memory, end)
        shared = mmap.mmap(memory, end)
        self.tensors = {n: np.ndarray(a.shape, a.dtype, shared, offsets[n]) for n, a in tensors.items()}
        for name, array in tensors.items():
            self.tensors[name][...] = array
        self.start(python, threads, memory)
        self.prepared = self.ask(
            do="prepare", module=module, mode=mode, problem=shape.problem, threads=threads, bytes=end,
            tensors=[dict(name=n, shape=a.shape, dtype=str(a.dtype), offset=offsets[n]) for n, a in tensors.items()],
        )  # fmt: skip

    def start(self, python: str, threads: int, memory: int) -> None:
        ours, theirs = socket.socketpair()
        inherited = [fcntl.fcntl(d, fcntl.F_DUPFD, MEMORY + 1) for d in (theirs.fileno(), memory)]
        run = ("import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); "
               "runpy.run_module('attnbench_adapter', run_name='__main__', alter_sys=True)")  # fmt: skip
        command = (f'exec "$0" -IB -c "{run}" "{PACKAGE}" {os.getpid()} '
                   f"{SOCKET}<&{inherited[0]} {MEMORY}<&{inherited[1]}")  # fmt: skip
        threads_of = {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NPROC")}
        environment = os.environ | threads_of
        self.process = subprocess.Popen(["bash", "-c", command, python], pass_fds=inherited, env=environment)
        theirs.close()
        for descriptor in (memory, *inherited):
            os.close(descriptor)
        self.socket, self.lines = ours, ours.makefile("r")

    def ask(self, **request) -> dict:
        self.socket.sendall((json.dumps(request) + "\n").encode())
        return json.loads(self.lines.readline())

    def close(self) -> int:
        self.socket.shutdown(socket.SHUT_RDWR)
        return self.process.wait(timeout=60)


@pytest.fixture
def start():
    """Starts adapters; what a failing test left running is ended."""
    started = []

    def make(*arguments, **options) -> Adapter:
        started.append(Adapter(*arguments, **options))
        return started[-1]

    yield make
    for adapter in started:
        adapter.process.kill()
        adapter.process.wait()

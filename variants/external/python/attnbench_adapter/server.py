"""The conversation: one JSON line per request, one per reply, until the other side closes the socket."""

import importlib
import json
import mmap
import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import numpy as np

from attnbench_adapter.memory import with_peak
from attnbench_adapter.operator import Operator, Problem, Unavailable
from attnbench_adapter.stopwatch import call_overhead, settle, time_calls


def arrays_on(memory: mmap.mmap, layout: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """The tensors as arrays on the memory itself."""
    return {tensor["name"]: np.ndarray(tensor["shape"], tensor["dtype"], memory, tensor["offset"]) for tensor in layout}


def private_memory(size: int) -> mmap.mmap:
    """Memory as our own variants have it (variants/api/memory.h): huge pages, which shared memory is seldom given."""
    memory = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with suppress(OSError):  # a kernel without them
        memory.madvise(mmap.MADV_HUGEPAGE)
    return memory


T = TypeVar("T")


class Server:
    def __init__(self, memory: int):
        self.memory = memory
        self.shared: dict[str, np.ndarray] = {}
        self.tensors: dict[str, np.ndarray] = {}  # the operator's; libraries hold their addresses
        self.operator: Operator | None = None
        self.peak_bytes: int | None = None
        self.busy_threads: float | None = None

    def prepare(self, request: dict[str, Any]) -> None:
        self.shared = arrays_on(mmap.mmap(self.memory, request["bytes"]), request["tensors"])
        self.tensors = arrays_on(private_memory(request["bytes"]), request["tensors"])
        self.fetch()
        module = importlib.import_module("attnbench_adapter.frameworks." + request["module"])
        problem = Problem(**request["problem"])
        self.operator = module.open_operator(request["mode"], problem, self.tensors, request["threads"])

    def fetch(self) -> None:
        for name, array in self.shared.items():
            self.tensors[name][...] = array

    def load(self, _: dict[str, Any]) -> None:
        self.fetch()
        self.operator.load()

    def run(self, _: dict[str, Any]) -> None:
        self.watch(self.operator.call)

    def time(self, request: dict[str, Any]) -> float:
        busy = time.process_time()
        seconds = self.watch(lambda: time_calls(self.operator.call, request["count"]))
        self.busy_threads = (time.process_time() - busy) / max(seconds, 1e-9)
        settle()
        return seconds

    def watch(self, work: Callable[[], T]) -> T:
        """The first calls' memory is what the facts report: later ones find the library's pools filled."""
        if self.peak_bytes is not None:
            return work()
        result, self.peak_bytes = with_peak(work)
        return result

    def store(self, _: dict[str, Any]) -> None:
        self.operator.store()
        self.shared["output"][...] = self.tensors["output"]

    def facts(self, _: dict[str, Any]) -> dict[str, str]:
        facts = {**self.operator.facts(), "process": "an adapter process that times its own calls"}
        facts["call_overhead_s"] = f"{call_overhead():.3g}"
        if self.peak_bytes is not None:
            facts["peak_bytes"] = str(self.peak_bytes)
        if self.busy_threads is not None:
            facts["busy_threads"] = f"{self.busy_threads:.2f}"
        return facts

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"ok": getattr(self, request["do"])(request)}
        except Unavailable as error:
            return {"unavailable": one_line(error)}
        except MemoryError as error:
            return {"out_of_memory": one_line(error) or "an allocation failed"}
        except Exception as error:  # whatever a library throws is an answer too
            return {"failed": f"{type(error).__name__}: {one_line(error)}"}


def one_line(error: BaseException) -> str:
    """The first lines of a message, joined, of a length for a table."""
    return " ".join(str(error).split())[:300]


def serve(socket: int, memory: int) -> None:
    """Answers until the socket closes."""
    server = Server(memory)
    with os.fdopen(socket, "r+b", buffering=0) as stream, os.fdopen(os.dup(socket), "rb") as requests:
        for line in requests:
            stream.write((json.dumps(server.answer(json.loads(line))) + "\n").encode())

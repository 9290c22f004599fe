"""How an adapter times: a plain loop over the call between two readings of the clock, the garbage collector held."""

import gc
import itertools
import time
from collections.abc import Callable

OVERHEAD_CALLS = 10_000
OVERHEAD_REPEATS = 5
SETTLE_SECONDS = 0.005
SETTLE_ROUNDS = 40
SETTLE_SHARE = 0.1  # of one processor: below it nobody spins


def time_calls(call: Callable[[], object], count: int) -> float:
    """Wall time of `count` calls, in seconds."""
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        start = time.perf_counter_ns()
        for _ in itertools.repeat(None, count):
            call()
        return (time.perf_counter_ns() - start) * 1e-9
    finally:
        if collecting:
            gc.enable()


def settle() -> None:
    """Waits until the library's threads sleep, as the host's probes of the machine's speed come next.

    Pools spin for a while after a call, in hope of another: ONNX Runtime's for 40 ms, OpenMP's for 6 (measured: CPU
    time of a process that does nothing).
    """
    for _ in range(SETTLE_ROUNDS):
        before = time.process_time()
        time.sleep(SETTLE_SECONDS)
        if time.process_time() - before < SETTLE_SHARE * SETTLE_SECONDS:
            return


class Nothing:
    def call(self) -> None:
        """An operator that does nothing: what is left is the adapter's own."""


def call_overhead() -> float:
    """Seconds per call that the loop itself takes, calling an empty method; the median of a few trials."""
    empty = Nothing()
    trials = sorted(time_calls(empty.call, OVERHEAD_CALLS) for _ in range(OVERHEAD_REPEATS))
    return trials[OVERHEAD_REPEATS // 2] / OVERHEAD_CALLS

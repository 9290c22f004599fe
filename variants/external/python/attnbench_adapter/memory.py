"""Resident memory of this process, as proc(5) tells it."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

RESET_PEAK = "5"  # what /proc/self/clear_refs takes to reset VmHWM


def status_bytes(field: str) -> int:
    """A line of /proc/self/status such as `VmRSS:   1234 kB`, in bytes; 0 when it is not there."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    return 0


def with_peak(work: Callable[[], T]) -> tuple[T, int]:
    """What `work` gives, and the bytes by which the resident memory rose at most meanwhile."""
    with suppress(OSError):  # not permitted in some containers; the peak since the process began then stands in
        Path("/proc/self/clear_refs").write_text(RESET_PEAK)
    before = status_bytes("VmRSS")
    result = work()
    return result, max(0, status_bytes("VmHWM") - before)

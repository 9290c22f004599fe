"""If these fail, the real binary loses work when it is killed, when the disk is full or when it is started twice."""

import json
import os
import random
import resource
import signal
import subprocess
import time
from pathlib import Path

import pytest

PLAN = "--variants naive,linear -a n=4,8 -a d=4 -a h=2 --dataset gaussian --threads 1 --no-weights".split()
QUIET = ["--no-report", "--no-calibrate", "-q"]
SWEEP = [*PLAN, *QUIET, "--rounds", "2", "--samples", "1"]
RECORDS = 4 * (1 + 2 + 1)  # cases: verify, rounds, memory


def keys(folder: Path) -> list[str]:
    text = (folder / "records.jsonl").read_text()
    return [json.loads(line)["key"] for line in text.splitlines(keepends=True) if line.endswith("\n")]


def start(attnbench, *arguments, **options) -> subprocess.Popen:
    command = [attnbench.binary, *arguments]
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    options["env"] = os.environ | {"ATTNBENCH_CALIBRATION": str(attnbench.folder / "none")}  # keeps run.json small
    return subprocess.Popen(command, cwd=attnbench.folder, **streams, **options)


def test_a_run_killed_at_random_moments_loses_nothing_and_repeats_nothing(attnbench, tmp_path):
    moments = random.Random(20261121)
    before: list[str] = []
    for _ in range(8):
        begun = (tmp_path / "run/run.json").exists()
        process = start(attnbench, "run", *(["--resume", "run", *QUIET] if begun else [*SWEEP, "--out", "run"]))
        time.sleep(moments.uniform(0, 0.6))
        process.kill()
        process.wait()
        if not (tmp_path / "run/records.jsonl").exists():
            continue
        after = keys(tmp_path / "run")
        assert after[: len(before)] == before
        before = after
    if (tmp_path / "run/run.json").exists():
        attnbench.ok("run", "--resume", "run", *QUIET)
    else:
        attnbench.ok("run", *SWEEP, "--out", "run")
    after = keys(tmp_path / "run")
    assert after[: len(before)] == before
    assert len(after) == len(set(after)) == RECORDS
    run = json.loads((tmp_path / "run/run.json").read_text())
    assert run["status"] == "complete" and run["sessions"][-1]["finished"]


def test_a_full_disk_ends_a_run_with_one_line_and_it_carries_on_when_there_is_room(attnbench, tmp_path):
    def no_room() -> None:
        """Stands in for a full disk: no file may grow beyond four pages of inputs, or about twelve records."""
        resource.setrlimit(resource.RLIMIT_FSIZE, (17_000, resource.RLIM_INFINITY))

    process = start(attnbench, "run", *SWEEP, "--out", "run", preexec_fn=no_room)
    _, said = process.communicate()
    assert process.returncode == 2, said
    complaints = [line for line in said.splitlines() if line.startswith("attnbench: ")]
    assert len(complaints) == 1 and "File too large" in complaints[0] and "--resume" in complaints[0]
    stored = keys(tmp_path / "run")
    assert 0 < len(stored) < RECORDS
    assert (tmp_path / "run/records.jsonl").read_bytes().endswith(b"\n")
    attnbench.ok("run", "--resume", "run", *QUIET)
    after = keys(tmp_path / "run")
    assert after[: len(stored)] == stored and len(after) == len(set(after)) == RECORDS


def test_two_writers_never_share_a_folder(attnbench, tmp_path):
    first = start(attnbench, "run", *PLAN, *QUIET, "--rounds", "200", "--out", "run")
    try:
        while not (tmp_path / "run/run.json").exists():
            assert first.poll() is None
            time.sleep(0.01)
        assert "is in use by another attnbench" in attnbench.refused("run", *SWEEP, "--out", "run")
        assert "is in use by another attnbench" in attnbench.refused("run", "--resume", "run", *QUIET)
    finally:
        first.kill()
        first.wait()
    assert (tmp_path / "run/.lock").exists()  # stale, and no hindrance:
    records = tmp_path / "run/records.jsonl"
    before = records.stat().st_size if records.exists() else 0
    resumed = start(attnbench, "run", "--resume", "run", *QUIET)
    while not records.exists() or records.stat().st_size <= before:
        assert resumed.poll() is None
        time.sleep(0.01)
    os.kill(resumed.pid, signal.SIGINT)
    _, complaint = resumed.communicate()
    assert resumed.returncode == 130, complaint


@pytest.mark.parametrize("kib", [60_000, 100_000, 150_000, 300_000])
def test_a_low_limit_of_virtual_memory_is_refused_at_once(attnbench, kib):
    """OpenBLAS tries for ever to get its memory while it is loaded, before main() begins."""
    line = refused_under_limit(attnbench, resource.RLIMIT_AS, kib)
    assert f"virtual memory is {kib} KiB" in line and "ulimit -v" in line


def test_a_low_limit_of_the_stack_is_refused_at_once(attnbench):
    line = refused_under_limit(attnbench, resource.RLIMIT_STACK, 64)
    assert "stack is 64 KiB" in line and "ulimit -s" in line


def refused_under_limit(attnbench, limit: int, kib: int) -> str:
    done = subprocess.run(
        [attnbench.binary, "list"],
        preexec_fn=lambda: resource.setrlimit(limit, (kib * 1024, resource.RLIM_INFINITY)),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done
    return done.stderr

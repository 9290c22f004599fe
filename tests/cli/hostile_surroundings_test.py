"""If these fail, what lies around a user is executed, waited for or destroyed, or lost output passes as success."""

import json
import os
import subprocess
from pathlib import Path

import pytest

SMALL = "--variants linear -a n=4 -a d=4 --dataset gaussian --threads 1 --rounds 1 --samples 1 --no-weights".split()
QUIET = ["--no-report", "--no-calibrate", "-q"]


@pytest.fixture
def stored(attnbench, tmp_path):
    attnbench.ok("run", *SMALL, *QUIET, "--out", "run")
    return tmp_path / "run"


def test_python_in_the_current_folder_and_in_python_variables_is_not_executed(attnbench, stored, tmp_path):
    trap = f"open({str(tmp_path / 'sprung')!r}, 'w')\n"
    for name in ("json.py", "numpy.py", "runpy.py", "sitecustomize.py", "attnbench_reports/__init__.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(trap)
    hostile = {"PYTHONPATH": str(tmp_path), "PYTHONSTARTUP": str(tmp_path / "json.py"), "PYTHONINSPECT": ""}
    attnbench.ok("report", "run", **hostile)
    attnbench.ok("export", "run", "--format", "latex", **hostile)
    attnbench.ok("compare", "run", "run", **hostile)
    assert attnbench("doctor", "--quick", "--scale", "0.01", **hostile).returncode in (0, 1)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    "words", [["list"], ["list", "--json"], ["describe", "naive"], ["--help"], ["--version"], ["plan", "--json"]]
)
def test_output_that_a_full_disk_loses_is_no_success(attnbench, words):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([attnbench.binary, *words], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert "cannot write to standard output: No space left on device" in done.stderr


def test_a_closed_standard_output_never_becomes_a_file_of_the_run(attnbench, stored, tmp_path):
    command = f"exec {attnbench.binary} run {' '.join(SMALL)} --no-report --no-calibrate --out closed >&-"
    done = subprocess.run(["/bin/sh", "-c", command], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and "cannot write to standard output" in done.stderr
    for line in (tmp_path / "closed/records.jsonl").read_text().splitlines():
        json.loads(line)


@pytest.mark.parametrize("name", ["run.json", "records.jsonl"])
def test_a_fifo_in_a_stored_run_is_refused_and_not_waited_for(attnbench, stored, name):
    (stored / name).unlink()
    os.mkfifo(stored / name)
    assert "not a regular file" in attnbench.refused("run", "--resume", "run")


def test_a_fifo_as_a_plan_is_refused_and_not_waited_for(attnbench, tmp_path):
    os.mkfifo(tmp_path / "mine.toml")
    assert "mine.toml: it is not a regular file" in attnbench.refused("plan", "--plan", "./mine.toml")


def test_a_calibration_overwrites_no_file_of_another_kind(attnbench, tmp_path):
    (tmp_path / "precious.npy").write_text("mine")
    said = attnbench.refused("calibrate", "--quick", "--seconds", "0.01", "--out", "precious.npy")
    assert "precious.npy is not a calibration" in said
    assert (tmp_path / "precious.npy").read_text() == "mine"


LONG = "x" * 5000


@pytest.mark.parametrize(
    "words",
    [
        ["report", LONG],
        ["compare", LONG, LONG],
        ["plan", "--plan", f"{LONG}.toml"],
        ["run", "--plan", "smoke", "--out", LONG],
        ["run", "--plan", "smoke", "--out", os.fsdecode(b"\xff")],
        ["run", "--resume", LONG],
    ],
    ids=lambda words: " ".join(words)[:30].encode(errors="replace").decode(),
)
def test_a_name_that_cannot_be_used_is_one_line(attnbench, words):
    assert "internal error" not in attnbench.refused(*words)


def test_too_few_descriptors_for_a_worker_stop_the_run_and_leave_it_to_be_resumed(attnbench, tmp_path):
    command = f"ulimit -n 8; exec {attnbench.binary} run {' '.join([*SMALL, *QUIET])} --out few"
    done = subprocess.run(["/bin/sh", "-c", command], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2 and "cannot start worker processes: Too many open files" in done.stderr
    assert (tmp_path / "few/records.jsonl").read_text() == ""
    attnbench.ok("run", "--resume", "few", *QUIET)

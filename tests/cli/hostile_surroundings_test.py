"""If these fail, what lies around a user is executed, waited for or destroyed, or lost output passes as success."""

import json
import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

SMALL = "--variants linear -a n=4 -a d=4 --dataset gaussian --threads 1 --rounds 1 --samples 1 --no-weights".split()
QUIET = ["--no-report", "--no-calibrate", "-q"]


@pytest.fixture
def stored(attnbench, tmp_path):
    attnbench.ok("run", *SMALL, *QUIET, "--out", "run")
    return tmp_path / "run"


def test_python_in_the_current_folder_and_in_python_variables_is_not_executed(attnbench, stored, tmp_path):
    trap = f"open({str(tmp_path / 'sprung')!r}, 'w')\n"
    for name in ("json.py", "numpy.py", "runpy.py", "sitecustomize.py", "attnbench/__init__.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(trap)
    hostile = {"PYTHONPATH": str(tmp_path), "PYTHONSTARTUP": str(tmp_path / "json.py"), "PYTHONINSPECT": ""}
    attnbench.ok("report", "run", **hostile)
    attnbench.ok("export", "run", "--format", "latex", **hostile)
    attnbench.ok("compare", "run", "run", **hostile)
    assert attnbench("doctor", "--quick", "--scale", "0.01", **hostile).returncode in (0, 1)
    assert not (tmp_path / "sprung").exists()


def commands(attnbench, *above: str) -> list[tuple[str, ...]]:
    """Every command and command of a command, as --help lists them."""
    listed = re.search(r"^Commands:\n((?:  .*\n)+)", attnbench.ok(*above, "--help"), re.MULTILINE)
    names = re.findall(r"^  ([a-z-]+) ", listed[1], re.MULTILINE) if listed else []
    below = [(*above, name) for name in names]
    return [found for command in below for found in (command, *commands(attnbench, *command))]


# Arguments with which a command prints something. One that --help lists and this does not fails the test.
PRINTS = {
    ("list",): [],
    ("describe",): ["naive"],
    ("plan",): SMALL,
    ("run",): [*SMALL, "--no-report", "--no-calibrate"],
    ("verify",): [*SMALL[:-5]],
    ("apply",): ["linear", *"--q q.npy --k q.npy --v q.npy --out /dev/stdout".split()],
    ("profile",): None,  # prints to standard error
    ("runs",): ["."],
    ("report",): ["run"],
    ("compare",): ["run", "run"],
    ("export",): ["run", "--format", "google-benchmark"],
    ("merge",): ["merged", "run"],
    ("plugin",): None,  # only its own commands do something
    ("plugin", "check"): ["plugged.so", "--check", "oracle"],
    ("new-variant",): ["fresh", "--dir", "."],
    ("calibrate",): ["--quick", "--seconds", "0.01", "--out", "ceilings.json"],
    ("doctor",): ["--quick", "--scale", "0.01"],
}


def test_output_that_a_full_disk_loses_is_no_success(attnbench, stored, tmp_path):
    np.save(tmp_path / "q.npy", np.ones((1, 1, 4, 4), np.float32))
    (tmp_path / "plugged.so").symlink_to(attnbench.binary.parent / "tests/plugins/libplugged.so")
    assert set(commands(attnbench)) == PRINTS.keys()
    for command, arguments in PRINTS.items():
        for words in ["--help"], arguments:
            if words is None:
                continue
            call = [attnbench.binary, *command, *words]
            with Path("/dev/full").open("w") as full:
                done = subprocess.run(call, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
            assert done.returncode in (1, 2), (call, done.stderr)
            assert "No space left on device" in done.stderr.splitlines()[-1], (call, done.stderr)


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["list", "--json"], ["describe", "naive", "--json"]])
def test_output_that_is_lost_is_no_success_in_any_format(attnbench, words):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([attnbench.binary, *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "attnbench: cannot write to standard output: No space left on device\n"


EXPORT = ["export", "run", "--format", "google-benchmark", "--out"]
APPLY = [*"apply linear --q q.npy --k q.npy --v q.npy".split(), "--out"]


@pytest.mark.parametrize("words", [EXPORT, APPLY], ids=["export", "apply"])
def test_devices_are_written_into_and_stay_devices(attnbench, stored, tmp_path, words):
    np.save(tmp_path / "q.npy", np.ones((1, 1, 4, 4), np.float32))
    assert "No space left on device" in attnbench.refused(*words, "/dev/full")
    attnbench.ok(*words, "/dev/null")
    assert Path("/dev/full").is_char_device() and Path("/dev/null").is_char_device()
    attnbench.ok(*words, "file")
    written = (tmp_path / "file").read_bytes()
    piped = subprocess.run([attnbench.binary, *words, "/dev/stdout"], cwd=tmp_path, capture_output=True, check=True)
    assert piped.stdout.startswith(written)
    (tmp_path / "log").write_bytes(b"before\n")
    with (tmp_path / "log").open("ab") as log:
        subprocess.run([attnbench.binary, *words, "/dev/stdout"], cwd=tmp_path, stdout=log, check=True)
    assert (tmp_path / "log").read_bytes().startswith(b"before\n" + written)


@pytest.mark.parametrize("words", [EXPORT, APPLY], ids=["export", "apply"])
def test_a_link_leads_to_the_file_that_is_replaced_and_nothing_is_left_beside_it(attnbench, stored, tmp_path, words):
    np.save(tmp_path / "q.npy", np.ones((1, 1, 4, 4), np.float32))
    (tmp_path / "there").mkdir()
    (tmp_path / "there/file").write_text("old")
    (tmp_path / "link").symlink_to("there/file")
    attnbench.ok(*words, "link")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "there/file").read_bytes() != b"old"
    assert [file.name for file in (tmp_path / "there").iterdir()] == ["file"]


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

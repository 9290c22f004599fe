"""If these fail, a moved or installed binary uses the Python and the files of the place where it was built."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

from .conftest import ROOT


def write_program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def reason_without_packages(binary: Path, **environment: str) -> str:
    """What `report` says where the interpreter has no packages."""
    run = binary.parent / "run"
    run.mkdir()
    (run / "run.json").write_text("{}")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ATTNBENCH_")}
    done = subprocess.run([binary, "report", run], env=clean | environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1, (done.stdout, done.stderr)
    return done.stderr


def test_a_moved_tree_uses_its_own_python(attnbench, tmp_path):
    tree = tmp_path / "moved"
    (tree / "build").mkdir(parents=True)
    (tree / "reports/attnbench").mkdir(parents=True)
    shutil.copy(attnbench.binary, tree / "build/attnbench")
    write_program(tree / ".venv/bin/python", "exit 3")  # the code for missing packages
    write_program(tree / "scripts/setup.sh", "")
    reason = reason_without_packages(tree / "build/attnbench")
    assert f"{tree}/.venv/bin/python lacks packages; run {tree}/scripts/setup.sh" in reason
    assert str(ROOT) not in reason


def test_a_moved_tree_reads_its_own_plans(attnbench, tmp_path):
    tree = tmp_path / "moved"
    (tree / "reports/attnbench").mkdir(parents=True)
    (tree / "harness/plans").mkdir(parents=True)
    shutil.copy(ROOT / "harness/plans/smoke.toml", tree / "harness/plans/only_here.toml")
    (tree / "build").mkdir()
    shutil.copy(attnbench.binary, tree / "build/attnbench")
    listed = subprocess.run([tree / "build/attnbench", "list", "plans"], capture_output=True, text=True, check=True)
    assert "only_here" in listed.stdout and "scaling" not in listed.stdout


def test_an_installed_binary_does_not_advise_a_script_that_is_not_installed(attnbench, tmp_path):
    prefix = tmp_path / "prefix"
    (prefix / "bin").mkdir(parents=True)
    requirements = prefix / "share/attnbench/reports/requirements.txt"
    requirements.parent.mkdir(parents=True)
    requirements.touch()
    write_program(tmp_path / "python", "exit 3")
    built_in = str(ROOT).encode()
    gone = (b"/gone" + b"_" * len(built_in))[: len(built_in)]  # as if the tree had been deleted after the installation
    (prefix / "bin/attnbench").write_bytes(attnbench.binary.read_bytes().replace(built_in, gone))
    (prefix / "bin/attnbench").chmod(0o755)
    reason = reason_without_packages(prefix / "bin/attnbench", ATTNBENCH_PYTHON=str(tmp_path / "python"))
    assert "setup.sh" not in reason
    assert f"pip install -r {requirements}" in reason and "ATTNBENCH_PYTHON" in reason
    doctor = subprocess.run(
        [prefix / "bin/attnbench", "doctor", "--quick", "--scale", "0.05"],
        env=os.environ | {"ATTNBENCH_PYTHON": str(tmp_path / "python")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "setup.sh" not in doctor.stdout and f"pip install -r {requirements}" in doctor.stdout

"""If these fail, paired measuring pairs wrong rounds, stops badly, or leaves half a measurement that looks whole."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from attnbench_reports.compare.__main__ import main
from attnbench_reports.compare.execution import parse_command
from attnbench_reports.compare.measure import order
from attnbench_reports.compare.pairing import read_pairing
from attnbench_reports.load.cases import cases_of
from attnbench_reports.load.run import load_runs
from synthetic_runs import LAWS, Recipe, make_run

TESTS = Path(__file__).parent
ROOT = TESTS.parents[1]


@pytest.fixture
def build(tmp_path):
    """Makes a folder with a stand-in for the binary; `slow10` is 10 % slower than `slow0`."""

    def make(name: str, folder: Path = tmp_path) -> Path:
        binary = folder / name / "attnbench"
        binary.parent.mkdir(parents=True)
        binary.write_text(f"#!{sys.executable} -S\n" + (TESTS / "fake_attnbench.py").read_text())
        binary.chmod(binary.stat().st_mode | stat.S_IXUSR)
        slower = 1 + int(name.rpartition("slow")[2]) / 100
        laws = tuple(replace(law, seconds=slower * law.seconds) for law in (LAWS[0], LAWS[5]))
        make_run(binary.parent / "run", Recipe(laws=laws, sizes=(128, 256), rounds=1, weights=0, noise=0))
        return binary

    return make


@pytest.fixture
def builds(build) -> tuple[Path, Path]:
    return build("slow0"), build("slow10")


def measure(builds, out, *more) -> int:
    return main(["--builds", *map(str, builds), "--out", str(out), *more])


def started(tmp_path) -> list[str]:
    return (tmp_path / "calls").read_text().splitlines()


def test_rounds_alternate_and_come_out_paired(capsys, builds, tmp_path):
    assert measure(builds, tmp_path / "out", "--rounds", "8", "--format", "json") == 0
    assert started(tmp_path) == ["slow0", "slow10", "slow10", "slow0"] * 4
    found = json.loads(capsys.readouterr().out)
    assert found["design"] == "paired" and found["counts"]["SLOWER"] == 4
    assert {row["base_rounds"] for row in found["rows"]} == {8}
    assert all(0.07 < row["ratio"] - 1 < 0.13 for row in found["rows"])


def test_both_sides_become_ordinary_runs(builds, tmp_path):
    assert measure(builds, tmp_path / "out", "--rounds", "3") == 0
    schemas = {
        name: json.loads((ROOT / f"harness/schema/{name}.schema.json").read_text()) for name in ("run", "record")
    }
    for run in load_runs([tmp_path / "out" / "base", tmp_path / "out" / "new"]):
        jsonschema.validate(run.meta, schemas["run"])
        for record in run.records:
            jsonschema.validate(record, schemas["record"])
        assert [sorted(case.times) for case in cases_of(run)] == [[0, 1, 2]] * 4
        assert run.meta["plan"]["rounds"] == len(run.meta["sessions"]) == 3
    assert not (tmp_path / "out" / ".round").exists()


def test_a_stored_pairing_is_compared_again(capsys, builds, tmp_path):
    assert measure(builds, tmp_path / "out", "--rounds", "6", "--format", "json") == 0
    first = json.loads(capsys.readouterr().out)
    assert main([str(tmp_path / "out"), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == first


def test_without_rounds_there_are_enough_to_decide_the_table(builds, tmp_path):
    assert measure(builds, tmp_path / "out") == 0
    assert read_pairing(tmp_path / "out").done == 10


def test_a_regression_fails_a_paired_comparison_too(capsys, builds, tmp_path):
    assert measure(builds, tmp_path / "out", "--rounds", "8", "--fail-on", "regression=5%") == 3
    assert "regression: blockwise" in capsys.readouterr().err


def test_rounds_begin_with_each_side_in_turn():
    assert [order(number) for number in range(4)] == [(0, 1), (1, 0), (0, 1), (1, 0)]


def test_whole_processes_of_other_commands_are_timed(capsys, tmp_path):
    commands = ["true", f"sleep 0.05; echo {tmp_path}"]
    assert main(["--paired", *commands, "--rounds", "6", "--out", str(tmp_path / "out"), "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (row,) = found["rows"]
    assert found["new"]["command"] == commands[1] and len(found["new"]["label"]) < 50
    assert row["variant"] == "whole process" and row["new_s"] >= 0.05 and row["base_rounds"] == 6
    assert str(tmp_path) in (tmp_path / "out" / "log.txt").read_text()


def test_what_counts_as_a_run_of_attnbench():
    assert parse_command("X=1 old/attnbench run --variants 'naive,linear(a=b)'").words[:3] == (
        "env",
        "X=1",
        "old/attnbench",
    )
    assert parse_command("taskset -c 0 ./attnbench run -a n=8").is_run
    assert not parse_command("./attnbench run | tee log").is_run
    assert not parse_command("./attnbench list").is_run


def test_calls_that_cannot_work_are_one_line_and_leave_nothing(capsys, builds, build, tmp_path):
    def refused(*arguments) -> str:
        assert main([*map(str, arguments), "--out", str(tmp_path / "out")]) == 2
        assert not (tmp_path / "out").exists()
        message = capsys.readouterr().err
        assert message.count("\n") == 1
        return message

    assert "cases cannot be compared with a whole process" in refused("--paired", f"{builds[0]} run", "true")
    assert "leave it out" in refused("--paired", f"{builds[0]} run --rounds 3", f"{builds[1]} run")
    assert "mind the quotes" in refused("--paired", "echo 'a", "true")
    assert "is no program" in refused("--builds", builds[0], tmp_path / "nothing")
    usage = build("slow5")
    (usage.parent / "usage").touch()
    assert "unknown variant 'nonsense'" in refused("--builds", usage, builds[0])
    assert "cannot start '/nowhere/attnbench'" in refused(
        "--paired", "/nowhere/attnbench run", "/nowhere/attnbench run"
    )


def test_a_folder_with_something_in_it_is_not_measured_into(capsys, builds, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").touch()
    assert measure(builds, tmp_path / "out") == 2
    assert "is not empty" in capsys.readouterr().err and (tmp_path / "out" / "thesis.tex").exists()


def test_a_command_that_breaks_keeps_the_whole_rounds(capsys, builds, tmp_path, monkeypatch):
    from attnbench_reports.compare import measure as module

    def break_after_two(*arguments):
        if arguments[3].done == 2:
            (builds[1].parent / "fail").touch()
        return original(*arguments)

    original = module._round
    monkeypatch.setattr(module, "_round", break_after_two)
    assert measure(builds, tmp_path / "out", "--rounds", "5") == 1
    assert "exit code 70: attnbench: internal error: it broke" in capsys.readouterr().err
    pairing = read_pairing(tmp_path / "out")
    assert (pairing.status, pairing.done) == ("interrupted", 2)
    assert main([str(tmp_path / "out")]) == 0
    assert "2 of 5 rounds measured; carry on with" in capsys.readouterr().out
    (builds[1].parent / "fail").unlink()
    monkeypatch.setattr(module, "_round", original)
    assert main(["--resume", str(tmp_path / "out")]) == 0
    assert read_pairing(tmp_path / "out").done == 5
    assert started(tmp_path)[-6:] == ["slow0", "slow10", "slow10", "slow0", "slow0", "slow10"]


@pytest.mark.parametrize("rounds_before", [0, 1])
def test_ctrl_c_ends_with_130_and_leaves_nothing_that_looks_whole(builds, tmp_path, rounds_before):
    out, hanging = tmp_path / "out", builds[0].parent / "hanging"
    call = [sys.executable, "-m", "attnbench_reports.compare", "--builds", *map(str, builds), "--out", str(out)]
    if rounds_before:
        assert measure(builds, out, "--rounds", "1") == 0
        call = [*call[:3], "--resume", str(out), "--rounds", "3"]
    (builds[0].parent / "hang").touch()
    environment = os.environ | {"PYTHONPATH": str(ROOT / "reports")}
    child = subprocess.Popen(call, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not hanging.exists() and time.monotonic() < deadline and child.poll() is None:
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    said = child.communicate(timeout=60)[1]
    assert child.returncode == 130, said
    assert "Traceback" not in said
    if rounds_before == 0:
        assert not out.exists() and "nothing is kept" in said
        return
    assert (read_pairing(out).status, read_pairing(out).done) == ("interrupted", 1)
    assert not (out / ".round").exists() and f"--resume {out}" in said
    assert [sorted(c.times) for run in load_runs([out / "base", out / "new"]) for c in cases_of(run)] == [[0]] * 8


@pytest.fixture
def repository(build, tmp_path, monkeypatch) -> Path:
    """A repository whose build script puts the stand-in in its place; two commits, the second 10 % slower."""
    source = tmp_path / "repository"
    (source / "scripts").mkdir(parents=True)
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@t", "-C", str(source)]
    subprocess.run([*git, "init", "-q"], check=True)
    for name in ("slow0", "slow10"):
        binary = build(f"made/{name}")
        start = f"printf '#!/bin/sh\\nexec {binary} \"$@\"'"
        script = f"#!/bin/sh\nmkdir -p build\n{start} > build/attnbench\nchmod +x build/attnbench\n"
        (source / "scripts" / "build.sh").write_text(script)
        (source / "scripts" / "build.sh").chmod(0o755)
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "-q", "-m", name], check=True)
    monkeypatch.chdir(source)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return source


def test_two_revisions_are_built_once_in_the_cache_and_compared(capsys, repository, tmp_path):
    call = ["--revisions", "HEAD~1", "HEAD", "--rounds", "8", "--format", "json", "--out"]
    assert main([*call, str(tmp_path / "first")]) == 0
    output = capsys.readouterr()
    assert json.loads(output.out)["counts"]["SLOWER"] == 4 and output.err.count("building") == 2
    assert main([*call, str(tmp_path / "second")]) == 0
    assert "building" not in capsys.readouterr().err
    assert not (repository / "build").exists()


def test_revisions_that_do_not_exist_or_build_are_one_line(capsys, repository, tmp_path, monkeypatch):
    assert main(["--revisions", "HEAD", "nothing"]) == 2
    assert "no commit 'nothing'" in capsys.readouterr().err
    assert main(["--revisions", "HEAD", "HEAD"]) == 2
    assert "same commit" in capsys.readouterr().err
    (repository / "scripts" / "build.sh").write_text("#!/bin/sh\necho 'error: no compiler' >&2\nexit 1\n")
    subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qam", "broken"], check=True)
    assert main(["--revisions", "HEAD~1", "HEAD"]) == 2
    assert "does not build: error: no compiler" in capsys.readouterr().err
    monkeypatch.chdir("/")
    assert main(["--revisions", "HEAD~1", "HEAD"]) == 2
    assert "no git repository here" in capsys.readouterr().err

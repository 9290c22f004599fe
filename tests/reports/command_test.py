"""The command: exit codes, one line per mistake, and never half a report that looks whole."""

import os
import subprocess
import sys
from pathlib import Path

import attnbench.build
import pytest
from attnbench.__main__ import main
from attnbench.figures.draw import Figures
from synthetic_runs import LAWS, Recipe, make_run

REPORTS = Path(__file__).parents[2] / "reports"
TINY = Recipe(laws=LAWS[:1], sizes=(64, 128), rounds=1, weights=0)


@pytest.fixture
def run(tmp_path) -> Path:
    return make_run(tmp_path / "run", TINY)


@pytest.fixture
def no_figures(monkeypatch):
    """Figures take seconds and are not what these tests are about."""
    monkeypatch.setattr(attnbench.build, "draw_all", lambda report, folder: Figures([], []))


def refused(capsys, *arguments) -> str:
    assert main([str(a) for a in arguments]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("attnbench: ")
    assert output.err.count("\n") == 1
    return output.err


def test_the_module_runs_as_the_binary_calls_it(run, tmp_path):
    call = [sys.executable, "-m", "attnbench", str(run), "--out", str(tmp_path / "out")]
    done = subprocess.run(
        call, env=os.environ | {"PYTHONPATH": str(REPORTS)}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.rstrip().endswith("out/report.html")
    made = {p.name for p in (tmp_path / "out").iterdir()}
    assert made == {"report.html", "report.md", "summary.json", "tables", "figures"}


def test_usage_errors_exit_with_2(capsys):
    for arguments in ([], ["--nonsense", "x"]):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2


def test_a_missing_run_is_one_line_and_leaves_nothing(capsys, tmp_path):
    assert "no run directory at" in refused(capsys, tmp_path / "absent", "--out", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_one_bad_run_among_good_ones_is_refused(capsys, run, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "run.json" in refused(capsys, run, tmp_path / "empty", "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_report_is_replaced_but_other_folders_are_not(capsys, run, tmp_path, no_figures):
    out = tmp_path / "out"
    assert main([str(run), "--out", str(out)]) == 0
    (out / "left-over").touch()
    assert main([str(run), "--out", str(out)]) == 0
    assert not (out / "left-over").exists()
    capsys.readouterr()
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    assert "not a report" in refused(capsys, run, "--out", mine)
    assert (mine / "thesis.txt").read_text() == "years of work"
    assert "not a report" in refused(capsys, run, "--out", mine / "thesis.txt")


def test_an_empty_folder_may_be_filled(run, tmp_path, no_figures):
    (tmp_path / "out").mkdir()
    assert main([str(run), "--out", str(tmp_path / "out")]) == 0


def test_the_run_itself_is_never_replaced(capsys, run, no_figures):
    assert "not a report" in refused(capsys, run, "--out", run)
    assert (run / "records.jsonl").is_file()


def test_an_unwritable_place_is_one_line(capsys, run, tmp_path, no_figures):
    (tmp_path / "file").touch()
    assert "cannot write the report" in refused(capsys, run, "--out", tmp_path / "file" / "out")


def test_a_failure_half_way_leaves_neither_report_nor_rubbish(run, tmp_path, no_figures, monkeypatch):
    out = tmp_path / "out"
    assert main([str(run), "--out", str(out)]) == 0
    before = (out / "report.html").read_bytes()

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(attnbench.build, "html", stop)
    assert main([str(run), "--out", str(out)]) == 130
    assert (out / "report.html").read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "run"]


def broken(*_):
    return {}["no such thing"]


def test_an_error_that_nobody_foresaw_is_one_line_unless_debugging(capsys, run, tmp_path, no_figures, monkeypatch):
    monkeypatch.setattr(attnbench.build, "html", broken)
    message = refused(capsys, run, "--out", tmp_path / "out")
    assert "KeyError: 'no such thing'" in message and "--debug" in message
    monkeypatch.setenv("ATTNBENCH_DEBUG", "1")
    with pytest.raises(KeyError):
        main([str(run), "--out", str(tmp_path / "out")])


@pytest.mark.parametrize("module", ["attnbench.exchange", "attnbench.compare"])
def test_output_that_cannot_be_written_is_one_line_and_no_success(run, module):
    """On a full device, and to a reader that has left."""
    call = [sys.executable, "-m", module, str(run)]
    call += ["--format", "google-benchmark"] if module.endswith("exchange") else [str(run), "--format", "html"]
    environment = os.environ | {"PYTHONPATH": str(REPORTS)}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(call, env=environment, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "attnbench: cannot write the output: No space left on device\n")

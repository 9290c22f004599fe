"""If these fail, a user cannot find earlier runs, @last is not the newest, --open opens nothing or -q talks."""

import json
from pathlib import Path

import pytest

TINY = ["--variants", "naive", "--problem", "b1 h1 n16 d8 f32", "--rounds", "1", "--no-calibrate"]


@pytest.fixture
def runs(attnbench):
    """attnbench in a folder with two finished runs: results/first, then results/second."""
    for name, day in (("first", 1), ("second", 2)):
        attnbench.ok("run", *TINY, "--no-report", "--out", f"results/{name}")
        file = attnbench.folder / "results" / name / "run.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"created": f"2026-01-0{day}T00:00:00Z"}))
    return attnbench


def test_runs_are_listed_newest_first(runs):
    lines = runs.ok("runs").splitlines()
    assert lines[0].split()[:2] == ["RUN", "STARTED"]
    assert [line.split()[0] for line in lines[1:]] == ["results/second", "results/first"]
    assert "complete" in lines[1] and "2026-01-02T00:00:00Z" in lines[1]
    listed = json.loads(runs.ok("runs", "--json"))
    assert [(run["folder"], run["cases"], run["rounds"]) for run in listed] == [
        ("results/second", 1, 1),
        ("results/first", 1, 1),
    ]


def test_a_folder_without_runs_says_how_to_make_one(attnbench):
    assert "no runs below results; `attnbench run` makes one" in attnbench.ok("runs")


def test_a_damaged_run_does_not_hide_the_others(runs):
    broken = runs.folder / "results" / "broken"
    broken.mkdir()
    (broken / "run.json").write_text('{"plan": 3, "created": [')
    odd = runs.folder / "results" / "odd"
    odd.mkdir()
    (odd / "run.json").write_text('{"plan": 3, "created": 7, "environment": []}')
    folders = [run["folder"] for run in json.loads(runs.ok("runs", "--json"))]
    assert folders == ["results/second", "results/first", "results/odd"]
    assert "results/odd" in runs.ok("runs")


@pytest.mark.parametrize(("given", "folder"), [("@last", "results/second"), ("@last~1", "results/first")])
def test_last_names_the_newest_run(runs, given, folder):
    out = runs.ok("report", given)
    assert f"report: {folder}/report/report.html" in out
    exported = json.loads(runs.ok("export", given, "--format", "google-benchmark"))
    assert exported["benchmarks"]
    assert "1 cases ok" in runs("run", "--resume", given, "--no-report").stderr


def test_the_last_two_runs_are_compared(runs):
    compared = json.loads(runs.ok("compare", "@last~1", "@last", "--format", "json"))
    assert [compared[side]["created"][:10] for side in ("base", "new")] == ["2026-01-01", "2026-01-02"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("@last~2", "there is no @last~2: results/ holds 2 runs; `attnbench runs` lists them"),
        ("@first", "'@first' is not a run; expected a folder, @last, or @last~1"),
        ("results", "'results' is not a run: it holds no run.json"),
    ],
)
def test_other_words_are_refused(runs, given, words):
    assert words in runs.refused("report", given)


def test_last_without_any_run_is_refused(attnbench):
    assert "no runs below results/ here" in attnbench.refused("report", "@last")


def test_open_starts_the_browser_with_the_page(runs, tmp_path):
    seen = tmp_path / "seen"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" >{seen}\n')
    browser.chmod(0o755)
    runs.ok("report", "@last", "--open", BROWSER=str(browser))
    page = Path(seen.read_text().strip())
    assert page == runs.folder / "results/second/report/report.html" and page.exists()


def test_without_a_browser_the_page_is_named(runs):
    done = runs("report", "@last", "--open", BROWSER="/does/not/exist")
    assert done.returncode == 0
    assert "could not start a browser with '/does/not/exist'" in done.stderr and "report.html" in done.stderr


def test_quiet_prints_nothing(runs, tmp_path):
    assert runs.ok("run", *TINY, "-q", "--out", tmp_path / "quiet") == ""
    assert runs.ok("report", tmp_path / "quiet", "-q") == ""
    assert (tmp_path / "quiet" / "report" / "report.html").exists()

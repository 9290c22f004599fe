"""If these fail, a user's mistake is not answered with one line that names it, and exit code 2."""

import json
import os

import numpy as np
import pytest

# Arguments, and words that the one line must hold: the value seen and the remedy.
MISTAKES = [
    ([], ["give a command", "list"]),
    (["plann"], ["'plann'", "did you mean 'plan'"]),
    (["plan", "--variantz", "naive"], ["--variantz", "--variants"]),
    (["plan", "extra"], ["extra"]),
    (["plan", "--variants", "blockwize"], ["'blockwize'", "did you mean 'blockwise'"]),
    (["plan", "--variants", ""], ["no variant selected"]),
    (["plan", "--variants", "q*"], ["'q*'", "known:"]),
    (["plan", "--variants", "family:spars"], ["'spars'", "sparse"]),
    (["plan", "--variants", "sliding_window(window=-1)"], ["window=-1"]),
    (["plan", "--variants", "sliding_window(windw=1)"], ["'windw'", "window"]),
    (["plan", "-a", "n"], ["'n'", "n=256:16384:x2"]),
    (["plan", "-a", "n=256:16384"], ["'256:16384'", "n=256:16384:x2"]),
    (["plan", "-a", "n=1k:16k:x1"], ["'x1'", "does not grow"]),
    (["plan", "-a", "n=12q"], ["n=12q", "count"]),
    (["plan", "-a", "(n,d)=(1,2,3)"], ["'(1,2,3)'", "(n,window)="]),
    (["plan", "-a", "nn=4"], ["'nn'", "did you mean"]),
    (["plan", "-a", "n=4", "-a", "n=8"], ["'n'", "twice"]),
    (["plan", "-a", "n=0"], ["n=0", "from 1"]),
    (["plan", "-a", "n=1000000000000m"], ["2^40"]),
    (["plan", "-a", "n=100000000000000m"], ["n=100000000000000m", "count"]),
    (["plan", "-a", "n=1m", "-a", "b=1m", "-a", "h=1k"], ["2^40"]),
    (["plan", "-a", "h=32:5"], ["h32:5", "divide"]),
    (["plan", "-a", "threads=0"], ["threads=0"]),
    (["plan", "--threads", "many"], ["threads=many"]),
    (["plan", "-a", "causal=yes"], ["causal=yes", "top-left"]),
    (["plan", "--problem", "b1 h8 q64"], ["q64"]),
    (["plan", "--problem", "b1 h8 n0 d8"], ["n_q is 0"]),
    (["plan", "--plan", "defualt"], ["'defualt'", "'default'"]),
    (["plan", "--plan", "missing.toml"], ["missing.toml"]),
    (["plan", "--dataset", "gausian"], ["gausian", "gaussian"]),
    (["plan", "--dataset", "text:missing.txt"], ["missing.txt"]),
    (["plan", "--profile", "fast"], ["'fast'", "quick"]),
    (["plan", "--rounds", "0"], ["--rounds", "0"]),
    (["plan", "--memory-budget", "lots"], ["'lots'", "4g"]),
    (["describe", "blockwize"], ["'blockwize'", "'blockwise'"]),
    (["describe"], ["NAME", "--help"]),
    (["list", "everything"], ["everything", "variants"]),
    (["report", "missing"], ["'missing'", "run.json"]),
    (["run", "--resume", "missing"], ["'missing'", "run.json"]),
    (["run", "--plan", "smoke", "--out", "/proc/nowhere"], ["/proc/nowhere"]),
    (["verify", "--plan", "smoke", "--out", "/proc/nowhere"], ["/proc/nowhere"]),
]


@pytest.mark.parametrize(
    "arguments, words", MISTAKES, ids=lambda value: " ".join(value) if isinstance(value, list) else None
)
def test_a_mistake_is_one_line_with_the_value_and_the_remedy(attnbench, tmp_path, arguments, words):
    message = attnbench.refused(*arguments)
    for word in words:
        assert word in message
    assert list(tmp_path.iterdir()) == [], "nothing may be left behind"


def test_a_line_break_in_a_value_does_not_break_the_line(attnbench):
    assert "block wise" in attnbench.refused("plan", "--variants", "block\nwise")


def test_an_unknown_key_in_a_plan_file_is_named_with_the_known_ones(attnbench, tmp_path):
    (tmp_path / "mine.toml").write_text('varants = ["naive"]\n')
    message = attnbench.refused("plan", "--plan", "mine.toml")
    assert "mine.toml" in message and "'varants'" in message and "variants, datasets, problems, axes" in message


def test_a_broken_plan_file_is_named_with_its_line(attnbench, tmp_path):
    (tmp_path / "mine.toml").write_text('name = "x"\naxes = [\n')
    assert "mine.toml, line" in attnbench.refused("plan", "--plan", "mine.toml")


def test_resume_refuses_other_options(attnbench, tmp_path):
    assert "--resume" in attnbench.refused("run", "--resume", "x", "-a", "n=4")


@pytest.fixture
def stored_run(attnbench, tmp_path):
    attnbench.ok(
        "run",
        "--variants",
        "linear",
        "-a",
        "n=4",
        "-a",
        "d=4",
        "--dataset",
        "gaussian",
        "--rounds",
        "1",
        "--samples",
        "1",
        "--threads",
        "1",
        "--no-weights",
        "--no-report",
        "--out",
        "stored",
    )
    return tmp_path / "stored"


def test_a_folder_that_holds_a_run_is_not_written_over(attnbench, stored_run):
    before = (stored_run / "records.jsonl").read_bytes()
    assert "--resume" in attnbench.refused("run", "--plan", "smoke", "--out", "stored")
    assert (stored_run / "records.jsonl").read_bytes() == before


def test_an_unknown_cache_mode_is_refused(attnbench):
    assert "unknown cache mode 'warm'; choose hot or cold" in attnbench.refused("plan", "--cache", "warm")


@pytest.mark.parametrize("version", [1, 99])
def test_a_run_of_another_schema_version_is_refused(attnbench, stored_run, version):
    run = json.loads((stored_run / "run.json").read_text())
    (stored_run / "run.json").write_text(json.dumps(run | {"schema_version": version}))
    said = attnbench.refused("run", "--resume", "stored")
    assert f"schema version {version}, this attnbench writes version 2" in said


def test_a_damaged_run_file_is_refused(attnbench, stored_run):
    (stored_run / "run.json").write_text("{")
    assert "run.json" in attnbench.refused("run", "--resume", "stored")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_folder_is_refused(attnbench, tmp_path):
    tmp_path.chmod(0o500)
    assert "results" in attnbench.refused("run", "--plan", "smoke")


def test_missing_report_packages_cost_the_report_and_not_the_run(attnbench, stored_run):
    fake = stored_run.parent / "python"
    fake.write_text("#!/bin/sh\nexit 3\n")
    fake.chmod(0o755)
    done = attnbench("report", "stored", ATTNBENCH_PYTHON=str(fake))
    assert done.returncode == 1
    assert "lacks packages; run " in done.stderr and "setup.sh" in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_file_shorter_than_the_sweep_asks_for_says_so(attnbench, tmp_path):
    for name in "qkv":
        np.save(tmp_path / f"{name}.npy", np.ones((1, 1, 4, 4), np.float32))
    file = ["--problem", "b1 h1 n8 d4 f32", "--variants", "naive", "--dataset", "file:."]
    done = attnbench("verify", *file)
    assert done.returncode == 2
    assert "4" in done.stderr.splitlines()[-1] and "8" in done.stderr.splitlines()[-1]
    records = json.loads(attnbench.ok("verify", *file, "--problem", "b1 h1 n3 d4 f32", "--json"))
    assert [r["status"] for r in records] == ["skipped", "ok"]
    assert "8" in records[0]["reasons"][0]

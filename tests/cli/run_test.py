"""If these fail, run and verify no longer keep the promises of their exit codes and output."""

import json
import shlex

TINY = [
    "--variants",
    "naive,linear",
    "-a",
    "n=4,8",
    "-a",
    "d=4",
    "-a",
    "h=2",
    "--dataset",
    "gaussian",
    "--threads",
    "1",
]


def test_verify_prints_a_verdict_for_every_case_and_leaves_nothing(attnbench, tmp_path):
    text = attnbench.ok("verify", *TINY, "-a", "softcap=none,3")
    assert text.count(" ok ") == 6 and text.count(" unsupported") == 2
    assert "linear does not support softcap" in text
    assert list(tmp_path.iterdir()) == []


def test_verify_json_holds_a_verify_record_per_case_in_plan_order(attnbench):
    records = json.loads(attnbench.ok("verify", "--json", *TINY))
    planned = json.loads(attnbench.ok("plan", "--json", *TINY))
    assert [r["key"] for r in records] == [case["key"] + "|verify|r0" for case in planned["cases"]]
    assert {r["status"] for r in records} == {"ok"}
    assert all(r["verify"]["rel_rms"] < 1e-5 for r in records)


def test_verify_keeps_its_records_where_it_is_told_to(attnbench, tmp_path):
    attnbench.ok("verify", *TINY, "--out", "kept")
    kinds = {json.loads(line)["kind"] for line in (tmp_path / "kept/records.jsonl").read_text().splitlines()}
    assert kinds == {"verify"}


def test_run_stores_times_the_resolved_plan_and_a_summary(attnbench, tmp_path):
    text = attnbench.ok("run", *TINY, "--rounds", "2", "--samples", "1", "--no-report", "--no-weights")
    directory = next((tmp_path / "results").iterdir())
    assert directory.name.endswith("_default")
    records = [json.loads(line) for line in (directory / "records.jsonl").read_text().splitlines()]
    assert sum(r["kind"] == "time" for r in records) == 2 * 4
    assert "VARIANT" in text and "n8" in text and str(directory.relative_to(tmp_path)) in text
    stored = json.loads((directory / "run.json").read_text())
    (tmp_path / "stored.toml").write_text(stored["plan"]["toml"])
    again = json.loads(attnbench.ok("plan", "--plan", "stored.toml", "--json"))
    assert {case["key"] for case in again["cases"]} == {
        r["key"].removesuffix("|verify|r0") for r in records if r["kind"] == "verify"
    }


def test_a_reproducer_runs_its_case_again(attnbench, tmp_path):
    attnbench.ok("run", *TINY, "--rounds", "1", "--samples", "1", "--no-report", "--no-weights", "--out", "first")
    record = json.loads((tmp_path / "first/records.jsonl").read_text().splitlines()[0])
    program, *arguments = shlex.split(record["reproducer"])
    assert program == "attnbench"
    planned = json.loads(attnbench.ok("plan", *arguments[1:], "--json"))
    assert [record["key"].startswith(case["key"] + "|") for case in planned["cases"]] == [True]


def test_a_case_beyond_the_memory_budget_is_a_recorded_skip_and_no_failure(attnbench):
    records = json.loads(
        attnbench.ok(
            "verify",
            "--json",
            "--problem",
            "b1 h8 n20000 d64 f32",
            "--variants",
            "naive",
            "--dataset",
            "gaussian",
            "--memory-budget",
            "1g",
        )
    )
    assert [r["status"] for r in records] == ["skipped"]
    assert "GiB" in records[0]["reasons"][0]


def test_a_missing_interpreter_costs_the_report_and_not_the_run(attnbench, tmp_path):
    done = attnbench(
        "run",
        *TINY,
        "--rounds",
        "1",
        "--samples",
        "1",
        "--no-weights",
        "--out",
        "r",
        ATTNBENCH_PYTHON="/nonexistent/python",
    )
    assert done.returncode == 0
    assert "no report: cannot start /nonexistent/python" in done.stderr
    assert "VARIANT" in done.stdout
    assert json.loads((tmp_path / "r/run.json").read_text())["status"] == "complete"

"""If these fail, the main command no longer leads from nothing to a verified, measured, plotted comparison."""

import json
import signal
import subprocess
import time
from collections import Counter

import jsonschema
import pytest

from .conftest import ROOT, records, run

SMALL = ["--variants", "naive,blockwise,linear", "-a", "n=16:64:x2", "--dataset", "gaussian", "--rounds", "2"]


@pytest.fixture(scope="module")
def smoke(binary, tmp_path_factory):
    directory = tmp_path_factory.mktemp("smoke") / "run"
    done = run(binary, "run", "--plan", "smoke", "--out", directory)
    assert done.returncode == 0, done.stderr
    return directory, done


def test_every_variant_is_verified_timed_and_reported(binary, tmp_path):
    """With a causal mask or without: what a variant cannot do is a row that says so."""
    problems = ("--problem", "b1 h2 n32 d16 f32", "--problem", "b1 h2 n32 d16 f32 causal")
    quick = "--rounds 1 --samples 1 --no-calibrate --no-weights".split()
    directory = tmp_path / "run"
    done = run(binary, "run", "--variants", "*", "--dataset", "gaussian", *problems, *quick, "--out", directory)
    assert done.returncode == 0, done.stderr
    names = {v["name"] for v in json.loads(run(binary, "list", "--json").stdout)["variants"]}
    for kind in ("verify", "time", "memory"):
        assert names == {r["variant_name"] for r in records(directory) if r["kind"] == kind and r["status"] == "ok"}
    statuses = {r["status"] for r in records(directory)}
    assert statuses == {"ok", "unsupported"}
    page = (directory / "report" / "report.html").read_text(encoding="utf-8")
    assert all(name in page for name in names)


def test_records_and_run_file_follow_the_schemas(smoke):
    directory, _ = smoke
    schema = {name: json.loads((ROOT / f"harness/schema/{name}.schema.json").read_text()) for name in ("record", "run")}
    for record in records(directory):
        jsonschema.validate(record, schema["record"])
    jsonschema.validate(json.loads((directory / "run.json").read_text()), schema["run"])


def test_keys_are_unique_and_only_ok_carries_a_measurement(smoke):
    directory, _ = smoke
    keys = Counter(r["key"] for r in records(directory))
    assert max(keys.values()) == 1
    for record in records(directory):
        if record["status"] != "ok":
            assert not {"time", "memory", "weights"} & record.keys()


def test_the_report_is_whole_and_named_on_stdout(smoke):
    directory, done = smoke
    report = directory / "report"
    for name in ("report.html", "report.md", "summary.json"):
        assert (report / name).stat().st_size > 500
    assert list((report / "figures").glob("*.svg")) and list((report / "tables").glob("*.csv"))
    assert "report.html" in done.stdout
    assert not (directory / "inputs").exists(), "inputs are scratch and must be gone"


def test_killed_and_resumed_run_loses_and_repeats_nothing(binary, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert run(binary, "run", *SMALL, "--no-report", "--out", whole).returncode == 0
    command = [str(binary), "run", *SMALL, "--no-report", "--out", str(broken)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    store = broken / "records.jsonl"
    deadline = time.monotonic() + 120
    while not (store.exists() and store.read_text().count("\n") >= 5):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = store.read_text().splitlines()
    assert run(binary, "run", "--resume", broken, "--no-report").returncode == 0
    after = store.read_text().splitlines()
    assert after[: len(before) - 1] == before[:-1], "records written before the kill must survive untouched"
    assert sorted(r["key"] for r in records(broken)) == sorted(r["key"] for r in records(whole))


def test_interrupt_exits_130_and_says_how_to_go_on(binary, tmp_path):
    directory = tmp_path / "run"
    command = [str(binary), "run", *SMALL, "--no-report", "--out", str(directory)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    store = directory / "records.jsonl"
    deadline = time.monotonic() + 120
    while not (store.exists() and store.read_text().count("\n") >= 2):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "--resume" in stderr
    assert json.loads((directory / "run.json").read_text())["status"] == "interrupted"
    assert store.read_text().endswith("\n")

"""If these fail, a damaged run folder ends a command with an internal error or a crash, or commands the terminal.

Every place of every document is tried in tests/harness/store/damaged_run_test.cpp; here are some, through the program.
"""

import json
from itertools import product

import pytest

VALUES = (None, True, -1, 1e308, "x", [], {})


@pytest.fixture
def stored(attnbench, tmp_path):
    """The folder of a run with one record of each kind but weights."""
    attnbench.ok(
        *"run --variants linear -a n=4 -a d=4 --dataset gaussian --threads 1 --rounds 1 --samples 1".split(),
        *"--no-weights --no-report --no-calibrate -q --out run".split(),
    )
    return tmp_path / "run"


def places(document, here=()):
    """Every place in a document, as the keys that lead there."""
    items = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in items:
        yield (*here, key)
        yield from places(value, (*here, key))


def changed(document, place, value):
    copy = json.loads(json.dumps(document))
    inner = copy
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return copy


def sample(document, count):
    """So many of all places with all values, evenly spread."""
    every = list(product(places(document), VALUES))
    return every[:: max(1, len(every) // count)]


def check(attnbench, *commands):
    for command in commands:
        done = attnbench(*command)
        assert done.returncode in (0, 1, 2), (command, done.returncode, done.stderr)
        assert "internal error" not in done.stderr and "Traceback" not in done.stderr, (command, done.stderr)
        assert done.returncode == 0 or done.stderr.startswith("attnbench: "), (command, done.stderr)


RESUME, RUNS, MERGE = ("run", "--resume", "run", "--dry-run"), ("runs", "."), ("merge", "out", "run", "--partial")
EXPORT = ("export", "run", "--format", "google-benchmark")


def test_a_run_json_with_wrong_values_is_one_line(attnbench, stored):
    document = json.loads((stored / "run.json").read_text())
    for number, (place, value) in enumerate(sample(document, 40)):
        (stored / "run.json").write_text(json.dumps(changed(document, place, value)))
        check(attnbench, RESUME, RUNS, MERGE, *([EXPORT] if number % 10 == 0 else []))


@pytest.mark.parametrize("number", range(3), ids=["verify", "time", "memory"])
def test_a_record_with_wrong_values_is_one_line(attnbench, stored, number):
    lines = [json.loads(line) for line in (stored / "records.jsonl").read_text().splitlines()]
    for line in lines:
        del line["check"]
    for place, value in sample(lines[number], 12):
        damaged = [*lines[:number], changed(lines[number], place, value), *lines[number + 1 :]]
        (stored / "records.jsonl").write_text("".join(json.dumps(line) + "\n" for line in damaged))
        check(attnbench, ("run", "--resume", "run", "--no-report", "--no-calibrate"), MERGE)


def test_the_value_and_what_was_expected_are_named(attnbench, stored):
    document = json.loads((stored / "run.json").read_text())
    (stored / "run.json").write_text(json.dumps(changed(document, ("plan", "name"), 3)))
    said = attnbench.refused("run", "--resume", "run", "--dry-run")
    assert "run/run.json is damaged: plan.name is 3, expected a string; " in said


@pytest.mark.parametrize("kind", ["verify", "time", "memory"])
def test_an_ok_record_without_what_was_measured_is_refused_alike_by_report_and_resume(attnbench, stored, kind):
    records = [json.loads(line) for line in (stored / "records.jsonl").read_text().splitlines()]
    for record in records:
        del record["check"]
        if record["kind"] == kind:
            del record[kind]
    (stored / "records.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    resume = ("run", "--resume", "run", "--no-report", "--no-calibrate")
    for command in (resume, ("report", "run"), ("merge", "out", "run", "--partial")):
        done = attnbench(*command)
        assert done.returncode == 2 and done.stderr.count("\n") == 1
        assert f"is damaged: {kind} is missing; remove that line to measure its case again" in done.stderr


EVIL = "\x1b[2J\x9b31m\u202e"


def test_no_escape_sequence_of_a_stored_run_reaches_the_terminal(attnbench, stored):
    run = json.loads((stored / "run.json").read_text())
    run["plan"]["name"] = run["environment"]["cpu_model"] = EVIL
    (stored / "run.json").write_text(json.dumps(run))
    lines = [json.loads(line) for line in (stored / "records.jsonl").read_text().splitlines()]
    for line in lines:
        del line["check"]
        line["variant"] = line["dataset"] = EVIL
    (stored / "records.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for command in (("runs", "."), ("runs", ".", "--json"), ("run", "--resume", "run", "--no-report", "--no-calibrate"),
                    ("merge", "out", "run", "--partial"), ("describe", EVIL), ("plan", "--dataset", EVIL)):  # fmt: skip
        done = attnbench(*command)
        for sign in "\x1b\x9b\u202e":
            assert sign not in done.stdout + done.stderr, (command, done.stdout, done.stderr)
    assert "\\u001b[2J" in attnbench.ok("runs", ".")
    assert json.loads(attnbench.ok("runs", ".", "--json"))[0]["plan"] == EVIL

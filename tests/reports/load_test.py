"""The reader's side of the schema: what the harness may write is read, and anything else is refused in one line."""

import json
import pickle
import zlib
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from attnbench.load.calibration import Calibration, Level
from attnbench.load.cases import UNFINISHED, cases_of
from attnbench.load.heatmaps import heatmaps_of
from attnbench.load.run import load_runs
from attnbench.support.errors import UserError
from synthetic_runs import ALL_STATUSES, ENVIRONMENT, LAWS, NAIVE, Recipe, make_run, record, run_json

SCHEMAS = Path(__file__).parents[2] / "harness" / "schema"
RECORD_SCHEMA = json.loads((SCHEMAS / "record.schema.json").read_text(encoding="utf-8"))
RUN_SCHEMA = json.loads((SCHEMAS / "run.schema.json").read_text(encoding="utf-8"))
SMALL = Recipe(laws=LAWS[:2], sizes=(64, 128), rounds=3, weights=8)


def lines(run: Path) -> list[str]:
    return (run / "records.jsonl").read_text(encoding="utf-8").splitlines()


def write(run: Path, text: str | bytes) -> None:
    (run / "records.jsonl").write_bytes(text if isinstance(text, bytes) else text.encode())


def refusal(run: Path) -> str:
    with pytest.raises(UserError) as caught:
        load_runs([run])
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_synthetic_runs_follow_the_schemas(tmp_path):
    run = make_run(tmp_path / "run", Recipe(bad=ALL_STATUSES, rounds=2))
    jsonschema.validate(json.loads((run / "run.json").read_text()), RUN_SCHEMA)
    validator = jsonschema.Draft202012Validator(RECORD_SCHEMA)
    records = [json.loads(line) for line in lines(run)]
    for item in records:
        validator.validate(item)
    assert {r["kind"] for r in records} == set(RECORD_SCHEMA["properties"]["kind"]["enum"])
    assert {r["status"] for r in records} == set(RECORD_SCHEMA["properties"]["status"]["enum"])


def test_what_the_schema_requires_of_a_record_is_required(tmp_path):
    run = make_run(tmp_path / "run", SMALL)
    first, *others = (json.loads(line) for line in lines(run))
    for name in set(RECORD_SCHEMA["required"]) - {"schema_version"}:
        bare = {k: v for k, v in first.items() if k != name}
        write(run, "".join(json.dumps(item) + "\n" for item in [bare, *others]))
        assert f"lacks '{name}'" in refusal(run)


def test_a_time_says_all_that_stood_beside_its_samples(tmp_path):
    """Whatever of it is missing breaks the schema, and is refused by the loader."""
    run = make_run(tmp_path / "run", SMALL)
    records = [json.loads(line) for line in lines(run)]
    place, timed = next((k, r) for k, r in enumerate(records) if r["kind"] == "time")
    described = RECORD_SCHEMA["properties"]["time"]
    optional = {"implementation", "counters", "pinned"}  # of external baselines; not on every system; not in older runs
    assert set(timed["time"]) == set(described["required"]) == set(described["properties"]) - optional
    for name in timed["time"]:
        bare = timed | {"time": {k: v for k, v in timed["time"].items() if k != name}}
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(bare, RECORD_SCHEMA)
        write(run, "".join(json.dumps(item) + "\n" for item in [*records[:place], bare, *records[place + 1 :]]))
        assert f"lacks 'time.{name}'" in refusal(run)


def test_the_group_is_the_recorded_one_and_made_up_for_older_runs(tmp_path):
    run = make_run(tmp_path / "run", SMALL)
    recorded = [json.loads(line) for line in lines(run)]
    groups = [c.group for c in cases_of(load_runs([run])[0])]
    assert groups == [f"{c.dataset}|{c.problem}|t{c.threads}" for c in cases_of(load_runs([run])[0])]
    for item in recorded:
        del item["group"]
    write(run, "".join(json.dumps(item) + "\n" for item in recorded))
    assert [c.group for c in cases_of(load_runs([run])[0])] == groups
    write(run, "".join(json.dumps(item | {"group": "other"}) + "\n" for item in recorded))
    assert {c.group for c in cases_of(load_runs([run])[0])} == {"other"}


def test_numbers_that_are_null_are_read(tmp_path):
    run = make_run(tmp_path / "run", SMALL)
    changed = [json.loads(line) for line in lines(run)]
    for item in changed:
        if "verify" in item:
            item["verify"] |= {"rel_rms": None, "max_abs": None, "approximation_rel_rms": None}
        if "time" in item:
            item["time"] |= {"clock_drift": None, "load_1m": None, "share_of_peak": None, "share_of_bandwidth": None}
        jsonschema.validate(item, RECORD_SCHEMA)
    write(run, "".join(json.dumps(item) + "\n" for item in changed))
    assert len(cases_of(load_runs([run])[0])) == 4


@pytest.mark.parametrize("kind", ["verify", "time", "memory", "weights"])
def test_an_ok_record_without_its_payload_is_refused_in_the_words_of_resume(tmp_path, kind):
    run = make_run(tmp_path / "run", SMALL)
    bare = record(SMALL, NAIVE, "b1 h1 n32 d8 f32", 1, kind, 0, "ok")
    write(run, "\n".join([*lines(run), json.dumps(bare)]) + "\n")
    number = len(lines(run))
    said = f"records.jsonl' line {number} is damaged: {kind} is missing; remove that line to measure its case again"
    assert said in refusal(run)


def test_a_torn_last_line_is_skipped_with_a_warning(tmp_path):
    run = make_run(tmp_path / "run", SMALL)
    whole = lines(run)
    write(run, "\n".join(whole)[:-30])
    loaded = load_runs([run])[0]
    assert len(loaded.records) == len(whole) - 1
    assert any("torn" in w for w in loaded.warnings)


def test_a_last_line_cut_inside_a_character_is_torn_too(tmp_path):
    run = make_run(tmp_path / "run", SMALL)
    write(run, "\n".join(lines(run)).encode() + b'\n{"key": "\xc3')
    assert any("torn" in w for w in load_runs([run])[0].warnings)


def test_a_torn_line_before_the_last_is_refused(tmp_path):
    run = make_run(tmp_path / "run", SMALL)
    whole = lines(run)
    write(run, "\n".join([whole[0], whole[1][:-9], *whole[2:]]) + "\n")
    assert "line 2 is not JSON" in refusal(run)


@pytest.mark.parametrize("name", ["run.json", "records.jsonl"])
def test_another_schema_version_is_refused(tmp_path, name):
    run = make_run(tmp_path / "run", SMALL)
    text = (run / name).read_text().replace('"schema_version": 2', '"schema_version": 1', 1)
    (run / name).write_text(text)
    assert "schema version 1" in refusal(run)


@pytest.mark.parametrize("text", ["", "\n\n", '{"schema'])
def test_a_run_without_records_is_refused(tmp_path, text):
    run = make_run(tmp_path / "run", SMALL)
    write(run, text)
    assert "no records" in refusal(run)


def test_what_is_not_a_run_is_refused(tmp_path):
    assert "no run directory" in refusal(tmp_path / "absent")
    assert "run.json" in refusal(tmp_path)
    run = make_run(tmp_path / "run", SMALL)
    (run / "run.json").write_text("{")
    assert "cannot read" in refusal(run)


def test_a_time_that_is_not_above_0_is_refused(tmp_path):
    run = make_run(tmp_path / "run", SMALL)
    records = list(map(json.loads, lines(run)))
    next(r for r in records if "time" in r)["time"]["samples_s"][0] = 0
    write(run, "".join(json.dumps(r) + "\n" for r in records))
    assert "not above 0" in refusal(run)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"environment": None}, "environment is null, expected an object"),
        ({"sessions": {}}, "sessions is {}, expected a list"),
        ({"variants": [None]}, "variants[0] is null, expected an object"),
        ({"run_id": 7}, "run_id is 7, expected a string"),
        ({"plan": []}, "plan is [], expected an object"),
    ],
)
def test_a_run_json_of_wrong_types_is_refused(tmp_path, change, said):
    """F48: these were tracebacks."""
    run = make_run(tmp_path / "run", SMALL)
    (run / "run.json").write_text(json.dumps(json.loads((run / "run.json").read_text()) | change))
    assert f"run.json' is damaged: {said}" in refusal(run)


def test_deep_nesting_is_refused(tmp_path):
    run, deep = make_run(tmp_path / "run", SMALL), "[" * 100_000 + "]" * 100_000
    write(run, deep + "\n" + "\n".join(lines(run)) + "\n")
    assert "line 1 is nested too deeply" in refusal(run)
    (run / "run.json").write_text(deep)
    assert "nested too deeply" in refusal(run)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "guess"}, "kind 'guess'"),
        ({"problem": ...}, "lacks 'problem'"),
        ({"verify": {}}, "lacks 'verify.oracle'"),
        ({"threads": "two"}, 'threads is "two", expected a whole number'),
        ({"cost": None}, "cost is null, expected an object"),
        ({"reasons": "none"}, 'reasons is "none", expected a list'),
        ({"problem_fields": {"n_k": 1.5}}, "problem_fields.n_k is 1.5, expected a whole number"),
        ({"prediction": {"seconds": True}}, "prediction.seconds is true, expected a number"),
        ({"time": {"samples_s": [0.1, "fast"]}}, 'time.samples_s[1] is "fast", expected a number'),
        ({"session": 1}, "of session 1, but run.json lists 1"),
    ],
)
def test_a_record_that_breaks_the_schema_is_refused(tmp_path, change, said):
    run = make_run(tmp_path / "run", SMALL)
    first = json.loads(lines(run)[0]) | change
    first = {k: v for k, v in first.items() if v is not ...}
    write(run, json.dumps(first) + "\n" + "\n".join(lines(run)[1:]) + "\n")
    assert said in refusal(run)
    assert "line 1" in refusal(run)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"plan": {"name": "x"}}, "lacks 'plan.profile'"),
        ({"environment": {}}, "lacks 'environment.cpu_model'"),
        ({"variants": [{}]}, "lacks 'variants.label'"),
        ({"sessions": [{}]}, "lacks 'sessions.started'"),
        ({"sessions": ...}, "lacks 'sessions'"),
        ({"calibration": ...}, "lacks 'calibration'"),
    ],
)
def test_a_run_json_that_breaks_the_schema_is_refused(tmp_path, change, said):
    run = make_run(tmp_path / "run", SMALL)
    changed = {k: v for k, v in (run_json(SMALL) | change).items() if v is not ...}
    (run / "run.json").write_text(json.dumps(changed))
    assert said in refusal(run)


def test_runs_of_the_same_name_are_told_apart(tmp_path):
    paths = [make_run(tmp_path / name, SMALL) for name in ("a", "b")]
    assert [r.label for r in load_runs(paths)] == [SMALL.run_id, f"{SMALL.run_id} #2"]


def test_a_repeated_key_keeps_the_later_record_and_warns(tmp_path):
    run = make_run(tmp_path / "run", SMALL)
    again = json.loads(lines(run)[0]) | {"seed": 99}
    write(run, "\n".join([*lines(run), json.dumps(again)]) + "\n")
    loaded = load_runs([run])[0]
    assert any("share the key" in w for w in loaded.warnings)
    assert loaded.records[0]["seed"] == 99


def test_every_status_reaches_its_case(tmp_path):
    run = make_run(tmp_path / "run", Recipe(bad=ALL_STATUSES, rounds=2))
    found = {(c.name, c.n): (c.status, bool(c.times)) for c in cases_of(load_runs([run])[0])}
    for place, (kind, status) in ALL_STATUSES.items():
        assert found[place] == (status, kind == "memory" and status != "misdeclared"), place
    assert sum(status != "ok" for status, _ in found.values()) == len(ALL_STATUSES)


def test_one_failed_round_takes_the_times_of_the_others_with_it(tmp_path):
    run = make_run(
        tmp_path / "run",
        Recipe(laws=LAWS[:1], sizes=(64,), rounds=4, weights=0, bad={("naive", 64): ("time", "crashed")}),
    )
    (case,) = cases_of(load_runs([run])[0])
    assert (case.status, case.times) == ("crashed", {})
    assert case.reasons[0].startswith("time, round 3: ")


def test_a_verified_case_of_an_interrupted_run_is_unfinished(tmp_path):
    run = make_run(tmp_path / "run", Recipe(laws=LAWS[:1], sizes=(64,), weights=0, status="interrupted"))
    write(run, lines(run)[0] + "\n")
    loaded = load_runs([run])[0]
    assert [c.status for c in cases_of(loaded)] == [UNFINISHED]
    assert any("--resume" in w for w in loaded.warnings)


def test_a_complete_run_that_only_verified_is_not_unfinished(tmp_path):
    run = make_run(tmp_path / "run", Recipe(laws=LAWS[:1], sizes=(64,), weights=0))
    write(run, lines(run)[0] + "\n")
    assert [c.status for c in cases_of(load_runs([run])[0])] == ["ok"]


@pytest.mark.parametrize(
    ("problem", "n", "setting"),
    [
        ("b1 h8 n1024 d64 f32", 1024, "b1 h8 d64 f32"),
        ("b2 h32:8 n1:4096 d128 f32 causal-bottom-right", 4096, "b2 h32:8 n_q=1 d128 f32 causal-bottom-right"),
        ("b1 h1 n64 d32:48 f32 causal window=127:0", 64, "b1 h1 d32:48 f32 causal window=127:0"),
    ],
)
def test_the_setting_is_the_problem_without_its_length(tmp_path, problem, n, setting):
    run = make_run(tmp_path / "run", Recipe(laws=LAWS[:1], sizes=(n,), problems=(problem,), rounds=1, weights=0))
    (case,) = cases_of(load_runs([run])[0])
    assert (case.n, case.setting) == (n, setting)


def test_heat_maps_give_the_first_head_and_its_words(tmp_path):
    run = make_run(tmp_path / "run", SMALL)
    stored = np.load(run / "weights" / "naive.npy")
    stored[1] = 0
    np.save(run / "weights" / "naive.npy", stored)
    first = heatmaps_of(load_runs([run])[0])[0]
    assert np.array_equal(first.weights, stored[0].astype(float))
    assert len(first.labels) == 8


@pytest.mark.parametrize("damage", ["missing", "torn", "shape", "outside", "pickle"])
def test_a_matrix_that_cannot_be_read_says_why(tmp_path, damage):
    run = make_run(tmp_path / "run", SMALL)
    file = run / "weights" / "naive.npy"
    if damage == "missing":
        file.unlink()
    elif damage == "torn":
        file.write_bytes(file.read_bytes()[:100])
    elif damage == "shape":
        np.save(file, np.zeros((8, 8), np.float32))
    elif damage == "pickle":
        file.write_bytes(pickle.dumps({}))
    else:
        write(run, (run / "records.jsonl").read_text().replace("weights/naive.npy", "../secret.npy"))
        np.save(tmp_path / "secret.npy", np.zeros((1, 8, 8), np.float32))
    first = heatmaps_of(load_runs([run])[0])[0]
    assert first.weights is None
    assert "npy" in first.missing


def test_a_case_measured_over_several_sessions_keeps_all_rounds_and_names_them(tmp_path):
    recipe = Recipe(laws=LAWS[:1], sizes=(64,), rounds=6, weights=0, sessions=2)
    (case,) = cases_of(load_runs([make_run(tmp_path / "run", recipe)])[0])
    assert (case.sessions, len(case.times)) == ((0, 1), 6)


@pytest.mark.parametrize("what", ["binary", "machine"])
def test_records_of_several_binaries_or_machines_are_warned_of(tmp_path, what):
    run = make_run(tmp_path / "run", Recipe(laws=LAWS[:1], sizes=(64,), rounds=2, weights=0, sessions=2))
    assert load_runs([run])[0].warnings == tuple(ENVIRONMENT["warnings"])
    meta = json.loads((run / "run.json").read_text())
    meta["sessions"][1][f"{what}_id"] = "another"
    (run / "run.json").write_text(json.dumps(meta))
    assert any(f"2 different {what[:5]}" in w for w in load_runs([run])[0].warnings)


def test_calibrated_bandwidths_become_the_levels_of_the_memory_hierarchy(tmp_path):
    calibration = load_runs([make_run(tmp_path / "run", SMALL)])[0].calibration
    assert calibration.levels(2) == [Level(32 << 10, 200, False), Level(2 << 20, 80, False), Level(256 << 20, 12, True)]
    assert calibration.levels(64) == []
    assert list(calibration.fma_peaks(2).items()) == [("AVX2", 900), ("SSE4", 225)]
    assert calibration.fma_peaks(2, "f64") == {}
    assert calibration.sgemm_peak(1) == pytest.approx(360)


def test_sizes_that_fit_a_cache_in_part_are_no_level():
    rates = {2**14: 222, 2**15: 223, 2**16: 118, 2**20: 102, 2**23: 98, 2**24: 77, 2**25: 50, 2**26: 32, 2**27: 17}
    bandwidth = [{"kind": "read", "threads": 1, "working_set_bytes": s, "gbytes_per_s": r} for s, r in rates.items()]
    assert Calibration({"bandwidth": bandwidth}).levels(1) == [
        Level(2**15, 223, False), Level(2**23, 118, False), Level(2**27, 17, True)
    ]  # fmt: skip


def test_a_run_without_calibration_has_none(tmp_path):
    run = make_run(tmp_path / "run", Recipe(laws=LAWS[:1], sizes=(64,), rounds=1, weights=0, calibrated=False))
    assert load_runs([run])[0].calibration is None


def test_run_json_of_the_maker_has_no_field_of_its_own():
    jsonschema.validate(run_json(SMALL), RUN_SCHEMA)


def test_a_record_changed_after_it_was_written_is_refused_by_its_line(tmp_path):
    run = make_run(tmp_path / "run", SMALL)
    checked = []
    for line in lines(run):
        text = line.removesuffix("}")
        checked.append(f'{text},"check":"{zlib.crc32(text.encode()):08x}"}}')
    write(run, "\n".join(checked) + "\n")
    assert all("check" not in r for r in load_runs([run])[0].records)
    wrong = checked[1].replace('"seed": 1', '"seed": 7')
    assert wrong != checked[1]
    write(run, "\n".join([checked[0], wrong, *checked[2:]]) + "\n")
    assert "line 2 was changed after it was written" in refusal(run)

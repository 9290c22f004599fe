"""summary.json: every finding of the page as numbers, under a schema that notices what is missing."""

import copy
import json
import math
from pathlib import Path

import jsonschema
import pytest
from attnbench.model import build_model
from attnbench.pages.cases import failure_table
from attnbench.pages.data import summary
from attnbench.pages.trust import ceiling_table, facts
from attnbench.support import units
from synthetic_runs import LAWS, REASONS, Recipe, make_run

ADDED = ("approximation_rows", "approximation_interval")  # to the verify records, with the baselines
SCHEMA = json.loads((Path(__file__).parents[2] / "reports" / "summary.schema.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def found(standard) -> dict:
    """The summary of ten rounds of naive (n^2), blockwise (n^2) and linear (n)."""
    return json.loads(json.dumps(summary(standard), allow_nan=False))


@pytest.mark.parametrize("name", ["full", "compared"])
def test_the_summary_follows_its_schema(request, name):
    jsonschema.validate(request.getfixturevalue(name).summary, SCHEMA)


def test_no_part_of_the_summary_may_be_missing(found):
    jsonschema.validate(found, SCHEMA)
    parts = [(), ("trust",), ("trust", "false_positives"), ("trust", "minimum_effect"), ("complexity", 0),
             ("crossovers", 0), ("series", 0), ("series", 0, "time_fit"), ("cases", 0)]  # fmt: skip
    for path in parts:
        for name in _at(found, path):
            broken = copy.deepcopy(found)
            del _at(broken, path)[name]
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate(broken, SCHEMA)


def _at(value, path):
    for step in path:
        value = value[step]
    return value


def test_the_summary_holds_the_laws_that_made_the_run(full):
    series = {s["variant"]: s for s in full.summary["series"]}
    for law in LAWS:
        made = series[law.label]["time_fit"]
        assert made["low"] <= law.exponent + 0.01
        assert made["slope"] == pytest.approx(law.exponent, abs=0.02)
    assert series["naive"]["memory_fit"]["slope"] == pytest.approx(2)
    assert series["linear"]["memory_fit"] is None
    assert series["naive"]["largest_n"] == 8192
    assert full.summary["baseline"] == "blockwise"
    assert series["naive"]["speedup_n"] == 8192
    assert series["linear"]["speedup_n"] == 16384


def test_an_exponent_comes_with_its_verdict_and_the_interval_it_rests_on(found):
    fits = {s["variant"]: s["time_fit"] for s in found["series"]}
    for fit in fits.values():
        excluded = not fit["curvature_low"] <= 0 <= fit["curvature_high"]
        assert fit["curvature_low"] < fit["curvature"] < fit["curvature_high"]
        assert (fit["curved"], fit["verdict"]) == (excluded, "no single exponent" if excluded else "no bend detectable")


def test_trust_is_what_the_page_says_in_numbers(standard, found):
    said, trust = {f.name: f.value for f in facts(standard)}, found["trust"]
    rate = trust["false_positives"]
    assert said["A/A false positives"].startswith(f"{rate['count']} of {rate['cases']} cases")
    assert 0 <= rate["low"] <= rate["rate"] == rate["count"] / rate["cases"] <= rate["high"] < 1
    assert said["noise floor"] == units.percent(trust["noise_floor"])
    effect = trust["minimum_effect"]
    assert (
        said["minimum detectable effect"]
        == f"{units.percent(effect['median'])}, worst {units.percent(effect['highest'])}"
    )
    assert said["outliers"].startswith(f"{trust['outliers']} of ")
    assert (trust["cases_timed"], trust["samples"]) == (24, 720)
    assert (trust["involuntary_switches"], trust["samples_switched"]) == (480, 240)
    assert trust["clock_drift"] == {"median": 0.02, "highest": 0.02}
    assert trust["load_1m"] == {"median": 0.3, "highest": 0.3}
    assert (trust["cases_predicted"], trust["cases_predicted_right"]) == (24, 24)
    assert (trust["stops"], trust["sessions"], trust["mixed_origins"]) == ({"narrow": 1}, 2, False)
    assert (trust["cases_above_ceiling"], trust["alarms"]) == (0, [])


def test_a_measurement_error_raises_an_alarm(tmp_path):
    run = make_run(tmp_path / "run", Recipe(laws=LAWS[5:6], sizes=(1024,), peak_gflops=90, weights=0))
    trust = summary(build_model([run]))["trust"]
    assert (trust["cases_above_ceiling"], trust["alarms"]) == (1, ["above the machine's ceiling"])


def test_a_case_refused_for_its_time_counts_as_above_the_ceiling_and_a_misdeclared_one_has_no_time(tmp_path):
    bad = {("linear", 128): ("time", "above_ceiling"), ("linear", 64): ("memory", "misdeclared")}
    laws = [law for law in LAWS if law.name in ("naive", "linear")]
    run = make_run(tmp_path / "run", Recipe(laws=laws, sizes=(64, 128), bad=bad, weights=0))
    report = build_model([run])
    trust = summary(report)["trust"]
    assert (trust["cases_timed"], trust["cases_above_ceiling"]) == (2, 1)
    assert trust["alarms"] == ["above the machine's ceiling"]
    assert any(REASONS["above_ceiling"] in line for line in report.warnings)
    found = {(p.case.variant, p.n): (p.case.status, p.time is None) for p in report.failed}
    assert found == {("linear", 128): ("above_ceiling", True), ("linear", 64): ("misdeclared", True)}
    for table in (ceiling_table(report), failure_table(report)):
        assert REASONS["above_ceiling"] in str([[c.text(row) for c in table.columns] for row in table.rows])


def test_what_few_rounds_cannot_tell_is_null(tmp_path):
    run = make_run(tmp_path / "run", Recipe(laws=LAWS[:1], sizes=(64, 128), rounds=3, weights=0))
    few = summary(build_model([run]))
    jsonschema.validate(few, SCHEMA)
    assert [few["trust"][name] for name in ("false_positives", "noise_floor", "minimum_effect")] == [None] * 3
    assert few["trust"]["alarms"] == ["minimum detectable effect"]
    assert few["crossovers"] == []


def test_without_a_time_there_is_no_trust(tmp_path):
    bad = {("naive", 64): ("verify", "mismatch")}
    run = make_run(tmp_path / "run", Recipe(laws=LAWS[:1], sizes=(64,), bad=bad, weights=0))
    untimed = summary(build_model([run]))
    jsonschema.validate(untimed, SCHEMA)
    assert untimed["trust"] is None


def test_a_crossover_brackets_the_length_at_which_the_laws_meet(found):
    """0.012 (n / 1024)^2 = 0.003 n / 1024 at n = 256; naive is slower at every size and crosses nothing."""
    (row,) = found["crossovers"]
    assert (row["base"], row["new"], row["crossing"]) == ("blockwise", "linear", "one")
    assert row["n_low"] <= 256 <= row["n_high"]
    assert row["n_low"] <= row["n"] <= row["n_high"]
    assert row["n"] == pytest.approx(256, rel=0.05)
    assert row["sizes"][0] < row["n"] < row["sizes"][-1]


def test_growth_is_judged_against_what_was_declared(found):
    rows = {(row["variant"], row["quantity"]): row for row in found["complexity"]}
    assert len(rows) == len(found["complexity"]) == 3 * 4
    for variant, power in (("naive", 2), ("blockwise", 2), ("linear", 1)):
        row = rows[variant, "time"]
        assert (row["verdict"], row["label"]) == ("AGREES", f"O(n^{power})")
        assert row["declared_slope"] == pytest.approx(power)
        assert row["measured_low"] <= row["measured_slope"] <= row["measured_high"]
        assert math.isclose(row["measured_slope"], power, abs_tol=0.05)
    assert rows["linear", "memory"]["measured_slope"] is None


def test_a_variant_that_exceeds_its_label_is_told_by_the_summary(tmp_path):
    run = make_run(tmp_path / "run", Recipe(laws=LAWS[:1], weights=0))
    text = (run / "run.json").read_text().replace('"time_label": "O(n^2)"', '"time_label": "O(n)"')
    (run / "run.json").write_text(text)
    (row,) = (r for r in summary(build_model([run]))["complexity"] if r["quantity"] == "time")
    assert (row["verdict"], row["declared_slope"]) == ("EXCEEDS", 1)
    assert row["measured_low"] > 1.9


def test_an_approximation_error_comes_with_its_interval_and_baselines(found):
    row = next(c for c in found["cases"] if c["variant"] == "linear" and c["n"] == 4096)
    assert row["approximation_rows"] == 256
    assert 0 < row["approximation_low"] < row["approximation_rel_rms"] < row["approximation_high"]
    assert (row["baseline_zeros_rel_rms"], row["baseline_mean_v_rel_rms"]) == (1.0, 0.9)
    small = next(c for c in found["cases"] if c["variant"] == "linear" and c["n"] <= 1024)
    assert small["approximation_rows"] == small["n_q"]
    assert small["approximation_low"] is small["approximation_high"] is None


def test_runs_that_lack_the_baselines_stay_readable(tmp_path):
    path = make_run(tmp_path / "old")
    file = path / "records.jsonl"
    records = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    for record in records:
        for name in [n for n in record.get("verify", {}) if n.startswith("baseline_") or n in ADDED]:
            del record["verify"][name]
    file.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    data = json.loads(json.dumps(summary(build_model([path])), allow_nan=False))
    jsonschema.validate(data, SCHEMA)
    assert all(row[name] is None for row in data["cases"] for name in ("approximation_rows", "baseline_zeros_rel_rms"))
    assert all(row["approximation_rel_rms"] is not None for row in data["cases"] if row["status"] == "ok")

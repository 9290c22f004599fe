"""If these fail, sides are joined wrongly, compared when they must not be, or a verdict does not reach its reader."""

import json
import random
import re
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from attnbench_reports.compare.__main__ import main
from attnbench_reports.compare.checks import Allowed
from attnbench_reports.compare.model import compared
from attnbench_reports.compare.sides import sides_of_runs
from attnbench_reports.compare.terminal import terminal
from attnbench_reports.errors import UserError
from synthetic_runs import LAWS, Recipe, make_run

NAIVE, BLOCKWISE, LINEAR = LAWS[0], LAWS[5], LAWS[9]
RECIPE = Recipe(run_id="base", laws=(NAIVE, BLOCKWISE, LINEAR), sizes=(128, 256, 512), weights=0)
OTHER = replace(RECIPE, run_id="new", noise_seed=2)
SLOWER_BLOCKWISE = replace(OTHER, laws=(NAIVE, replace(BLOCKWISE, seconds=1.1 * BLOCKWISE.seconds), LINEAR))
SCHEMA = json.loads((Path(__file__).parents[2] / "reports" / "comparison.schema.json").read_text(encoding="utf-8"))


@pytest.fixture
def make(tmp_path):
    """Makes a run and returns its folder; the folder has the run's name."""
    return lambda recipe: make_run(tmp_path / recipe.run_id, recipe)


@pytest.fixture
def base(make) -> Path:
    return make(RECIPE)


def edit(run: Path, **members) -> Path:
    """Replaces members of run.json."""
    meta = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(meta | members))
    return run


def rewrite(run: Path, change) -> Path:
    """Passes every record through `change`; None drops it."""
    records = [json.loads(line) for line in (run / "records.jsonl").read_text().splitlines()]
    kept = [record for record in map(change, records) if record is not None]
    (run / "records.jsonl").write_text("".join(json.dumps(r) + "\n" for r in kept))
    return run


def compare(base: Path, new: Path, **allowed: bool):
    return compared(*sides_of_runs(base, new), "unpaired", Allowed(**allowed))


def verdicts(found) -> dict[str, set[str]]:
    named: dict[str, set[str]] = {}
    for row in found.rows:
        named.setdefault(row.key.variant, set()).add(str(row.judged.verdict))
    return named


def refused(capsys, *arguments) -> str:
    assert main([str(a) for a in arguments]) == 2
    output = capsys.readouterr()
    assert output.out == "" and output.err.startswith("attnbench: ") and output.err.count("\n") == 1
    return output.err


def test_ten_per_cent_are_called_where_they_are_and_nowhere_else(base, make):
    found = compare(base, make(SLOWER_BLOCKWISE))
    assert verdicts(found)["blockwise"] == {"SLOWER"}
    assert not {"FASTER", "SLOWER"} & (verdicts(found)["naive"] | verdicts(found)["linear"])
    mean = {m.variant: m.ratio for m in found.means}
    assert mean["blockwise"] == pytest.approx(1.1, abs=0.01) and mean["naive"] == pytest.approx(1, abs=0.01)
    assert [row.slower_by > 0.08 for row in found.rows if row.key.variant == "blockwise"] == [True] * 3


def test_a_run_against_its_reshuffled_copy_calls_nothing(base, make):
    def shuffled(record):
        if record["kind"] == "time":
            order = random.Random(record["key"].rpartition("|")[0]).sample(range(RECIPE.rounds), RECIPE.rounds)
            record["round"] = order[record["round"]]
            record["key"] = f"{record['key'].rpartition('|')[0]}|r{record['round']}"
        return record

    copy = rewrite(make(replace(RECIPE, run_id="copy")), shuffled)
    found = compare(base, copy)
    assert len(found.rows) == 9
    assert {v for values in verdicts(found).values() for v in values} <= {"SAME", "UNDECIDED"}
    assert {row.measured.ratio for row in found.rows} == {1.0}


def test_cases_join_on_everything_but_the_round(base, make):
    other = make(replace(OTHER, sizes=(256, 512, 1024), threads=(2, 4)))
    found = compare(base, other)
    assert {(row.key.n, row.key.threads) for row in found.rows} == {(256, 2), (512, 2)}
    only_new = [left for left in found.left if left.why == "only in new"]
    assert {(left.key.n, left.key.threads) for left in only_new} == {(1024, 2), (256, 4), (512, 4), (1024, 4)}
    assert all(row.base.rounds != row.new.rounds for row in found.rows)


def test_a_cold_case_is_not_a_hot_one(base, make):
    cold = rewrite(make(OTHER), lambda r: r | {"cache": "cold", "key": r["key"].replace("|t2|", "|t2|cold|")})
    with pytest.raises(UserError, match="no measured case in common"):
        compare(base, cold)


def test_a_case_that_fails_in_the_new_run_is_lost_and_a_skipped_one_is_not(base, make):
    bad = {("naive", 256): ("time", "crashed"), ("linear", 128): ("verify", "skipped")}
    found = compare(base, make(replace(OTHER, bad=bad)))
    assert {(left.key.variant, left.lost) for left in found.left} == {("naive", True), ("linear", False)}
    assert any("crashed" in line for line in found.regressions(0.5))


def test_other_seeds_and_datasets_are_refused_by_name(capsys, base, make):
    assert "different seeds (1; 5)" in refused(capsys, base, make(replace(OTHER, run_id="s", seed=5)))
    gaussian = make(replace(OTHER, run_id="g", dataset="gaussian"))
    assert "different datasets (text; gaussian)" in refused(capsys, base, gaussian)
    assert main([str(base), str(gaussian), "--allow-different-inputs"]) == 0
    output = capsys.readouterr().out
    assert "text / gaussian" in output and "warning: inputs of different datasets" in output


def test_one_name_with_other_contents_is_another_dataset(capsys, base, make):
    new = edit(make(OTHER), datasets={"text": "text#v1#other"})
    assert "different contents of the same dataset (text)" in refused(capsys, base, new)
    assert main([str(base), str(new), "--allow-different-inputs"]) == 0
    assert "warning: different contents of the same dataset" in capsys.readouterr().out
    assert compare(base, edit(new, datasets={"gaussian": "unmet by the other"})).rows


def test_another_machine_is_refused_unless_told_otherwise(capsys, base, make):
    new = make(OTHER)
    sessions = [s | {"machine_id": "m2"} for s in json.loads((new / "run.json").read_text())["sessions"]]
    edit(new, machine_id="m2", sessions=sessions)
    assert "--allow-different-machines" in refused(capsys, base, new)
    assert main([str(base), str(new), "--allow-different-machines"]) == 0
    assert "ratios compare machines and code together" in capsys.readouterr().out


def test_a_build_that_is_faster_because_it_is_less_accurate_is_set_aside(base, make):
    worse = replace(LINEAR, seconds=0.5 * LINEAR.seconds, error=0.6)
    new = make(replace(OTHER, laws=(NAIVE, BLOCKWISE, worse)))
    found = compare(base, new)
    assert "linear" not in verdicts(found)
    assert [left.why for left in found.left] == ["error 4.7e-01 against error 6.0e-01"] * 3
    assert verdicts(compare(base, new, errors=True))["linear"] == {"FASTER"}


def test_variants_of_unequal_accuracy_are_refused_and_equal_ones_paired_by_round(capsys, base):
    message = refused(capsys, base, "--variants", "naive", "linear")
    assert "not equally accurate (exact against error 4.7e-01)" in message and "--allow-different-errors" in message
    assert main([str(base), "--variants", "naive", "blockwise", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["design"] == "paired" and found["counts"]["FASTER"] == 3
    assert [row["variant"] for row in found["rows"]] == ["blockwise vs naive"] * 3


def test_a_drift_of_the_machine_raises_what_counts_as_a_change(base, make):
    slow = [replace(law, seconds=1.04 * law.seconds) for law in RECIPE.laws]
    quiet = compare(base, make(replace(OTHER, laws=tuple(slow))))
    drifted = compare(base, make(replace(OTHER, run_id="d", laws=tuple(slow), peak_gflops=900 / 1.06)))
    assert {v for values in verdicts(quiet).values() for v in values} == {"SLOWER"}
    assert "SLOWER" not in {v for values in verdicts(drifted).values() for v in values}
    assert any("FMA rate differs between the sides by up to 6.0 %" in line for line in drifted.warnings)


def test_too_few_rounds_are_said_before_anybody_reads_the_table(base, make):
    found = compare(make(replace(RECIPE, run_id="b3", rounds=3)), make(replace(OTHER, rounds=3)))
    assert verdicts(found) == {name: {"UNDECIDED"} for name in ("naive", "blockwise", "linear")}
    assert any(re.search(r"3 rounds cannot decide a table of 9 rows: \d+ on each side", w) for w in found.warnings)


def test_only_differing_fields_of_the_environment_are_shown(base, make):
    new = make(OTHER)
    environment = json.loads((new / "run.json").read_text())["environment"]
    edit(new, environment=environment | {"compiler": "g++ 13.1", "load_1m": 0.2})
    found = compare(base, new)
    assert [(d.name, d.base, d.new) for d in found.environment] == [("compiler", "g++ 12.2", "g++ 13.1")]
    busy = edit(new, environment=environment | {"load_1m": 1.9})
    assert [d.name for d in compare(base, busy).environment] == ["load before the run"]


def test_fail_on_regression_knows_the_accepted_share(capsys, base, make):
    new = make(SLOWER_BLOCKWISE)
    code = {share: main([str(base), str(new), "--fail-on", share]) for share in
            ("regression", "regression=5%", "regression=15%")}  # fmt: skip
    assert code == {"regression": 3, "regression=5%": 3, "regression=15%": 0}
    assert capsys.readouterr().err.count("regression: blockwise") == 6
    assert main([str(new), str(base), "--fail-on", "regression"]) == 0, "FASTER is no regression"


def test_a_lost_case_is_a_regression_whatever_is_accepted(capsys, base, make):
    new = make(replace(OTHER, bad={("naive", 256): ("verify", "mismatch")}))
    assert main([str(base), str(new), "--fail-on", "regression=50%"]) == 3
    assert "regression: naive, b1 h8 n256 d64 f32: new: mismatch" in capsys.readouterr().err


def test_a_larger_noise_floor_turns_verdicts(capsys, base, make):
    new = make(SLOWER_BLOCKWISE)
    assert main([str(base), str(new), "--noise-floor", "20%", "--fail-on", "regression"]) == 0
    assert "0 SLOWER" in capsys.readouterr().out


def test_every_format_is_written_and_the_json_follows_its_schema(capsys, base, make, tmp_path):
    assert main([str(base), str(make(SLOWER_BLOCKWISE)), "--out", str(tmp_path / "out")]) == 0
    names = {p.name for p in (tmp_path / "out").iterdir()}
    assert names == {f"comparison.{kind}" for kind in ("md", "html", "json", "csv", "tex")}
    stored = json.loads((tmp_path / "out" / "comparison.json").read_text())
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(stored, SCHEMA)
    text = capsys.readouterr().out
    assert f"{stored['counts']['SLOWER']} SLOWER" in text
    html = (tmp_path / "out" / "comparison.html").read_text()
    assert "http://" not in html.replace("http://www.w3.org", "") and "SLOWER" in html


def test_markdown_shows_what_changed_and_folds_the_rest(capsys, base, make):
    assert main([str(base), str(make(SLOWER_BLOCKWISE)), "--format", "markdown"]) == 0
    text = capsys.readouterr().out
    visible = text.split("<details>")[0]
    assert visible.count("🔴 SLOWER") == 3 and "| naive | text" not in visible
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        cells = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(cells) == 1, table
    assert text.count("<details>") == text.count("</details>") >= 1


def test_colours_are_for_terminals_only(capsys, base, make):
    found = compare(base, make(SLOWER_BLOCKWISE))
    assert "\x1b" not in terminal(found)
    assert "\x1b[31mSLOWER" in terminal(found, colour=True)
    assert main([str(base), str(base.parent / "new")]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_nothing_in_common_and_wrong_calls_are_one_line(capsys, base, make, tmp_path):
    assert "no measured case in common" in refused(capsys, base, make(replace(OTHER, sizes=(64,))))
    assert "1 path to compare" in refused(capsys, base)
    assert "no variant 'nonsense'" in refused(capsys, base, "--variants", "naive", "nonsense")
    assert "cannot be compared with itself" in refused(capsys, base, "--variants", "naive", "naive")
    (tmp_path / "f.json").write_text("{}")
    assert "a file and a folder" in refused(capsys, tmp_path / "f.json", base)


def test_a_place_that_cannot_be_written_is_one_line(capsys, base, make, tmp_path):
    (tmp_path / "file").touch()
    assert "choose another --out" in refused(capsys, base, make(OTHER), "--out", tmp_path / "file" / "out")


def test_what_cases_show_against_themselves_is_the_floor_of_a_stored_comparison(base, make):
    noisy = [make(replace(OTHER, run_id=f"noisy{seed}", noise=0.05, noise_seed=seed)) for seed in (3, 4)]
    quiet, loud = compare(base, make(OTHER)), compare(*noisy)
    assert max(row.judged.margin for row in quiet.rows) < 0.03 < min(row.judged.margin for row in loud.rows)
    assert f"{100 * loud.rows[0].judged.margin:.1f} % count as the same" in terminal(loud)


def test_variants_that_differ_in_a_parameter_are_different_cases(make):
    windows = tuple(replace(LAWS[6], params={"window": w}, seconds=w * LAWS[6].seconds) for w in (64, 256))
    found = compare(make(replace(RECIPE, laws=windows)), make(replace(OTHER, laws=windows[::-1])))
    assert {row.key.variant for row in found.rows} == {"sliding_window(window=64)", "sliding_window(window=256)"}
    assert all(row.measured.ratio == pytest.approx(1, abs=0.02) for row in found.rows)

"""If these fail, sides are joined wrongly, compared when they must not be, or a verdict does not reach its reader."""

import json
import random
import re
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from attnbench.compare.__main__ import main
from attnbench.compare.checks import Allowed
from attnbench.compare.model import Loss, compared
from attnbench.compare.page import comparison_html
from attnbench.compare.sides import sides_of_runs
from attnbench.compare.terminal import terminal
from attnbench.support.errors import UserError
from synthetic_runs import LAWS, Law, Recipe, make_run

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
    return compared(*sides_of_runs([base], [new]), "unpaired", Allowed(**allowed))


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


def test_a_case_that_the_base_measured_and_the_new_run_did_not_is_lost(base, make):
    bad = {("naive", 256): ("time", "crashed"), ("linear", 128): ("verify", "skipped")}
    found = compare(base, make(replace(OTHER, bad=bad, sizes=(128, 256))))
    lost = {(left.key.variant, left.key.n): left.lost for left in found.left}
    assert lost == {("naive", 256): Loss.FAILED, ("linear", 128): Loss.MISSING} | {
        (law.name, 512): Loss.MISSING for law in RECIPE.laws
    }
    assert len(found.regressions(0.5)) == 5
    assert ["crashed" in line for line in found.regressions(0.5, allow_missing=True)] == [True]
    assert all(
        left.lost is None for left in compare(base.parent / "new", base).left
    ), "the other way only more is there"


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
    slow = [replace(law, seconds=1.1 * law.seconds) for law in RECIPE.laws]
    quiet = compare(base, make(replace(OTHER, laws=tuple(slow))))
    drifted = compare(base, make(replace(OTHER, run_id="d", laws=tuple(slow), peak_gflops=900 / 1.15)))
    assert {v for values in verdicts(quiet).values() for v in values} == {"SLOWER"}
    assert "SLOWER" not in {v for values in verdicts(drifted).values() for v in values}
    assert any("FMA rate differs between the sides by up to 15.0 %" in line for line in drifted.warnings)


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


def test_the_step_of_a_clock_differs_only_when_it_is_another_clock(base, make):
    new = make(OTHER)
    environment = json.loads((new / "run.json").read_text())["environment"]
    seen = environment["clock_resolution_s"]
    for factor, names in ((0.5, []), (3, []), (20, ["clock resolution"]), (1 / 20, ["clock resolution"])):
        other = edit(new, environment=environment | {"clock_resolution_s": seen * factor})
        assert [d.name for d in compare(base, other).environment] == names, factor


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


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"sizes": (128, 256)}, 3, "regression: blockwise, b1 h8 n512 d64 f32: only in base; --allow-missing accepts"),
        ({"bad": {("linear", 256): ("verify", "skipped")}}, 3, "regression: linear, b1 h8 n256 d64 f32: new: skipped"),
        ({"laws": (NAIVE, BLOCKWISE, replace(LINEAR, error=0.6))}, 3, "--allow-different-errors compares them all"),
        ({"sizes": (128, 256, 512, 1024)}, 0, ""),
    ],
)
def test_a_gate_does_not_pass_by_losing_cases(capsys, base, make, change, code, said):
    new = make(replace(OTHER, **change))
    gate = [str(base), str(new), "--fail-on", "regression=50%"]
    assert main(gate) == code
    assert said in capsys.readouterr().err
    assert main([*gate, "--allow-missing", "--allow-different-errors"]) == 0


def test_a_gate_that_could_never_fail_is_refused(capsys, make):
    few = [make(replace(RECIPE, run_id=f"few{seed}", noise_seed=seed, rounds=3)) for seed in (1, 2)]
    assert main([*map(str, few), "--fail-on", "regression"]) == 2
    assert "no row can be called SLOWER" in capsys.readouterr().err


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


@pytest.mark.parametrize("form", ["terminal", "markdown", "json", "csv", "latex"])
def test_no_control_character_of_a_run_is_printed(capsys, tmp_path, form):
    """C1 characters steer a terminal as well: U+009B is ESC [."""
    evil = "evil\x1b[2J\x9b31m\u202e"
    laws = (Law(evil, "exact_softmax", 2, 0.01, 1, 1e-7),)
    runs = [make_run(tmp_path / name, Recipe(run_id=name + evil, laws=laws, sizes=(64,), weights=0)) for name in "ab"]
    assert main([*map(str, runs), "--format", form]) == 0
    printed = capsys.readouterr().out
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", printed)
    if form == "json":
        assert json.loads(printed)["rows"][0]["variant"] == evil


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


def test_rows_stand_by_variant_and_then_by_n_whatever_their_ratio(base, make):
    laws = (NAIVE, BLOCKWISE, replace(LINEAR, seconds=2 * LINEAR.seconds))
    found = compare(base, make(replace(OTHER, laws=laws)))
    wanted = [(law.name, n) for law in laws for n in (128, 256, 512)]
    assert [(row.key.variant, row.key.n) for row in found.rows] == wanted
    page = comparison_html(found)
    places = [page.index(f"&#39;{law.name}&#39;") for law in laws]  # in the reproducers
    assert places == sorted(places)


@pytest.mark.parametrize(("factor", "ratio", "change"), [(1 / 430, "0.00233", "430× faster"), (2.5, "2.500", "2.50×")])
def test_large_changes_keep_their_digits(base, make, factor, ratio, change):
    found = compare(base, make(replace(OTHER, noise=0, laws=(replace(NAIVE, seconds=factor * NAIVE.seconds),))))
    text = terminal(found)
    assert change in text and ratio[:4] in text, text


def starts_of(make, name: str, law: Law, offsets: list[float]) -> list[Path]:
    """Runs that differ from start to start by the given factors."""
    return [
        make(Recipe(run_id=f"{name}{place}", laws=(replace(law, seconds=law.seconds * factor),), sizes=(128, 256),
                    weights=0, noise_seed=place + 10 * len(name)))
        for place, factor in enumerate(offsets)
    ]  # fmt: skip


def test_several_starts_of_each_side_are_the_evidence(capsys, make):
    same = [*starts_of(make, "b", NAIVE, [1, 1.05, 0.96])], [*starts_of(make, "nn", NAIVE, [1.04, 0.97, 1.03])]
    call = ["--base", *map(str, same[0]), "--new", *map(str, same[1]), "--format", "json"]
    assert main(call) == 0
    found = json.loads(capsys.readouterr().out)
    jsonschema.validate(found, SCHEMA)
    assert found["design"] == "starts" and found["counts"]["UNDECIDED"] == 2
    assert {(row["base_starts"], row["new_starts"], row["base_rounds"]) for row in found["rows"]} == {(3, 3, 30)}
    assert found["base"]["starts"] == ["b0", "b1", "b2"]
    slow = starts_of(make, "nnn", replace(NAIVE, seconds=1.5 * NAIVE.seconds), [1.04, 0.97, 1.03])
    assert main(["--base", *map(str, same[0]), "--new", *map(str, slow)]) == 0
    text = capsys.readouterr().out
    assert "2 SLOWER" in text and "one start" not in text and "30 in 3 starts" in text


def test_one_start_on_each_side_says_what_its_verdicts_rest_on(capsys, base, make):
    slow = make(SLOWER_BLOCKWISE)
    assert main([str(base), str(slow)]) == 0
    text = capsys.readouterr().out
    assert "3 SLOWER, 0 FASTER" in text and "(one start each: 2.0 % between starts assumed)" in text
    little = make(
        replace(OTHER, run_id="little", laws=tuple(replace(w, seconds=1.03 * w.seconds) for w in RECIPE.laws))
    )
    assert verdicts(compare(base, little)) == {law.name: {"UNDECIDED"} for law in RECIPE.laws}
    assert main([str(base), str(little), "--noise-floor", "1%"]) == 0
    text = capsys.readouterr().out
    assert "9 SLOWER" in text and "rests on --noise-floor" in text and "differences between starts not covered" in text


def test_a_copy_is_not_another_start(capsys, base, make):
    new = make(OTHER)
    assert "names" in refused(capsys, "--base", base, base, "--new", new)
    copy = make(replace(RECIPE, run_id="copy"))
    assert "hold the same times" in refused(capsys, "--base", base, copy, "--new", new)
    assert "go together" in refused(capsys, "--base", base)
    assert "go together" in refused(capsys, base, new, "--base", base, "--new", new)


def test_starts_of_one_side_have_to_be_of_one_machine_and_of_the_same_inputs(capsys, base, make):
    new, seeded = make(OTHER), make(replace(OTHER, run_id="seeded", seed=7, noise_seed=4))
    assert "different seeds" in refused(capsys, "--base", base, "--new", new, seeded)
    meta = json.loads((seeded / "run.json").read_text())
    edit(
        make(replace(OTHER, run_id="far", noise_seed=3)), sessions=[s | {"machine_id": "m2"} for s in meta["sessions"]]
    )
    assert "different machines" in refused(capsys, "--base", base, base.parent / "far", "--new", new)


def test_the_overall_mean_is_that_of_the_ratios_with_an_interval(base, make):
    found = compare(base, make(SLOWER_BLOCKWISE))
    assert found.overall.ratio == pytest.approx(1.1 ** (1 / 3), abs=0.01)
    assert found.overall.interval.low < found.overall.ratio < found.overall.interval.high
    assert found.overall.rows == 9
    assert f"all {found.overall.ratio:.3f} [" in terminal(found)


def test_variants_that_differ_in_a_parameter_are_different_cases(make):
    windows = tuple(replace(LAWS[6], params={"window": w}, seconds=w * LAWS[6].seconds) for w in (64, 256))
    found = compare(make(replace(RECIPE, laws=windows)), make(replace(OTHER, laws=windows[::-1])))
    assert {row.key.variant for row in found.rows} == {"sliding_window(window=64)", "sliding_window(window=256)"}
    assert all(row.measured.ratio == pytest.approx(1, abs=0.02) for row in found.rows)

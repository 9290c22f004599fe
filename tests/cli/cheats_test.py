"""If these fail, `attnbench run` believes a variant that cheats after it was verified, or accuses an honest one."""

import json

import pytest

QUICK = (
    "--dataset",
    "gaussian",
    "--rounds",
    1,
    "--samples",
    2,
    "--no-report",
    "--no-weights",
    "--no-calibrate",
    "--out",
    "run",
)


@pytest.fixture
def plugin(attnbench):
    return lambda name: attnbench.binary.parent / "tests" / "plugins" / f"lib{name}.so"


def faults(attnbench, *arguments):
    """Exit code and the records that are not ok."""
    done = attnbench("run", *arguments, *QUICK)
    text = (attnbench.folder / "run" / "records.jsonl").read_text()
    return done, [r for r in map(json.loads, text.splitlines()) if r["status"] != "ok"]


@pytest.mark.parametrize(
    ("name", "kind", "status", "reason"),
    [
        ("third_of_rows", "time", "mismatch", "timed calls left an element of the output unwritten"),
        ("returns_at_once", "time", "mismatch", "timed calls left an element of the output unwritten"),
        ("works_on_poison", "time", "mismatch", "timed calls left an element of the output unwritten"),
        ("mallocs_matrix", "memory", "misdeclared", "takes 1.00 MiB from the heap or with mmap in every call"),
        ("mmaps_matrix", "memory", "misdeclared", "takes 1.00 MiB from the heap or with mmap in every call"),
        ("keeps_matrix", "memory", "misdeclared", "of it while it was loaded, but declares"),
        ("starts_a_thread", "time", "misdeclared", "threads of its own took"),
        ("declares_eightfold", "verify", "misdeclared", "8.0 times what all (query, key) pairs take"),
        ("declares_millionfold", "time", "above_ceiling", "times the peak of this machine"),
        ("divides_time", "time", "misdeclared", "went by on the harness's clock"),
    ],
)
def test_a_cheat_is_a_failed_case_that_says_what_it_did(attnbench, plugin, name, kind, status, reason):
    problem = ("--problem", "b1 h1 n512 d64 f32", "--threads", 1)
    done, found = faults(attnbench, "--plugin", plugin("cheats"), "--variants", name, *problem)
    assert done.returncode == 1
    assert [(r["kind"], r["status"]) for r in found] == [(kind, status)], found
    assert reason in found[0]["reasons"][0] and kind not in found[0]
    assert f"{status}: {kind} {name}" in done.stderr


def test_memory_taken_while_a_plugin_is_loaded_counts(attnbench, plugin):
    problem = ("--problem", "b1 h1 n64 d8 f32", "--threads", 1)
    done, found = faults(attnbench, "--plugin", plugin("takes_at_load"), "--variants", "takes_at_load", *problem)
    assert done.returncode == 1
    assert [(r["kind"], r["status"]) for r in found] == [("memory", "misdeclared")]
    assert "of it while it was loaded" in found[0]["reasons"][0]


def test_an_output_that_is_right_on_one_thread_only_fails_on_two(attnbench, plugin):
    problem = ("--problem", "b1 h1 n64 d8 f32", "--threads", "1,2")
    done, found = faults(attnbench, "--plugin", plugin("cheats"), "--variants", "right_on_one_thread", *problem)
    assert done.returncode == 1
    assert [(r["kind"], r["threads"], r["status"]) for r in found] == [("verify", 2, "mismatch")]


def test_rows_are_drawn_anew_unless_a_seed_is_given_and_the_reproducer_names_them(attnbench, plugin, tmp_path):
    case = (
        "--plugin",
        plugin("cheats"),
        "--variants",
        "knows_the_rows",
        "--problem",
        "b1 h1 n2048 d8 f32",
        "--threads",
        1,
    )
    done, found = faults(attnbench, *case)
    assert done.returncode == 1 and [(r["kind"], r["status"]) for r in found] == [("verify", "mismatch")]
    drawn = json.loads((tmp_path / "run" / "run.json").read_text())["rows_seed"]
    assert found[0]["rows_seed"] == drawn and f"--seed 1 --rows-seed {drawn}" in found[0]["reproducer"]

    again = attnbench("verify", *case, "--dataset", "gaussian", "--rows-seed", drawn, "--json")
    assert json.loads(again.stdout)[0]["reasons"] == found[0]["reasons"]
    fixed = attnbench("verify", *case, "--dataset", "gaussian", "--seed", 1, "--json")
    assert fixed.returncode == 0 and "--rows-seed" not in json.loads(fixed.stdout)[0]["reproducer"]


def test_honest_variants_are_not_accused(attnbench, plugin):
    done, found = faults(
        attnbench, "--plugin", plugin("cheats"), "--plugin", plugin("patterned"), "--plugin", plugin("float_faults"),
        "--variants", "honest,honest_clock,patterned,flushes_in_run", "-a", "n=8,512", "--problem", "b1 h2 n8 d16 f32",
        "--threads", "1,2",
    )  # fmt: skip
    assert (done.returncode, found) == (0, [])


def test_built_in_variants_are_not_accused(attnbench):
    done, found = faults(attnbench, "-a", "n=1,17,300", "--problem", "b1 h2 n8 d32 f32", "--threads", "1,2")
    assert done.returncode == 0, found
    assert {r["status"] for r in found} <= {"unsupported"}


@pytest.mark.parametrize("name", ["costs_nan", "costs_infinity", "costs_less_than_nothing"])
def test_a_cost_that_is_no_amount_of_work_fails_its_own_case(attnbench, plugin, name):
    problem = ("--problem", "b1 h1 n8 d4 f32", "--threads", 1)
    done, found = faults(attnbench, "--plugin", plugin("bad_costs"), "--variants", f"naive,{name}", *problem)
    assert done.returncode == 1
    assert [(r["variant"], r["kind"], r["status"]) for r in found] == [(name, "verify", "misdeclared")]
    assert "declares a cost of" in found[0]["reasons"][0]
    check = attnbench("plugin", "check", plugin("bad_costs"), "--variant", name, "--check", "cost", "--json")
    verdict = json.loads(check.stdout)[0]
    assert check.returncode == 1 and verdict["verdict"] == "FAIL" and "declares a cost of" in verdict["lines"][0]

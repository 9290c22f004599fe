"""If these fail, `attnbench compare` and `export` no longer do through the binary what the Python package does."""

import json
import sys
from dataclasses import replace

import pytest

from .conftest import ROOT

sys.path.insert(0, str(ROOT / "tests" / "reports"))
from synthetic_runs import LAWS, Recipe, make_run

RECIPE = Recipe(run_id="base", laws=LAWS[:2], sizes=(128, 256), weights=0)
RUN = ["--variants", "naive,linear", "--problem", "b1 h1 n16 d8 f32", "--dataset", "gaussian", "--samples", "1"]


@pytest.fixture
def runs(tmp_path):
    slower = tuple(replace(law, seconds=1.1 * law.seconds) for law in RECIPE.laws)
    make_run(tmp_path / "base", RECIPE)
    make_run(tmp_path / "new", replace(RECIPE, run_id="new", laws=slower, noise_seed=2))


def test_exit_code_3_is_a_regression_that_was_asked_for(attnbench, runs):
    assert attnbench("compare", "base", "new").returncode == 0
    done = attnbench("compare", "base", "new", "--fail-on", "regression=5%")
    assert done.returncode == 3
    assert done.stdout.count("SLOWER") == 4 + 1 and done.stderr.count("regression: ") == 4
    assert attnbench("compare", "base", "new", "--fail-on", "regression=15%").returncode == 0
    assert attnbench("compare", "new", "base", "--fail-on", "regression").returncode == 0


def test_formats_go_to_stdout_and_all_of_them_to_a_folder(attnbench, runs, tmp_path):
    assert json.loads(attnbench.ok("compare", "base", "new", "--format", "json"))["counts"]["SLOWER"] == 4
    assert attnbench.ok("compare", "base", "new", "--format", "latex").count(r"\\") == 5
    attnbench.ok("compare", "base", "new", "--out", "out")
    assert {p.suffix for p in (tmp_path / "out").iterdir()} == {".html", ".md", ".json", ".csv", ".tex"}


@pytest.mark.parametrize(
    ("call", "parts"),
    [
        (["base"], ["1 path", "BASE and NEW"]),
        ([], ["give BASE and NEW"]),
        (["base", "missing"], ["'missing'", "does not exist"]),
        (["base", "new", "--rounds", "5"], ["--rounds", "stored runs"]),
        (["base", "new", "--", "--variants", "naive"], ["'--variants'", "--builds, --revisions or --plugins"]),
        (["base", "new", "--builds", "a", "b"], ["'base'", "leave one out"]),
        (["base", "new", "--fail-on", "noise"], ["'noise'", "regression=5%"]),
        (["base", "new", "--fail-on", "regression=much"], ["'much'", "5%"]),
        (["base", "new", "--noise-floor", "x"], ["'x'", "5%"]),
        (["base", "new", "--format", "pdf"], ["pdf"]),
        (["base", "new", "--seed", "5"], ["--seed", "stored runs"]),
        (["base", "new", "--run-stored-commands"], ["--resume"]),
        (["--base", "base", "base", "--new", "new"], ["--base", "'base' twice"]),
        (["--base", "base", "--new", "missing"], ["'missing'", "does not exist"]),
        (["--base", "base"], ["--base and --new go together"]),
        (["--plugins", "a.so", "b.so"], ["'a.so'", "does not exist"]),
        (["--builds", "/bin/true", "/bin/true"], ["is not attnbench", "two attnbench binaries"]),
        (["base", "--variants", "naive", "linear"], ["'linear'", "dot_product"]),
        (["base", "--variants", "naive", "dot_product"], ["not equally accurate", "--allow-different-errors"]),
        (["--paired", "true", "--builds", "a", "b"], ["--paired"]),
        (["--builds", "nowhere/attnbench", "nowhere/attnbench"], ["nowhere/attnbench", "not a program"]),
    ],
)
def test_a_mistake_is_one_line_with_the_remedy(attnbench, runs, call, parts):
    message = attnbench.refused("compare", *call)
    assert all(part in message for part in parts), message


def test_export_writes_what_compare_reads(attnbench, runs):
    for name in ("base", "new"):
        attnbench.ok("export", name, "--format", "google-benchmark", "--out", f"{name}.json")
    assert "4 SLOWER" in attnbench.ok("compare", "base.json", "new.json")
    assert r"\toprule" in attnbench.ok("export", "base", "--format", "latex")
    assert "'nowhere'" in attnbench.refused("export", "nowhere", "--format", "latex")
    assert "csv" in attnbench.refused("export", "base", "--format", "csv")


def test_two_builds_are_measured_alternately(attnbench, tmp_path):
    """The same build twice, with real workers: what follows -- reaches `attnbench run`, and the rounds pair up."""
    done = attnbench("compare", "--builds", attnbench.binary, attnbench.binary, "--rounds", "2", "--out", "cmp",
                     "--format", "json", "--", *RUN)  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["design"] == "paired"
    assert {d["name"] for d in found["environment_differences"]} <= {"load before the run"}
    assert {(row["variant"], row["base_rounds"], row["verdict"]) for row in found["rows"]} == {
        ("naive", 2, "UNDECIDED"), ("linear", 2, "UNDECIDED")}  # fmt: skip
    sides = [line.split()[4] for line in done.stderr.splitlines() if line.startswith("round ")]
    firsts = json.loads((tmp_path / "cmp" / "pairing.json").read_text())["first"]
    assert sides == [side for first in firsts for side in (first, "AB".replace(first, ""))]
    again = json.loads(attnbench.ok("compare", "cmp", "--format", "json"))
    assert again == found
    meta = json.loads((tmp_path / "cmp" / "base" / "run.json").read_text())
    assert meta["plan"]["rounds"] == len(meta["sessions"]) == 2
    assert "unknown variant" in attnbench.refused(
        "compare", "--builds", attnbench.binary, attnbench.binary, "--out", "bad", "--", "--variants", "nonsense"
    )
    assert not (tmp_path / "bad").exists()


def test_two_builds_of_a_plugin_are_measured_in_turns(attnbench, tmp_path):
    """The same file twice, under two names: the plugin's own variants are what is compared."""
    plugin = attnbench.binary.parent / "tests" / "plugins" / "libpatterned.so"
    files = [tmp_path / f"{name}.so" for name in ("old", "new")]
    for file in files:
        file.write_bytes(plugin.read_bytes())
    done = attnbench("compare", "--plugins", *files, "--rounds", "2", "--out", "cmp", "--format", "json", "--seed", "1",
                     "--", *RUN[2:])  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [row["variant"] for row in found["rows"]] == ["patterned"]
    assert [line.split()[4] for line in done.stderr.splitlines() if line.startswith("round ")].count("A") == 2
    message = attnbench.refused("compare", "--resume", "cmp")
    assert "would run the commands stored in" in message and "old.so" in message and "--run-stored-commands" in message


@pytest.mark.parametrize("command", ["report", "export", "compare"])
def test_a_damaged_run_is_one_line_and_exit_code_2(attnbench, runs, tmp_path, command):
    more = {"report": (), "export": ("--format", "latex"), "compare": ("new",)}[command]
    whole = (tmp_path / "base" / "run.json").read_text()
    for change in ({"environment": None}, {"sessions": [3]}, {"plan": "quick"}):
        (tmp_path / "base" / "run.json").write_text(json.dumps(json.loads(whole) | change))
        done = attnbench(command, "base", *more)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert "is damaged" in done.stderr

"""If these fail, a run no longer fits Google Benchmark's tools, theirs no longer fit ours, or a LaTeX table breaks."""

import json
import math
import random
import re
import subprocess
import sys
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest
from attnbench.compare.__main__ import main as compare
from attnbench.exchange.__main__ import main as export
from attnbench.load.run import load_runs
from attnbench.pages.columns import Column, Table, number
from attnbench.pages.latex import escaped, latex
from synthetic_runs import LAWS, Recipe, make_run

COMPARE_PY = Path("/usr/share/benchmark/compare.py")  # Debian's libbenchmark-tools
RECIPE = Recipe(run_id="base", laws=(LAWS[0], LAWS[6]), sizes=(128, 256), weights=0, rounds=10)
SLOWER = replace(
    RECIPE, run_id="new", noise_seed=2, laws=tuple(replace(w, seconds=1.1 * w.seconds) for w in RECIPE.laws)
)


@pytest.fixture
def exported(tmp_path):
    """Makes the run, exports it and returns the file."""

    def make(recipe: Recipe) -> Path:
        run, file = make_run(tmp_path / recipe.run_id, recipe), tmp_path / f"{recipe.run_id}.json"
        assert export([str(run), "--format", "google-benchmark", "--out", str(file)]) == 0
        return file

    return make


def benchmark(name: str, times: list[float], unit: str = "us", **more) -> list[dict]:
    """Entries as Google Benchmark 1.7 writes them."""
    return [
        {"name": name, "run_name": name, "run_type": "iteration", "repetitions": len(times), "repetition_index": i,
         "threads": 1, "iterations": 1000, "real_time": t, "cpu_time": t, "time_unit": unit, **more}
        for i, t in enumerate(times)
    ]  # fmt: skip


def foreign(file: Path, *entries: list[dict], host: str = "laptop", build: str = "release") -> Path:
    context = {"date": "2026-01-01T00:00:00+00:00", "host_name": host, "num_cpus": 8, "mhz_per_cpu": 3000,
               "cpu_scaling_enabled": False, "caches": [], "library_build_type": build}  # fmt: skip
    file.write_text(json.dumps({"context": context, "benchmarks": list(chain(*entries))}))
    return file


def test_entries_carry_the_fields_of_the_reporter(exported):
    document = json.loads(exported(RECIPE).read_text())
    assert {"date", "host_name", "executable", "num_cpus", "mhz_per_cpu", "caches", "load_avg", "library_build_type",
            "cpu_scaling_enabled"} <= document["context"].keys()  # fmt: skip
    entries = document["benchmarks"]
    repetitions = [e for e in entries if e["run_type"] == "iteration"]
    aggregates = [e for e in entries if e["run_type"] == "aggregate"]
    assert len(repetitions) == 4 * 10 and len(aggregates) == 4 * 3
    for entry in repetitions:
        assert {"family_index", "per_family_instance_index", "run_name", "repetitions", "repetition_index", "threads",
                "iterations", "real_time", "cpu_time", "time_unit"} <= entry.keys()  # fmt: skip
        assert entry["name"] == entry["run_name"] and " " not in entry["name"]
    assert {e["aggregate_name"] for e in aggregates} == {"mean", "median", "stddev"}
    assert all(e["name"] == f"{e['run_name']}_{e['aggregate_name']}" for e in aggregates)
    assert {(e["family_index"], e["per_family_instance_index"]) for e in entries} == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_a_repetition_is_the_median_of_one_process(exported, tmp_path):
    entries = json.loads(exported(RECIPE).read_text())["benchmarks"]
    (run,) = load_runs([tmp_path / "base"])
    record = next(r for r in run.records if r["kind"] == "time" and r["round"] == 4)
    entry = next(e for e in entries if e.get("repetition_index") == 4)
    assert entry["real_time"] == pytest.approx(1e9 * record["time"]["median_s"])
    assert entry["label"].startswith(f"attnbench|text|{record['problem']}|naive|2|hot")


def test_exported_runs_compare_as_the_runs_themselves_do(capsys, exported, tmp_path):
    files = [str(exported(recipe)) for recipe in (RECIPE, SLOWER)]
    runs = [str(tmp_path / recipe.run_id) for recipe in (RECIPE, SLOWER)]
    found = []
    for sides in (files, runs):
        assert compare([*sides, "--format", "json"]) == 0
        found.append(json.loads(capsys.readouterr().out))
    of_files, of_runs = ([{k: v for k, v in row.items() if "reproducer" not in k} for row in f["rows"]] for f in found)
    assert of_files == [
        {k: pytest.approx(v) if isinstance(v, float | list) else v for k, v in row.items()} for row in of_runs
    ]
    assert found[0]["base"]["fresh_processes"] and found[0]["counts"]["SLOWER"] == 4


@pytest.mark.skipif(not COMPARE_PY.exists(), reason="no libbenchmark-tools (scripts/setup.sh --tests installs it)")
def test_compare_py_of_google_benchmark_reads_two_exports(exported):
    call = [sys.executable, COMPARE_PY, "--no-color", "benchmarks", exported(RECIPE), exported(SLOWER)]
    done = subprocess.run(call, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    name = "naive/b1,h8,n128,d64,f32/text/real_time/threads:2"
    change = re.findall(rf"^{re.escape(name)}_median +(\S+)", done.stdout, re.MULTILINE)
    assert len(change) == 1 and float(change[0]) == pytest.approx(0.1, abs=0.02)
    p_value = re.findall(rf"^{re.escape(name)}_pvalue +(\S+) .*Repetitions: 10 vs 10", done.stdout, re.MULTILINE)
    assert len(p_value) == 1 and float(p_value[0]) < 0.01
    assert float(re.findall(r"OVERALL_GEOMEAN +(\S+)", done.stdout)[0]) == pytest.approx(0.1, abs=0.02)


def test_cases_without_a_time_are_left_out_and_counted(exported):
    document = json.loads(exported(replace(RECIPE, bad={("naive", 256): ("time", "crashed")})).read_text())
    assert document["context"]["attnbench_left_out"] == "1 case without a time"
    assert not any("naive/b1,h8,n256" in e["name"] for e in document["benchmarks"])


def test_files_of_other_programs_compare_as_weaker_evidence(capsys, tmp_path):
    base, new = [10.0, 10.1, 9.9, 10.05, 9.95, 10.02], [12.0, 12.1, 11.9, 12.05, 11.95, 12.02]
    old = foreign(tmp_path / "old.json", benchmark("BM_Sort/64", base), benchmark("BM_Gone", base))
    now = foreign(tmp_path / "now.json", benchmark("BM_Sort/64", [1000 * t for t in new], "ns"))
    assert compare([str(old), str(now), "--fail-on", "regression=10%"]) == 3
    text = capsys.readouterr().out
    assert re.search(r"BM_Sort/64 .* 1\.200 .* SLOWER", text)
    assert "repetitions inside one process, which is weaker evidence" in text
    assert "BM_Gone: only in base" in text


def test_the_processes_of_a_joined_file_are_rounds(capsys, tmp_path):
    """google/benchmark#1796, #1648: ten processes of one repetition each, repetition_index 0 in all of them."""
    r = random.Random(1)
    files = [
        foreign(tmp_path / name, *(benchmark("Sort/64", [t * r.gauss(1, 0.03)]) for _ in range(10)))
        for name, t in (("base.json", 1000), ("new.json", 1500))
    ]
    assert compare([*map(str, files), "--fail-on", "regression=5%", "--format", "json"]) == 3
    output = capsys.readouterr()
    assert "regression: Sort/64: 1." in output.err
    found = json.loads(output.out)
    (row,) = found["rows"]
    assert (row["base_rounds"], row["new_rounds"], row["verdict"]) == (10, 10, "SLOWER")
    assert row["ratio"] == pytest.approx(1.5, abs=0.06)
    assert found["base"]["fresh_processes"]


def test_joined_files_keep_every_repetition_in_any_order_of_rows(capsys, tmp_path):
    first, second = [10.0, 10.1, 9.9, 10.2, 9.8], [10.3, 9.7, 10.4, 9.6, 10.5]
    apart = foreign(tmp_path / "apart.json", benchmark("A", first), benchmark("B", first),
                    benchmark("A", second), benchmark("B", second))  # fmt: skip
    together = foreign(tmp_path / "together.json", benchmark("A", first), benchmark("A", second),
                       benchmark("B", second), benchmark("B", first))  # fmt: skip
    assert compare([str(apart), str(together), "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {(row["base_rounds"], row["new_rounds"], row["ratio"]) for row in found["rows"]} == {(10, 10, 1.0)}
    assert not found["base"]["fresh_processes"]


def test_the_aggregates_of_several_processes_are_a_round_each(capsys, tmp_path):
    def process(median: float) -> list[dict]:
        entries = benchmark("A", [median + 0.2, median, 0.1], run_type="aggregate")
        for entry, name in zip(entries, ("mean", "median", "stddev"), strict=True):
            entry |= {"name": f"A_{name}", "run_name": "A", "aggregate_name": name}
        return entries

    base = foreign(tmp_path / "base.json", *(process(10 + 0.1 * i) for i in range(6)))
    new = foreign(tmp_path / "new.json", *(process(20 + 0.1 * i) for i in range(6)))
    assert compare([str(base), str(new), "--format", "json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert (row["base_rounds"], row["verdict"]) == (6, "SLOWER")
    assert row["base_s"] == pytest.approx(10.25e-6)


def test_one_name_in_two_families_is_said(capsys, tmp_path):
    other = benchmark("A", [10.0, 10.1], family_index=3)
    file = foreign(tmp_path / "a.json", benchmark("A", [10.2, 9.9], family_index=0), other)
    assert compare([str(file), str(foreign(tmp_path / "b.json", other))]) == 0
    assert "base: 'A' is registered under several families" in capsys.readouterr().out


def test_several_files_are_the_starts_of_a_side(capsys, tmp_path):
    r = random.Random(2)

    def side(name: str, t: float) -> list[str]:
        """Three files; each start has an offset of its own."""
        offsets = [r.gauss(1, 0.02) for _ in range(3)]
        return [str(foreign(tmp_path / f"{name}{i}.json", *(benchmark(f"Sort/{n}", [n * t * o * r.gauss(1, 0.005)])
                            for _ in range(5) for n in (64, 128)))) for i, o in enumerate(offsets)]  # fmt: skip

    assert compare(["--base", *side("b", 10), "--new", *side("n", 15), "--fail-on", "regression=5%"]) == 3
    text = capsys.readouterr().out
    assert "2 SLOWER" in text and re.search(r"Geometric mean of the ratios: all 1\.[45]\d\d \[1\.\d+, 1\.\d+\]", text)
    assert compare(["--base", *side("c", 10), "--new", *side("m", 10)]) == 0
    assert "2 UNDECIDED" in capsys.readouterr().out


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (nested(200_000), "nested too deeply"),
        ('{"context": [], "benchmarks": []}', "not JSON of Google Benchmark"),
        ('{"context": {}, "benchmarks": {}}', "not JSON of Google Benchmark"),
        (json.dumps({"context": {}, "benchmarks": benchmark("A", ["fast"])}), "real_time 'fast', expected a number"),
        (json.dumps({"context": {}, "benchmarks": benchmark("A", [None])}), "real_time None, expected a number"),
        (json.dumps({"context": {}, "benchmarks": benchmark("A", [math.nan])}), "expected one above 0"),
        (json.dumps({"context": {}, "benchmarks": benchmark("A", [math.inf])}), "expected one above 0"),
        (json.dumps({"context": {}, "benchmarks": benchmark(7, [1.0])}), "has name 7, expected a text"),
        (json.dumps({"context": {}, "benchmarks": benchmark("A", [1.0], label=[1])}), "label [1], expected a text"),
        (json.dumps({"context": {}, "benchmarks": [*benchmark("A", [1.0]), 3]}), "not JSON of Google Benchmark"),
        ("\xff", "cannot read"),
    ],
)
def test_damaged_files_are_refused_in_one_line(capsys, tmp_path, text, said):
    good = foreign(tmp_path / "good.json", benchmark("A", [1.0, 1.0]))
    (tmp_path / "bad.json").write_text(text, encoding="latin-1")
    assert compare([str(good), str(tmp_path / "bad.json")]) == 2
    message = capsys.readouterr().err
    assert said in message and message.count("\n") == 1 and len(message) < 400


def test_aggregates_alone_failed_benchmarks_and_fitted_rows(capsys, tmp_path):
    median = benchmark("BM_A_median", [5.0], run_type="aggregate", aggregate_name="median") + benchmark(
        "BM_A_stddev", [0.1], run_type="aggregate", aggregate_name="stddev"
    )
    for entry in median:
        entry["run_name"] = "BM_A"
    fitted = [{"name": "BM_A_BigO", "run_name": "BM_A", "run_type": "aggregate", "cpu_coefficient": 1.0, "big_o": "N"}]
    broken = benchmark("BM_B", [0.0], error_occurred=True, error_message="no device")
    works = benchmark("BM_B", [3.0])
    files = [foreign(tmp_path / f"{name}.json", median, fitted, b) for name, b in (("a", works), ("b", broken))]
    assert compare([*map(str, files), "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (row,) = found["rows"]
    assert (row["variant"], row["base_s"], row["verdict"]) == ("BM_A", pytest.approx(5e-6), "UNDECIDED")
    assert any("only aggregates are stored" in line for line in found["warnings"])
    assert [(x["variant"], x["why"], x["lost"]) for x in found["not_compared"]] == [
        ("BM_B", "new: failed (no device)", True)
    ]


def test_files_that_do_not_fit_are_refused_in_one_line(capsys, tmp_path):
    good = foreign(tmp_path / "good.json", benchmark("BM_A", [1.0, 1.0]))
    other = foreign(tmp_path / "other.json", benchmark("BM_A", [1.0, 1.0]), host="server")
    (tmp_path / "list.json").write_text("[1, 2]")
    (tmp_path / "rows.json").write_text('{"context": {}, "benchmarks": [1]}')
    (tmp_path / "torn.json").write_text('{"context": {')
    empty = foreign(tmp_path / "empty.json")
    zero = foreign(tmp_path / "zero.json", benchmark("BM_A", [0.0, 1.0]))
    expected = {other: "different machines", tmp_path / "list.json": "not JSON of Google Benchmark",
                tmp_path / "rows.json": "not JSON of Google Benchmark",
                tmp_path / "torn.json": "cannot read", empty: "holds no times",
                zero: "expected one above 0"}  # fmt: skip
    for file, message in expected.items():
        assert compare([str(good), str(file)]) == 2
        said = capsys.readouterr().err
        assert message in said and said.count("\n") == 1


def test_a_latex_table_is_balanced_and_escaped(capsys, tmp_path):
    table = Table("t", [Column("a_b & c", str), number("x^2", str, lambda r: r)], [1, 2])
    lines = latex(table).splitlines()
    assert lines[1] == r"\begin{tabular}{lr}" and lines[-1] == r"\end{tabular}"
    assert r"a\_b \& c & x\textasciicircum{}2 \\" in lines
    assert escaped("50 % µ {~} \\") == r"50 \% \textmu{} \{\textasciitilde{}\} \textbackslash{}"
    run = make_run(tmp_path / "run", RECIPE)
    assert export([str(run), "--format", "latex"]) == 0
    text = capsys.readouterr().out
    body = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len(body) == 3 and len({len(re.findall(r"(?<!\\)&", line)) for line in body}) == 1
    assert r"sliding\_window(window=256)" in text


def test_a_run_that_cannot_be_read_is_refused(capsys, tmp_path):
    assert export([str(tmp_path), "--format", "google-benchmark"]) == 2
    assert "holds no run.json" in capsys.readouterr().err

"""If these fail, hardware counters of a record do not reach the report, or a run without them breaks it."""

import csv
import json
from pathlib import Path

import jsonschema
import pytest
from attnbench.model import build_model
from attnbench.pages.cases import case_table
from attnbench.pages.data import summary, write_data
from attnbench.stats.counters import are_scaled, count_of, instructions_per_cycle
from synthetic_runs import LAWS, Recipe, make_run

SCHEMA = json.loads((Path(__file__).parents[2] / "reports" / "summary.schema.json").read_text(encoding="utf-8"))
TITLES = ["instructions per cycle", "cycles", "instructions", "LLC misses", "branch misses"]


def with_counters(record: dict) -> dict:
    """2e6 cycles per call, and 1.5, 2, 2.5 instructions per cycle in rounds 0, 1, 2; the second variant has none."""
    if record["kind"] == "time" and record["variant"] != LAWS[1].label:
        cycles, ratio = 2e6, 1.5 + record["round"] / 2
        record["time"]["counters"] = {"cycles": cycles, "instructions": ratio * cycles, "llc_misses": 12.0,
                                      "scaled": record["round"] == 1}  # fmt: skip
    return record


@pytest.fixture
def run(tmp_path):
    return make_run(tmp_path / "run", Recipe(laws=LAWS[:2], sizes=(128,), rounds=3, weights=0))


def counted(run: Path) -> Path:
    file = run / "records.jsonl"
    records = [with_counters(json.loads(line)) for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    return run


def test_counters_are_medians_over_rounds(run):
    first, bare = build_model([counted(run)]).points
    assert instructions_per_cycle(first) == 2.0 and count_of(first, "cycles") == 2e6
    assert are_scaled(first) is True and count_of(first, "branch_misses") is None
    assert instructions_per_cycle(bare) is None and are_scaled(bare) is None


def test_counters_are_columns_of_the_cases(run, tmp_path):
    report = build_model([counted(run)])
    table = case_table(report)
    shown = {column.title: [column.text(point) for point in report.points] for column in table.columns}
    assert [title for title in shown if title in TITLES] == TITLES
    assert shown["instructions per cycle"] == ["≈ 2.00", "–"] and shown["cycles"] == ["≈ 2.00 M", "–"]
    data = summary(report)
    jsonschema.validate(data, SCHEMA)
    write_data(report, data, tmp_path)
    with (tmp_path / "tables" / "cases.csv").open(newline="") as file:
        first, second = csv.DictReader(file)
    assert (float(first["instructions"]), first["counters_scaled"]) == (4e6, "True")
    assert (second["cycles"], second["counters_scaled"]) == ("", "")


def test_a_run_without_counters_has_no_such_columns(run):
    assert not {column.title for column in case_table(build_model([run])).columns} & set(TITLES)

"""The plan `external` through the real binary. If this fails, a missing library takes more than its own rows along, or
an external library's record does not say what ran.
"""

import json
import os
import subprocess
from pathlib import Path

import jsonschema
import pytest

from .conftest import ROOT

BINARY = Path(os.environ.get("ATTNBENCH_BINARY", ROOT / "build" / "attnbench"))
SMALL = ["--problem", "b1 h2 n32 d8 f32", "--variants", "naive,numpy_sdpa,jax_sdpa", "--rounds", "1", "-a", "threads=1"]


def attnbench(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
    """In an environment that has NumPy and none of the other libraries: that of the tests."""
    environment = os.environ | {"ATTNBENCH_EXTERNAL_PYTHON": str(ROOT / ".venv" / "bin" / "python")} | variables
    command = [str(BINARY), *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240)


@pytest.fixture(scope="module")
def records(tmp_path_factory) -> list[dict]:
    folder = tmp_path_factory.mktemp("external")
    done = attnbench(folder, "run", "--plan", "external", *SMALL, "--out", "run", "--no-report")
    assert done.returncode == 0, done.stderr
    done = attnbench(folder, "run", "--resume", "run", "--no-report")  # a shipped plugin needs no word of the user
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in (folder / "run" / "records.jsonl").read_text().splitlines()]


def of(records: list[dict], variant: str, kind: str) -> dict:
    (found,) = (r for r in records if r["variant"] == variant and r["kind"] == kind)
    return found


def test_a_missing_library_is_skipped_with_its_reason_and_nothing_else_is(records):
    skipped = [r for r in records if r["status"] != "ok"]
    assert {(r["variant"], r["status"]) for r in skipped} == {("jax_sdpa", "skipped")}
    assert "JAX is not set up" in skipped[0]["reasons"][0] and "scripts/external.sh" in skipped[0]["reasons"][0]


def test_an_external_baseline_is_verified_by_the_same_oracle_and_says_what_ran(records):
    assert of(records, "numpy_sdpa", "verify")["verify"]["oracle"] == of(records, "naive", "verify")["verify"]["oracle"]
    time = of(records, "numpy_sdpa", "time")["time"]
    assert time["timed_by"] == "variant" and of(records, "naive", "time")["time"]["timed_by"] == "harness"
    assert {"library", "kernel", "threads", "layout", "call_overhead_s", "peak_bytes"} <= time["implementation"].keys()
    assert time["implementation"]["library"].startswith("NumPy ")


def test_its_records_follow_the_schema_and_can_be_made_again(records):
    schema = json.loads((ROOT / "harness/schema/record.schema.json").read_text())
    for record in records:
        jsonschema.validate(record, schema)
    assert "attnbench_external.so" in of(records, "numpy_sdpa", "time")["reproducer"]


def test_an_adapter_runs_no_code_from_the_current_folder(tmp_path):
    for name in ("json.py", "numpy.py", "runpy.py", "sitecustomize.py", "attnbench_adapter/__init__.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"open({str(tmp_path / 'executed')!r}, 'a').write({name!r})\n")
    hostile = {"PYTHONPATH": str(tmp_path), "PYTHONSTARTUP": str(tmp_path / "json.py")}
    alone = ["--problem", "b1 h2 n32 d8 f32", "--variants", "numpy_sdpa", "--threads", "1", "--json"]
    done = attnbench(tmp_path, "verify", "--plan", "external", *alone, **hostile)
    assert done.returncode == 0, done.stderr
    assert {r["status"] for r in json.loads(done.stdout)} == {"ok"}
    assert not (tmp_path / "executed").exists(), (tmp_path / "executed").read_text()


def test_external_baselines_are_described_whatever_is_installed(tmp_path):
    plugin = BINARY.resolve().parent / "external" / "attnbench_external.so"
    done = attnbench(tmp_path, "describe", "torch_sdpa", "--plugin", str(plugin))
    assert done.returncode == 0 and "PyTorch" in done.stdout

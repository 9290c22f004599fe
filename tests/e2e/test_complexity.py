"""Declared complexity, end to end: every registered label is understood, and the binary passes the finding on."""

import json
import sys
from pathlib import Path

import pytest
from attnbench_reports.stats.growth_label import parse_label

from .conftest import ROOT, run

sys.path.insert(0, str(ROOT / "tests" / "reports"))
from synthetic_runs import Law, Recipe, make_run


def test_every_registered_variant_has_labels_that_are_understood(binary):
    variants = json.loads(run(binary, "list", "--json").stdout)["variants"]
    assert len(variants) >= 10
    for variant in variants:
        for kind in ("time_label", "memory_label"):
            assert 0 <= parse_label(variant[kind]).growth.power <= 2, (variant["name"], variant[kind])


def stored_run(folder: Path, declared: str) -> Path:
    """A run whose only variant takes n^2 time and declares `declared`."""
    made = make_run(folder, Recipe(laws=(Law("x", "exact_softmax", 2, 0.4, 1, 0.0),), rounds=6, weights=0))
    meta = json.loads((made / "run.json").read_text())
    meta["variants"][0]["time_label"] = declared
    (made / "run.json").write_text(json.dumps(meta))
    return made


@pytest.mark.parametrize(("declared", "code"), [("O(n^2 d)", 0), ("O(n d)", 3)])
def test_report_exits_with_3_on_a_lie_when_asked_to(binary, tmp_path, declared, code):
    stored = stored_run(tmp_path / "run", declared)
    done = run(binary, "report", stored, "--fail-on", "complexity")
    assert (done.returncode, "EXCEEDS" in done.stdout) == (code, code == 3), done.stderr
    assert (stored / "report" / "report.html").exists()
    assert run(binary, "report", stored).returncode == 0


def test_run_passes_the_finding_on(binary, tmp_path):
    """No built-in variant exceeds its label, and few sizes never do: 0 with the option, 2 without a report."""
    plan = ["--variants", "naive", "-a", "n=16,32", "--profile", "quick", "--dataset", "gaussian", "--no-calibrate"]
    done = run(binary, "run", *plan, "--out", tmp_path / "run", "--fail-on", "complexity")
    assert done.returncode == 0, done.stderr
    refused = run(binary, "run", *plan, "--out", tmp_path / "no", "--no-report", "--fail-on", "complexity")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert not (tmp_path / "no").exists()

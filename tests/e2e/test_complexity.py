"""Declared complexity, end to end: every registered label is understood, and the binary passes the finding on.

Verdicts come from stored records with known laws or from counted multiply-adds, never from what this machine times.
"""

import json
import sys
from pathlib import Path

import pytest
from attnbench.stats.growth_label import parse_label

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
    declare(made, declared)
    return made


def declare(stored: Path, label: str) -> None:
    """Changes what the only variant of a stored run says about its time."""
    meta = json.loads((stored / "run.json").read_text())
    meta["variants"][0]["time_label"] = label
    (stored / "run.json").write_text(json.dumps(meta))


@pytest.mark.parametrize(("declared", "code"), [("O(n^2 d)", 0), ("O(n d)", 3)])
def test_report_exits_with_3_on_a_lie_when_asked_to(binary, tmp_path, declared, code):
    stored = stored_run(tmp_path / "run", declared)
    done = run(binary, "report", stored, "--fail-on", "complexity")
    assert (done.returncode, "EXCEEDS" in done.stdout) == (code, code == 3), done.stderr
    assert (stored / "report" / "report.html").exists()
    assert run(binary, "report", stored).returncode == 0


QUICK = "--variants naive --dataset gaussian -a d=4 --threads 1 --rounds 1 --samples 1 --no-calibrate".split()


def test_run_has_nothing_to_pass_on_about_few_sizes(binary, tmp_path):
    """Two sizes support no verdict on growth, whatever was timed; without a report there is nothing to fail on."""
    done = run(binary, "run", *QUICK, "-a", "n=16,32", "--out", tmp_path / "run", "--fail-on", "complexity")
    assert done.returncode == 0, done.stderr
    refused = run(
        binary, "run", *QUICK, "-a", "n=16,32", "--out", tmp_path / "no", "--no-report", "--fail-on", "complexity"
    )
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert not (tmp_path / "no").exists()


def test_run_passes_the_finding_on(binary, tmp_path):
    """The multiply-adds of naive are no O(1). They are counted, so that the verdict is the same on any machine."""
    stored = tmp_path / "run"
    measured = run(binary, "run", *QUICK, "-a", "n=16:1k:x2", "--out", stored, "--no-report")
    assert measured.returncode == 0, measured.stderr
    declare(stored, "O(1)")
    done = run(binary, "run", "--resume", stored, "--fail-on", "complexity")
    assert done.returncode == 3, done.stderr
    assert "complexity: naive, cost: declared O(1), measured n^2.00" in done.stdout

"""If these fail, comparisons take rounds that depend on each other for independent ones."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from attnbench.compare.checks import Allowed
from attnbench.compare.model import compared
from attnbench.compare.sides import sides_of_runs
from attnbench.stats.dependence import dependence
from attnbench.stats.intervals import Interval, median_interval
from synthetic_runs import LAWS, Recipe, make_run


def autoregressive(r: np.random.Generator, phi: float, shape: tuple[int, int]) -> np.ndarray:
    """AR(1) noise with variance 1, stationary from the first value on."""
    noise = r.standard_normal(shape)
    for i in range(1, shape[1]):
        noise[:, i] = phi * noise[:, i - 1] + np.sqrt(1 - phi**2) * noise[:, i]
    return noise


def stretched(values: np.ndarray, factor: float) -> Interval:
    middle, interval = np.median(values), median_interval(values)
    return Interval(middle - factor * (middle - interval.low), middle + factor * (interval.high - middle))


@pytest.mark.parametrize(("phi", "least", "before"), [(0.3, 0.91, 0.90), (0.6, 0.90, 0.76), (0.9, 0.78, 0.42)])
def test_stretched_intervals_cover_what_the_others_miss(phi, least, before):
    """F61: ten rounds of AR(1) noise, a table of twelve cases."""
    r, plain, wide, seen = np.random.default_rng(2), [], [], []
    for _ in range(120):
        table = autoregressive(r, phi, (12, 10))
        alike = dependence(np.exp(table))
        seen.append(alike.found)
        plain += [0 in median_interval(row) for row in table]
        wide += [0 in stretched(row, alike.stretch) for row in table]
    assert np.mean(plain) < before
    assert np.mean(wide) >= least
    assert np.mean(seen) > 0.5


def waving(run: Path, amplitude: float) -> Path:
    """Every case of the run slow for some rounds and fast for others, as by a neighbour who stays for minutes."""
    records = [json.loads(line) for line in (run / "records.jsonl").read_text().splitlines()]
    for record in records:
        if "time" in record:
            factor = 1 + amplitude * math.sin(2 * math.pi * record["round"] / 10)
            record["time"]["samples_s"] = [factor * s for s in record["time"]["samples_s"]]
    (run / "records.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    return run


def test_a_comparison_says_that_rounds_are_alike_and_widens_its_intervals(tmp_path):
    recipe = Recipe(laws=LAWS[:3], sizes=(128, 256, 512), weights=0)
    quiet, new = make_run(tmp_path / "a", recipe), make_run(tmp_path / "b", replace(recipe, run_id="b", noise_seed=2))
    before = compared(*sides_of_runs([quiet], [new]), "unpaired", Allowed())
    waving(quiet, 0.05), waving(new, 0.05)
    after = compared(*sides_of_runs([quiet], [new]), "unpaired", Allowed())
    assert any("intervals are widened" in line for line in after.warnings)
    assert not any("widened" in line for line in before.warnings)
    assert after.rows[0].measured.stretch > 1.3

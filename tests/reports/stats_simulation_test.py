"""The statistics keep their word on simulated noise of a known kind: coverage, false positives, power.

Seeds are fixed, so nothing here can fail by chance; the slack is what the number of draws allows (3 standard errors).
"""

import math

import numpy as np
import pytest
from attnbench_reports.stats.intervals import median_interval
from attnbench_reports.stats.paired import compare_paired
from attnbench_reports.stats.power import minimum_effect
from attnbench_reports.stats.scaling import fit
from attnbench_reports.stats.self_comparison import noise_floor
from attnbench_reports.stats.unpaired import compare_unpaired
from attnbench_reports.stats.verdict import MARGIN, Verdict, judge

CALLED = (Verdict.FASTER, Verdict.SLOWER)
NOISE = {
    "normal": lambda r, shape: r.standard_normal(shape),
    "heavy tails": lambda r, shape: r.standard_t(2, shape),
    "skewed": lambda r, shape: r.lognormal(0, 1, shape) - 1,
    "uniform": lambda r, shape: r.uniform(-1, 1, shape),
}


def in_band(covered: list[bool]) -> bool:
    """93 - 97 % at nominal 95 %."""
    return 0.93 <= np.mean(covered) <= 0.97


def slack(draws: int, p: float = 0.05) -> float:
    return 3 * math.sqrt(p * (1 - p) / draws)


def rounds(logs: np.ndarray) -> dict[int, float]:
    return dict(enumerate(np.exp(logs).tolist()))


@pytest.mark.parametrize("kind", NOISE)
@pytest.mark.parametrize("n", [6, 7, 8, 10, 12, 20])
def test_the_interval_of_a_median_covers_it(n, kind):
    draws = NOISE[kind](np.random.default_rng(n), (2500, n))
    assert in_band([0 in median_interval(row) for row in draws])


@pytest.mark.parametrize("noise", [0.01, 0.02, 0.03, 0.05])
def test_ending_early_at_a_narrow_interval_costs_two_points_of_coverage_at_most(noise):
    """As the harness does: from six rounds on until the interval is within 2 % of the median, 20 at most."""
    covered = []
    for values in np.exp(noise * np.random.default_rng(9).standard_normal((1200, 20))):
        for n in range(6, 21):
            interval, median = median_interval(values[:n]), np.median(values[:n])
            if max(interval.high / median - 1, 1 - interval.low / median) < 0.02:
                break
        covered.append(1 in interval)
    assert 0.93 - slack(1200) <= np.mean(covered) <= 0.97


@pytest.mark.parametrize("n", [6, 10, 20])
def test_the_interval_of_paired_rounds_covers_the_ratio(n):
    r = np.random.default_rng(n)
    drift = np.cumsum(0.02 * r.standard_normal((1500, n)), axis=1)  # common to both sides: it cancels
    base, new = drift + 0.02 * r.standard_normal((1500, n)), drift + 0.02 * r.standard_normal((1500, n))
    covered = [
        1.1 in compare_paired(rounds(a), rounds(b + math.log(1.1))).interval for a, b in zip(base, new, strict=True)
    ]
    assert in_band(covered)


@pytest.mark.parametrize(("m", "n"), [(6, 6), (10, 10), (8, 15), (20, 20)])
@pytest.mark.parametrize("kind", ["normal", "heavy tails"])
def test_the_interval_of_unpaired_runs_covers_the_ratio(m, n, kind):
    r = np.random.default_rng(m + n)
    base, new = 0.02 * NOISE[kind](r, (1000, m)), 0.02 * NOISE[kind](r, (1000, n)) + math.log(1.1)
    covered = [1.1 in compare_unpaired([*np.exp(a)], [*np.exp(b)]).interval for a, b in zip(base, new, strict=True)]
    assert in_band(covered)


@pytest.mark.parametrize("sizes", [7, 8, 12])
def test_the_intervals_of_slope_tail_and_curvature_cover_the_truth(sizes):
    n = [64 * 2**k for k in range(sizes)]
    r = np.random.default_rng(sizes)
    fits = [fit(n, np.exp(1.5 * np.log(n) + 0.03 * r.standard_normal(sizes))) for _ in range(1500)]
    assert in_band([1.5 in f.slope.interval for f in fits])
    assert in_band([1.5 in f.tail.interval for f in fits])
    assert in_band([0 in f.curvature_interval for f in fits])
    assert np.mean([f.curved for f in fits]) <= 0.05 + slack(1500)


def process_noise(r: np.random.Generator, kind: str, tables: int, processes: int) -> np.ndarray:
    """Log times of consecutive processes of identical work [tables, processes]."""
    noise = 0.05 * r.standard_normal((tables, processes))
    if kind == "heavy tails":
        noise = 0.05 * r.standard_t(1.5, (tables, processes))
    if kind == "two modes":  # a memory layout that some processes get and that costs 20 %
        noise = 0.01 * noise + math.log(1.2) * (r.random((tables, processes)) < 0.5)
    if kind == "drift":
        noise = noise + np.linspace(0, 0.5, processes)
    if kind == "autocorrelation":
        for i in range(1, processes):
            noise[:, i] += 0.8 * noise[:, i - 1]
    return noise


@pytest.mark.parametrize("kind", ["process-level", "heavy tails", "two modes", "drift", "autocorrelation"])
def test_paired_a_against_a_calls_at_most_5_percent_different(kind):
    """Processes run A B B A ...; no margin hides a false call, the noise is far above it."""
    logs = process_noise(np.random.default_rng(1), kind, 1500, 24).reshape(-1, 12, 2)
    logs[:, 1::2] = logs[:, 1::2, ::-1]
    rows = [compare_paired(rounds(table[:, 0]), rounds(table[:, 1])) for table in logs]
    called = np.mean([judge([row])[0].verdict in CALLED for row in rows])
    assert called <= 0.05 + slack(1500)


def test_a_whole_paired_table_has_a_false_call_in_at_most_5_percent():
    logs = process_noise(np.random.default_rng(2), "process-level", 400 * 15, 24).reshape(400, 15, 12, 2)
    tables = [judge([compare_paired(rounds(row[:, 0]), rounds(row[:, 1])) for row in table]) for table in logs]
    assert np.mean([any(j.verdict in CALLED for j in table) for table in tables]) <= 0.05 + slack(400)


@pytest.mark.parametrize("kind", ["process-level", "heavy tails", "two modes", "drift"])
def test_unpaired_a_against_a_calls_at_most_5_percent_different(kind):
    r = np.random.default_rng(3)
    base, new = process_noise(r, kind, 1000, 10), process_noise(r, kind, 1000, 10)  # a drift repeats in every run
    rows = [compare_unpaired([*np.exp(a)], [*np.exp(b)]) for a, b in zip(base, new, strict=True)]
    assert np.mean([judge([row])[0].verdict in CALLED for row in rows]) <= 0.05 + slack(1000)


def test_what_changes_between_two_runs_is_held_back_by_the_noise_floor_only():
    """Autocorrelated noise moves a run as a whole: rounds inside it are no independent witnesses."""
    r = np.random.default_rng(4)
    base, new = (process_noise(r, "autocorrelation", 1600, 10) for _ in range(2))
    rows = [compare_unpaired([*np.exp(a)], [*np.exp(b)]) for a, b in zip(base, new, strict=True)]
    floor = noise_floor(rows[:800])  # of other A/A pairs of the same machine
    with_floor, without = (np.mean([judge([row], f)[0].verdict in CALLED for row in rows[800:]]) for f in (floor, 0.0))
    assert with_floor <= 0.05 + slack(800)
    assert without > 0.4


def noise_for(design: str, count: int, effect: float) -> float:
    """The noise at which `effect` is the minimum detectable one."""
    low, high = 0.0, 0.2
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if minimum_effect(design, (count, count), middle, MARGIN) < effect else (low, middle)
    return low


@pytest.mark.parametrize(("effect", "expected"), [(0.03, 0.8), (-0.03 / 1.03, 0.8)])
def test_3_percent_is_found_as_often_as_the_minimum_effect_says_when_paired(effect, expected):
    noise = noise_for("paired", 10, 0.03)
    logs = math.log1p(effect) + noise * np.random.default_rng(5).standard_normal((2000, 10))
    found = [judge([compare_paired(rounds(0 * row), rounds(row))])[0].verdict for row in logs]
    right = Verdict.SLOWER if effect > 0 else Verdict.FASTER
    assert np.mean([v is right for v in found]) == pytest.approx(expected, abs=slack(2000, 0.8))


def test_3_percent_is_found_as_often_as_the_minimum_effect_says_when_unpaired():
    noise, r = noise_for("unpaired", 10, 0.03), np.random.default_rng(6)
    base, new = np.exp(noise * r.standard_normal((1000, 10))), 1.03 * np.exp(noise * r.standard_normal((1000, 10)))
    found = [judge([compare_unpaired([*a], [*b])])[0].verdict for a, b in zip(base, new, strict=True)]
    assert np.mean([v is Verdict.SLOWER for v in found]) == pytest.approx(0.8, abs=slack(1000, 0.8))


def test_the_observed_noise_states_the_minimum_effect_without_bias():
    """What a user sees is made from the noise of ten rounds; over many tables it must be right in the middle."""
    noise = noise_for("paired", 10, 0.03)
    logs = noise * np.random.default_rng(7).standard_normal((400, 10))
    stated = [judge([compare_paired(rounds(0 * row), rounds(row))])[0].minimum_effect for row in logs]
    assert np.mean(stated) == pytest.approx(0.03, rel=0.05)


def test_same_is_claimed_of_what_is_the_same_and_never_of_3_percent():
    r = np.random.default_rng(8)
    logs = 0.006 * r.standard_normal((600, 12))
    for effect, least, most in ((0.0, 0.9, 1.0), (0.03, 0.0, 0.0)):
        found = [judge([compare_paired(rounds(0 * row), rounds(row + math.log1p(effect)))])[0].verdict for row in logs]
        assert least <= np.mean([v is Verdict.SAME for v in found]) <= most

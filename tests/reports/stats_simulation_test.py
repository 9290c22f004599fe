"""The statistics keep their word on simulated noise of a known kind: coverage, false positives, power.

Seeds are fixed, so nothing here can fail by chance; the slack is what the number of draws allows (3 standard errors).
"""

import math

import numpy as np
import pytest
from attnbench.stats.comparison import exact_interval
from attnbench.stats.intervals import median_interval
from attnbench.stats.paired import compare_paired
from attnbench.stats.scaling import fit
from attnbench.stats.unpaired import compare_unpaired
from attnbench.stats.verdict import Verdict, judge
from attnbench.support.coin import coin

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
    if kind == "wave":  # 3 % with a period of four processes, as of a timer that fires every so many seconds
        noise = 0.1 * noise + 0.03 * np.array([1, -1, -1, 1] * (processes // 4) + [1, -1][: processes % 4])
    if kind == "autocorrelation":
        for i in range(1, processes):
            noise[:, i] += 0.8 * noise[:, i - 1]
    return noise


def measured_in_pairs(logs: np.ndarray, fixed: bool = False) -> np.ndarray:
    """[tables, rounds, (base, new)] of consecutive processes [tables, 2 rounds]: a coin per round as measure/turns.py
    has it, another seed for each table; or the fixed order A B B A."""
    pairs = logs.reshape(len(logs), -1, 2)
    rounds = range(pairs.shape[1])
    first = np.array([[r % 2 if fixed else coin(seed, r) for r in rounds] for seed in range(len(logs))])
    return np.where(first[:, :, None] == 1, pairs[:, :, ::-1], pairs)


@pytest.mark.parametrize("kind", ["process-level", "heavy tails", "two modes", "drift", "autocorrelation", "wave"])
def test_paired_a_against_a_calls_at_most_5_percent_different(kind):
    """Processes run in random order within each pair; no margin hides a false call, the noise is far above it."""
    logs = measured_in_pairs(process_noise(np.random.default_rng(1), kind, 1500, 24))
    rows = [compare_paired(rounds(table[:, 0]), rounds(table[:, 1])) for table in logs]
    called = np.mean([judge([row])[0].verdict in CALLED for row in rows])
    assert called <= 0.05 + slack(1500)


def test_the_order_a_b_b_a_turns_a_wave_of_four_processes_into_an_effect():
    """Why the order is random: this is what a fixed one does."""
    logs = measured_in_pairs(process_noise(np.random.default_rng(1), "wave", 300, 24), fixed=True)
    rows = [compare_paired(rounds(table[:, 0]), rounds(table[:, 1])) for table in logs]
    assert np.mean([judge([row])[0].verdict in CALLED for row in rows]) > 0.5


@pytest.mark.parametrize("kind", ["drift", "autocorrelation", "wave"])
@pytest.mark.parametrize("n", [10, 20])
def test_the_interval_of_pairs_in_random_order_covers_whatever_rounds_have_in_common(kind, n):
    logs = measured_in_pairs(process_noise(np.random.default_rng(n), kind, 1500, 2 * n))
    pairs = [compare_paired(rounds(t[:, 0]), rounds(t[:, 1] + math.log(1.1))) for t in logs]
    assert np.mean([1.1 in exact_interval(pair) for pair in pairs]) >= 0.95 - slack(1500)
    # The interval that is shown interpolates between ranks, which a wave of two values hardly has anything between.
    assert np.mean([1.1 in pair.interval for pair in pairs]) >= (0.88 if kind == "wave" else 0.93)


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


def test_same_is_claimed_of_what_is_the_same_and_never_of_3_percent():
    r = np.random.default_rng(8)
    logs = 0.006 * r.standard_normal((600, 12))
    for effect, least, most in ((0.0, 0.9, 1.0), (0.03, 0.0, 0.0)):
        found = [judge([compare_paired(rounds(0 * row), rounds(row + math.log1p(effect)))])[0].verdict for row in logs]
        assert least <= np.mean([v is Verdict.SAME for v in found]) <= most

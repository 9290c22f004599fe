"""Statistics against closed forms and simulated noise of a known kind."""

import math

import numpy as np
import pytest
from attnbench.load.cases import cases_of
from attnbench.load.run import load_runs
from attnbench.stats.intervals import MIN_ROUNDS, exact_coverage, median_interval, order_statistic_rank, timing
from attnbench.stats.pareto import frontier
from attnbench.stats.points import points_of
from attnbench.stats.scaling import band, fit
from attnbench.stats.series import panels_of
from synthetic_runs import LAWS, Law, Recipe, make_run, seconds

N = [128 * 2**k for k in range(8)]


@pytest.mark.parametrize(("n", "rank"), [(5, None), (6, 1), (8, 1), (9, 2), (10, 2), (20, 6), (100, 40)])
def test_order_statistic_ranks_are_the_published_ones(n, rank):
    # Two-sided 95 % sign-test ranks, as in Conover 1999, Practical Nonparametric Statistics, table A3.
    assert order_statistic_rank(n) == rank


def test_the_smallest_number_of_rounds_with_an_interval():
    assert order_statistic_rank(MIN_ROUNDS) == 1
    assert order_statistic_rank(MIN_ROUNDS - 1) is None


def test_the_interval_interpolates_between_two_ranks():
    # Six values: ranks 1 and 2 cover 31/32 and 25/32, so 95 % takes a share of 0.1 and a weight of 0.5 / 1.4.
    inner = 0.5 / 1.4
    interval = median_interval([5.0, 1, 4, 2, 6, 3])
    assert (interval.low, interval.high) == (pytest.approx(1 + inner), pytest.approx(6 - inner))
    assert (exact_coverage(6, 1), exact_coverage(6, 2)) == (pytest.approx(31 / 32), pytest.approx(25 / 32))


def test_the_time_is_the_median_of_process_medians():
    # Pooled, the median would be 1: the slow process has as many samples as it likes but one vote.
    result = timing({0: [1, 1, 1, 1, 1], 1: [2], 2: [9]})
    assert result.median_s == 2
    assert (result.min_s, result.rounds, result.samples) == (1, 3, 7)
    assert result.interval is None
    assert timing({}) is None


@pytest.mark.parametrize("power", [0.5, 1, 2, 3])
def test_noise_free_powers_are_recovered_exactly(power):
    result = fit(N, [3e-9 * n**power for n in N])
    assert result.slope.value == pytest.approx(power, abs=1e-12)
    assert result.slope.interval.high - result.slope.interval.low < 1e-9
    assert result.local == pytest.approx([power] * 7)
    assert result.is_exponent
    assert not result.curved
    assert result.verdict == "no bend detectable"


def test_the_exponents_interval_is_t_with_m_minus_2_over_sizes():
    # y = n^2 with log residuals +e, -e, -e, +e: closed form se = sqrt(4 e^2 / (m - 2) / Sxx), t(2; 0.975) = 4.302653.
    e, n = 0.1, [math.exp(k) for k in range(4)]
    y = [math.exp(2 * k + s * e) for k, s in enumerate((1, -1, -1, 1))]
    interval = fit(n, y).slope.interval
    half = 4.302653 * math.sqrt(4 * e**2 / 2 / 5)
    assert fit(n, y).slope.value == pytest.approx(2)
    assert (interval.low, interval.high) == (pytest.approx(2 - half, abs=1e-6), pytest.approx(2 + half, abs=1e-6))


def test_the_exponents_interval_covers_the_truth_as_often_as_it_says():
    noise = np.random.default_rng(5)
    fits = [fit(N, np.exp(2 * np.log(N) + 0.05 * noise.standard_normal(8))) for _ in range(1500)]
    assert np.mean([f.slope.interval.low <= 2 <= f.slope.interval.high for f in fits]) == pytest.approx(0.95, abs=0.02)
    assert np.mean([f.curved for f in fits]) == pytest.approx(0.05, abs=0.02)


def test_a_sum_of_two_powers_has_no_single_exponent_and_a_steeper_tail():
    result = fit(N, [1e-5 * n + 1e-8 * n**2 for n in N])
    assert result.curved
    assert result.verdict == "no single exponent"
    assert result.slope.value < result.tail.value < 2
    assert list(result.local) == sorted(result.local)
    assert result.mark == "†"


@pytest.mark.parametrize("n", [N[:6], [128, 256, 512, 1024, 1500, 2048, 4096]])
def test_too_few_sizes_or_too_narrow_a_range_is_no_exponent_claim(n):
    result = fit(n, [x**2 for x in n])
    assert result.slope.value == pytest.approx(2)
    assert not result.is_exponent
    assert result.mark == "*"
    assert "slope only" in result.verdict


def test_a_slope_of_nothing_is_not_minus_nothing():
    assert str(fit(N, [7.0] * 8).slope) == "0.00 [0.00, 0.00]"
    assert str(fit(N, [7.0 * n**-1e-6 for n in N]).slope) == "0.00 [0.00, 0.00]"


def test_two_sizes_give_a_slope_without_interval_and_one_gives_none():
    assert fit([128, 256], [1.0, 4.0]).slope.interval is None
    assert fit([128, 256], [1.0, 4.0]).slope.value == pytest.approx(2)
    assert fit([128], [1.0]) is None
    assert fit([], []) is None
    assert fit([128, 256], [0.0, 4.0]) is None


def test_the_band_is_narrowest_at_the_middle_of_the_sizes():
    noise = np.random.default_rng(3)
    y = np.exp(2 * np.log(N) + 0.05 * noise.standard_normal(8))
    middle = math.sqrt(N[0] * N[-1])
    line, low, high = band(fit(N, y), N, [N[0], middle, N[-1]])
    widths = np.log(high / low)
    assert widths[1] < widths[0]
    assert widths[0] == pytest.approx(widths[2])
    assert np.allclose(np.sqrt(low * high), line)


def test_the_frontier_keeps_what_nothing_beats():
    assert frontier([(1, 5), (2, 3), (3, 4), (4, 1), (2, 3)]) == [0, 1, 4, 3]
    assert frontier([]) == []


def points(tmp_path, recipe):
    return points_of(cases_of(load_runs([make_run(tmp_path / "run", recipe)])[0]), "naive")


def test_rates_and_speed_up_follow_from_the_law(tmp_path):
    fast = Law("fast", "exact_softmax", 2, 0.01, 1, 1e-7)
    recipe = Recipe(laws=(LAWS[0], fast), sizes=(1024,), noise=0, weights=0, threads=(1,))
    naive, other = points(tmp_path, recipe)
    assert naive.speedup.value == pytest.approx(1)
    assert other.speedup.value == pytest.approx(seconds(LAWS[0], 1024) / 0.01)
    work = 8 * 1024**2 * 128  # heads x pairs x (d_qk + d_v)
    assert other.useful_gflops == pytest.approx(2 * work / 0.01 / 1e9)
    assert other.dense_gflops == pytest.approx(2 * work / 0.01 / 1e9)
    assert other.share_of_peak == pytest.approx(2 * work / 0.01 / 1e9 / recipe.peak_gflops)


def test_useful_and_dense_equivalent_rates_differ_where_work_is_skipped(tmp_path):
    (point,) = points(tmp_path, Recipe(laws=(LAWS[9],), sizes=(1024,), weights=0, rounds=1))
    assert point.dense_gflops == pytest.approx(64 * point.useful_gflops)


def test_a_drift_between_rounds_cancels_in_the_paired_speed_up(tmp_path):
    run = make_run(tmp_path / "run", Recipe(laws=LAWS[:2], sizes=(64,), weights=0, noise=0))
    loaded = load_runs([run])[0]
    for item in loaded.records:
        if item["kind"] == "time":
            item["time"]["samples_s"] = [s * 2 ** item["round"] for s in item["time"]["samples_s"]]
    speedup = points_of(cases_of(loaded), "naive")[1].speedup
    assert speedup.interval.low == pytest.approx(speedup.interval.high) == pytest.approx(8)


def test_without_a_probe_there_is_no_share_of_peak(tmp_path):
    assert points(tmp_path, Recipe(laws=LAWS[:1], sizes=(64,), peak_gflops=0, weights=0))[0].share_of_peak is None


def test_without_naive_there_is_no_speed_up(tmp_path):
    assert all(p.speedup is None for p in points(tmp_path, Recipe(laws=LAWS[1:3], sizes=(64,), weights=0)))


def test_panels_hold_one_thing_fixed_each(tmp_path):
    recipe = Recipe(laws=LAWS[:2], sizes=(64, 128), rounds=1, weights=0, threads=(1, 2),
                    problems=("b1 h8 n{n} d64 f32", "b1 h8 n{n} d64 f32 causal"))  # fmt: skip
    panels = panels_of(points(tmp_path, recipe))
    assert len(panels) == 4
    assert [len(p.series) for p in panels] == [2] * 4
    assert all(p.sizes == [64, 128] for p in panels)


def test_the_common_size_is_the_largest_that_most_variants_reached(tmp_path):
    bad = {("naive", 256): ("verify", "skipped")}
    (panel,) = panels_of(points(tmp_path, Recipe(laws=LAWS[:3], sizes=(64, 128, 256), rounds=1, weights=0, bad=bad)))
    assert panel.common_n() == 128
    assert panel.series[0].largest.n == 128
    assert panel.series[1].largest.n == 256
    assert panel.series[1].largest_compared.n == 128

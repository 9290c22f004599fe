"""Comparisons of two measurements against published tables and closed forms."""

import math
from itertools import combinations

import numpy as np
import pytest
from attnbench.stats.comparison import doubted, exact_interval
from attnbench.stats.intervals import Interval
from attnbench.stats.noise import scale
from attnbench.stats.outliers import count, mark
from attnbench.stats.paired import compare_paired
from attnbench.stats.power import minimum_effect, rounds_needed
from attnbench.stats.rank_sum import EXACT_PAIRS, rank_sum_cumulative, rank_sum_rank
from attnbench.stats.self_comparison import false_positives, halves, noise_floor, rate
from attnbench.stats.starts import compare_starts
from attnbench.stats.unpaired import compare_unpaired
from attnbench.stats.verdict import Verdict, holm, judge
from scipy.stats import mannwhitneyu, norm, ttest_ind

TEN = [1.00, 1.01, 0.99, 1.02, 0.98, 1.005, 0.995, 1.015, 0.985, 1.001]


def times(logs) -> dict[int, float]:
    return {number: math.exp(log) for number, log in enumerate(logs)}


def paired(*logs: float):
    """Comparison whose log ratios are given."""
    return compare_paired(dict.fromkeys(range(len(logs)), 1.0), times(logs))


def test_a_pair_is_a_round_of_both_and_the_ratio_their_median():
    row = compare_paired({0: 1.0, 1: 2.0, 2: 4.0, 7: 9.0}, {2: 6.0, 0: 1.2, 1: 2.0, 8: 9.0})
    assert row.ratio == pytest.approx(1.2)
    assert row.rounds == (3, 3)
    assert (row.base_s, row.new_s) == (2.0, 2.0)
    assert row.interval is None
    with pytest.raises(ValueError, match="no round"):
        compare_paired({0: 1.0}, {1: 1.0})


def test_the_sign_test_is_the_binomial_one():
    assert paired(*[0.1] * 9, -0.1).p_value == pytest.approx(2 * 11 / 1024)
    assert paired(*[0.1] * 5, *[-0.1] * 5).p_value == 1
    assert paired(*[-0.1] * 6).p_value == pytest.approx(2 / 64)


def test_an_equal_pair_counts_against_both_directions():
    assert paired(*[0.1] * 9, 0.0).p_value == pytest.approx(2 * 11 / 1024)
    assert paired(*[0.0] * 8).p_value == 1


def test_the_exact_interval_excludes_1_exactly_when_the_test_rejects():
    r = np.random.default_rng(1)
    for _ in range(300):
        base, new = (0.02 * np.round(r.standard_normal(9), 1) for _ in range(2))  # rounded: with ties
        for row in (compare_paired(times(base), times(new + 0.01)), compare_unpaired([*np.exp(base)], [*np.exp(new)])):
            interval = exact_interval(row)
            assert (1 not in interval) == (row.p_value <= 0.05)
            assert interval.coverage >= 0.95


@pytest.mark.parametrize(
    ("m", "n", "critical"), [(4, 4, 0), (5, 5, 2), (6, 6, 5), (8, 8, 13), (10, 10, 23), (10, 15, 39), (20, 20, 127)]
)
def test_critical_values_of_u_are_the_published_ones(m, n, critical):
    # Two-sided 5 %: Siegel 1956, Nonparametric Statistics, table K. The interval starts one rank further in.
    assert rank_sum_rank(m, n, 0.95) == critical + 1


def starts(*logs: float) -> list[list[float]]:
    return [[math.exp(log)] for log in logs]


def test_starts_are_compared_by_students_t():
    a, b = [0.00, 0.02, 0.01], [0.05, 0.07, 0.03, 0.05]
    row, known = compare_starts(starts(*a), starts(*b)), ttest_ind(b, a)
    assert row.p_value == pytest.approx(known.pvalue)
    ends = known.confidence_interval(0.95)
    assert (row.interval.low, row.interval.high) == (
        pytest.approx(math.exp(ends.low)),
        pytest.approx(math.exp(ends.high)),
    )
    assert (row.starts, row.rounds, row.ratio) == ((3, 4), (3, 4), pytest.approx(math.exp(0.04)))
    assert exact_interval(row, 1 - row.p_value).low == pytest.approx(1)
    within = compare_starts([[1.0, 2.0, 4.0], [1.0, 9.0]], [[2.0]])
    assert (within.ratio, within.rounds) == (pytest.approx(2 / math.sqrt(6)), (5, 1))
    with pytest.raises(ValueError, match="no variance between starts"):
        compare_starts([[1.0, 1.1]], [[1.0, 1.2]])


def test_what_rounds_cannot_show_widens_interval_and_p_value_together():
    r = np.random.default_rng(3)
    for shift, stretch, between in ((0.05, 1.0, 0.02), (-0.04, 2.0, 0.0), (0.1, 1.5, 0.03), (0.0, 1.0, 0.02)):
        for _ in range(20):
            row = compare_unpaired(
                [*np.exp(0.02 * r.standard_normal(8))], [*np.exp(shift + 0.02 * r.standard_normal(9))]
            )
            wide = doubted(row, stretch, between)
            assert wide.p_value >= row.p_value and wide.ratio == row.ratio
            assert wide.interval.low < row.interval.low and wide.interval.high > row.interval.high
            for level in (0.2, 0.05, 0.01):
                interval = exact_interval(wide, 1 - level)
                assert (interval is not None and 1 not in interval) == (wide.p_value <= level)
    row = paired(*(0.1 + 0.01 * np.linspace(-1, 1, 12)))
    assert doubted(row).interval == row.interval and doubted(row).p_value == pytest.approx(row.p_value)


def test_three_against_three_have_no_interval():
    row = compare_unpaired([1, 1.1, 1.2], [2, 2.1, 2.2])
    assert row.interval is None
    assert row.p_value == pytest.approx(2 / 20)
    with pytest.raises(ValueError, match="no rounds"):
        compare_unpaired([], [1.0])


def test_u_agrees_with_every_split_of_few_values_and_with_scipy():
    counts = [sum(a > b for a in chosen for b in set(range(7)) - set(chosen)) for chosen in combinations(range(7), 3)]
    assert rank_sum_cumulative(3, 4) == pytest.approx([np.mean(np.array(counts) <= u) for u in range(13)])
    a, b = np.random.default_rng(2).random((2, 9))
    assert compare_unpaired([*a], [*b]).p_value == pytest.approx(mannwhitneyu(a, b, method="exact").pvalue)


def test_the_normal_approximation_takes_over_without_a_step():
    exact = rank_sum_cumulative(50, 50)
    spread = math.sqrt(50 * 50 * 101 / 12)
    assert len(exact) == EXACT_PAIRS + 1
    assert np.abs(exact - norm.cdf((np.arange(2501) + 0.5 - 1250) / spread)).max() < 1e-3
    approximate = rank_sum_cumulative(51, 50)
    assert approximate[1274] + approximate[1275] == pytest.approx(1)  # U is symmetric about 1275 on whole numbers


def test_hodges_and_lehmanns_estimate_is_the_median_of_all_ratios():
    row = compare_unpaired([1.0, 2.0, 4.0, 8.0], [3.0, 6.0, 12.0, 24.0])
    assert row.ratio == pytest.approx(3)
    assert (row.interval.low, row.interval.high) == (pytest.approx(3 / 8), pytest.approx(24))
    assert row.interval.coverage == pytest.approx(1 - 2 / 70)


def test_holm_is_the_published_example():
    # Holm 1979 steps down alpha/m, alpha/(m-1), ...: here two are rejected, the third stands and all after it.
    steps = holm([0.01, 0.04, 0.03, 0.005], 0.05)
    assert [s.p_adjusted for s in steps] == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert [s.level for s in steps] == pytest.approx([0.05 / 3, 0.025, 0.025, 0.0125])


def test_every_verdict_with_its_reason():
    small = 0.001 * np.linspace(-1, 1, 12)
    table = judge([paired(*(small + x)) for x in (0.2, -0.2, 0.0)] + [paired(*np.linspace(-1, 1, 12))])
    assert [row.verdict for row in table] == [Verdict.SLOWER, Verdict.FASTER, Verdict.SAME, Verdict.UNDECIDED]
    assert [row.reason.split("] ")[1] for row in table] == [
        "excludes 1", "excludes 1", "lies within the margin of 1 %", "includes 1"]  # fmt: skip


def test_a_sure_but_small_effect_is_no_verdict_of_a_change():
    within = judge([paired(*(0.008 + 0.0005 * np.linspace(-1, 1, 12)))])[0]
    assert within.verdict is Verdict.SAME
    across = judge([paired(*(0.008 + 0.005 * np.linspace(-1, 1, 12)))])[0]
    assert across.verdict is Verdict.UNDECIDED
    assert "within the margin of 1 %" in across.reason


def test_the_noise_floor_widens_the_margin_of_its_row():
    rows = [paired(*(0.03 + 0.001 * np.linspace(-1, 1, 12)))] * 2
    assert [j.verdict for j in judge(rows)] == [Verdict.SLOWER] * 2
    assert [j.verdict for j in judge(rows, [0.0, 0.05])] == [Verdict.SLOWER, Verdict.SAME]
    assert [j.margin for j in judge(rows, 0.05)] == [0.05] * 2


def test_ten_rounds_cannot_decide_a_large_table_and_the_reason_says_how_many_can():
    clear = paired(*(0.2 + 0.001 * np.linspace(-1, 1, 10)))
    assert judge([clear] * 25)[0].verdict is Verdict.SLOWER
    row = judge([clear] * 26)[0]
    assert (row.verdict, row.adjusted, row.minimum_effect) == (Verdict.UNDECIDED, None, None)
    assert row.reason == "10 rounds cannot decide a table of 26: 11 are needed"


@pytest.mark.parametrize(("rows", "pairs", "unpaired"), [(1, 6, 4), (25, 10, 7), (26, 11, 7), (100, 12, 8)])
def test_rounds_needed_are_those_of_the_smallest_possible_p(rows, pairs, unpaired):
    assert (rounds_needed(rows), rounds_needed(rows, "unpaired")) == (pairs, unpaired)
    assert 2 * 0.5**pairs <= 0.05 / rows < 2 * 0.5 ** (pairs - 1)


def test_too_few_rounds_are_undecided_and_say_so():
    row = judge([paired(0.5, 0.5, 0.5, 0.5, 0.5)])[0]
    assert (row.verdict, row.reason) == (Verdict.UNDECIDED, "5 rounds: too few for an interval")


def test_the_minimum_effect_without_noise_is_the_margin_and_without_rounds_there_is_none():
    assert minimum_effect(paired(*[0.1] * 6), 0.01) == pytest.approx(0.01)
    assert minimum_effect(paired(*[0.1] * 5), 0.01) is None
    assert minimum_effect(compare_unpaired([1.0] * 3, [1.0] * 3), 0.01) is None


@pytest.mark.parametrize("n", [2, 3, 6, 9, 10, 15])
def test_the_noise_estimate_is_unbiased_and_shrugs_off_an_outlier(n):
    draws = np.random.default_rng(n).standard_normal((3000, n))
    assert np.mean([scale(row) for row in draws]) == pytest.approx(1, abs=0.05)
    assert scale([*TEN[:9], 100.0]) < 3 * scale(TEN[:9])
    assert scale([1.0]) == 0


def test_outliers_are_marked_in_their_round_and_nothing_is_dropped():
    samples = {0: [1.0, 1.01, 0.99], 1: [1.0, 1.02, 5.0], 2: [2.0, 2.01, 2.02]}
    marks = mark(samples)
    assert marks == {0: (False,) * 3, 1: (False, False, True), 2: (False,) * 3}  # a slow process is no outlier
    assert count(marks) == 1
    assert mark({}) == {}
    assert count(mark({0: [1.0] * 5})) == 0
    assert count(mark({0: [1.0] * 20 + [9.0]})) == 1  # more than half equal: the mean deviation stands in
    assert mark({0: [1.0], 1: [9.0]}) == {0: (False,), 1: (False,)}


def test_few_samples_of_each_process_are_not_marked_for_being_few():
    noise = np.exp(0.01 * np.random.default_rng(5).standard_normal((300, 10, 3)))
    assert np.mean([count(mark(dict(enumerate(case)))) / 30 for case in noise]) < 0.01


def test_rates_have_clopper_and_pearsons_interval():
    # Clopper & Pearson 1934: for 0 of 10 the upper end solves (1 - p)^10 = 0.025.
    assert rate(0, 10).interval == Interval(0.0, pytest.approx(1 - 0.025**0.1))
    assert rate(10, 10).interval.low == pytest.approx(0.025**0.1)
    assert rate(1, 20).value == 0.05
    with pytest.raises(ValueError, match="trial"):
        rate(0, 0)


def test_a_run_against_itself():
    comparisons = [halves(times(0.01 * x)) for x in np.random.default_rng(4).standard_normal((40, 10))]
    assert comparisons[0].rounds == (5, 5)
    result = false_positives([judge([row])[0] for row in comparisons])
    assert (result.total, result.count <= 6) == (40, True)
    slow_pairs = halves({number: 2.0 if number % 4 in (1, 2) else 1.0 for number in range(40)})
    assert slow_pairs.ratio == pytest.approx(1, abs=0.1)  # A B B A would give one half all the slow ones
    assert halves(dict.fromkeys(range(7), 1.0)) is None
    assert false_positives([]) is None


def test_the_noise_floor_is_what_most_identical_pairs_stay_below():
    rows = [paired(x) for x in (-0.10, 0.02, 0.01, 0.0)]
    assert noise_floor(rows, 1.0) == pytest.approx(math.expm1(0.10))
    assert noise_floor(rows, 0.5) == pytest.approx(math.expm1(0.015))
    with pytest.raises(ValueError, match="A/A"):
        noise_floor([])

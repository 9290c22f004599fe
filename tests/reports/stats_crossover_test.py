"""Crossover: found where two laws cross, with an interval that covers it, and no crossing invented from noise."""

import math
from itertools import pairwise

import numpy as np
import pytest
from attnbench.stats.crossover import Crossing, crossover
from scipy.optimize import brentq

SIZES = [128 * 2**k for k in range(8)]


def rounds(log_time: float, noise: np.ndarray) -> dict[int, float]:
    return dict(enumerate(np.exp(log_time + noise).tolist()))


def measured(exponent: float, level: float, r: np.random.Generator, noise: float, count: int = 10) -> list[dict]:
    """Rounds of time = exp(level) n^exponent at every size."""
    return [rounds(level + exponent * math.log(n), noise * r.standard_normal(count)) for n in SIZES]


def crossing_at(star: float, r: np.random.Generator, noise: float, count: int = 10):
    """naive-like n^2 below, linear-like n above: base is n^2 and new is n, equal at `star`."""
    return measured(2, 0, r, noise, count), measured(1, math.log(star), r, noise, count)


@pytest.mark.parametrize("star", [150, 300, 1000, 1024, 9000, 16000])
def test_without_noise_the_crossing_is_exact(star):
    found = crossover(SIZES, *crossing_at(star, np.random.default_rng(1), 0))
    assert found.kind is Crossing.ONE
    assert found.n == pytest.approx(star)
    assert (found.interval.low, found.interval.high) == (pytest.approx(star), pytest.approx(star))
    assert found.reason.startswith("slower up to n = ")


@pytest.mark.parametrize(
    ("noise", "count", "paired"), [(0.02, 10, True), (0.1, 12, True), (0.1, 20, True), (0.05, 10, False)]
)
def test_the_interval_covers_the_crossing(noise, count, paired):
    r, covered = np.random.default_rng(count), []
    for star in np.exp(r.uniform(math.log(400), math.log(6000), 350)):
        found = crossover(SIZES, *crossing_at(star, r, noise, count), paired=paired)
        assert found.kind is Crossing.ONE
        covered.append(star in found.interval)
    assert (
        0.93 <= np.mean(covered) <= 0.985
    )  # of power laws the spline knows no more than the line, and noise parts the two


BENT = {
    "a start-up time before n, against n^2": (lambda n: 1e-9 * n**2, lambda n: 40e-6 + 3e-8 * n),
    "n^2 after a start-up time, against n": (lambda n: 8e-6 + 1e-9 * n**2 + 5e-9 * n, lambda n: 4e-7 * n),
    "bn + cn^2, against n": (lambda n: 1e-8 * n + 1e-11 * n**2, lambda n: 2e-8 * n + 2e-6),
}


@pytest.mark.parametrize("law", BENT)
@pytest.mark.parametrize("noise", [0.002, 0.01])
def test_the_interval_covers_a_crossing_between_sizes_where_the_times_bend(law, noise):
    """F65: a straight line between the sizes covers 3 to 15 % of these at 0.2 % noise."""
    base, new = BENT[law]
    r, covered, errors = np.random.default_rng(65), [], []
    for shift in np.exp(r.uniform(0, math.log(2), 60)):
        sizes = [32 * shift * 2**k for k in range(10)]
        star = brentq(lambda n: math.log(base(n) / new(n)), sizes[1], sizes[-2])
        both = [[rounds(math.log(time(n)), noise * r.standard_normal(10)) for n in sizes] for time in (base, new)]
        found = crossover(sizes, *both)
        assert found.kind is Crossing.ONE
        covered.append(star in found.interval)
        errors.append(found.n / star - 1)
    assert np.mean(covered) >= 0.9
    assert abs(np.mean(errors)) < 0.002


def test_a_drift_common_to_both_moves_paired_times_only_together():
    r = np.random.default_rng(2)
    base, new = crossing_at(1000, r, 0.001)
    drift = np.linspace(1, 3, 10)
    moved = [[{k: v * drift[k] for k, v in at.items()} for at in side] for side in (base, new)]
    still, drifting = crossover(SIZES, base, new), crossover(SIZES, *moved)
    assert drifting.n == pytest.approx(still.n)
    assert drifting.interval == still.interval


def test_one_that_is_faster_everywhere_has_no_crossing():
    r = np.random.default_rng(3)
    found = crossover(SIZES, measured(2, 0, r, 0.02), measured(2, -0.5, r, 0.02))
    assert (found.kind, found.n, found.reason) == (Crossing.NONE, None, "faster at every size")
    assert crossover(SIZES, measured(2, 0, r, 0), measured(2, 0, r, 0)).reason == "same at every size"


def test_two_crossings_are_several():
    r = np.random.default_rng(4)
    base = measured(1, 0, r, 0.01)
    bump = [0.3 if 2 <= i <= 4 else -0.3 for i in range(8)]
    new = [rounds(bump[i] + math.log(n), 0.01 * r.standard_normal(10)) for i, n in enumerate(SIZES)]
    found = crossover(SIZES, base, new)
    assert (found.kind, found.n, found.interval) == (Crossing.SEVERAL, None, None)
    assert found.reason == "faster up to n = 256; slower from n = 512; faster from n = 4096"


def test_of_several_places_between_clear_sizes_the_middle_one_counts():
    r, levels = np.random.default_rng(10), [-0.3, -0.3, -0.3, 0.001, -0.001, 0.3, 0.3, 0.3]
    new = [rounds(level + math.log(n), 1e-4 * r.standard_normal(10)) for n, level in zip(SIZES, levels, strict=True)]
    found = crossover(SIZES, measured(1, 0, r, 0), new)
    assert found.kind is Crossing.ONE
    assert 1100 < found.n < 1900  # the line passes 0 just below 1024, between 1024 and 2048, and just above 2048
    assert found.interval.low < 1024 < 2048 < found.interval.high


def test_identical_variants_are_hardly_ever_said_to_cross():
    r = np.random.default_rng(5)
    found = [crossover(SIZES, measured(1, 0, r, 0.05), measured(1, 0, r, 0.05)).kind for _ in range(200)]
    assert sum(kind in (Crossing.ONE, Crossing.SEVERAL) for kind in found) <= 4
    assert Crossing.NONE not in found


def test_too_few_rounds_give_an_estimate_without_a_claim():
    found = crossover(SIZES, *crossing_at(1000, np.random.default_rng(6), 0.01, count=3))
    assert (found.kind, found.interval) == (Crossing.UNDECIDED, None)
    assert found.n == pytest.approx(1000, rel=0.05)
    assert found.reason == "n = 128: 3 rounds: too few for an interval"
    wavering = [rounds((-1) ** i * 0.1 + math.log(n), np.zeros(3)) for i, n in enumerate(SIZES)]
    assert crossover(SIZES, measured(1, 0, np.random.default_rng(6), 0, count=3), wavering).n is None
    seven = crossover(SIZES, *crossing_at(1000, np.random.default_rng(6), 0.01, count=7))
    assert "7 rounds cannot decide a table of 8: 9 are needed" in seven.reason


def test_the_interval_narrows_with_less_noise_and_with_more_rounds():
    def width(noise: float, count: int) -> float:
        interval = crossover(SIZES, *crossing_at(1000, np.random.default_rng(7), noise, count)).interval
        return math.log(interval.high / interval.low)

    widths = [width(0.2, 20), width(0.05, 20), width(0.05, 200)]
    assert all(a > 2 * b for a, b in pairwise(widths))


def test_a_round_missing_at_one_size_costs_that_round_only():
    base, new = crossing_at(1000, np.random.default_rng(8), 0.01, count=12)
    del new[2][0]
    found = crossover(SIZES, base, new)
    assert found.kind is Crossing.ONE
    assert 1000 in found.interval


def test_sizes_at_which_the_two_never_met_are_left_out():
    base, new = crossing_at(700, np.random.default_rng(9), 0.01)
    new[0] = {number + 100: seconds for number, seconds in new[0].items()}
    found = crossover(SIZES, base, new)
    assert found.kind is Crossing.ONE
    assert found.reason == "slower up to n = 512; faster from n = 1024"
    alone = crossover(SIZES[:2], base[:2], new[:2])
    assert (alone.kind, alone.n) == (Crossing.UNDECIDED, None)
    assert "fewer than two sizes" in alone.reason


def test_unpaired_rounds_that_do_not_bear_out_the_u_test_reach_to_the_end_of_the_sizes():
    """Two sizes, clear by the U test; paired in their order the same rounds may leave 0 possible at one of them."""
    r, reached = np.random.default_rng(11), 0
    for _ in range(60):
        base = [rounds(0, 0.1 * r.standard_normal(10)) for _ in range(2)]
        new = [rounds(level, 0.1 * r.standard_normal(10)) for level in (0.2, -0.2)]
        found = crossover([100, 200], base, new, paired=False)
        if found.kind is Crossing.ONE:
            assert (
                100
                <= found.interval.low * (1 + 1e-9)
                <= found.n * (1 + 1e-9)
                <= found.interval.high * (1 + 2e-9)
                <= 201
            )
            reached += found.interval.low < 100.001 or found.interval.high > 199.999
    assert reached > 0

"""If these fail, two stored runs are called different because they were started at different times.

A start (a run, a file) has an offset of its own that all its rounds share. Seeds are fixed; the slack is what the
number of draws allows (3 standard errors).
"""

import math

import numpy as np
import pytest
from attnbench.stats.comparison import doubted
from attnbench.stats.power import minimum_effect
from attnbench.stats.starts import compare_starts
from attnbench.stats.unpaired import ONE_START_EACH, compare_unpaired
from attnbench.stats.verdict import MARGIN, Verdict, judge

CALLED = (Verdict.FASTER, Verdict.SLOWER)
ROUNDS = 10


def slack(draws: int, p: float = 0.05) -> float:
    return 3 * math.sqrt(p * (1 - p) / draws)


def start(r: np.random.Generator, rows: int, common: bool, shift: float = 0.0) -> np.ndarray:
    """Times [rows, ROUNDS] of one start: 1 % from process to process, an offset of 2 % from start to start."""
    offset = 0.02 * r.standard_normal((1 if common else rows, 1))
    return np.exp(shift + offset + 0.01 * r.standard_normal((rows, ROUNDS)))


def sides(r: np.random.Generator, rows: int, starts: tuple[int, int], common: bool, shift: float = 0.0):
    """[rows] of (starts of the base, starts of the new side)."""
    made = [[start(r, rows, common, s) for _ in range(n)] for n, s in zip(starts, (0.0, shift), strict=True)]
    return [tuple([part[row].tolist() for part in side] for side in made) for row in range(rows)]


def one_start(base: list[list[float]], new: list[list[float]], between: float = ONE_START_EACH):
    return doubted(compare_unpaired(base[0], new[0]), between=between)


@pytest.mark.parametrize("common", [True, False])
@pytest.mark.parametrize("rows", [1, 12])
def test_one_start_each_has_a_false_call_in_at_most_5_percent_of_the_tables(rows, common):
    r = np.random.default_rng(rows)
    tables = [judge([one_start(*row) for row in sides(r, rows, (1, 1), common)]) for _ in range(120)]
    assert np.mean([any(j.verdict in CALLED for j in table) for table in tables]) <= 0.05 + slack(120)


def test_without_the_assumption_most_tables_had_one():
    r = np.random.default_rng(12)
    tables = [judge([one_start(*row, between=0) for row in sides(r, 12, (1, 1), True)]) for _ in range(60)]
    assert np.mean([any(j.verdict in CALLED for j in table) for table in tables]) > 0.6


@pytest.mark.parametrize("starts", [(2, 2), (3, 3), (5, 1), (2, 6)])
@pytest.mark.parametrize("common", [True, False])
def test_several_starts_have_a_false_call_in_at_most_5_percent_of_the_tables(starts, common):
    r = np.random.default_rng(sum(starts))
    tables = [judge([compare_starts(*row) for row in sides(r, 6, starts, common)]) for _ in range(200)]
    assert np.mean([any(j.verdict in CALLED for j in table) for table in tables]) <= 0.05 + slack(200)


@pytest.mark.parametrize("starts", [(2, 2), (5, 5), (5, 1)])
def test_the_interval_of_several_starts_covers_the_ratio(starts):
    r = np.random.default_rng(7)
    rows = [row for _ in range(800) for row in sides(r, 1, starts, True, math.log(1.1))]
    covered = np.mean([1.1 in compare_starts(*row).interval for row in rows])
    assert 0.95 - slack(800) <= covered <= 0.95 + slack(800)


def test_one_start_each_covers_the_ratio_where_starts_differ_as_assumed():
    r = np.random.default_rng(8)
    rows = sides(r, 800, (1, 1), False, math.log(1.1))
    covered = np.mean([1.1 in one_start(*row).interval for row in rows])
    assert 0.93 <= covered <= 0.98


@pytest.mark.parametrize("starts", [(2, 2), (5, 5)])
def test_an_effect_of_the_stated_size_is_found_in_80_percent(starts):
    """The effect stated by one comparison, looked for in another of the same kind."""
    r, found = np.random.default_rng(9), []
    for _ in range(600):
        (seen,) = sides(r, 1, starts, True)
        effect = minimum_effect(compare_starts(*seen), MARGIN)
        (coming,) = sides(r, 1, starts, True, math.log1p(effect))
        found.append(judge([compare_starts(*coming)])[0].verdict is Verdict.SLOWER)
    assert np.mean(found) == pytest.approx(0.8, abs=slack(600, 0.8))

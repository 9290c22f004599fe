"""Growth: laws recovered exactly without noise and rarely wrong with it; series found along whatever a run varies."""

import math

import numpy as np
import pytest
from attnbench.load.cases import cases_of
from attnbench.load.run import load_runs
from attnbench.stats.along import axis_series, growths
from attnbench.stats.models import LAWS, choose_law
from attnbench.stats.points import points_of
from attnbench.stats.scaling import fit, tail_size
from synthetic_runs import LAWS as SYNTHETIC
from synthetic_runs import Law, Recipe, make_run

N = np.array([128 * 2**k for k in range(8)], float)
# Every term matters at some size and none at all.
TRUE = {
    "1": {"1": 3e-4},
    "n": {"n": 3e-7},
    "n log n": {"n log n": 3e-7},
    "n^1.5": {"n^1.5": 1e-8},
    "n^2": {"n^2": 1e-9},
    "a+bn": {"1": 3e-4, "n": 3e-7},
    "bn+cn^2": {"n": 3e-7, "n^2": 1e-10},
    "a+bn+cn^2": {"1": 2e-4, "n": 3e-7, "n^2": 1e-10},
}


def values(law: str) -> np.ndarray:
    return sum(c * LAWS[law][term](N) for term, c in TRUE[law].items())


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("sizes", [7, 8])
def test_a_law_without_noise_is_recovered_exactly(law, sizes):
    choice = choose_law(N[-sizes:], values(law)[-sizes:])
    assert (choice.best.law, choice.decided, str(choice)) == (law, True, law)
    assert choice.best.coefficients == pytest.approx(TRUE[law], rel=1e-9)
    assert choice.best.scatter < 1e-12


@pytest.mark.parametrize("law", LAWS)
def test_a_law_under_2_percent_noise_is_among_the_supported_and_hardly_ever_decided_wrongly(law):
    r = np.random.default_rng(1)
    choices = [choose_law(N, values(law) * np.exp(0.02 * r.standard_normal(8))) for _ in range(60)]
    assert sum(law in [f.law for f in c.supported] for c in choices) >= 57
    assert sum(c.decided and c.best.law != law for c in choices) <= 3
    assert sum(c.decided for c in choices) >= 30
    assert sum(not c.fits for c in choices) <= 8  # their trend is tested at 5 %


def test_aicc_is_the_published_formula():
    # m = 8 sizes, one coefficient and the scatter: p = 2, RSS = 8 * 0.1^2 about the geometric mean.
    y = np.exp(0.1 * np.array([1, -1, 1, -1, -1, 1, -1, 1])) * N
    best = next(f for f in choose_law(N, y).ranking if f.law == "n")
    assert best.coefficients == pytest.approx({"n": 1.0})
    assert best.scatter == pytest.approx(0.1)
    assert best.aicc == pytest.approx(8 * math.log(0.01) + 2 * 2 + 2 * 2 * 3 / (8 - 2 - 1))


def test_laws_within_4_of_the_best_are_named_and_none_is_chosen():
    r = np.random.default_rng(3)
    y = (3e-4 + 3e-7 * N**1.25) * np.exp(0.02 * r.standard_normal(8))
    choice = choose_law(N, y)
    gaps = [f.aicc - choice.best.aicc for f in choice.ranking]
    assert len(choice.supported) == sum(gap < 4 for gap in gaps) > 1
    assert not choice.decided
    assert str(choice).startswith("undecided (" + choice.best.law)


def test_a_growth_that_is_none_of_the_laws_is_said_to_be_none():
    choice = choose_law(N, N**3)
    assert [f.law for f in choice.supported] == ["n^2"]
    assert not choice.fits
    assert not choice.decided
    assert (str(choice), choice.named("x")) == ("none (nearest: n^2)", "none (nearest: x^2)")


def test_logarithms_are_to_base_2():
    assert choose_law(N, N * np.log2(N)).best.coefficients == pytest.approx({"n log n": 1.0})


def test_a_term_that_adds_nothing_is_the_simpler_law():
    assert "a+bn" not in [f.law for f in choose_law(N, 1e-6 * N).ranking]
    assert choose_law(N[:4], N[:4]) is None
    assert choose_law(N, 0 * N) is None


@pytest.mark.filterwarnings("error")
def test_an_axis_that_starts_at_1_is_without_n_log_n():
    choice = choose_law(N / 128, N / 128)
    assert choice.best.law == "n"
    assert "n log n" not in [f.law for f in choice.ranking]


def test_curvature_has_its_t_interval_and_the_tail_its_sizes():
    # Residuals of an exact line and parabola: y = 2 x + 0.05 x^2 on x = -3.5 .. 3.5 plus a cubic-free alternation.
    x, e = np.arange(8) - 3.5, 0.01 * np.array([1, -1, -1, 1, 1, -1, -1, 1])
    result = fit(np.exp(x), np.exp(2 * x + 0.05 * x**2 + e))
    design = np.vander(x, 3)
    value = np.linalg.lstsq(design, 2 * x + 0.05 * x**2 + e, rcond=None)[0][0]
    residual = 2 * x + 0.05 * x**2 + e - design @ np.linalg.lstsq(design, 2 * x + 0.05 * x**2 + e, rcond=None)[0]
    half = 2.570582 * math.sqrt(residual @ residual / 5 * np.linalg.inv(design.T @ design)[0, 0])  # t(5; 0.975)
    assert result.curvature == pytest.approx(value)
    assert result.curvature_interval.high == pytest.approx(value + half, rel=1e-5)
    assert result.curved
    assert (tail_size(7), tail_size(8), result.tail_sizes) == (4, 5, 5)
    assert result.tail.value == pytest.approx(fit(np.exp(x[-5:]), np.exp(2 * x + 0.05 * x**2 + e)[-5:]).slope.value)


def points(tmp_path, name="run", **recipe):
    run = make_run(tmp_path / name, Recipe(weights=0, noise=0, rounds=1, **recipe))
    return points_of(cases_of(load_runs([run])[0]))


def test_a_sweep_over_n_gives_the_growth_of_four_quantities(tmp_path):
    (series,) = axis_series(points(tmp_path, laws=(Law("x", "exact_softmax", 1.5, 0.01, 2, 0.0),)))
    assert (series.axis, series.variant, series.fixed, series.x[0]) == ("n", "x", "", 128)
    found = growths(series)
    slopes = {name: round(growth.fit.slope.value, 6) for name, growth in found.items()}
    assert slopes == {"time": 1.5, "flops": 1.5, "workspace": 2, "rss": 2}
    assert found["flops"].y[0] == pytest.approx(2 * series.points[0].case.cost["multiply_adds"])
    assert str(found["time"].law) == "n^1.5"


def test_what_is_0_has_no_growth(tmp_path):
    (series,) = axis_series(points(tmp_path, laws=(Law("x", "exact_softmax", 1, 0.01, 0, 0.0),)))
    assert set(growths(series)) == {"time", "flops"}


def test_every_axis_is_found_with_the_rest_held_fixed(tmp_path):
    problems = ("b1 h8 n{n} d64 f32", "b1 h8 n{n} d128 f32", "b1 h16 n{n} d64 f32", "b2 h8 n{n} d64 f32 causal")
    found = axis_series(points(tmp_path, laws=SYNTHETIC[:1], sizes=(128, 256), problems=problems, threads=(1, 2)))
    axes = {(s.axis, len(s.x)) for s in found}
    assert axes == {("n", 2), ("d", 2), ("heads", 2), ("threads", 2)}  # batch changes together with the mask: no axis
    assert {s.fixed for s in found if s.axis == "d"} == {
        f"n_q={n} n_k={n} threads={t}" for n in (128, 256) for t in (1, 2)
    }
    assert all(p.case.shape["heads_q"] == 8 for s in found if s.axis == "d" for p in s.points)


def test_a_parameter_is_an_axis_and_joins_what_the_label_keeps_apart(tmp_path):
    laws = tuple(
        Law("sliding_window", "masked_softmax", 1, w * 1e-5, 1, 0.2, params={"window": w}) for w in (64, 128, 256)
    )
    found = axis_series(points(tmp_path, laws=laws, sizes=(512, 1024)))
    windows = [s for s in found if s.axis == "window"]
    assert [s.fixed for s in windows] == ["n_q=512 n_k=512", "n_q=1024 n_k=1024"]
    assert growths(windows[0])["time"].fit.slope.value == pytest.approx(1)
    assert [s.fixed for s in found if s.axis == "n"] == ["window=64", "window=128", "window=256"]


@pytest.mark.filterwarnings("error")
def test_a_parameter_of_0_is_no_place_on_a_logarithmic_axis(tmp_path):
    laws = tuple(Law("x", "masked_softmax", 1, 0.01, 1, 0.2, params={"globals": g}) for g in (0, 1, 2, 4))
    found = [s for s in axis_series(points(tmp_path, laws=laws, sizes=(512, 1024))) if s.axis == "globals"]
    assert [s.x for s in found] == [(1, 2, 4), (1, 2, 4)]
    assert growths(found[0])["time"].fit.slope.value == pytest.approx(0)


def test_cross_attention_has_n_q_and_n_k_apart(tmp_path):
    found = axis_series(points(tmp_path, laws=SYNTHETIC[:1], sizes=(128, 256, 512), problems=("b1 h8 n1:{n} d64 f32",)))
    assert [(s.axis, s.x) for s in found] == [("n_k", (128, 256, 512))]


def test_what_moves_together_is_one_axis_and_what_moves_alone_another(tmp_path):
    problems = ("b1 h8 n{n} d64 f32", "b1 h8 n{n} d128:64 f32")
    found = axis_series(points(tmp_path, laws=SYNTHETIC[:1], sizes=(128,), problems=problems))
    assert [(s.axis, s.x) for s in found] == [("d_qk", (64, 128))]


def test_parameters_of_one_variant_are_not_held_fixed_for_another(tmp_path):
    laws = (SYNTHETIC[0], Law("sliding_window", "masked_softmax", 1, 1e-3, 1, 0.2, params={"window": 64}))
    found = axis_series(points(tmp_path, laws=laws, sizes=(128, 256)))
    assert [(s.axis, s.variant, s.fixed) for s in found] == [("n", "naive", ""), ("n", "sliding_window", "")]


def test_a_mask_window_of_the_problem_is_an_axis(tmp_path):
    problems = tuple(f"b1 h8 n{{n}} d64 f32 window={w}:0" for w in (63, 127))
    found = axis_series(points(tmp_path, laws=SYNTHETIC[:1], sizes=(512,), problems=problems))
    assert [(s.axis, s.x) for s in found] == [("mask window", (64, 128))]

"""The doctor's verdicts on measurements whose truth is known."""

import json
import math

import numpy as np
import pytest
from attnbench.doctor.__main__ import main
from attnbench.doctor.checks import (
    judge_clock,
    judge_growth,
    judge_measurements,
    judge_noise,
    judge_resolution,
    judge_same,
    judge_twice,
    paired,
)

STEADY = [1.0, 1.001, 0.999, 1.0005, 0.9995, 1.0008, 0.9992, 1.0]


def row(base, factor=1.0, noise=0.0, seed=0, rounds=10):
    draw = np.random.default_rng(seed)
    return paired(
        {
            "base": list(base * np.exp(noise * draw.standard_normal(rounds))),
            "new": list(base * factor * np.exp(noise * draw.standard_normal(rounds))),
        }
    )


@pytest.mark.parametrize(("noise", "health"), [(0.001, "OK"), (0.05, "WARN"), (0.5, "FAIL")])
def test_noise_is_the_scatter_of_process_medians(noise, health):
    draw = np.random.default_rng(1)
    medians = 1e-3 * np.exp(noise * draw.standard_normal(200))
    check = judge_noise(1e-3, list(medians))
    assert check.health == health
    assert (check.advice == "") == (health == "OK")
    shown = float(check.found.split(" %")[0]) / 100
    assert shown == pytest.approx(noise, rel=0.2)


def test_noise_of_one_stray_process_is_shown_but_does_not_decide():
    check = judge_noise(1e-3, [*STEADY, 3.0])
    assert check.health == "OK"
    assert "slowest 200 % above fastest" in check.found


def test_a_steady_clock_is_ok_and_a_drifting_one_is_not():
    assert judge_clock([100.0, 99.0, 100.0, 98.0] * 5).health == "OK"
    drifting = judge_clock(list(np.linspace(60, 100, 40)))
    assert drifting.health == "WARN" and "only within one run" in drifting.advice


def test_starved_probes_are_counted_and_a_machine_without_any_fails():
    assert "2 starved" in judge_clock([100.0] * 8 + [0.0] * 2).found
    assert judge_clock([100.0] * 8 + [0.0] * 2).health == "WARN"
    assert judge_clock([0.0, 0.0]).health == "FAIL"


def test_identical_pairs_are_not_called_different():
    check = judge_same([row(1e-3, noise=0.01, seed=seed) for seed in range(12)])
    assert check.health == "OK"
    assert check.found.startswith("0 of 12 identical pairs called different")


def test_pairs_that_do_differ_fail_the_a_a_check():
    check = judge_same([row(1e-3, factor=1.05, noise=0.002, seed=seed) for seed in range(12)])
    assert check.health == "FAIL"
    assert check.found.startswith("12 of 12")


def test_a_single_call_in_the_table_is_a_warning():
    rows = [row(1e-3, noise=0.01, seed=seed) for seed in range(11)]
    check = judge_same([*rows, row(1e-3, factor=1.2, noise=0.002)])
    assert check.health == "WARN"
    assert check.found.startswith("1 of 12")


def test_the_smallest_effect_grows_with_the_noise():
    quiet = judge_resolution([row(1e-3, noise=0.002, seed=seed) for seed in range(8)])
    loud = judge_resolution([row(1e-3, noise=0.3, seed=seed) for seed in range(8)])
    assert quiet.health == "OK" and "with 10 paired rounds" in quiet.found
    assert loud.health == "WARN" and "UNDECIDED" in loud.advice
    few = judge_resolution([row(1e-3, noise=0.3, rounds=4)])
    assert "too few" in few.found


@pytest.mark.parametrize(
    ("factor", "noise", "health"),
    [(2.0, 0.01, "OK"), (2.03, 0.0001, "OK"), (2.1, 0.001, "WARN"), (2.5, 0.01, "FAIL"), (1.0, 0.01, "FAIL")],
)
def test_twice_is_twice(factor, noise, health):
    check = judge_twice(row(1e-3, factor=factor, noise=noise, seed=3))
    assert check.health == health
    low, high = (float(end) for end in check.found.split("[")[1].split("]")[0].split(", "))
    assert low <= float(check.found.split(" ")[0]) <= high


def test_a_right_ratio_with_a_useless_interval_is_a_warning():
    check = judge_twice(row(1e-3, factor=2.0, noise=0.5, seed=3))
    assert check.health == "WARN" and "too wide" in check.advice


def test_twice_without_an_interval_is_judged_by_the_ratio():
    assert judge_twice(row(1e-3, factor=2.0, rounds=3)).health == "OK"
    wrong = judge_twice(row(1e-3, factor=3.0, rounds=3))
    assert wrong.health == "FAIL" and "far off" in wrong.advice


@pytest.mark.parametrize(
    ("power", "expected", "health"), [(1, 1, "OK"), (2, 2, "OK"), (1.05, 1, "WARN"), (1.5, 2, "FAIL"), (0, 1, "FAIL")]
)
def test_the_exponent_comes_back(power, expected, health):
    n = [2**k for k in range(8)]
    draw = np.random.default_rng(4)
    medians = [list(1e-6 * size**power * np.exp(0.001 * draw.standard_normal(3))) for size in n]
    check = judge_growth(expected, n, medians)
    assert check.health == health
    assert check.name == f"exponent of n^{expected}"


def test_a_wide_exponent_is_a_warning():
    n = [2**k for k in range(7)]
    medians = [[1e-6 * size * math.exp((-1) ** k)] for k, size in enumerate(n)]
    assert judge_growth(1, n, medians).health == "WARN"


def test_the_command_turns_measurements_into_checks(tmp_path):
    n = [2**k for k in range(7)]
    data = {
        "noise": [{"seconds": 1e-3, "medians": STEADY}, {"seconds": 1e-2, "medians": STEADY}],
        "same": [{"base": STEADY, "new": STEADY[::-1]}],
        "twice": {"base": STEADY, "new": [2 * value for value in STEADY]},
        "growth": [{"exponent": e, "n": n, "medians": [[size**e * 1e-6] for size in n]} for e in (1, 2)],
        "peaks_gflops": [100.0, 101.0],
    }
    (tmp_path / "in.json").write_text(json.dumps(data))
    assert main(str(tmp_path / "in.json"), str(tmp_path / "out.json")) == 0
    checks = json.loads((tmp_path / "out.json").read_text())
    assert {check["health"] for check in checks} == {"OK"}
    assert len(checks) == len(judge_measurements(data)) == 8
    assert set(checks[0]) == {"group", "name", "health", "found", "advice"}

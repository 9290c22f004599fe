"""What a machine that lies does to times and slopes, and what is still claimed then: nothing, or what holds.

Sizes are measured as the harness does it: round by round over all of them, the first round in their order, each later
one in a random order (`tour`). Seeds are fixed.
"""

import json
import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
from attnbench.figures.against_n import against_n
from attnbench.figures.quantities import MEMORY, TIME
from attnbench.figures.style import Looks
from attnbench.model import build_model
from attnbench.pages.data import summary
from attnbench.pages.growth import growth_table
from attnbench.pages.terminal import terminal_summary
from attnbench.pages.trust import facts
from attnbench.stats.complexity import Agreement
from attnbench.stats.dependence import LEVEL, dependence
from attnbench.stats.intervals import median_interval
from attnbench.stats.models import choose_law
from attnbench.stats.scaling import Noise, fit
from attnbench.stats.speed import Speeds
from synthetic_runs import Law, Recipe, make_run

SIZES, ROUNDS, VARIANTS = 7, 6, 11
N = np.array([64 * 2**k for k in range(SIZES)], float)


def slack(draws: int, p: float = 0.05) -> float:
    return 3 * math.sqrt(p * (1 - p) / draws)


def minutes(r: np.random.Generator, kind: str, pieces: int) -> np.ndarray:
    """Log slowness of the machine while one piece of work after the other is done."""
    if kind == "drift":
        return np.linspace(0, math.log(1.1), pieces)
    if kind == "half speed":
        slow = np.zeros(pieces)
        for start in r.integers(0, pieces, 3):
            slow[start : start + pieces // 12] = math.log(2)
        return slow
    slow, phi = np.empty(pieces), 0.98
    slow[0] = r.standard_normal()
    for i in range(1, pieces):
        slow[i] = phi * slow[i - 1] + math.sqrt(1 - phi**2) * r.standard_normal()
    return 0.05 * slow


def places(r: np.random.Generator, order: str) -> np.ndarray:
    """When each round of each size of one variant is measured [round, size], in pieces of work."""
    if order == "size by size":
        return (np.arange(SIZES) * ROUNDS + np.arange(ROUNDS)[:, None]) * VARIANTS
    tours = [np.arange(SIZES), *(np.argsort(r.permutation(SIZES)) for _ in range(ROUNDS - 1))]
    return (np.array(tours) + SIZES * np.arange(ROUNDS)[:, None]) * VARIANTS


def measured(r: np.random.Generator, kind: str, order: str) -> tuple[np.ndarray, np.ndarray]:
    """Log times of n^1.5 and log slowness beside them, both [round, size]."""
    slow = minutes(r, kind, SIZES * ROUNDS * VARIANTS)[places(r, order)]
    return 1.5 * np.log(N) + slow + 0.01 * r.standard_normal((ROUNDS, SIZES)), slow


def noise_of(logs: np.ndarray) -> Noise:
    return Noise(float(math.pi / 2 * logs.var(axis=0, ddof=1).mean() / ROUNDS), SIZES * (ROUNDS - 1))


def claims(kind: str, order: str, draws: int = 800) -> tuple[float, float]:
    """(share of runs from which an exponent is claimed, share of those whose interval covers it)"""
    r, covered = np.random.default_rng(1), []
    for _ in range(draws):
        logs, slow = measured(r, kind, order)
        speeds = Speeds(dict(zip(N.tolist(), (100 / np.exp(np.median(slow, axis=0))).tolist(), strict=True)))
        found = fit(N, np.exp(np.median(logs, axis=0)), noise_of(logs), speeds.reason)
        if found.is_exponent:
            covered.append(1.5 in found.slope.interval)
    return len(covered) / draws, float(np.mean(covered)) if covered else math.nan


@pytest.mark.parametrize("kind", ["autocorrelation", "drift", "half speed"])
def test_exponents_that_are_claimed_after_tours_over_all_sizes_hold(kind):
    claimed, covered = claims(kind, "tours")
    assert claimed > 0.5
    assert covered >= 0.93 - slack(800)


def test_size_by_size_a_drift_would_leave_no_interval_that_holds():
    assert claims("drift", "size by size", 200)[1] < 0.05


def test_size_by_size_minutes_at_half_speed_are_seen_and_hardly_anything_is_claimed():
    assert claims("half speed", "size by size")[0] < 0.02


def test_time_at_constant_speed_gives_back_the_exponent_that_half_speed_hid():
    """The recorded run: the machine at half speed at n = 1024, 4096, 8192."""
    n = np.array([64 * 2**k for k in range(8)], float)
    speed = np.array([236, 236, 236, 236, 118, 236, 118, 118], float)
    raw, steady = n**2 / speed, n**2
    assert fit(n, raw).slope.value == pytest.approx(2.15, abs=0.01)
    assert fit(n, steady).slope.value == pytest.approx(2)
    speeds = Speeds(dict(zip(n.astype(int).tolist(), speed.tolist(), strict=True)))
    assert (speeds.usual, speeds.other) == (236, (1024, 4096, 8192))
    assert speeds.reason == "the machine ran at another speed at n = 1024 (50 %), 4096 (50 %), 8192 (50 %)"


def test_the_usual_speed_is_that_of_most_sizes_and_the_higher_of_two():
    assert Speeds({64: 100, 128: 95, 256: 104}).other == ()
    assert Speeds({64: 100, 128: 50}).other == (128,)
    assert Speeds({64: 100, 128: 50, 256: 52}).other == (64,)
    assert (Speeds({}).usual, Speeds({}).other) == (None, ())


# Dependence between rounds


def rounds_of(r: np.random.Generator, kind: str, rounds: int, cases: int = 40) -> np.ndarray:
    shared = np.zeros(rounds)
    if kind == "drift":
        shared = np.linspace(0, 0.1, rounds)
    if kind == "rounds of their own":
        shared = 0.03 * r.standard_normal(rounds)
    if kind == "autocorrelation":
        shared[0] = r.standard_normal()
        for i in range(1, rounds):
            shared[i] = 0.9 * shared[i - 1] + math.sqrt(1 - 0.9**2) * r.standard_normal()
        shared *= 0.03
    return np.exp(0.01 * r.standard_normal((cases, rounds)) + shared)


@pytest.mark.parametrize("rounds", [6, 10])
@pytest.mark.parametrize("kind", ["independent", "rounds of their own"])
def test_independent_rounds_are_hardly_ever_called_dependent(kind, rounds):
    r = np.random.default_rng(rounds)
    found = [dependence(rounds_of(r, kind, rounds)) for _ in range(300)]
    assert np.mean([d.found for d in found]) <= LEVEL + slack(300, LEVEL)
    assert np.median([d.lag1 for d in found]) == pytest.approx(0, abs=0.06)


@pytest.mark.parametrize("rounds", [6, 10])
def test_a_drift_over_the_rounds_is_always_found(rounds):
    r = np.random.default_rng(rounds)
    found = [dependence(rounds_of(r, "drift", rounds)) for _ in range(50)]
    assert all(d.found for d in found)


def test_intervals_that_are_left_after_autocorrelated_rounds_cover_more_than_all_of_them():
    """Twenty rounds show what they are; ten and fewer can hide it, which methodology.md says."""
    r, all_of_them, left = np.random.default_rng(3), [], []
    for _ in range(300):
        rows = rounds_of(r, "autocorrelation", 20)
        covers = 1 in median_interval(rows[0])
        all_of_them.append(covers)
        if not dependence(rows).found:
            left.append(covers)
    assert len(left) < 0.25 * len(all_of_them)
    assert np.mean(all_of_them) < 0.6


def test_equal_rounds_depend_on_nothing():
    assert not dependence([[1.0] * 6, [2.0] * 6]).found


# Steps in n


@pytest.mark.parametrize("sizes", [7, 8])
@pytest.mark.parametrize("power", [1, 1.5, 2])
@pytest.mark.parametrize("step", [256, 512, 1024, 2048, 4096, 8192])
def test_a_step_in_n_decides_no_wrong_law(power, step, sizes):
    n, r = np.array([128 * 2**k for k in range(8)], float)[-sizes:], np.random.default_rng(step)
    truth = {1: "n", 1.5: "n^1.5", 2: "n^2"}[power]
    wrong = 0
    for _ in range(80):
        y = n**power * np.where(n >= step, 1.5, 1) * np.exp(0.01 * r.standard_normal(sizes))
        choice = choose_law(n, y)
        wrong += choice.decided and choice.best.law != truth
    assert wrong <= 4


@pytest.mark.parametrize("power", [1, 2])
def test_a_step_marks_the_slope_where_the_noise_is_known(power):
    n, r = np.array([128 * 2**k for k in range(8)], float), np.random.default_rng(1)
    noise = Noise(0.01**2, 40)
    smooth = [fit(n, n**power * np.exp(0.01 * r.standard_normal(8)), noise) for _ in range(200)]
    stepped = [fit(n, n**power * np.where(n >= 1024, 1.5, 1) * np.exp(0.01 * r.standard_normal(8)), noise)
               for _ in range(200)]  # fmt: skip
    assert np.mean([f.uneven for f in smooth]) <= 0.01 + slack(200, 0.01)
    assert all(f.uneven and f.mark == "†" and f.verdict == "no single exponent" for f in stepped)
    assert fit(n, n**power * np.where(n >= 1024, 1.5, 1)).mark == ""  # nothing to hold it against


def test_a_law_that_does_not_predict_the_largest_sizes_says_so():
    n = np.array([128 * 2**k for k in range(8)], float)
    choice = choose_law(n, n * np.where(n >= 1024, 1.5, 1))
    assert not choice.decided and not choice.predicts
    assert str(choice) == "undecided (n log n does not predict the largest n)"


def test_a_law_whose_residuals_exceed_the_noise_does_not_fit():
    n = np.array([128 * 2**k for k in range(8)], float)
    zigzag = n**2 * np.where(np.arange(8) % 2, 1.04, 0.96)
    assert choose_law(n, zigzag).fits
    assert not choose_law(n, zigzag, Noise(0.005**2, 40)).fits


# The report of a run during which the machine changed its speed between sizes

SLOW = {1024: 0.5, 4096: 0.5}
ONE = (Law("naive", "exact_softmax", 2, 0.4, 2, 3e-7), Law("linear", "approximates_softmax", 1, 0.003, 0, 0.47))


def edited(tmp_path, change, **recipe):
    """A synthetic run whose records `change` has edited."""
    run = make_run(tmp_path / "run", Recipe(**{"laws": ONE, "weights": 0, "rounds": 6} | recipe))
    records = [json.loads(line) for line in (run / "records.jsonl").read_text().splitlines()]
    for record in records:
        change(record)
    (run / "records.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    return build_model([run])


def slower(record):
    factor = SLOW.get(record["problem_fields"]["n_k"], 1)
    if "time" in record:
        time = record["time"]
        time["samples_s"] = [s / factor for s in time["samples_s"]]
        for name in ("peak_gflops", "peak_before_gflops", "peak_after_gflops"):
            time[name] *= factor


@pytest.fixture(scope="module")
def half_speed(tmp_path_factory):
    return edited(tmp_path_factory.mktemp("half"), slower)


def test_no_exponent_is_claimed_from_sizes_at_another_speed(half_speed):
    for series in half_speed.series:
        assert series.speeds.other == (1024, 4096)
        assert not series.time_fit.is_exponent
        assert series.time_fit.mark == "‡"
        assert series.time_fit.verdict.startswith(
            "no exponent claimed: the machine ran at another speed at n = 1024 (50 %)"
        )
    assert half_speed.series[0].steady_fit.slope.value == pytest.approx(2, abs=0.02)
    times = [check for check in half_speed.checks if check.quantity == "time"]
    assert {check.agreement for check in times} == {Agreement.CANNOT_TELL}


def test_the_change_of_speed_is_an_alarm_on_the_page_and_in_the_summary(half_speed):
    fact = next(f for f in facts(half_speed) if f.name == "speed between sizes")
    assert fact.alarming
    assert "n = 1024 (50.0 % of it), n = 4096 (50.0 % of it)" in fact.value
    trust = summary(half_speed)["trust"]
    assert "speed between sizes" in trust["alarms"]
    assert trust["speed_changes"] == [{"usual_gflops": 900.0, "sizes": [1024, 4096], "gflops": [450.0, 450.0]}]
    assert any("ran at another speed at n = 1024 (50 %), 4096 (50 %)" in line for line in half_speed.warnings)


def test_the_time_figure_shows_the_speed_beside_each_size_and_hollow_markers_where_it_was_another(half_speed):
    looks = Looks(half_speed.variants, [run.label for run in half_speed.runs])
    figure = against_n(half_speed, looks, half_speed.panels[0], TIME)
    (ax,) = figure.axes
    hollow = [line for line in ax.lines if line.get_linestyle() == "None" and line.get_markerfacecolor() == "white"]
    assert [sorted(line.get_xdata()) for line in hollow] == [[1024, 4096]] * len(half_speed.series)
    (strip,) = ax.child_axes
    assert strip.get_ylabel() == "probed\nGFLOP/s"
    assert list(strip.lines[-1].get_xdata()) == [1024, 4096]
    assert list(strip.lines[-1].get_ydata()) == [450, 450]
    box = strip.get_tightbbox(figure.canvas.get_renderer())
    assert box.y0 >= 0 and box.y1 < ax.get_window_extent().y0  # below the plot, inside the figure
    assert all("‡" in text.get_text() for text in ax.get_legend().get_texts())
    plt.close(figure)


def test_other_quantities_have_no_strip(half_speed):
    looks = Looks(half_speed.variants, [run.label for run in half_speed.runs])
    figure = against_n(half_speed, looks, half_speed.panels[0], MEMORY)
    assert figure.axes[0].child_axes == []
    plt.close(figure)


def test_the_summary_in_the_terminal_leads_with_the_slopes_at_the_end(half_speed):
    text = terminal_summary(half_speed)
    assert "time n^ at the end" in text and "(work 2.00)" in text
    assert "‡ no exponent claimed: the machine ran at another speed at n = 1024 (50 %), 4096 (50 %)." in text


def test_a_steady_machine_raises_no_alarm(tmp_path):
    report = edited(tmp_path, lambda record: None)
    said = {f.name: f for f in facts(report)}
    assert not said["speed between sizes"].alarming
    assert not said["rounds depend on each other"].alarming
    assert not said["calibration"].alarming
    assert all(s.time_fit.is_exponent for s in report.series)


def test_rounds_that_depend_on_each_other_leave_no_interval_and_raise_an_alarm(tmp_path):
    def drifts(record):
        if "time" in record:
            record["time"]["samples_s"] = [s * (1 + 0.05 * record["round"]) for s in record["time"]["samples_s"]]

    report = edited(tmp_path, drifts)
    assert all(p.time.interval is None for p in report.points)
    assert "rounds depend on each other (lag-1" in report.points[0].time.why_no_interval
    assert next(f for f in facts(report) if f.name == "rounds depend on each other").alarming
    assert summary(report)["trust"]["dependence"]["found"]
    assert any("slow rounds followed slow ones" in line for line in report.warnings)


def test_a_calibration_below_the_probes_is_invalid_and_the_probed_peak_is_the_roof(tmp_path):
    def faster(record):  # 900 GFLOP/s were calibrated
        if "time" in record:
            record["time"] |= {"peak_gflops": 1800.0, "above_ceiling": True, "share_of_bandwidth": 2.0}
            record["time"]["share_of_peak"] /= 2

    report = edited(tmp_path, faster)
    (roof,) = report.roofs.values()
    assert dict(roof.peaks) == {"AVX2": 1800.0}
    assert list(roof.levels) == []
    assert "calibrated at 900 GFLOP/s, but 1.8e+03 were probed" in roof.invalid
    assert report.trust.above_ceiling == 0  # bandwidths of an invalid calibration called them so
    said = {f.name: f for f in facts(report)}
    assert said["calibration"].alarming
    assert any(line.startswith("the calibration is invalid") for line in report.warnings)


def test_the_count_above_the_ceiling_is_what_the_roofline_shows(tmp_path):
    def quick(record):  # above the calibrated peak, and not known to the harness
        if "time" in record and record["problem_fields"]["n_k"] >= 8192 and record["variant"] == "linear":
            work = 2 * record["cost"]["multiply_adds"]
            record["time"] |= {"samples_s": [work / 1.2e12] * 3, "above_ceiling": False}

    report = edited(tmp_path, quick)
    (roof,) = report.roofs.values()
    shown = [p for p in report.points if p.useful_gflops > max(roof.peaks.values())]
    assert len(shown) == 2
    assert report.trust.above_ceiling == 2


def test_a_window_says_where_it_still_sees_every_key_and_how_its_work_grows_at_the_end(tmp_path):
    window = 257

    def windowed(record):
        shape, cost = record["problem_fields"], record["cost"]
        n = shape["n_k"]
        pairs = shape["heads_q"] * n * min(n, window)
        cost |= {"pairs": pairs, "multiply_adds": pairs * 128.0}
        if "time" in record:
            record["time"]["samples_s"] = [2e-11 * cost["multiply_adds"] * (1 + 0.002 * record["round"])] * 3

    law = (Law("sliding_window", "masked_softmax", 1, 0.006, 1, 0.2, "sparse", {"window": 128}),)
    report = edited(tmp_path, windowed, laws=law, sizes=(64, 128, 256, 512, 1024, 2048, 4096))
    (series,) = report.series
    assert series.sees_all == 256
    assert series.work_fit.local[-1] == pytest.approx(1)
    assert series.end.value == pytest.approx(1)
    (row,) = growth_table(report).texts()
    assert row[-1].endswith("no single exponent; work n^1.00 at the end; up to n = 256 it sees every key")
    assert summary(report)["series"][0]["sees_all_keys_up_to"] == 256


def test_a_verdict_shows_the_number_it_rests_on(tmp_path):
    """A workspace that is mostly constant: the tail grows as n^0.05, its last increments as declared."""

    def constant(record):
        if "memory" in record:
            record["memory"]["workspace_peak"] = 50_000_000 + 100 * record["problem_fields"]["n_k"]

    laws = (Law("block_sparse", "masked_softmax", 1, 0.009, 1, 0.12, "sparse"),)
    check = next(c for c in edited(tmp_path, constant, laws=laws).checks if c.quantity == "memory")
    assert check.measured.value < 0.05
    assert check.judged == pytest.approx(1)
    assert check.verdict == "AGREES at n^1.00"

"""Declared against measured: every label is understood, a lie is caught, and honest bends raise no alarm."""

import json
import math
from dataclasses import replace
from pathlib import Path

import attnbench.build
import pytest
from attnbench.__main__ import main
from attnbench.load.cases import cases_of
from attnbench.load.run import load_runs
from attnbench.stats.complexity import Agreement, checks_of, exceeding
from attnbench.stats.growth_label import LabelError, Power, parse_label
from attnbench.stats.points import points_of
from attnbench.stats.series import panels_of
from synthetic_runs import SIZES, Law, Recipe, make_run, seconds


@pytest.mark.parametrize(
    ("label", "power", "logs"),
    [
        ("O(1)", 0, 0), ("O(n)", 1, 0), ("O(n^2 d)", 2, 0), ("O(n sqrt(n) d)", 1.5, 0), ("O(n w d)", 1, 0),
        ("O(n) per thread", 1, 0), ("O(n D^2) + inner", 1, 0), ("O(d^2)", 0, 0), ("O(n log n)", 1, 1),
        ("O(n log(n) d)", 1, 1), ("O(n^2 d + n d^2)", 2, 0), ("O(n d^2 + n^2)", 2, 0), ("O(n_q n_k d)", 2, 0),
        ("O(n * d / b)", 1, 0), ("O(n^2 / b)", 2, 0), ("O(n^1.5)", 1.5, 0), ("O(n^(3/2))", 1.5, 0),
        ("O(sqrt(n))", 0.5, 0), ("O((n + w) d)", 1, 0), ("O(n (w + n))", 2, 0), ("O(log(d) n)", 1, 0),
        ("O(n d_a)", 1, 0), ("O(n^3 / n log n)", 2, 1), ("O(log n / log n)", 0, 0),
    ],
)  # fmt: skip
def test_a_label_says_its_growth_in_n(label, power, logs):
    if power is None:
        with pytest.raises(LabelError):
            parse_label(label)
    else:
        assert parse_label(label).growth == Power(power, logs)


@pytest.mark.parametrize(
    "label", ["", "n^2", "O()", "O(n", "O(n))", "O(n^)", "O(n^d)", "O(n +)", "O(n ? d)", "O(n) or so"]
)
def test_what_is_no_label_is_refused_with_the_label(label):
    with pytest.raises(LabelError, match="'"):
        parse_label(label)


def test_a_logarithm_shows_as_the_slope_that_a_fit_would_see():
    # d log(n log n) / d log n = 1 + 1 / log n, at the middle of the sizes.
    assert Power(1, 1).slope([1024, 2048, 4096, 8192]) == pytest.approx(1 + 1 / math.log(2896), abs=1e-3)
    assert Power(2).slope([1024, 2048]) == 2
    assert [str(p) for p in (Power(), Power(1), Power(1.5), Power(1, 1))] == ["1", "n", "n^1.5", "n log n"]


def run_of(tmp_path, law: Law, time_label=None, memory_label=None, edit=None, **recipe) -> Path:
    """A stored run of one law; labels replace the honest ones, `edit(record)` changes what was measured."""
    folder = make_run(tmp_path / "run", Recipe(laws=(law,), weights=0, **recipe))
    meta = json.loads((folder / "run.json").read_text())
    meta["variants"][0]["time_label"] = time_label or meta["variants"][0]["time_label"]
    meta["variants"][0]["memory_label"] = memory_label or meta["variants"][0]["memory_label"]
    (folder / "run.json").write_text(json.dumps(meta))
    if edit:
        records = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
        for record in records:
            edit(record)
        (folder / "records.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    return folder


def checks(folder: Path) -> dict:
    (run,) = load_runs([folder])
    series = [s for panel in panels_of(points_of(cases_of(run))) for s in panel.series]
    return {check.quantity: check for check in checks_of([run], series)}


def agreements(folder: Path) -> dict:
    return {quantity: check.agreement for quantity, check in checks(folder).items()}


QUADRATIC = Law("x", "exact_softmax", 2, 0.4, 2, 0.0)
LINEAR = Law("x", "exact_softmax", 1, 0.01, 1, 0.0)
A, E, B, C = Agreement.AGREES, Agreement.EXCEEDS, Agreement.BELOW, Agreement.CANNOT_TELL


@pytest.mark.parametrize("law", [QUADRATIC, LINEAR, replace(LINEAR, exponent=1.5)])
def test_an_honest_variant_agrees_everywhere(tmp_path, law):
    found = agreements(run_of(tmp_path, law))
    assert (found["cost"], found["time"], found["memory"]) == (A, A, A)
    assert found["rss"] in (A, C)


def test_a_variant_that_declares_n_and_measures_n2_is_caught(tmp_path):
    found = checks(run_of(tmp_path, QUADRATIC, time_label="O(n d)"))
    assert (found["cost"].agreement, found["time"].agreement) == (E, E)
    assert str(found["time"]).startswith("x, time: declared O(n d), measured n^2.0")
    assert found["time"].declared == 1
    assert len(exceeding(list(found.values()))) == 2


def set_cost(power: float):
    def edit(record):
        record["cost"]["multiply_adds"] = 1000.0 * record["problem_fields"]["n_k"] ** power

    return edit


def test_a_lie_in_label_and_cost_is_caught_by_the_clock(tmp_path):
    found = agreements(run_of(tmp_path, QUADRATIC, time_label="O(n)", edit=set_cost(1)))
    assert (found["cost"], found["time"]) == (A, E)


@pytest.mark.parametrize(("truth", "label", "caught"), [(1.5, "O(n)", True), (2, "O(n sqrt(n))", True),
                                                       (1.15, "O(n log n)", False), (1.15, "O(n)", False)])  # fmt: skip
def test_half_a_power_is_a_lie_and_a_logarithm_is_not(tmp_path, truth, label, caught):
    law = replace(LINEAR, exponent=truth)
    found = agreements(run_of(tmp_path, law, time_label=label, edit=set_cost(1.0), noise=0.03))
    assert (found["time"] is E) == caught


def test_a_lie_is_caught_in_the_noise_of_a_busy_machine_and_nothing_else_is(tmp_path):
    for seed in range(8):
        lying = run_of(tmp_path / f"lie{seed}", QUADRATIC, time_label="O(n)", noise=0.15, seed=seed)
        honest = run_of(tmp_path / f"honest{seed}", QUADRATIC, noise=0.15, seed=seed)
        assert agreements(lying)["time"] is E
        assert agreements(honest)["time"] in (A, C)


def add_overhead(seconds_: float):
    """A fixed cost of a call: small sizes measure nothing else."""

    def edit(record):
        if "time" in record:
            record["time"]["samples_s"] = [s + seconds_ for s in record["time"]["samples_s"]]

    return edit


@pytest.mark.parametrize("share", [0.01, 0.3, 3.0, 300.0])
def test_constants_that_rule_small_sizes_raise_no_alarm(tmp_path, share):
    """`share` of the time at n = 1024; beyond the largest size at 300."""
    edit = add_overhead(share * seconds(QUADRATIC, 1024))
    assert agreements(run_of(tmp_path, QUADRATIC, edit=edit, noise=0.005))["time"] is not E


def test_an_overhead_that_still_bends_the_tail_is_no_finding(tmp_path):
    found = checks(run_of(tmp_path, QUADRATIC, edit=add_overhead(60 * seconds(QUADRATIC, 1024)), noise=0.002))
    assert found["time"].agreement is C
    assert "bends upwards" in found["time"].reason


def test_time_that_never_grows_as_declared_is_below(tmp_path):
    found = agreements(run_of(tmp_path, LINEAR, time_label="O(n^2)", memory_label="O(n^2)"))
    assert (found["cost"], found["memory"]) == (B, B)
    assert found["time"] is A  # as its cost: the label is an upper bound that the cost already undercuts
    assert agreements(run_of(tmp_path / "2", LINEAR, time_label="O(n^2)", edit=set_cost(2)))["time"] is B


def windowed(window: int):
    """The cost of a window: dense up to it, linear beyond."""

    def edit(record):
        n = record["problem_fields"]["n_k"]
        record["cost"]["multiply_adds"] = 128.0 * n * min(n, window)
        if "time" in record:
            record["time"]["samples_s"] = [1e-9 * n * min(n, window)] * 3

    return edit


@pytest.mark.parametrize(("window", "cost", "time"), [(256, A, A), (4096, A, C), (8192, C, C), (1 << 20, C, C)])
def test_a_window_that_n_has_not_outgrown_says_nothing_yet(tmp_path, window, cost, time):
    law = Law("sliding_window", "masked_softmax", 1, 0.01, 1, 0.0, params={"window": window})
    found = checks(run_of(tmp_path, law, time_label="O(n w d)", edit=windowed(window)))
    assert (found["cost"].agreement, found["time"].agreement) == (cost, time), found


def test_a_cost_that_still_bends_down_says_nothing_yet(tmp_path):
    """No parameter gives the window away, but the last local slope is log2(2 * 10000 / 8192) and not 2."""
    law = Law("x", "masked_softmax", 1, 0.01, 1, 0.0)
    found = checks(run_of(tmp_path, law, time_label="O(n w d)", edit=windowed(10_000)))
    assert (found["cost"].agreement, found["cost"].reason) == (C, "it still bends down, to n^1.29 at n = 16384")


def test_a_window_excuses_nothing_once_n_is_large_beside_it(tmp_path):
    law = Law("sliding_window", "masked_softmax", 2, 0.4, 1, 0.0, params={"window": 256})
    assert agreements(run_of(tmp_path, law, time_label="O(n w d)"))["time"] is E


def set_memory(name: str, size):
    def edit(record):
        if "memory" in record:
            record["memory"][name] = int(size(record["problem_fields"]["n_k"]))

    return edit


def test_memory_is_judged_by_its_exact_bytes(tmp_path):
    assert agreements(run_of(tmp_path, QUADRATIC, memory_label="O(n)"))["memory"] is E
    hidden = set_memory("prepared_bytes", lambda n: 16 * n * n)
    assert agreements(run_of(tmp_path / "2", LINEAR, edit=hidden))["memory"] is E
    constant = set_memory("workspace_peak", lambda n: 250_000 + 32 * n)  # a tile and a row: n shows only in its growth
    assert agreements(run_of(tmp_path / "3", LINEAR, edit=constant))["memory"] is A


def test_memory_that_a_constant_still_hides_is_not_below(tmp_path):
    hiding = set_memory("workspace_peak", lambda n: 5_000_000 + 100 * n)
    found = checks(run_of(tmp_path, LINEAR, memory_label="O(n^2)", edit=hiding))["memory"]
    why = "smaller terms still bend the tail; its last increments grow as n^1.00"
    assert (found.agreement, found.reason, round(found.judged, 2)) == (C, why, 1.0)


def test_times_that_scatter_too_much_cannot_tell(tmp_path):
    def zigzag(record):
        if "time" in record:
            factor = 2.0 if SIZES.index(record["problem_fields"]["n_k"]) % 2 else 1.0
            record["time"]["samples_s"] = [s * factor for s in record["time"]["samples_s"]]

    found = checks(run_of(tmp_path, QUADRATIC, edit=zigzag))["time"]
    assert (found.agreement, found.reason) == (C, "known to ± 0.63 only; 0.25 or less is needed to tell")


def test_memory_taken_behind_the_workspace_is_caught_in_resident_bytes(tmp_path):
    hidden = set_memory("rss_peak", lambda n: (10 << 20) + 4 * n * n)
    found = checks(run_of(tmp_path, LINEAR, edit=hidden))
    assert (found["memory"].agreement, found["rss"].agreement) == (A, E)
    assert "outside of the workspace" in found["rss"].reason


def test_small_resident_growth_says_nothing(tmp_path):
    noisy = set_memory("rss_peak", lambda n: (10 << 20) + 60 * n)  # below 1 MiB at every size
    found = checks(run_of(tmp_path, LINEAR, edit=noisy))["rss"]
    assert (found.agreement, "0 sizes only" in found.reason) == (C, True)


def test_few_sizes_or_a_narrow_range_cannot_tell(tmp_path):
    few = run_of(tmp_path, QUADRATIC, time_label="O(n)", sizes=SIZES[:6])
    narrow = run_of(tmp_path / "2", QUADRATIC, time_label="O(n)", sizes=tuple(range(128, 1024, 128)))
    for folder in (few, narrow):
        found = checks(folder)
        for quantity in ("cost", "time", "memory"):
            assert (found[quantity].agreement, "an exponent needs 7 over 64" in found[quantity].reason) == (C, True)


def test_an_inner_attention_is_looked_up_and_else_left_open(tmp_path):
    outer = Law("multi_head", "own_definition", 2, 0.1, 1, 0.0, params={"inner": "x"})
    recipe = Recipe(laws=(outer, QUADRATIC), weights=0)
    folder = make_run(tmp_path / "run", recipe)
    meta = json.loads((folder / "run.json").read_text())
    meta["variants"][0]["time_label"] = "O(n D^2) + inner"

    def time_check() -> tuple:
        (folder / "run.json").write_text(json.dumps(meta))
        (run,) = load_runs([folder])
        series = [s for panel in panels_of(points_of(cases_of(run))) for s in panel.series][:1]
        cost, time, *_ = checks_of([run], series)
        return cost.agreement, time.agreement, time.declared

    assert time_check() == (A, A, 2)
    meta["variants"][1]["time_label"] = "O(n)"
    assert time_check() == (E, E, 1)
    meta["variants"][0]["params"] = {"inner": "unknown"}
    meta["variants"][1]["name"] = "y"
    assert time_check() == (C, A, None)


def test_labels_say_nothing_about_cross_attention_but_the_cost_does(tmp_path):
    problem = ("b1 h8 n1:{n} d64 f32",)
    law = replace(LINEAR, exponent=2)
    found = checks(run_of(tmp_path, law, time_label="O(n^2)", problems=problem, edit=set_cost(1)))
    assert found["time"].agreement is E  # n_k alone: its cost says n
    assert found["cost"].reason == "labels speak of n_q = n_k"


def test_a_label_that_is_not_understood_leaves_the_cost_to_judge(tmp_path):
    found = checks(run_of(tmp_path, QUADRATIC, time_label="quadratic"))
    assert found["cost"].reason == "'quadratic' is not of the form O(...)"
    assert found["time"].agreement is A


@pytest.fixture
def no_pages(monkeypatch):
    monkeypatch.setattr(attnbench.build, "write_report", lambda report, out: None)


def test_fail_on_complexity_exits_with_3_and_names_the_liar(tmp_path, capsys, no_pages):
    lying = run_of(tmp_path, QUADRATIC, time_label="O(n)")
    assert main([str(lying), "--fail-on", "complexity"]) == 3
    assert "complexity: x, time: declared O(n), measured n^2.0" in capsys.readouterr().out
    assert main([str(lying)]) == 0
    assert "EXCEEDS" in capsys.readouterr().out


def test_fail_on_complexity_lets_the_honest_pass(tmp_path, capsys, no_pages):
    assert main([str(run_of(tmp_path, QUADRATIC)), "--fail-on", "complexity"]) == 0
    assert "complexity:" not in capsys.readouterr().out
    with pytest.raises(SystemExit) as caught:
        main(["x", "--fail-on", "anything"])
    assert caught.value.code == 2

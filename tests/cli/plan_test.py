"""If these fail, `plan` promises something else than `run` would do."""

import json

import pytest


def plan(attnbench, *arguments) -> dict:
    return json.loads(attnbench.ok("plan", "--json", *arguments))


CLASSIC = {"naive", "blockwise", "scaled_dot_product", "dot_product", "additive", "multi_head", "sliding_window",
           "block_sparse", "strided", "linear"}  # fmt: skip


def problems(planned: dict) -> list[str]:
    return list(dict.fromkeys(case["problem"] for case in planned["cases"]))


def test_default_plan_spans_a_factor_64_on_text_with_the_classic_variants(attnbench):
    planned = plan(attnbench)
    assert {case["dataset"] for case in planned["cases"]} == {"text"}
    assert {case["variant"] for case in planned["cases"]} == CLASSIC
    sizes = [int(p.split(" n")[1].split()[0]) for p in problems(planned)]
    assert len(sizes) >= 7 and max(sizes) >= 64 * min(sizes)


@pytest.mark.parametrize("name", ["zoo", "survey"])
def test_zoo_and_survey_have_every_variant(attnbench, name):
    planned = plan(attnbench, "--plan", name)
    variants = {v["name"] for v in json.loads(attnbench.ok("list", "--json"))["variants"]}
    assert variants > CLASSIC and {case["variant"] for case in planned["cases"]} == variants


def test_flags_override_the_plan(attnbench):
    planned = plan(
        attnbench,
        "--variants",
        "naive",
        "-a",
        "n=8,16",
        "--dataset",
        "gaussian",
        "--threads",
        "1,2",
        "--profile",
        "standard",
        "--samples",
        "4",
        "--seed",
        "9",
        "--memory-budget",
        "1g",
    )
    assert problems(planned) == ["b1 h2 n8 d64 f32", "b1 h2 n16 d64 f32"]
    assert {case["threads"] for case in planned["cases"]} == {1, 2}
    assert {case["dataset"] for case in planned["cases"]} == {"gaussian"}
    assert (planned["profile"], planned["rounds"], planned["samples"], planned["seed"]) == ("standard", 10, 4, 9)
    assert planned["memory_budget_bytes"] == 2**30


def test_a_problem_is_run_exactly_as_written(attnbench):
    text = "b2 h4:2 n3:5 d8:16 f32 causal-bottom-right window=2:0 klen=5,4 mask=bool:h scale=0.5 softcap=30"
    planned = plan(attnbench, "--problem", text, "--variants", "naive", "--dataset", "gaussian")
    assert problems(planned) == [text]
    assert plan(attnbench, "--plan", "smoke", "--problem", text, "--variants", "naive")["cases"][0]["problem"] == text


def test_axes_over_problem_fields_and_parameters(attnbench):
    planned = plan(
        attnbench,
        "--variants",
        "sliding_window,naive",
        "--dataset",
        "gaussian",
        "-a",
        "(n,window)=(1k,64),(4k,256)",
        "-a",
        "h=4,32:8",
        "-a",
        "causal=none,top-left",
        "--max-call-seconds",
        "100",
    )
    keys = [case["key"] for case in planned["cases"]]
    assert len(keys) == len(set(keys)) == 2 * 2 * 2 * 2
    assert any(key.startswith("gaussian|b1 h32:8 n4096 d64 f32 causal|sliding_window(window=256)|t") for key in keys)


def test_the_resolved_plan_gives_the_same_plan_again(attnbench, tmp_path):
    planned = plan(attnbench, "--plan", "kernels", "--memory-budget", "2g")
    (tmp_path / "again.toml").write_text(planned["toml"])
    assert plan(attnbench, "--plan", "again.toml")["cases"] == planned["cases"]
    assert attnbench.ok("plan", "--plan", "again.toml", "--toml") == planned["toml"]


def test_skips_and_unsupported_cases_are_shown_with_reasons(attnbench):
    arguments = [
        "--variants",
        "linear,naive",
        "--problem",
        "b1 h8 n64k d64 f32",
        "--problem",
        "b1 h1 n8 d8 f32 softcap=3",
    ]
    arguments[3] = "b1 h8 n65536 d64 f32"
    planned = plan(attnbench, *arguments, "--memory-budget", "4g")
    assert (planned["planned"], planned["skipped"], planned["unsupported"]) == (2, 1, 1)
    text = attnbench.ok("plan", *arguments, "--memory-budget", "4g")
    assert "skipped: predicted to need" in text and "unsupported: linear does not support softcap" in text


def test_plan_predicts_time_and_memory_and_writes_nothing(attnbench, tmp_path):
    planned = plan(attnbench)
    assert planned["predicted_seconds"] > 1
    assert planned["predicted_peak_bytes"] > 2**20
    assert "predicted time" in attnbench.ok("run", "--dry-run")
    assert list(tmp_path.iterdir()) == []


def test_a_cold_cache_is_part_of_the_plan_and_takes_memory(attnbench):
    arguments = ["--problem", "b1 h8 n1024 d64 f32", "--variants", "linear"]
    hot, cold = plan(attnbench, *arguments), plan(attnbench, *arguments, "--cache", "cold")
    assert (hot["cache"], cold["cache"]) == ("hot", "cold")
    assert 'cache = "cold"' in cold["toml"] or "cache = 'cold'" in cold["toml"]
    assert cold["predicted_peak_bytes"] > hot["predicted_peak_bytes"] + 2**20


def test_a_plan_of_which_nothing_runs_promises_no_time(attnbench):
    arguments = ["--problem", "b1 h8 n65536 d64 f32", "--variants", "naive", "--memory-budget", "1g"]
    text = attnbench.ok("plan", *arguments)
    assert "nothing to run within a budget of 1.00 GiB" in text
    assert "0.00 ns" not in text and "predicted time" not in text


def test_what_a_run_has_measured_the_next_plan_knows(attnbench, tmp_path):
    case = ["--variants", "naive", "--dataset", "gaussian", "--threads", "1", "-a", "n=64", "-a", "h=1"]
    assert "built-in rates" in attnbench.ok("plan", *case)
    attnbench.ok("run", *case, "--rounds", "1", "--no-weights", "--no-report", "--out", "first")
    assert "rates measured on this machine" in attnbench.ok("plan", *case)
    times = [json.loads(line) for line in (tmp_path / "first/records.jsonl").read_text().splitlines()]
    measured = next(r["time"]["median_s"] for r in times if r["kind"] == "time")
    (planned,) = plan(attnbench, *case)["cases"]
    assert planned["prediction"]["model"] == "fitted"
    assert abs(planned["prediction"]["seconds"] / measured - 1) < 0.01

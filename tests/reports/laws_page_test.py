"""The table of laws: one row per variant, axis and quantity, with what can be said about it."""

from attnbench.model import build_model
from attnbench.pages.laws import law_table
from synthetic_runs import Law, Recipe, make_run


def rows_of(tmp_path, recipe: Recipe) -> list[dict]:
    table = law_table(build_model([make_run(tmp_path / "run", recipe)]))
    return [dict(zip([c.title for c in table.columns], texts, strict=True)) for texts in table.texts()]


def test_a_sweep_over_n_has_a_row_for_each_quantity(tmp_path):
    law = Law("x", "exact_softmax", 1.5, 0.01, 1, 0.0)
    rows = rows_of(tmp_path, Recipe(laws=(law,), noise=0, rounds=1, weights=0, threads=(1,)))
    assert [(r["along"], r["of"], r["values"], r["law"]) for r in rows] == [
        ("n", "time", "8", "n^1.5"), ("n", "flops", "8", "n^1.5"),
        ("n", "workspace", "8", "n"), ("n", "rss", "8", "n")]  # fmt: skip
    assert rows[0]["slope"] == rows[0]["tail slope"] == "1.50 [1.50, 1.50]"
    assert rows[0]["bend"].replace("-", "") == "[0.00, 0.00]"


def test_another_axis_is_called_x_and_marked_where_its_values_are_few(tmp_path):
    laws = tuple(
        Law("sliding_window", "masked_softmax", 1, w * 1e-5, 0, 0.2, params={"window": w})
        for w in (16, 32, 64, 128, 256)
    )
    rows = rows_of(tmp_path, Recipe(laws=laws, sizes=(512, 1024), noise=0, rounds=1, weights=0, threads=(1,)))
    times = [r for r in rows if r["of"] == "time"]
    assert {(r["along"], r["law"]) for r in times} == {("window", "x")}  # two sizes are no axis to judge a slope by
    assert {r["at"] for r in times} == {"text n_q=512 n_k=512", "text n_q=1024 n_k=1024"}
    assert times[0]["slope"] == "1.00 [1.00, 1.00]*"


def test_without_an_axis_of_three_values_there_is_no_table(tmp_path):
    run = make_run(tmp_path / "run", Recipe(sizes=(64, 128), rounds=1, weights=0))
    assert law_table(build_model([run])).rows == []

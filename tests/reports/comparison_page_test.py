"""The comparison page in a real browser: the margin judges rows as the statistics do, and filters work with it."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from attnbench_reports.compare.checks import Allowed
from attnbench_reports.compare.model import Compared, compared
from attnbench_reports.compare.sides import sides_of_runs
from attnbench_reports.pages.comparison import comparison_html
from attnbench_reports.stats.verdict import judge
from browser_test import CHROMIUM, look
from conftest import HOSTILE
from synthetic_runs import LAWS, Recipe, make_run

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium or google-chrome on the PATH")

# name -> how much slower the new side is
CHANGED = {"naive": 1.1, "scaled_dot_product": 1.03, "blockwise": 0.8, "linear": 1.3}
MARGINS = (1, 4.5, 15, 50)  # per cent
ACT = """<script>
const said = () => Object.fromEntries(tables.comparison.rows.map((row) => {
  const text = (title) => row.cells[tables.comparison.column(title)].text;
  return [`${text("variant")} ${text("n")}`, text("verdict")];
}));
const inPage = () => [...document.querySelectorAll("#comparison tbody tr")].map((tr) => [
  tr.dataset.verdict, tr.cells[tables.comparison.column("verdict")].textContent,
  getComputedStyle(tr.cells[1]).backgroundColor]);
const counts = () => Object.fromEntries([...document.querySelectorAll(".margin .verdict")].map((label) => [
  label.querySelector("input").value, Number(label.querySelector("b").textContent)]));
const result = { start: said(), at: {} };
for (const margin of MARGINS) {
  slider.value = margin; slider.dispatchEvent(new Event("input"));
  const shown = document.getElementById("margin-value").textContent;
  result.at[margin] = { said: said(), counts: counts(), page: inPage(), shown };
}
slider.value = 1; slider.dispatchEvent(new Event("input"));
for (const box of document.querySelectorAll(".margin input[type=checkbox]")) if (box.value !== "SLOWER") box.click();
result.slower = inPage();
slider.value = 15; slider.dispatchEvent(new Event("input"));
result.fewer = inPage();
result.keyboard = [slider.tabIndex, slider.labels.length];
result.errors = errors;
</script>""".replace("MARGINS", str(list(MARGINS)))


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> Compared:
    return made(tmp_path_factory.mktemp("comparison"), rounds=20)


def made(folder: Path, rounds: int) -> Compared:
    laws = tuple(law for law in LAWS if law.name in {*CHANGED, "additive"})
    slowed = tuple(replace(law, seconds=law.seconds * CHANGED.get(law.name, 1)) for law in laws)
    recipe = Recipe(laws=laws, sizes=(256, 512, 1024), rounds=rounds, weights=0, run_id="before")
    base = make_run(folder / "base", recipe)
    new = make_run(folder / "new", replace(recipe, laws=slowed, noise_seed=2, run_id="after" + HOSTILE,
                                           bad={("additive", 512): ("time", "timeout")}))  # fmt: skip
    return compared(*sides_of_runs([base], [new]), "unpaired", Allowed(False, False, False))


@pytest.fixture(scope="module")
def seen(found, tmp_path_factory) -> dict:
    return look(comparison_html(found), ACT, tmp_path_factory.mktemp("page"))


def expected(found: Compared, margin: float) -> dict[str, str]:
    judged = judge([row.measured for row in found.rows], [max(row.judged.margin, margin / 100) for row in found.rows])
    return {f"{r.key.variant} {r.key.n}": str(j.verdict) for r, j in zip(found.rows, judged, strict=True)}


@needs_browser
def test_the_page_says_at_first_what_the_statistics_say(found, seen):
    assert seen["errors"] == []
    assert seen["start"] == {f"{r.key.variant} {r.key.n}": str(r.judged.verdict) for r in found.rows}
    assert {"SLOWER", "FASTER"} < set(seen["start"].values())


@needs_browser
@pytest.mark.parametrize("margin", MARGINS)
def test_the_margin_judges_every_row_as_the_statistics_would(found, seen, margin):
    at, wanted = seen["at"][str(margin)], expected(found, margin)
    assert at["said"] == wanted
    assert at["shown"] == f"{margin} %"
    assert {k: v for k, v in at["counts"].items() if v} == Counter(wanted.values())
    assert Counter(marked for marked, _, _ in at["page"]) == Counter(wanted.values())
    assert all(marked == text for marked, text, _ in at["page"])
    colours = {marked: colour for marked, _, colour in at["page"]}
    assert colours.get("SLOWER") != colours.get("FASTER", "none")


@needs_browser
def test_the_rows_shown_follow_the_verdicts_chosen_as_the_margin_moves(found, seen):
    assert {marked for marked, _, _ in seen["slower"]} == {"SLOWER"}
    assert len(seen["slower"]) == Counter(expected(found, 1).values())["SLOWER"]
    assert 0 < len(seen["fewer"]) == Counter(expected(found, 15).values())["SLOWER"] < len(seen["slower"])
    assert seen["keyboard"] == [0, 1]


@needs_browser
def test_however_large_a_change_too_few_rounds_decide_nothing(tmp_path):
    found = made(tmp_path, rounds=5)
    seen = look(comparison_html(found), ACT, tmp_path)
    assert any(abs(row.measured.ratio - 1) > 0.25 for row in found.rows)
    assert set(seen["start"].values()) == {"UNDECIDED"}
    assert {v for at in seen["at"].values() for v in at["said"].values()} <= {"UNDECIDED", "SAME"}


def test_what_is_not_compared_is_on_the_page_and_names_stay_text(found):
    html = comparison_html(found)
    assert "timeout" in html
    assert "only in" in html or "the worker ran past its limit" in html
    assert HOSTILE not in html
    for row in found.rows:
        assert row.new.reproducer.replace("'", "&#39;") in html

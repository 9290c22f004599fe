"""The comparison page in a real browser: the margin judges rows as the statistics do, and filters work with it."""

import itertools
import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from attnbench.compare.checks import Allowed
from attnbench.compare.forest import forest
from attnbench.compare.model import Compared, compared
from attnbench.compare.page import comparison_html
from attnbench.compare.sides import sides_of_runs
from attnbench.stats.verdict import judge
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
const drawn = () => [...document.querySelectorAll(".bar")].filter((bar) => !bar.hidden).map((bar) => {
  const strip = bar.querySelector(".strip").getBoundingClientRect();
  const dot = bar.querySelector(".dot").getBoundingClientRect();
  const colour = getComputedStyle(bar.querySelector(".dot")).backgroundColor;
  return { said: bar.title, verdict: bar.dataset.verdict, colour,
           at: (dot.left + dot.width / 2 - strip.left) / strip.width, wide: strip.width, high: strip.height };
});
const overlap = () => { // axis labels that meet, or leave the page
  const boxes = [...document.querySelectorAll(".forest .axis b")].map((label) => label.getBoundingClientRect());
  const right = document.documentElement.clientWidth;
  return boxes.some((box, i) => (i && box.left < boxes[i - 1].right) || box.right > right);
};
const result = { start: said(), at: {}, bars: drawn(), overlap: overlap() };
result.wider = document.documentElement.scrollWidth - document.documentElement.clientWidth;
for (const margin of MARGINS) {
  slider.value = margin; slider.dispatchEvent(new Event("input"));
  const shown = document.getElementById("margin-value").textContent;
  const band = document.querySelector(".bar .band").getBoundingClientRect().width;
  const verdicts = drawn().map((bar) => bar.verdict);
  result.at[margin] = { said: said(), counts: counts(), page: inPage(), shown, bars: verdicts, band };
}
slider.value = 1; slider.dispatchEvent(new Event("input"));
for (const box of document.querySelectorAll(".margin input[type=checkbox]")) if (box.value !== "SLOWER") box.click();
result.slower = inPage();
result.slowerBars = drawn().map((bar) => bar.verdict);
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
def test_the_picture_shows_every_ratio_where_it_belongs_in_the_order_of_the_rows(found, seen):
    axis = forest(found.rows)
    assert [bar["said"].split(":")[0] for bar in seen["bars"]] == [row.key.name for row in found.rows]
    for bar, row in zip(seen["bars"], found.rows, strict=True):
        assert 100 * bar["at"] == pytest.approx(axis.place(row.measured.ratio), abs=0.5)
        assert bar["verdict"] == str(row.judged.verdict)
    assert len({bar["colour"] for bar in seen["bars"]}) == len({bar["verdict"] for bar in seen["bars"]}) > 1
    assert "1" in [tick.text for tick in axis.ticks]


@needs_browser
def test_the_picture_follows_the_margin_and_the_verdicts_chosen(found, seen):
    for margin in MARGINS:
        assert seen["at"][str(margin)]["bars"] == list(expected(found, margin).values())
    assert seen["at"]["1"]["band"] < seen["at"]["15"]["band"]
    assert set(seen["slowerBars"]) == {"SLOWER"}


@needs_browser
@pytest.mark.parametrize("width", [390, 800, 1400])
def test_the_picture_fits_any_width(found, tmp_path, width):
    seen = look(comparison_html(found), ACT, tmp_path, width)
    assert seen["wider"] == 0 and not seen["overlap"]
    assert all(bar["wide"] > 120 and bar["high"] >= 18 for bar in seen["bars"])


@pytest.mark.parametrize("reach", [0.001, 0.02, 0.3, 1.5, 6.1])
def test_an_axis_has_a_few_round_ticks_that_stand_apart(found, reach):
    """From equal sides to a 430-fold change."""
    row = found.rows[0]
    measured = replace(row.judged.comparison, ratio=math.exp(-reach), interval=None)
    axis = forest([replace(row, judged=replace(row.judged, comparison=measured))])
    places = [tick.at for tick in axis.ticks]
    assert 2 <= len(places) <= 6 and all(b - a >= 19.9 for a, b in itertools.pairwise(places))
    assert axis.place(1) in places and 0 < axis.place(math.exp(-reach)) < 100


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

"""The page in a real browser: no error on its console, sorting and filtering work.

A script put in front of the page's own collects errors; one behind it clicks and writes what it saw into the document,
which headless Chromium prints (--dump-dom).
"""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest
from attnbench.figures.catalogue import planned
from attnbench.figures.draw import Drawn, Figures
from attnbench.figures.style import Looks
from attnbench.model import build_model
from attnbench.pages.data import summary
from attnbench.pages.html import html
from synthetic_runs import LAWS, Recipe, make_run

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium or google-chrome on the PATH: the page is not opened"
)

LISTEN = """<script>
const errors = [];
addEventListener("error", (event) => errors.push(String(event.message || event.target.outerHTML)), true);
console.error = (...words) => errors.push(words.join(" "));
</script>"""
ACT = """<script>
const column = (name) => tables.cases.column(name);
const shown = () => [...document.querySelectorAll("#cases tbody tr")];
const key = (cell) => cell.dataset.sort ?? cell.textContent;
const values = (name) => shown().map((row) => key(row.cells[column(name)]));
const press = (name) => document.querySelectorAll("#cases th button")[column(name)].click();
const type = (field, text) => { field.value = text; field.dispatchEvent(new Event("input")); };
const tools = document.querySelector('.tools[data-for="cases"]');
const result = {};
press("time"); result.rising = values("time");
press("time"); result.falling = values("time");
press("variant"); result.names = values("variant");
type(tools.querySelector(".words"), "LINEAR n1024");
result.filtered = shown().length; result.said = tools.querySelector(".shown").textContent;
type(tools.querySelector(".words"), "");
const status = tools.querySelector('select[data-column="status"]');
status.value = "timeout"; status.dispatchEvent(new Event("change"));
result.timeouts = shown().length;
status.value = ""; status.dispatchEvent(new Event("change"));
result.before = document.querySelector("#cases .filters");
tools.querySelector(".by-column").click();
result.focused = document.activeElement.getAttribute("aria-label");
const field = (name) => document.querySelectorAll("#cases .filters input")[column(name)];
type(field("time"), "> 100 ms"); result.slow = values("time");
type(field("problem"), "N512 "); result.both = values("time");
type(field("problem"), ""); type(field("time"), "");
result.all = shown().length;
// Columns: what is shown at first, and one more.
const visible = () => tables.cases.headings.filter((th) => th.offsetWidth > 0)
  .map((th) => th.textContent.trim());
result.columns = visible();
const ticks = [...tools.querySelectorAll(".chooser label")];
ticks.find((label) => label.textContent.trim() === "minimum").querySelector("input").click();
result.more_columns = visible();
result.chooser = document.querySelector('.tools[data-for="cases"] .chooser summary').textContent;
// Variant and n stay where they are while the table scrolls sideways.
const frame = document.querySelector("#cases").closest(".scroll");
const left = (i) => shown()[0].cells[i].getBoundingClientRect().left;
const other = column("useful GFLOP/s");
const places = [left(0), left(1), left(other)];
frame.scrollLeft = 300;
result.moved = [left(0) - places[0], left(1) - places[1], left(other) - places[2]];
frame.scrollLeft = 0;
// Filters as people write them.
const problem = document.querySelector('.problem[data-for="cases"]');
result.filters = Object.fromEntries([["time", "> 1 sec"], ["time", ">1,000 us"], ["time", "≤ 0.1 s"],
  ["time", "> 1 parsec"], ["time", "> 1,00 s"], ["extra memory", "> 1 MiB"], ["extra memory", "> 1 sec"],
  ["of FMA peak", "> 5"], ["n", "= 4,096"], ["status", "> 3"], ["time", "= 5 s"]].map(([name, text]) => {
  type(field(name), text);
  const seen = { rows: shown().filter((row) => !row.matches(".empty")).length,
                 problem: problem.hidden ? "" : problem.textContent,
                 empty: document.querySelector("#cases .empty")?.textContent ?? "" };
  type(field(name), "");
  return [`${name} ${text}`, seen];
}));
result.placeholders = ["time", "extra memory", "of FMA peak", "n", "problem"].map((name) => field(name).placeholder);
type(field("time"), "> 100 h"); type(field("variant"), "no such"); result.none = shown().length;
document.querySelector("#cases .clear").click();
result.cleared = [shown().length, problem.hidden, field("variant").value];
result.wider = document.documentElement.scrollWidth - document.documentElement.clientWidth;
result.saved = JSON.stringify(summary());
result.errors = errors;
</script>"""
# Opening the page with 4,800 records: rows that stand in it, and what the browser says of its own speed.
LARGE = """<script>
const ready = performance.now(); // milliseconds since the navigation; the page's own scripts have run
const rows = () => document.querySelectorAll("#cases tbody tr").length;
const result = { ready, first: rows(), all: tables.cases.rows.length, nodes: document.querySelectorAll("*").length };
const more = document.querySelector('.more[data-for="cases"]');
more.click(); result.second = rows(); result.left = !more.hidden;
tables.cases.sortBy(tables.cases.column("time"));
result.times = tables.cases.matching.map((row) => row.cells[tables.cases.column("time")].key).map(Number);
const filter = document.querySelector('.tools[data-for="cases"] .words');
filter.value = "strided"; filter.dispatchEvent(new Event("input"));
result.strided = rows(); result.hidden = more.hidden;
const made = document.querySelector("#cases tbody tr:last-child");
result.reproducer = made.querySelector("code").textContent; result.copies = made.querySelectorAll("button.copy").length;
result.errors = errors;
</script>"""
SAY = """<script>
document.body.append(Object.assign(document.createElement("pre"), { id: "seen", textContent: JSON.stringify(result) }));
</script>"""


def look(html: str, act: str, folder: Path, width: int = 1400, *switches: str) -> dict:
    """Opens the page, runs `act` behind its own scripts and returns the `result` that it filled. Chromium has no window
    as narrow as a phone's, so a narrow page is opened in a frame of another one."""
    page = folder / "page.html"
    page.write_text(
        html.replace("<head>", "<head>" + LISTEN).replace("</body>", act + SAY + "</body>"), encoding="utf-8"
    )
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    options += [f"--user-data-dir={folder / 'profile'}", f"--window-size={width},1200"]
    opened = page
    if width < 500:
        opened = folder / "frame.html"
        opened.write_text(
            f"""<iframe src="page.html" width="{width}" height="900" style="border: 0"></iframe>
<script>addEventListener("load", () => document.body.append(
  document.importNode(frames[0].document.getElementById("seen"), true)));</script>"""
        )
    call = [CHROMIUM, *options, *switches, "--allow-file-access-from-files", "--dump-dom", opened.as_uri()]
    done = subprocess.run(call, capture_output=True, text=True, timeout=120, check=False)
    found = re.search(r'<pre id="seen">(.*?)</pre>', done.stdout, re.S)
    assert found, f"chromium printed no result (exit {done.returncode}): {done.stderr[-500:]}"
    return json.loads(unescape(found.group(1)))


@pytest.fixture(scope="module", params=[1000, 1600])
def seen(request, full, tmp_path_factory) -> dict:
    return look(full.html, ACT, tmp_path_factory.mktemp("browser"), request.param)


def test_the_console_is_clean(seen):
    assert seen["errors"] == []


def test_a_click_sorts_up_and_a_second_one_down_with_missing_values_last(seen):
    for key, reverse in (("rising", False), ("falling", True)):
        numbers = [float(v) for v in seen[key] if v]
        assert len(numbers) == 71
        assert numbers == sorted(numbers, reverse=reverse)
        assert seen[key][len(numbers) :] == [""] * 9
    assert seen["names"] == sorted(seen["names"])


def test_the_filters_narrow_the_table(seen):
    assert seen["filtered"] == 1
    assert seen["said"] == "1 of 80 rows"
    assert seen["timeouts"] == 1
    assert seen["all"] == 80


def test_a_column_is_filtered_by_text_or_by_a_number_with_its_unit(seen):
    assert seen["before"] is None
    assert seen["focused"] == "filter variant"  # the keyboard goes where the filters appeared
    assert seen["slow"]
    assert all(float(value) > 0.1 for value in seen["slow"])
    assert 0 < len(seen["both"]) < len(seen["slow"])


def test_few_columns_are_shown_until_more_are_asked_for(seen):
    assert seen["columns"][:3] == ["variant", "n", "status"]
    assert {"time", "95 % interval", "extra memory", "approximation error", "reproducer"} < set(seen["columns"])
    assert len(seen["columns"]) < 14
    assert not {"dataset", "problem", "threads", "ISA"} & set(seen["columns"])  # the same in every row
    assert set(seen["more_columns"]) - set(seen["columns"]) == {"minimum"}
    assert seen["chooser"] == f"Columns: {len(seen['more_columns'])} of 30"


def test_variant_and_n_stay_in_view_while_the_table_scrolls_sideways(seen):
    first, second, other = seen["moved"]
    assert (first, second) == (0, 0)
    assert other < -50


def test_filters_understand_units_and_thousands_and_say_what_they_do_not(seen):
    rows = {name: found["rows"] for name, found in seen["filters"].items()}
    problems = {name: found["problem"] for name, found in seen["filters"].items() if found["problem"]}
    assert 0 < rows["time > 1 sec"] < rows["time >1,000 us"] < 73
    assert 0 < rows["time ≤ 0.1 s"] < 73
    assert 0 < rows["extra memory > 1 MiB"] < 80
    assert 0 < rows["of FMA peak > 5"] < 73  # per cent
    assert rows["n = 4,096"] == 10
    assert set(problems) == {"time > 1 parsec", "time > 1,00 s", "extra memory > 1 sec", "status > 3"}
    assert all(rows[name] == 80 for name in problems)  # a filter that is not understood hides nothing
    assert problems["time > 1 parsec"] == (
        "time: '> 1 parsec' is not a comparison this column understands; write one such as > 10 ms."
    )
    assert "such as > 1 MiB" in problems["extra memory > 1 sec"]
    assert "the column holds text" in problems["status > 3"]
    assert seen["placeholders"] == ["> 10 ms", "> 1 MiB", "> 50 %", "> 100", "text"]


def test_a_table_without_a_row_says_so_and_offers_to_clear_the_filters(seen):
    assert seen["filters"]["time = 5 s"]["empty"] == "No row matches the filters. Clear the filters"
    assert seen["cleared"] == [80, True, ""]


def test_the_saved_data_is_the_summary_again(seen, full):
    assert json.loads(seen["saved"]) == full.summary


def test_wide_tables_scroll_inside_and_the_page_does_not(seen):
    assert seen["wider"] == 0


# What a narrow screen, a dark one and a link to a folded part show.
LAYOUT = """<script>
const box = (element) => element.getBoundingClientRect();
const inside = (element) => box(element).right <= innerWidth + 1;
const result = { errors };
result.wider = document.documentElement.scrollWidth - document.documentElement.clientWidth;
const figures = [...document.querySelectorAll("details.group[open] figure:not(.double):not(.wide)")];
result.figures = figures.length;
result.outside = figures.filter((figure) => ![...figure.querySelectorAll("svg")].every(inside)).map((f) => f.id);
result.legends = figures.filter((figure) => figure.querySelectorAll("svg").length === 2).length;
result.below = figures.filter((figure) => { const [plot, legend] = figure.querySelectorAll("svg");
  return legend && box(legend).top >= box(plot).bottom; }).length;
result.terms = [...document.querySelectorAll("dd")].every(inside);
result.paper = getComputedStyle(document.body).backgroundColor;
const curve = [...document.querySelectorAll("#figure-time path")].map((path) => getComputedStyle(path).stroke);
result.white = [...document.querySelectorAll("figure path, figure rect")].filter(
  (shape) => getComputedStyle(shape).fill === "rgb(255, 255, 255)").length;
result.ink = curve.includes("rgb(230, 232, 235)");
const fold = document.getElementById("figure-time").closest("details");
fold.open = false; location.hash = ""; location.hash = "#figure-time"; unfold();
result.unfolded = fold.open;
const links = [...document.querySelectorAll("a.permalink")];
result.permalinks = links.length > 20 && links.every((link) => document.getElementById(link.hash.slice(1)));
</script>"""


@pytest.fixture(scope="module", params=[390, 1400, 2560])
def layout(request, full, tmp_path_factory) -> tuple[int, dict]:
    return request.param, look(full.html, LAYOUT, tmp_path_factory.mktemp("layout"), request.param)


def test_figures_legends_and_glossary_fit_a_phone_a_laptop_and_a_wide_screen(layout):
    width, seen = layout
    assert seen["errors"] == []
    assert seen["wider"] <= 0
    assert seen["figures"] >= 10
    assert seen["outside"] == []
    assert seen["legends"] >= 10
    assert seen["below"] == (seen["legends"] if width == 390 else 0)
    assert seen["terms"]


def test_links_to_folded_parts_unfold_them_and_every_permalink_has_a_target(layout):
    assert layout[1]["unfolded"]
    assert layout[1]["permalinks"]


def test_a_dark_page_has_no_white_rectangles_and_light_lines(full, tmp_path):
    seen = look(full.html, LAYOUT, tmp_path, 1400, "--blink-settings=preferredColorScheme=0")
    assert seen["paper"] == "rgb(20, 23, 27)"
    assert seen["white"] == 0
    assert seen["ink"]


def test_the_page_of_many_settings_is_short_until_they_are_unfolded(tmp_path):
    """Four swept axes: 16 settings of four variants. It was 32,900 pixels long."""
    problems = tuple(f"b{b} h{h} n{{n}} d{d} f32" for b in (1, 2) for h in (2, 4) for d in (32, 64))
    recipe = Recipe(laws=LAWS[:4], sizes=(64, 128, 256), problems=problems, threads=(1, 2), rounds=2, weights=0)
    report = build_model([make_run(tmp_path / "run", recipe)])
    plans = list(planned(report, Looks(report.variants, [run.label for run in report.runs])))
    svg = (
        '<svg width="500pt" viewBox="0 0 500 270" xmlns="http://www.w3.org/2000/svg"><g id="a"><text>x</text></g></svg>'
    )
    drawn = [Drawn(plan.name, plan.group, plan.title, plan.caption, svg) for plan in plans]
    assert len(drawn) < 60
    page = html(report, Figures(drawn, []), summary(report), [])
    act = """<script>
const result = { errors, height: document.documentElement.scrollHeight };
const list = document.querySelector(".settings select");
result.settings = list.options.length; list.value = list.options[3].value; list.dispatchEvent(new Event("change"));
result.open = [...document.querySelectorAll("details.group[open]")].map((group) => group.id);
</script>"""
    seen = look(page, act, tmp_path, 1400)
    assert seen["errors"] == []
    assert seen["height"] < 14_000
    assert seen["settings"] == 1 + 1 + 8
    assert seen["open"] == ["group-3"]


@pytest.fixture(scope="module")
def large(full, tmp_path_factory) -> str:
    """The page of 4,800 records. Its figures are as many as they would be, all with the drawing of one."""
    problems = tuple(f"b1 h8 n{{n}} d{d} f32" for d in (32, 48, 64, 96, 128))
    folder = tmp_path_factory.mktemp("large")
    report = build_model([make_run(folder / "run", Recipe(problems=problems, weights=0))])
    assert sum(len(run.records) for run in report.runs) == 4800
    svg = (full.folder / "figures" / "time.svg").read_text(encoding="utf-8")
    plans = planned(report, Looks(report.variants, [run.label for run in report.runs]))
    drawn = [Drawn(plan.name, plan.group, plan.title, plan.caption, svg) for plan in plans]
    assert len(drawn) > 30
    return html(report, Figures(drawn, []), summary(report), [])


def test_the_page_of_a_large_run_is_small_and_makes_rows_when_they_are_asked_for(large, tmp_path):
    assert len(large.encode()) < 10e6
    seen = look(large, LARGE, tmp_path)
    print(f"4,800 records: {len(large) / 1e6:.1f} MB, ready after {seen['ready']:.0f} ms, {seen['nodes']} nodes")
    assert seen["errors"] == []
    assert (seen["first"], seen["all"], seen["second"], seen["left"]) == (200, 400, 400, False)
    assert seen["nodes"] < 60_000
    assert seen["times"] == sorted(seen["times"])
    assert (seen["strided"], seen["hidden"]) == (40, True)
    assert seen["reproducer"].startswith("attnbench run --variants 'strided'")
    assert seen["copies"] == 1
    assert seen["ready"] < 60_000  # milliseconds; not a benchmark of this machine, only of sanity

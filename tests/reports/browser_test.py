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
from attnbench_reports.figures.catalogue import planned
from attnbench_reports.figures.draw import Drawn, Figures
from attnbench_reports.figures.style import Looks
from attnbench_reports.model import build_model
from attnbench_reports.pages.data import summary
from attnbench_reports.pages.html import html
from synthetic_runs import Recipe, make_run

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


def look(html: str, act: str, folder: Path, width: int = 1400) -> dict:
    """Opens the page, runs `act` behind its own scripts and returns the `result` that it filled."""
    page = folder / "page.html"
    page.write_text(
        html.replace("<head>", "<head>" + LISTEN).replace("</body>", act + SAY + "</body>"), encoding="utf-8"
    )
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    options += [f"--user-data-dir={folder / 'profile'}", f"--window-size={width},1200"]
    call = [CHROMIUM, *options, "--dump-dom", page.as_uri()]
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
        assert len(numbers) == 73
        assert numbers == sorted(numbers, reverse=reverse)
        assert seen[key][len(numbers) :] == [""] * 7
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


def test_the_saved_data_is_the_summary_again(seen, full):
    assert json.loads(seen["saved"]) == full.summary


def test_wide_tables_scroll_inside_and_the_page_does_not(seen):
    assert seen["wider"] == 0


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
    assert len(drawn) > 50
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

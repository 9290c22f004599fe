"""The page in a real browser: no error on its console, sorting and filtering work.

A script put in front of the page's own collects errors; one behind it clicks and writes what it saw into the document,
which headless Chromium prints (--dump-dom).
"""

import json
import re
import shutil
import subprocess

import pytest

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
const column = (name) => [...document.querySelectorAll("#cases th")].findIndex((th) => th.textContent === name);
const shown = () => [...document.querySelectorAll("#cases tbody tr")].filter((row) => !row.hidden);
const values = (name) => shown().map((row) => row.cells[column(name)].dataset.sort);
const press = (name) => document.querySelectorAll("#cases th button")[column(name)].click();
const result = {};
press("time"); result.rising = values("time");
press("time"); result.falling = values("time");
press("variant"); result.names = values("variant");
const filter = document.querySelector(".tools input");
filter.value = "LINEAR n1024"; filter.dispatchEvent(new Event("input"));
result.filtered = shown().length; result.said = document.querySelector(".shown").textContent;
filter.value = ""; filter.dispatchEvent(new Event("input"));
const status = document.querySelector(".tools select");
status.value = "timeout"; status.dispatchEvent(new Event("change"));
result.timeouts = shown().length;
result.wider = document.documentElement.scrollWidth - document.documentElement.clientWidth;
result.errors = errors;
document.body.append(Object.assign(document.createElement("pre"), { id: "seen", textContent: JSON.stringify(result) }));
</script>"""


@pytest.fixture(scope="module", params=[1000, 1600])
def seen(request, full, tmp_path_factory) -> dict:
    folder = tmp_path_factory.mktemp("browser")
    page = folder / "page.html"
    page.write_text(
        full.html.replace("<head>", "<head>" + LISTEN).replace("</body>", ACT + "</body>"), encoding="utf-8"
    )
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    options += [f"--user-data-dir={folder / 'profile'}", f"--window-size={request.param},1200"]
    call = [CHROMIUM, *options, "--dump-dom", page.as_uri()]
    done = subprocess.run(call, capture_output=True, text=True, timeout=90, check=False)
    found = re.search(r'<pre id="seen">(.*?)</pre>', done.stdout, re.S)
    assert found, f"chromium printed no result (exit {done.returncode}): {done.stderr[-500:]}"
    return json.loads(found.group(1).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))


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
    assert seen["said"] == "1 of 80 cases shown"
    assert seen["timeouts"] == 1


def test_wide_tables_scroll_inside_and_the_page_does_not(seen):
    assert seen["wider"] == 0

// The margin of the comparison: judges every row again when it moves, by the rule of stats/verdict.py.
"use strict";

const rows = tables.comparison;
const verdictColumn = rows.column("verdict");
const slider = document.getElementById("margin");
const boxes = [...document.querySelectorAll(".margin input[type=checkbox]")];
const bars = Object.fromEntries([...document.querySelectorAll(".bar")].map((bar) => [bar.dataset.place, bar]));
const picture = document.querySelector(".forest");
const ends = (text) => (text ? text.split(" ").map(Number) : null);

// FASTER or SLOWER: the interval at Holm's level excludes 1 and the effect exceeds the margin. SAME: the row's own 95 %
// interval lies inside the margin.
function verdictAt(row, chosen) {
  const margin = Math.max(chosen, Number(row.data.floor)), ratio = Number(row.data.ratio);
  const adjusted = ends(row.data.adjusted), interval = ends(row.data.interval);
  const excludes = adjusted && (adjusted[0] > 1 || adjusted[1] < 1);
  if (excludes && Math.abs(Math.log(ratio)) > Math.log1p(margin)) return ratio > 1 ? "SLOWER" : "FASTER";
  const inside = interval && 1 / (1 + margin) <= interval[0] && interval[1] <= 1 + margin;
  return inside ? "SAME" : "UNDECIDED";
}

function judgeAgain() {
  const chosen = Number(slider.value) / 100;
  const counts = Object.fromEntries(boxes.map((box) => [box.value, 0]));
  for (const row of rows.rows) {
    const verdict = verdictAt(row, chosen);
    counts[verdict] += 1;
    row.data.verdict = verdict;
    row.cells[verdictColumn] = { text: verdict, key: verdict };
    row.text = undefined; // the words to search in change with it
    bars[row.data.place].dataset.verdict = verdict;
    if (row.tr) {
      row.tr.dataset.verdict = verdict;
      row.tr.cells[verdictColumn].textContent = verdict;
    }
  }
  drawBand(chosen);
  document.getElementById("margin-value").textContent = `${slider.value} %`;
  for (const box of boxes) box.parentElement.querySelector("b").textContent = counts[box.value];
  show();
}

// The margin as a band about 1, on the logarithmic axis of the picture.
function drawBand(margin) {
  const low = Number(picture.dataset.low), high = Number(picture.dataset.high);
  const at = (log) => Math.min(100, Math.max(0, (100 * (log - low)) / (high - low)));
  picture.style.setProperty("--from", `${at(-Math.log1p(margin))}%`);
  picture.style.setProperty("--to", `${100 - at(Math.log1p(margin))}%`);
}

function show() {
  const wanted = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
  rows.test("verdict", (row) => wanted.has(row.data.verdict));
  for (const bar of Object.values(bars)) bar.hidden = !wanted.has(bar.dataset.verdict);
}

slider.addEventListener("input", judgeAgain);
for (const box of boxes) box.addEventListener("change", show);
judgeAgain();

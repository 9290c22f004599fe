// Sorts tables by a click on a heading, filters the table of cases, copies reproducers, saves the embedded data.
"use strict";

// Numbers before words; an empty cell (nothing measured) comes last whichever way the table is sorted.
function compare(a, b, direction) {
  if (a === "" || b === "") return (a === "") - (b === "");
  const x = Number(a), y = Number(b);
  const order = Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b, "en", { numeric: true }) : x - y;
  return direction * order;
}

function sortBy(heading) {
  const table = heading.closest("table");
  const column = [...heading.parentElement.children].indexOf(heading);
  const direction = heading.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  for (const other of heading.parentElement.children) other.setAttribute("aria-sort", "none");
  heading.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
  const key = (row) => row.cells[column].dataset.sort;
  const rows = [...table.tBodies[0].rows].sort((a, b) => compare(key(a), key(b), direction));
  table.tBodies[0].append(...rows);
}

function setUpFilter(tools) {
  const table = document.getElementById(tools.dataset.for);
  const [words, status] = [tools.querySelector("input"), tools.querySelector("select")];
  const column = [...table.tHead.rows[0].cells].findIndex((cell) => cell.textContent.trim() === "status");
  const rows = [...table.tBodies[0].rows];
  const statusOf = (row) => row.cells[column].textContent;
  for (const name of new Set(rows.map(statusOf))) status.add(new Option(name, name));
  const apply = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !(wanted.every((word) => text.includes(word)) && (!status.value || status.value === statusOf(row)));
      shown += !row.hidden;
    }
    tools.querySelector(".shown").textContent = `${shown} of ${rows.length} cases shown`;
  };
  words.addEventListener("input", apply);
  status.addEventListener("change", apply);
  tools.querySelector(".save").addEventListener("click", saveData);
  apply();
}

function saveData() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([document.getElementById("data").textContent], { type: "application/json" }));
  link.download = "summary.json";
  link.click();
  URL.revokeObjectURL(link.href);
}

// A page opened from a file may lack the clipboard; the text is then selected for the reader to copy.
function copy(button) {
  const code = button.parentElement.querySelector("code");
  getSelection().selectAllChildren(code);
  navigator.clipboard?.writeText(code.textContent).then(() => { button.textContent = "copied"; }, () => {});
}

for (const heading of document.querySelectorAll(".sortable th")) heading.firstElementChild.addEventListener("click", () => sortBy(heading));
for (const button of document.querySelectorAll(".copy")) button.addEventListener("click", () => copy(button));
for (const tools of document.querySelectorAll(".tools")) setUpFilter(tools);

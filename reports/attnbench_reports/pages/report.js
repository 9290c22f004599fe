// Saves the embedded data as the summary.json that stands beside the page.
"use strict";

// The cases are embedded by column, which is half the size; here they become rows again.
function summary() {
  const data = JSON.parse(document.getElementById("data").textContent);
  const names = Object.keys(data.cases);
  data.cases = names.length ? data.cases[names[0]].map((_, i) => Object.fromEntries(names.map((k) => [k, data.cases[k][i]]))) : [];
  return data;
}

function save() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(summary(), null, 1)], { type: "application/json" }));
  link.download = "summary.json";
  link.click();
  URL.revokeObjectURL(link.href);
}

for (const button of document.querySelectorAll(".save")) button.addEventListener("click", save);

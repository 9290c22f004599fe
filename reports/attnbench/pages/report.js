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

// A link to something inside a folded part unfolds it.
function unfold() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  for (let part = target.closest("details"); part; part = part.parentElement.closest("details")) part.open = true;
  target.scrollIntoView();
}
addEventListener("hashchange", unfold);
unfold();

// The list of settings: the one chosen is unfolded, the others are folded.
function setUpSettings(place) {
  const groups = [...document.querySelectorAll("details.group")], list = place.querySelector("select");
  list.append(new Option("choose a setting", ""), ...groups.map((group) => new Option(group.querySelector("summary").textContent, group.id)));
  list.addEventListener("change", () => {
    if (!list.value) return;
    for (const group of groups) group.open = group.id === list.value;
    location.hash = list.value;
  });
  place.hidden = false;
}
for (const place of document.querySelectorAll(".settings")) setUpSettings(place);

// Paper has no folded parts.
addEventListener("beforeprint", () => { for (const part of document.querySelectorAll("details.group")) part.open = true; });

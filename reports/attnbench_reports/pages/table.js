// Tables that sort, filter and show a part of their rows: all rows are kept as texts and sort keys, and only the first
// of those that match stand in the page, so that thousands of rows cost nothing until they are asked for.
"use strict";

const PAGE = 200; // rows shown at once; as many again for every press of "Show more rows"

// Numbers before words; an empty key (nothing measured) comes last whichever way the table is sorted.
function compare(a, b, direction) {
  if (a === "" || b === "") return (a === "") - (b === "");
  const x = Number(a), y = Number(b);
  const order = Number.isNaN(x) || Number.isNaN(y) ? String(a).localeCompare(b, "en", { numeric: true }) : x - y;
  return direction * order;
}

// Units people type after a number, in the base units of the sort keys: seconds, bytes, shares.
const UNITS = { ns: 1e-9, "µs": 1e-6, us: 1e-6, ms: 1e-3, s: 1, b: 1, kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30,
                tib: 2 ** 40, "%": 0.01, "×": 1, x: 1, "": 1 };

// A column's filter: `> 10 ms`, `<= 1e-3` compare the sort key, anything else must be part of the text.
function columnTest(wanted) {
  const found = /^(<=|>=|<|>|=)\s*([-+]?[\d.]+(?:e[-+]?\d+)?)\s*([a-zµ%×]*)$/i.exec(wanted.trim());
  const unit = found && UNITS[found[3].toLowerCase()];
  if (!found || unit === undefined) {
    const word = wanted.trim().toLowerCase();
    return (cell) => cell.text.toLowerCase().includes(word);
  }
  const bound = Number(found[2]) * unit;
  const holds = { "<": (v) => v < bound, ">": (v) => v > bound, "<=": (v) => v <= bound, ">=": (v) => v >= bound,
                  "=": (v) => v === bound }[found[1]];
  return (cell) => cell.key !== "" && holds(Number(cell.key));
}

class DataTable {
  constructor(element) {
    this.element = element;
    this.body = element.tBodies[0];
    this.headings = [...element.tHead.rows[0].cells];
    this.kinds = this.headings.map((th) => th.dataset.kind);
    this.rows = [...this.body.rows].map((tr) => this.fromPage(tr));
    const rest = document.querySelector(`script.rest[data-for="${element.id}"]`);
    if (rest) for (const [cells, data] of JSON.parse(rest.textContent)) this.rows.push(this.fromData(cells, data));
    this.matching = this.rows;
    this.limit = PAGE;
    this.tests = {}; // filters that are set, by control: row -> boolean
    this.headings.forEach((th, i) => th.firstElementChild.addEventListener("click", () => this.sortBy(i)));
    this.body.addEventListener("click", (event) => { if (event.target.matches(".copy")) copy(event.target); });
    this.more = document.querySelector(`.more[data-for="${element.id}"]`);
    this.more?.addEventListener("click", () => { this.limit += PAGE; this.render(); });
    this.tools = document.querySelector(`.tools[data-for="${element.id}"]`);
    if (this.tools) this.setUpFilters();
    this.filter();
  }

  fromPage(tr) {
    const cells = [...tr.cells].map((td) => {
      const text = (td.querySelector("code") || td).textContent;
      return { text, key: td.dataset.sort ?? text };
    });
    return { cells, data: { ...tr.dataset }, tr };
  }

  fromData(cells, data) {
    const read = (cell) => (Array.isArray(cell) ? { text: cell[0], key: cell[1] } : { text: cell, key: cell });
    return { cells: cells.map(read), data, tr: null };
  }

  // The row's element, made when it is first shown.
  elementOf(row) {
    if (row.tr) return row.tr;
    row.tr = document.createElement("tr");
    Object.assign(row.tr.dataset, row.data);
    row.cells.forEach((cell, i) => {
      const td = row.tr.insertCell();
      if (this.kinds[i] !== "text") td.className = this.kinds[i];
      if (this.kinds[i] !== "code") { td.textContent = cell.text; return; }
      td.append(Object.assign(document.createElement("code"), { textContent: cell.text }), " ",
                Object.assign(document.createElement("button"), { type: "button", className: "copy", textContent: "copy" }));
    });
    return row.tr;
  }

  column(title) {
    return this.headings.findIndex((th) => th.textContent.trim() === title);
  }

  sortBy(i) {
    const direction = this.headings[i].getAttribute("aria-sort") === "ascending" ? -1 : 1;
    for (const other of this.headings) other.setAttribute("aria-sort", "none");
    this.headings[i].setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
    this.rows.sort((a, b) => compare(a.cells[i].key, b.cells[i].key, direction));
    this.filter();
  }

  setUpFilters() {
    const words = this.tools.querySelector(".words");
    words.addEventListener("input", () => {
      const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
      this.test("words", wanted.length && ((row) => {
        row.text ??= row.cells.map((cell) => cell.text).join("\t").toLowerCase();
        return wanted.every((word) => row.text.includes(word));
      }));
    });
    this.headings.forEach((th, i) => { if ("choose" in th.dataset) this.addChoice(th, i); });
    const button = this.tools.querySelector(".by-column");
    button.addEventListener("click", () => this.toggleColumnFilters(button));
  }

  // A list of the values of a column that has few of them.
  addChoice(th, i) {
    const values = [...new Set(this.rows.map((row) => row.cells[i].text))];
    if (values.length < 2) return;
    values.sort((a, b) => compare(a, b, 1));
    const list = document.createElement("select");
    list.dataset.column = th.textContent.trim();
    list.append(new Option("all", ""), ...values.map((value) => new Option(value, value)));
    list.addEventListener("change", () => this.test(`choice ${i}`, list.value && ((row) => row.cells[i].text === list.value)));
    const label = document.createElement("label");
    label.append(`${th.textContent.trim()} `, list);
    this.tools.insertBefore(label, this.tools.querySelector(".by-column"));
  }

  toggleColumnFilters(button) {
    this.fields ??= this.makeColumnFilters();
    this.fields.hidden = !this.fields.hidden;
    button.setAttribute("aria-expanded", String(!this.fields.hidden));
    if (!this.fields.hidden) this.fields.querySelector("input").focus();
  }

  makeColumnFilters() {
    const line = this.element.tHead.insertRow();
    line.className = "filters";
    line.hidden = true;
    this.headings.forEach((th, i) => {
      const numeric = this.kinds[i] === "number";
      const field = document.createElement("input");
      field.type = "search";
      field.placeholder = numeric ? "> 10 ms" : "text";
      field.setAttribute("aria-label", `filter ${th.textContent.trim()}`);
      field.addEventListener("input", () => {
        const holds = field.value.trim() && columnTest(field.value);
        this.test(`column ${i}`, holds && ((row) => holds(row.cells[i])));
      });
      line.insertCell().append(field);
    });
    return line;
  }

  // Sets or, with nothing, clears the filter of one control.
  test(name, holds) {
    if (holds) this.tests[name] = holds; else delete this.tests[name];
    this.limit = PAGE;
    this.filter();
  }

  filter() {
    const tests = Object.values(this.tests);
    this.matching = this.rows.filter((row) => tests.every((holds) => holds(row)));
    this.render();
  }

  render() {
    this.body.replaceChildren(...this.matching.slice(0, this.limit).map((row) => this.elementOf(row)));
    const shown = Math.min(this.limit, this.matching.length);
    if (this.more) this.more.hidden = shown === this.matching.length;
    const note = this.tools?.querySelector(".shown");
    if (!note) return;
    const part = shown < this.matching.length ? `, the first ${shown} shown` : "";
    note.textContent = `${this.matching.length} of ${this.rows.length} rows${part}`;
  }
}

// A page opened from a file may lack the clipboard; the text is then selected for the reader to copy.
function copy(button) {
  const code = button.parentElement.querySelector("code");
  getSelection().selectAllChildren(code);
  navigator.clipboard?.writeText(code.textContent).then(() => { button.textContent = "copied"; }, () => {});
}

const tables = {};
for (const element of document.querySelectorAll("table.sortable")) tables[element.id] = new DataTable(element);

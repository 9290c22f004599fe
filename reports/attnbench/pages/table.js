// Tables that sort, filter and show a part of their rows and columns: all rows are kept as texts and sort keys, and only
// the first of those that match stand in the page, so that thousands of rows cost nothing until they are asked for.
"use strict";

const PAGE = 200; // rows shown at once; as many again for every press of "Show more rows"

// Numbers before words; an empty key (nothing measured) comes last whichever way the table is sorted.
function compare(a, b, direction) {
  if (a === "" || b === "") return (a === "") - (b === "");
  const x = Number(a), y = Number(b);
  const order = Number.isNaN(x) || Number.isNaN(y) ? String(a).localeCompare(b, "en", { numeric: true }) : x - y;
  return direction * order;
}

// What a column's numbers may be written in, by its unit: the factor to the sort keys, which are seconds, bytes, shares
// and ratios. Several spellings of a unit stand in one string.
const spelled = (units) => Object.fromEntries(Object.entries(units).flatMap(
  ([names, factor]) => names.split(" ").map((name) => [name, factor])));
const UNITS = {
  s: spelled({ "ns nsec nanosecond nanoseconds": 1e-9, "us µs μs usec microsecond microseconds": 1e-6,
               "ms msec millisecond milliseconds": 1e-3, "s sec secs second seconds": 1, "min minute minutes": 60 }),
  B: spelled({ "b byte bytes": 1, "k kb kib": 2 ** 10, "m mb mib": 2 ** 20, "g gb gib": 2 ** 30, "t tb tib": 2 ** 40 }),
  "%": spelled({ "% percent": 0.01 }),
  "×": spelled({ "× x times": 1 }),
  "": spelled({ "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12 }),
};
const BARE = { "%": 0.01 }; // factor of a number without a unit; 1 elsewhere
const EXAMPLES = { s: "> 10 ms", B: "> 1 MiB", "%": "> 50 %", "×": "> 2", "": "> 100" };
const HOLDS = { "<": (v, w) => v < w, ">": (v, w) => v > w, "<=": (v, w) => v <= w, ">=": (v, w) => v >= w,
                "=": (v, w) => v === w };

// A column's filter: `> 1,000 us` compares the sort keys, text without a comparison must be part of the cell's text.
// Returns { test }, or { problem } in words.
function columnFilter(wanted, kind, unit) {
  const text = wanted.trim();
  const sign = /^(<=|>=|≤|≥|<|>|=)/.exec(text)?.[0];
  if (!sign) {
    const word = text.toLowerCase();
    return { test: (cell) => cell.text.toLowerCase().includes(word) };
  }
  if (kind !== "number") return { problem: `'${text}' compares, but the column holds text; write a part of the text` };
  const found = /^(-?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?:e[-+]?\d+)?)\s*(\S*)$/i.exec(text.slice(sign.length).trim());
  const number = found && found[1] !== "" ? Number(found[1].replaceAll(",", "")) : NaN;
  const factor = found && (found[2] === "" ? BARE[unit] ?? 1 : UNITS[unit][found[2].toLowerCase()]);
  if (Number.isNaN(number) || factor === undefined || factor === null)
    return { problem: `'${text}' is not a comparison this column understands; write one such as ${EXAMPLES[unit]}` };
  const holds = HOLDS[sign.replace("≤", "<=").replace("≥", ">=")], bound = number * factor;
  return { test: (cell) => cell.key !== "" && holds(Number(cell.key), bound) };
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
    this.problems = {}; // filters that could not be read, by control: what is wrong
    this.headings.forEach((th, i) => th.firstElementChild.addEventListener("click", () => this.sortBy(i)));
    this.body.addEventListener("click", (event) => {
      if (event.target.matches(".copy")) copy(event.target);
      if (event.target.matches(".clear")) this.clear();
    });
    this.more = document.querySelector(`.more[data-for="${element.id}"]`);
    this.more?.addEventListener("click", () => { this.limit += PAGE; this.render(); });
    this.tools = document.querySelector(`.tools[data-for="${element.id}"]`);
    this.problem = document.querySelector(`.problem[data-for="${element.id}"]`);
    if (this.tools) this.setUpFilters();
    if (this.tools && this.headings.some((th) => "extra" in th.dataset)) this.setUpColumns();
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

  title(i) {
    return this.headings[i].textContent.trim();
  }

  column(title) {
    return this.headings.findIndex((_, i) => this.title(i) === title);
  }

  sortBy(i) {
    const direction = this.headings[i].getAttribute("aria-sort") === "ascending" ? -1 : 1;
    for (const other of this.headings) other.setAttribute("aria-sort", "none");
    this.headings[i].setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
    this.rows.sort((a, b) => compare(a.cells[i].key, b.cells[i].key, direction));
    this.filter();
  }

  // A list of all columns with a tick before those that are shown.
  setUpColumns() {
    const chooser = document.createElement("details"), list = document.createElement("div");
    chooser.className = "chooser";
    chooser.append(document.createElement("summary"), list);
    this.sheet = document.head.appendChild(document.createElement("style"));
    this.ticks = this.headings.map((th, i) => {
      const tick = Object.assign(document.createElement("input"), { type: "checkbox", checked: !("extra" in th.dataset) });
      tick.disabled = i < 2; // variant and n say which row it is
      tick.addEventListener("change", () => this.showColumns());
      const label = document.createElement("label");
      label.append(tick, ` ${this.title(i)}`);
      list.append(label);
      return tick;
    });
    this.tools.insertBefore(chooser, this.tools.querySelector(".by-column"));
    this.showColumns();
  }

  showColumns() {
    const hidden = this.ticks.flatMap((tick, i) => (tick.checked ? [] : [i + 1]));
    this.sheet.textContent = hidden.map((i) => `#${this.element.id} :is(th, td):nth-child(${i}) { display: none; }`).join("\n");
    this.tools.querySelector(".chooser summary").textContent =
      `Columns: ${this.ticks.length - hidden.length} of ${this.ticks.length}`;
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
    this.headings.forEach((th, i) => { if ("choose" in th.dataset) this.addChoice(i); });
    const button = this.tools.querySelector(".by-column");
    button.addEventListener("click", () => this.toggleColumnFilters(button));
  }

  // A list of the values of a column that has few of them.
  addChoice(i) {
    const values = [...new Set(this.rows.map((row) => row.cells[i].text))];
    if (values.length < 2) return;
    values.sort((a, b) => compare(a, b, 1));
    const list = document.createElement("select");
    list.dataset.column = this.title(i);
    list.append(new Option("all", ""), ...values.map((value) => new Option(value, value)));
    list.addEventListener("change", () => this.test(`choice ${i}`, list.value && ((row) => row.cells[i].text === list.value)));
    const label = document.createElement("label");
    label.append(`${this.title(i)} `, list);
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
      const kind = this.kinds[i], unit = th.dataset.unit ?? "";
      const field = document.createElement("input");
      field.type = "search";
      field.placeholder = kind === "number" ? EXAMPLES[unit] : "text";
      field.setAttribute("aria-label", `filter ${this.title(i)}`);
      field.addEventListener("input", () => {
        const { test, problem } = field.value.trim() ? columnFilter(field.value, kind, unit) : {};
        field.setAttribute("aria-invalid", String(Boolean(problem)));
        if (problem) this.problems[i] = `${this.title(i)}: ${problem}.`; else delete this.problems[i];
        this.test(`column ${i}`, test && ((row) => test(row.cells[i])));
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

  // Empties every control; each of them then clears its own filter.
  clear() {
    const controls = [...this.tools.querySelectorAll(".words, select"), ...(this.fields?.querySelectorAll("input") ?? [])];
    for (const control of controls) {
      control.value = "";
      control.dispatchEvent(new Event(control.tagName === "SELECT" ? "change" : "input"));
    }
  }

  filter() {
    const tests = Object.values(this.tests);
    this.matching = this.rows.filter((row) => tests.every((holds) => holds(row)));
    this.render();
  }

  render() {
    const elements = this.matching.slice(0, this.limit).map((row) => this.elementOf(row));
    this.body.replaceChildren(...(elements.length || !this.rows.length ? elements : [this.emptyRow()]));
    const shown = Math.min(this.limit, this.matching.length);
    if (this.more) this.more.hidden = shown === this.matching.length;
    const note = this.tools?.querySelector(".shown");
    if (!note) return;
    const part = shown < this.matching.length ? `, the first ${shown} shown` : "";
    note.textContent = `${this.matching.length} of ${this.rows.length} rows${part}`;
    const problems = Object.values(this.problems);
    this.problem.hidden = !problems.length;
    this.problem.textContent = problems.join(" ");
  }

  emptyRow() {
    const row = document.createElement("tr"), cell = row.insertCell();
    row.className = "empty";
    cell.colSpan = this.headings.length;
    cell.append("No row matches the filters. ",
                Object.assign(document.createElement("button"), { type: "button", className: "clear", textContent: "Clear the filters" }));
    return row;
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

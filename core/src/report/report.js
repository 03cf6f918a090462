// Finds, sorts and draws the rows of the long tables of report.html.
//
// The page is complete without this: the first rows of each table are there. All rows stand beside
// them as data (rows.rs, data.rs), and this draws those that are asked for, a page at a time. Values
// are HR's and are set as text only; the page's policy forbids every other way. What is typed stays
// here: it may be a name, so it goes neither into the address nor anywhere else.
"use strict";
(() => {
  const PAGE_ROWS = 50;
  // On paper: of what was asked for, and of a table that nobody asked anything of.
  const PRINTED_ROWS = 2000;
  const PRINTED_UNASKED = 200;
  // Longer texts are shortened, and opened by whoever wants them; the same numbers as in report.html.
  const LONG = 240;
  const START = 120;
  // Of more attributes than this the rest opens.
  const ATTRIBUTES = 12;
  // Places of data.rs: nothing, and two that are said of values.
  const NOTHING = 0;
  const SAID_UP_TO = 2;
  // Strings that are prepared at a time while nobody waits.
  const SLICE = 20000;

  const grouped = (n) => n.toLocaleString("en-US");

  /** An element; strings become text. */
  function make(name, attributes, ...children) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children.filter((child) => child !== null));
    return element;
  }

  const small = (...children) => make("small", {}, ...children);
  const hidden = (text) => make("span", { class: "sr" }, text);
  const missing = (what) => [document.createTextNode("–"), hidden(what)];

  /** As one searches: without regard to case, accents and the width of letters. */
  function folded(text) {
    const lower = text.toLowerCase();
    return /^[\0-\x7f]*$/.test(lower) ? lower : lower.normalize("NFKD").replace(/\p{M}+/gu, "");
  }

  /** Words of a question; what stands in quotes is one word. */
  function wordsOf(question) {
    return Array.from(question.matchAll(/"([^"]+)"?|[^\s"]+/g), (m) => folded(m[1] ?? m[0]));
  }

  /** What sorts as a person expects: `row 9` before `row 10`. */
  const sortKey = (text) => text.replace(/\d+/g, (digits) => digits.padStart(12, "0"));

  class Table {
    constructor(find, data) {
      this.name = find.dataset.table;
      this.one = find.dataset.one;
      this.many = find.dataset.many;
      this.find = find;
      this.scroll = find.nextElementSibling;
      this.body = this.scroll.querySelector("tbody");
      this.strings = data.strings;
      this.columns = new Map();
      for (const [name, places] of Object.entries(data.columns)) {
        this.columns.set(name, Uint32Array.from(places));
      }
      this.rows = data.counts.length;
      // Where the attributes of each row begin.
      this.starts = new Uint32Array(this.rows + 1);
      data.counts.forEach((n, row) => { this.starts[row + 1] = this.starts[row] + 3 * n; });
      this.values = Uint32Array.from(data.values);
      this.folded = [];
      this.words = [];
      this.chosen = new Map();
      this.sorted = { column: "", down: false };
      this.order = Uint32Array.from({ length: this.rows }, (_, row) => row);
      this.shown = this.order;
      this.first = 0;
      this.controls();
      this.draw();
      this.prepare();
    }

    place(column, row) { return this.columns.get(column)[row]; }
    text(column, row) { return this.strings[this.place(column, row)]; }

    /** Folds the next strings while nobody waits; the first question does what is left. */
    prepare() {
      this.fold(this.folded.length + SLICE);
      if (this.folded.length < this.strings.length) setTimeout(() => this.prepare());
    }

    fold(upTo) {
      const end = Math.min(upTo, this.strings.length);
      for (let place = this.folded.length; place < end; place += 1) {
        this.folded.push(folded(this.strings[place]));
      }
    }

    /** The rows that are asked for, in order. */
    search() {
      this.fold(this.strings.length);
      const stays = new Uint8Array(this.rows).fill(1);
      for (const [column, place] of this.chosen) {
        const places = this.columns.get(column);
        for (let row = 0; row < this.rows; row += 1) if (places[row] !== place) stays[row] = 0;
      }
      for (const word of this.words) this.keep(word, stays);
      this.shown = this.order.filter((row) => stays[row] === 1);
      this.first = 0;
      this.draw();
      this.announce();
    }

    /** Each text is looked at once, however many rows have it. */
    keep(word, stays) {
      const hits = new Uint8Array(this.strings.length);
      this.folded.forEach((text, place) => { if (text.includes(word)) hits[place] = 1; });
      const found = new Uint8Array(this.rows);
      for (const places of this.columns.values()) {
        for (let row = 0; row < this.rows; row += 1) found[row] |= hits[places[row]];
      }
      for (let row = 0; row < this.rows; row += 1) {
        for (let at = this.starts[row]; found[row] === 0 && at < this.starts[row + 1]; at += 1) {
          found[row] = hits[this.values[at]];
        }
        stays[row] &= found[row];
      }
    }

    sort(column, down) {
      this.sorted = { column, down };
      this.order = Uint32Array.from({ length: this.rows }, (_, row) => row);
      if (column !== "") {
        const places = this.columns.get(column);
        this.fold(this.strings.length);
        const keys = new Map();
        for (const place of new Set(places)) keys.set(place, sortKey(this.folded[place]));
        const inOrder = Array.from(keys.keys()).sort((a, b) => {
          const [left, right] = [keys.get(a), keys.get(b)];
          // What is not there comes last, whichever way.
          if ((a === NOTHING) !== (b === NOTHING)) return (a === NOTHING) === down ? -1 : 1;
          return left < right ? -1 : Number(left > right);
        });
        const rank = new Uint32Array(this.strings.length);
        inOrder.forEach((place, at) => { rank[place] = at; });
        const sign = down ? -1 : 1;
        this.order.sort((a, b) => sign * (rank[places[a]] - rank[places[b]]) || a - b);
      }
      for (const head of this.heads) {
        if (head.dataset.sort === column) head.setAttribute("aria-sort", down ? "descending" : "ascending");
        else head.removeAttribute("aria-sort");
      }
      this.scroll.querySelector(".order").hidden = column !== "";
      this.sortBy.value = column === "" ? "" : `${column} ${down ? "down" : "up"}`;
      this.search();
    }

    /** Shows only the rows that have this value in this column. */
    only(column, value) {
      this.input.value = "";
      this.words = [];
      this.chosen.clear();
      for (const select of this.selects) select.value = "";
      const select = this.selects.find((it) => it.dataset.column === column);
      const place = this.strings.indexOf(value);
      if (select && place >= 0) {
        select.value = String(place);
        if (select.value !== "") this.chosen.set(column, place);
      }
      this.search();
    }

    controls() {
      this.input = this.find.querySelector("input");
      this.selects = Array.from(this.find.querySelectorAll("select[data-column]"));
      this.sortBy = this.find.querySelector("select[data-sort]");
      this.heads = Array.from(this.scroll.querySelectorAll("th[data-sort]"));
      for (const select of this.selects) this.offer(select);
      for (const head of this.heads) this.sortable(head);
      this.pagers = [this.pager(this.find, "append"), this.pager(this.scroll, "after")];
      this.live = hidden("");
      this.live.setAttribute("role", "status");
      this.find.append(this.live);

      this.input.addEventListener("input", () => {
        this.words = wordsOf(this.input.value);
        this.search();
      });
      this.sortBy.addEventListener("change", () => {
        const [column, way] = this.sortBy.value.split(" ");
        this.sort(column, way === "down");
      });
      this.find.querySelector("[data-clear]").addEventListener("click", () => {
        this.only("", "");
        if (this.sorted.column !== "") this.sort("", false);
        this.input.focus();
      });
      this.find.hidden = false;
      const cut = this.find.previousElementSibling;
      if (cut.classList.contains("cut")) cut.hidden = true;
    }

    /** A choice of the values of a column, each with how many rows have it. */
    offer(select) {
      const counts = new Map();
      for (const place of this.columns.get(select.dataset.column)) {
        counts.set(place, (counts.get(place) ?? 0) + 1);
      }
      select.append(make("option", { value: "" }, `all (${grouped(this.rows)})`));
      const places = Array.from(counts.keys()).sort((a, b) => (this.strings[a] < this.strings[b] ? -1 : 1));
      for (const place of places) {
        const text = `${this.strings[place]} (${grouped(counts.get(place))})`;
        select.append(make("option", { value: String(place) }, text));
      }
      select.addEventListener("change", () => {
        if (select.value === "") this.chosen.delete(select.dataset.column);
        else this.chosen.set(select.dataset.column, Number(select.value));
        this.search();
      });
    }

    /** Up, down, and as it was. */
    sortable(head) {
      const column = head.dataset.sort;
      const name = head.textContent;
      const button = make("button", { type: "button", class: "by" }, name);
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        if (this.sorted.column !== column) this.sort(column, false);
        else if (!this.sorted.down) this.sort(column, true);
        else this.sort("", false);
      });
      for (const [way, said] of [["up", "ascending"], ["down", "descending"]]) {
        this.sortBy.append(make("option", { value: `${column} ${way}` }, `${name}, ${said}`));
      }
    }

    pager(beside, how) {
      const count = make("p", { class: "count" });
      const step = (name, to) => {
        const button = make("button", { type: "button" }, name);
        button.addEventListener("click", () => this.turn(to(), how === "after"));
        return button;
      };
      const last = () => Math.floor((this.shown.length - 1) / PAGE_ROWS) * PAGE_ROWS;
      const back = [step("First", () => 0), step("Previous", () => this.first - PAGE_ROWS)];
      const on = [step("Next", () => this.first + PAGE_ROWS), step("Last", last)];
      const where = how === "after" ? "below" : "above";
      const pager = make("div", { class: "pager", role: "group", "aria-label": `Pages of ${this.many}, ${where} the table` }, count, ...back, ...on);
      beside[how](pager);
      return { pager, count, back, on };
    }

    turn(first, fromBelow) {
      this.first = first;
      this.draw();
      this.announce();
      this.scroll.scrollLeft = 0;
      this.find.scrollIntoView();
      // Who turned the page below the table goes on reading at its top.
      if (fromBelow) this.scroll.focus({ preventScroll: true });
    }

    draw() {
      const end = Math.min(this.first + PAGE_ROWS, this.shown.length);
      this.put(this.first, end);
      const few = this.shown.length <= PAGE_ROWS;
      for (const { count, back, on } of this.pagers) {
        count.textContent = this.said(this.first, end);
        for (const button of [...back, ...on]) button.hidden = few;
        for (const button of back) button.disabled = this.first === 0;
        for (const button of on) button.disabled = end === this.shown.length;
      }
      this.pagers[1].pager.hidden = few;
    }

    isAsked() { return this.chosen.size > 0 || this.words.length > 0; }

    said(first, end) {
      const all = `${grouped(this.rows)} ${this.rows === 1 ? this.one : this.many}`;
      const which = this.isAsked() ? `${grouped(this.shown.length)} of ${all} match` : all;
      return end - first < this.shown.length ? `${which}; rows ${grouped(first + 1)} to ${grouped(end)}` : which;
    }

    /** Said once somebody has stopped typing. */
    announce() {
      clearTimeout(this.saying);
      this.saying = setTimeout(() => { this.live.textContent = this.pagers[0].count.textContent; }, 400);
    }

    put(first, end) {
      const rows = document.createDocumentFragment();
      for (const row of this.shown.subarray(first, end)) rows.append(DRAW[this.name](this, row));
      if (first === end) {
        const span = this.scroll.querySelectorAll("thead th").length;
        rows.append(make("tr", { role: "row" }, make("td", { role: "cell", colspan: span }, `No ${this.one} matches.`)));
      }
      this.body.replaceChildren(rows);
    }

    /** On paper stands what is asked for, and where it ends. */
    print() {
      const end = Math.min(this.isAsked() ? PRINTED_ROWS : PRINTED_UNASKED, this.shown.length);
      this.put(0, end);
      const rest = end < this.shown.length ? `; printed: the first ${grouped(end)}` : "";
      this.pagers[0].count.textContent = this.said(0, this.shown.length) + this.asked() + rest;
    }

    asked() {
      const parts = this.selects.filter((select) => select.value !== "")
        .map((select) => this.strings[Number(select.value)]);
      if (this.words.length > 0) parts.push(`“${this.input.value}”`);
      return parts.length > 0 ? `: ${parts.join(", ")}` : "";
    }

    /** A text of HR's or of ours; a long one is shortened and opens, at once if it was searched for. */
    shownText(place) {
      const text = this.strings[place];
      if (text.length <= LONG) return make("bdi", {}, text);
      const letters = Array.from(text);
      if (letters.length <= LONG) return make("bdi", {}, text);
      const start = make("bdi", {}, letters.slice(0, START).join(""));
      const summary = make("summary", {}, start, "… ", small(`${letters.length} characters`));
      const details = make("details", {}, summary, make("bdi", {}, text));
      details.open = this.hit(place);
      return details;
    }

    hit(place) { return this.words.some((word) => this.folded[place].includes(word)); }

    value(place) {
      if (place <= SAID_UP_TO) return make("em", {}, this.strings[place]);
      return this.shownText(place);
    }

    orMissing(column, row, what) {
      const place = this.place(column, row);
      return place === NOTHING ? missing(what) : [this.shownText(place)];
    }
  }

  const cell = (...children) => make("td", { role: "cell" }, ...children);
  const header = (...children) => make("th", { role: "rowheader", scope: "row" }, ...children);

  function instant(text) {
    if (!/^-?\d{4,6}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/.test(text)) return document.createTextNode(text);
    return make("time", { datetime: text.replace(" UTC", "Z").replace(" ", "T") }, text);
  }

  function attributes(table, row) {
    const [from, to] = [table.starts[row], table.starts[row + 1]];
    const item = (at) => make("li", {},
      make("span", { class: "name" }, table.shownText(table.values[at])), ": ",
      table.value(table.values[at + 1]), " ",
      make("span", { "aria-hidden": "true" }, "→"), hidden(" becomes "), " ",
      table.value(table.values[at + 2]));
    const list = (start, end) => {
      const items = make("ul", { class: "diff" });
      for (let at = start; at < end; at += 3) items.append(item(at));
      return items;
    };
    if (to - from <= 3 * ATTRIBUTES) return [list(from, to)];
    const kept = from + 3 * (ATTRIBUTES - 2);
    const more = make("details", {}, make("summary", {}, `${(to - kept) / 3} more attributes`), list(kept, to));
    for (let at = kept; at < to; at += 1) more.open ||= table.hit(table.values[at]);
    return [list(from, kept), more];
  }

  function change(table, row) {
    const has = (column) => table.place(column, row) !== NOTHING;
    const shown = (column) => table.shownText(table.place(column, row));
    const optional = (column, draw) => (has(column) ? draw() : null);
    const status = table.text("status", row);
    const before = [];
    if (table.starts[row] < table.starts[row + 1]) before.push(...attributes(table, row));
    else if (!has("manager")) before.push(make("span", { class: "quiet" }, "no attribute"));
    if (has("manager")) before.push(make("span", { class: "name" }, "manager"), ": worker ", shown("manager"));
    return make("tr", { role: "row", class: `s-${status}` },
      header(shown("person"), small(table.text("delta", row))),
      cell(make("code", {}, table.text("op", row)), optional("grant", () => small(shown("grant")))),
      cell(...before),
      cell(shown("reason"), small("rule ", make("code", {}, shown("rule")), `, ${table.text("row", row)}`)),
      cell(instant(table.text("due", row))),
      cell(make("span", { class: "chip" }, status),
        optional("note", () => make("span", { class: "why" }, shown("note"))),
        optional("at", () => small("at ", instant(table.text("at", row)))),
        optional("late", () => small(table.text("late", row))),
        optional("request", () => small("request ", make("code", {}, shown("request"))))));
  }

  function finding(table, row) {
    const severity = table.text("severity", row);
    const line = table.text("line", row);
    return make("tr", { role: "row" },
      header(...table.orMissing("row", row, "no row"), line === "" ? null : small(line)),
      cell(...table.orMissing("column", row, "no column")),
      cell(...table.orMissing("worker", row, "no worker")),
      cell(table.text("kind", row)),
      cell(make("span", { class: `chip ${severity === "held" ? "held-row" : severity}` }, severity)),
      cell(table.text("owner", row)),
      cell(...table.orMissing("note", row, "nothing to say")));
  }

  function proof(table, row) {
    const verdict = table.text("verdict", row);
    return make("tr", { role: "row", class: `p-${verdict}` },
      header(...table.orMissing("person", row, "nobody")),
      cell(table.text("of", row)),
      cell(...table.orMissing("which", row, "all of them")),
      cell(make("span", { class: "chip" }, verdict)),
      cell(...table.orMissing("reason", row, "nothing to say")),
      cell(...(table.place("at", row) === NOTHING ? missing("not yet") : [instant(table.text("at", row))])));
  }

  const DRAW = { changes: change, scheduled: change, findings: finding, proof };

  const tables = new Map();
  for (const find of document.querySelectorAll(".find")) {
    const element = document.getElementById(`data-${find.dataset.table}`);
    const data = JSON.parse(element.textContent);
    // The text is as long as the data that were made of it.
    element.remove();
    tables.set(find.dataset.table, new Table(find, data));
  }

  // A number that somebody has to look at leads to its rows.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-show]");
    const table = link && tables.get(link.dataset.show);
    if (!table) return;
    event.preventDefault();
    table.only(link.dataset.column, link.dataset.value);
    table.find.scrollIntoView();
    table.input.focus({ preventScroll: true });
  });
  addEventListener("beforeprint", () => tables.forEach((table) => table.print()));
  addEventListener("afterprint", () => tables.forEach((table) => table.draw()));
})();

(() => {
  "use strict";
  const root = document.documentElement;
  const element = (tag, css, text) => {
    const made = document.createElement(tag);
    if (css) made.className = css;
    if (text !== undefined) made.textContent = text;  // a stranger's text never becomes markup
    return made;
  };

  // light and dark
  const KEY = "splade-report-theme";
  const theme = document.getElementById("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const remembered = (value) => {
    try {
      if (value) localStorage.setItem(KEY, value);
      return localStorage.getItem(KEY);
    } catch { return null; }
  };
  const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : dark.matches;
  const nameTheme = () => {
    theme.textContent = isDark() ? "Light" : "Dark";
    theme.setAttribute("aria-label", `Switch to ${isDark() ? "light" : "dark"} colours`);
  };
  const before = remembered();
  if (before === "dark" || before === "light") root.dataset.theme = before;
  theme.hidden = false;
  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    remembered(root.dataset.theme);
    nameTheme();
  });
  dark.addEventListener("change", nameTheme);
  nameTheme();

  // the command to copy
  const copy = document.getElementById("copy");
  if (copy) {
    copy.hidden = false;
    copy.addEventListener("click", async () => {
      const code = document.getElementById("command");
      try {
        await navigator.clipboard.writeText(code.textContent);
        copy.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(code);
        copy.textContent = "Selected";
      }
      setTimeout(() => { copy.textContent = "Copy"; }, 1500);
    });
  }

  // tables: sorted by a column, and only the rows that have the words
  const words = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const valueOf = (row, column) => row.cells[column].dataset.v;
  const sort = (table, column) => {
    const heads = table.tHead.rows[0].cells;
    const head = heads[column];
    const isNumber = head.classList.contains("n");
    const now = head.getAttribute("aria-sort");
    const ascending = now ? now === "descending" : !isNumber;
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const missing = (value) => value === "None" || value === "";
    const rows = [...table.tBodies[0].rows];
    rows.sort((left, right) => {
      const a = valueOf(left, column);
      const b = valueOf(right, column);
      if (missing(a) || missing(b)) return missing(a) - missing(b);
      const order = isNumber ? a - b : words.compare(a, b);
      return ascending ? order : -order;
    });
    table.tBodies[0].append(...rows);
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    table.tHead.addEventListener("click", (event) => {
      const head = event.target.closest("th");
      if (head) sort(table, head.cellIndex);
    });
  }
  for (const field of document.querySelectorAll("input[data-table]")) {
    const rows = [...document.getElementById(field.dataset.table).tBodies[0].rows];
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const count = field.parentElement.querySelector("output");
    field.addEventListener("input", () => {
      const wanted = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      rows.forEach((row, number) => {
        row.hidden = !wanted.every((word) => texts[number].includes(word));
        shown += !row.hidden;
      });
      count.textContent = wanted.length ? `${shown} of ${rows.length}` : "";
    });
  }

  // hits of a query by two systems
  const stored = document.getElementById("data");
  if (!stored) return;
  const data = JSON.parse(stored.textContent);
  const panel = document.getElementById("hits");
  const table = document.getElementById("queries");
  const chosen = [0, Math.min(1, data.systems.length - 1)];
  const COMMON = new Set("the and for are was with that this what when where which who how does from not can has have into about there their its you your det som for med til har kan hva hvor".split(" "));
  const SNIPPET = 230;
  let current = -1;

  const tokens = (text) => [...text.matchAll(/[\p{L}\p{N}]+/gu)];
  const alike = (word, other) => {
    if (word === other) return true;
    const longest = Math.max(word.length, other.length);
    let same = 0;
    while (same < longest && word[same] === other[same]) same += 1;
    return same >= 4 && same >= longest * 0.7;
  };
  const isAsked = (query) => {
    const asked = tokens(query.toLowerCase()).map((token) => token[0]);
    const wanted = asked.filter((word) => word.length > 2 && !COMMON.has(word));
    return (word) => wanted.some((other) => alike(word, other));
  };
  const snippet = (text, asked) => {
    const found = tokens(text).filter((token) => asked(token[0].toLowerCase()));
    let start = 0;
    let most = found.filter((token) => token.index < SNIPPET).length;
    for (const token of found) {
      const from = Math.max(0, token.index - 40);
      const within = found.filter((other) => other.index >= from && other.index < from + SNIPPET).length;
      if (within > most) [start, most] = [from, within];
    }
    if (start) start = text.indexOf(" ", start) + 1 || start;
    let end = Math.min(text.length, start + SNIPPET);
    if (end < text.length) end = text.lastIndexOf(" ", end) > start ? text.lastIndexOf(" ", end) : end;
    const shown = element("p", "text");
    if (start) shown.append("… ");
    let at = start;
    for (const token of found) {
      if (token.index < start || token.index + token[0].length > end) continue;
      shown.append(text.slice(at, token.index), element("mark", "", token[0]));
      at = token.index + token[0].length;
    }
    shown.append(text.slice(at, end), end < text.length ? " …" : "");
    return shown;
  };
  const named = (document) => {
    const name = element("span", "name", document[1] || document[0]);
    if (document[1]) name.append(" ", element("span", "id", document[0]));
    return name;
  };
  const list = (query, side) => {
    const system = chosen[side];
    const grades = new Map(query.grades);
    const asked = isAsked(query.text);
    const box = element("div", "list");
    const head = element("header");
    if (data.systems.length > 2) {
      const select = element("select");
      select.setAttribute("aria-label", side ? "System on the right" : "System on the left");
      data.systems.forEach((name, number) => select.append(new Option(name, number, false, number === system)));
      select.addEventListener("change", () => {
        chosen[side] = Number(select.value);
        show(current, false);
        panel.querySelectorAll("select")[side].focus();
      });
      head.append(select);
    } else {
      head.append(element("p", "", data.systems[system]));
    }
    head.append(element("p", "value", `${data.measure} ${query.values[system].toFixed(4)}`));
    const hits = element("ol");
    query.first[system].forEach(([number, score], rank) => {
      const document = data.documents[number];
      const grade = grades.get(number) || 0;
      const hit = element("li", grade > 0 ? "relevant" : "");
      const name = named(document);
      if (grade > 0) name.append(" ", element("span", "grade", `✓ relevant${grade === 1 ? "" : `, grade ${grade}`}`));
      hit.append(element("span", "rank", rank + 1), name, element("span", "score", Number(score.toPrecision(4))));
      if (document[2]) hit.append(snippet(document[2], asked));
      hits.append(hit);
    });
    box.append(head, hits);
    if (!query.first[system].length) hits.append(element("li", "", "nothing found"));
    const found = new Map(query.found[system]);
    const shown = new Set(query.first[system].map(([number]) => number));
    const missed = [...grades.keys()].filter((number) => grades.get(number) > 0 && !shown.has(number));
    if (missed.length) {
      const places = missed.slice(0, 6).map((number) => {
        const rank = found.get(number);
        return `${data.documents[number][0]} (${rank ? `rank ${rank}` : `not among the first ${data.depth}`})`;
      });
      const more = missed.length > 6 ? `, and ${missed.length - 6} more` : "";
      box.append(element("p", "missed", `Relevant and not above: ${places.join(", ")}${more}`));
    }
    return box;
  };
  const visible = () => [...table.tBodies[0].rows].filter((row) => !row.hidden);
  const numberOf = (row) => Number(row.querySelector(".open").dataset.query);
  const step = (by) => {
    const rows = visible();
    const place = rows.findIndex((row) => numberOf(row) === current);
    const next = rows[Math.min(rows.length - 1, Math.max(0, place + by))];
    if (next) show(numberOf(next), false);
  };
  const show = (number, scroll) => {
    current = number;
    const query = data.queries[number];
    for (const row of table.tBodies[0].rows) {
      if (numberOf(row) === number) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
    }
    const lists = element("div", "lists");
    lists.append(list(query, 0));
    if (data.systems.length > 1) lists.append(list(query, 1));
    const pager = element("p", "pager");
    for (const [label, by] of [["← Previous", -1], ["Next →", 1]]) {
      const button = element("button", "", label);
      button.type = "button";
      button.addEventListener("click", () => {
        step(by);
        panel.querySelectorAll(".pager button")[by > 0 ? 1 : 0].focus();
      });
      pager.append(button);
    }
    pager.append(element("span", "where", `query ${query.id}`));
    panel.replaceChildren(element("h3", "", query.text), pager, lists);
    panel.hidden = false;
    if (scroll) panel.scrollIntoView({ block: "start" });
  };
  table.addEventListener("click", (event) => {
    const button = event.target.closest(".open");
    if (button) show(Number(button.dataset.query), true);
  });
  if (data.queries.length) show(0, false);
})();

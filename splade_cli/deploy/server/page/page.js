// The search page: asks as one types, shows hits, reads texts, marks, and tells why not.

import { recall, remember } from "./address.js";
import { ask } from "./requests.js";
import { highlighted, make, place, reasons, terms, windows } from "./pieces.js";

const find = (id) => document.getElementById(id);
const WAIT = 130;
const SHOWN_TERMS = 8;
let info = null;
let shown = { query: "", hits: [] };
let running = null;
let timer = 0;

function tell(error) {
  find("error").replaceChildren();
  if (!error) return;
  find("error").append(error.message);
  if (error.hint) find("error").append(make("span", "", error.hint));
}

function settings() {
  const values = { k: Number(find("k").value) };
  for (const name of ["mode", "fold"]) if (find(name).value) values[name] = find(name).value;
  const filter = find("filter").value.trim();
  if (filter) values.filter = filter;
  return values;
}

async function search() {
  clearTimeout(timer);
  running?.abort();
  const query = find("q").value.trim();
  remember(query);
  if (!query) {
    shown = { query: "", hits: [] };
    show(null);
    return;
  }
  running = new AbortController();
  const mine = running;
  try {
    const answer = await ask("search", { q: query, explain: true, details: true, ...settings() }, mine.signal);
    tell(null);
    shown = answer;
    show(answer);
    if (info?.marks && answer.hits.length) recallMarks(query, mine.signal);
  } catch (error) {
    if (error.name !== "AbortError") tell(error);
  }
}

async function recallMarks(query, signal) {
  try {
    showMarks((await ask(`mark?q=${encodeURIComponent(query)}`, undefined, signal)).marks);
  } catch (error) {
    if (error.name !== "AbortError") tell(error);
  }
}

function soon() {
  clearTimeout(timer);
  timer = setTimeout(search, WAIT);
}

function show(answer) {
  const list = find("hits");
  list.replaceChildren();
  find("reasons").replaceChildren();
  if (!answer) {
    find("status").textContent = info ? `${info.index.documents} documents, ${info.index.chunks} chunks` : "";
    tell(null);
    return;
  }
  const count = answer.hits.length;
  const what = count ? `${count} ${count === 1 ? "hit" : "hits"}` : "No document shares a term with this query and passes the filter";
  find("status").textContent = `${what} in ${Math.max(1, Math.round(answer.took_ms))} ms, ${answer.mode}`;
  list.append(...answer.hits.map(card));
}

function card(hit) {
  const item = make("li", "hit");
  item.tabIndex = -1;
  item.dataset.id = hit.id;
  const heading = make("h3");
  const open = make("button", "", hit.title || hit.document_id || hit.id);
  open.type = "button";
  open.setAttribute("aria-expanded", "false");
  open.addEventListener("click", () => read(item));
  heading.append(`${hit.rank}. `, open);
  const snippet = make("p", "snippet");
  snippet.append(highlighted(hit.snippet, hit.highlights));
  item.append(heading, make("p", "place", place(hit)), snippet);
  if (hit.shown_windows.length) item.append(windows(hit));
  if (find("terms").checked && hit.terms.length) item.append(terms(hit.terms, SHOWN_TERMS));
  item.append(foot(hit, item));
  return item;
}

function foot(hit, item) {
  const row = make("div", "foot");
  const others = hit.windows.length - hit.shown_windows.length + hit.duplicates.length;
  const parts = Object.entries(hit.parts).map(([name, part]) => `${name} #${part.rank}`);
  const numbers = [`score ${hit.score.toFixed(3)}`, ...parts];
  if (others) numbers.push(`${others} more like it`);
  row.append(make("span", "numbers", numbers.join(" · ")));
  if (!info?.marks) return row;
  for (const verdict of ["good", "bad"]) {
    const button = make("button", verdict, verdict);
    button.type = "button";
    button.setAttribute("aria-pressed", "false");
    button.setAttribute("aria-label", `${verdict}: hit ${hit.rank}`);
    button.addEventListener("click", () => mark(item, verdict));
    row.append(button);
  }
  return row;
}

async function read(item) {
  const button = item.querySelector("h3 button");
  const there = item.querySelector(".text");
  if (there) {
    there.remove();
    button.setAttribute("aria-expanded", "false");
    return;
  }
  try {
    const answer = await ask("document", { id: item.dataset.id, q: shown.query, ...pick("mode", "filter", "fold") });
    if (item.querySelector(".text")) return;
    const text = make("div", "text");
    text.tabIndex = 0;
    text.append(highlighted(answer.hits[0].text, answer.highlights ?? []));
    item.querySelector(".snippet").after(text);
    button.setAttribute("aria-expanded", "true");
  } catch (error) {
    tell(error);
  }
}

function pick(...names) {
  const all = settings();
  return Object.fromEntries(names.filter((name) => name in all).map((name) => [name, all[name]]));
}

async function mark(item, verdict) {
  const button = item.querySelector(`.foot .${verdict}`);
  if (!button) return;
  const wanted = button.getAttribute("aria-pressed") === "true" ? "none" : verdict;
  try {
    showMarks((await ask("mark", { q: shown.query, id: item.dataset.id, verdict: wanted, ...pick("mode", "filter", "fold") })).marks);
  } catch (error) {
    tell(error);
  }
}

function showMarks(marks) {
  for (const item of document.querySelectorAll(".hit")) {
    for (const verdict of ["good", "bad"]) {
      const is = Object.hasOwn(marks, item.dataset.id) && marks[item.dataset.id] === verdict;
      item.querySelector(`.foot .${verdict}`)?.setAttribute("aria-pressed", String(is));
    }
  }
}

async function why() {
  const id = find("why-id").value.trim();
  const box = find("reasons");
  if (!id || !shown.query) {
    box.replaceChildren(make("p", "", shown.query ? "Type the id of a document." : "Search for something first."));
    return;
  }
  try {
    box.replaceChildren(...reasons(await ask("why", { q: shown.query, id, ...settings() })));
  } catch (error) {
    box.replaceChildren(make("p", "", error.message), make("p", "quiet", error.hint ?? ""));
  }
}

function move(by) {
  const items = [...document.querySelectorAll(".hit")];
  if (!items.length) return;
  const at = items.findIndex((each) => each.contains(document.activeElement));
  const next = items[Math.min(items.length - 1, Math.max(0, at < 0 ? 0 : at + by))];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || find("login").open) return;
  const target = event.target;
  const isTyping = target.matches("input:not([type=checkbox]), select");
  const item = target.closest?.(".hit");
  if (event.key === "Escape") {
    if (isTyping && target.type === "search" && target.value) return;
    const open = item?.querySelector(".text");
    if (open) { read(item); item.focus(); } else if (item) { find("q").focus(); } else { target.blur(); }
    return;
  }
  if (target === find("q") && event.key === "ArrowDown") { event.preventDefault(); move(0); return; }
  if (isTyping) return;
  const keys = {
    "/": () => find("q").select(),
    j: () => move(1), ArrowDown: item ? () => move(1) : null,
    k: () => move(-1), ArrowUp: item ? () => move(-1) : null,
    g: item ? () => mark(item, "good") : null,
    b: item ? () => mark(item, "bad") : null,
    w: () => find("why-id").focus(),
    Enter: target === item && item ? () => read(item) : null,
  };
  const action = Object.hasOwn(keys, event.key) ? keys[event.key] : null;
  if (!action) return;
  event.preventDefault();
  action();
}

async function start() {
  find("search").addEventListener("submit", async (event) => {
    event.preventDefault();
    await search();
    if (shown.hits.length) move(0);
  });
  find("q").addEventListener("input", soon);
  find("filter").addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(search, 4 * WAIT); });
  for (const name of ["mode", "fold", "k", "terms"]) find(name).addEventListener("change", search);
  find("why").addEventListener("submit", (event) => { event.preventDefault(); why(); });
  document.addEventListener("keydown", pressed);
  addEventListener("hashchange", () => { recall(); search(); });
  try {
    info = await ask("info");
  } catch (error) {
    tell(error);
  }
  const modes = info?.index.modes ?? [];
  find("mode").append(new Option(`auto (${info?.index.mode ?? "?"})`, ""), ...modes.map((each) => new Option(each, each)));
  for (const [name, kind] of Object.entries(info?.index.fields ?? {})) {
    const button = make("button", "", name);
    button.type = "button";
    button.title = kind;
    button.addEventListener("mousedown", (event) => event.preventDefault());
    button.addEventListener("click", () => {
      const field = find("filter");
      const before = field.value.trim();
      field.value = `${before ? `${before} and ` : ""}${name} = `;
      field.focus();
    });
    find("fields").append(button);
  }
  for (const each of [...find("k").options]) if (info && Number(each.value) > info.limits.hits) each.remove();
  find("about").textContent = info ? `splade ${info.version}, model ${info.model_id || "unknown"}.` : "";
  recall();
  find("q").focus();
  await search();
}

start();

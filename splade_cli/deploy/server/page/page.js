// The search page: asks as one types, on one side or on two, shows hits, and tells why not.

import { recall, remember } from "./address.js";
import { ask } from "./requests.js";
import { showFacets } from "./facets.js";
import { make, reasons } from "./pieces.js";
import { card, mark, read, serve, showMarks } from "./hits.js";
import { arrange, askAll, comparing, cross, link, offer, shownSides, sideOf, sides, wayName, wayOf } from "./sides.js";

const find = (id) => document.getElementById(id);
const WAIT = 130;
let info = null;
let query = "";
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
  if (find("fold").value) values.fold = find("fold").value;
  const filter = find("filter").value.trim();
  if (filter) values.filter = filter;
  return values;
}

async function search() {
  clearTimeout(timer);
  running?.abort();
  const asked = find("q").value.trim();
  arrange();
  remember(asked);
  running = new AbortController();
  const mine = running;
  showFacets(search, mine.signal);
  if (!asked) {
    query = "";
    show([]);
    return;
  }
  const answers = await askAll(asked, settings(), mine.signal);
  if (mine.signal.aborted) return;
  const failed = answers.find((each) => each.status === "rejected");
  if (failed && !answers.some((each) => each.value)) {
    clear();  // what stood there was found another way
    tell(failed.reason);
    return;
  }
  query = asked;
  show(answers.map((each) => each.value ?? null));
  tell(failed?.reason);
  if (info?.marks && document.querySelector(".hit")) recallMarks(mine.signal);
}

async function recallMarks(signal) {
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

function clear() {
  query = "";
  find("reasons").replaceChildren();
  find("status").textContent = "";
  for (const side of sides) {
    side.answer = null;
    side.list.replaceChildren();
  }
}

function show(answers) {
  find("reasons").replaceChildren();
  sides.forEach((side, at) => {
    side.answer = answers[at] ?? null;
    side.list.replaceChildren(...(side.answer?.hits ?? []).map(card));
  });
  if (!answers.length) {
    find("status").textContent = info ? `${info.index.documents} documents, ${info.index.chunks} chunks` : "";
    tell(null);
    return;
  }
  if (!comparing()) {
    find("status").textContent = counted(answers[0]);
    return;
  }
  const both = link();
  const found = sides.map((side) => `${side.name}: ${side.answer ? counted(side.answer) : "no answer"}`);
  find("status").textContent = `${both} in both; ${found.join("; ")}`;
}

function counted(answer) {
  const count = answer.hits.length;
  const none = find("filter").value.trim() ? "No document shares a term with this query and passes the filter" : "No document shares a term with this query";
  const what = count ? `${count} ${count === 1 ? "hit" : "hits"}` : none;
  return `${what} in ${Math.max(1, Math.round(answer.took_ms))} ms, ${answer.mode}`;
}

async function why() {
  const id = find("why-id").value.trim();
  const box = find("reasons");
  if (!id || !query) {
    box.replaceChildren(make("p", "", query ? "Type the id of a document." : "Search for something first."));
    return;
  }
  const asked = shownSides().map((side) => ask("why", { q: query, id, ...settings(), ...wayOf(side) }));
  const answers = await Promise.allSettled(asked);
  box.replaceChildren(...answers.flatMap(({ value, reason }, at) => {
    const said = value ? reasons(value) : [make("p", "", reason.message), make("p", "quiet", reason.hint ?? "")];
    return comparing() ? [make("h3", "side-name", wayName(sides[at])), ...said] : said;
  }));
}

function move(by) {
  const at = document.activeElement.closest?.(".hit");
  const items = [...sideOf(at).list.children];
  if (!items.length) return;
  const next = items[Math.min(items.length - 1, Math.max(0, at ? items.indexOf(at) + by : 0))];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

async function toggle() {
  find("compare").checked = !comparing();
  await search();
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
  const over = item && comparing() ? () => cross(item) : null;
  const keys = {
    "/": () => find("q").select(),
    j: () => move(1), ArrowDown: item ? () => move(1) : null,
    k: () => move(-1), ArrowUp: item ? () => move(-1) : null,
    o: over, ArrowLeft: over, ArrowRight: over,
    c: find("compare").closest("label").hidden ? null : toggle,
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

function listen() {
  find("search").addEventListener("submit", async (event) => {
    event.preventDefault();
    await search();
    if (document.querySelector(".hit")) move(0);
  });
  find("q").addEventListener("input", soon);
  find("filter").addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(search, 4 * WAIT); });
  for (const name of ["mode", "fold", "k", "terms", "compare", "left-way", "right-way"]) find(name).addEventListener("change", search);
  find("why").addEventListener("submit", (event) => { event.preventDefault(); why(); });
  document.addEventListener("keydown", pressed);
  addEventListener("hashchange", () => { recall(); search(); });
}

// a name adds itself to the filter
function field(name, kind) {
  const button = make("button", "", name);
  button.type = "button";
  button.title = kind;
  button.addEventListener("mousedown", (event) => event.preventDefault());
  button.addEventListener("click", () => {
    const before = find("filter").value.trim();
    find("filter").value = `${before ? `${before} and ` : ""}${name} = `;
    find("filter").focus();
  });
  return button;
}

async function start() {
  serve({ query: () => query, settings, tell, marks: () => info?.marks });
  listen();
  try {
    info = await ask("info");
  } catch (error) {
    tell(error);
  }
  const modes = info?.index.modes ?? [];
  find("mode").append(new Option(`auto (${info?.index.mode ?? "?"})`, ""), ...modes.map((each) => new Option(each, each)));
  if (info) offer(info.systems);
  find("fields").append(...Object.entries(info?.index.fields ?? {}).map(([name, kind]) => field(name, kind)));
  for (const each of [...find("k").options]) if (info && Number(each.value) > info.limits.hits) each.remove();
  find("about").textContent = info ? `splade ${info.version}, model ${info.model_id || "unknown"}.` : "";
  recall();
  find("q").focus();
  await search();
}

start();

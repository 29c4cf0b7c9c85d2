// Hits as cards: what each says, its text when it is opened, and what people think of it.

import { ask } from "./requests.js";
import { highlighted, make, place, terms, windows } from "./pieces.js";
import { sideOf, wayOf } from "./sides.js";

const find = (id) => document.getElementById(id);
const SHOWN_TERMS = 8;
let page = null;

// `of` gives query(), settings(), tell(error) and marks(), whether the server takes them
export function serve(of) { page = of; }

export function card(hit) {
  const item = make("li", "hit");
  item.tabIndex = -1;
  item.dataset.id = hit.id;
  const heading = make("h3");
  const open = make("button", "", hit.title || hit.document_id || hit.id);
  open.type = "button";
  open.setAttribute("aria-expanded", "false");
  open.addEventListener("click", () => read(item));
  heading.append(make("span", "rank", `${hit.rank}.`), open);
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
  if (!page.marks()) return row;
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

export async function read(item) {
  const button = item.querySelector("h3 button");
  const there = item.querySelector(".text");
  if (there) {
    there.remove();
    button.setAttribute("aria-expanded", "false");
    return;
  }
  try {
    const answer = await ask("document", { id: item.dataset.id, q: page.query(), ...how(item) });
    if (item.querySelector(".text")) return;
    const text = make("div", "text");
    text.tabIndex = 0;
    text.append(highlighted(answer.hits[0].text, answer.highlights ?? []));
    item.querySelector(".snippet").after(text);
    button.setAttribute("aria-expanded", "true");
  } catch (error) {
    page.tell(error);
  }
}

function how(item) {
  const { filter, fold } = page.settings();
  return { ...(filter && { filter }), ...(fold && { fold }), ...wayOf(sideOf(item)) };
}

export async function mark(item, verdict) {
  const button = item.querySelector(`.foot .${verdict}`);
  if (!button) return;
  const wanted = button.getAttribute("aria-pressed") === "true" ? "none" : verdict;
  try {
    showMarks((await ask("mark", { q: page.query(), id: item.dataset.id, verdict: wanted, ...how(item) })).marks);
  } catch (error) {
    page.tell(error);
  }
}

export function showMarks(marks) {
  for (const item of document.querySelectorAll(".hit")) {
    for (const verdict of ["good", "bad"]) {
      const is = Object.hasOwn(marks, item.dataset.id) && marks[item.dataset.id] === verdict;
      item.querySelector(`.foot .${verdict}`)?.setAttribute("aria-pressed", String(is));
    }
  }
}

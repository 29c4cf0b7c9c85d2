// The one or two lists of hits: how each side searches, what both found, and the way from a hit to its like.

import { ask } from "./requests.js";
import { make } from "./pieces.js";

const find = (id) => document.getElementById(id);
export const USUAL = "usual";

export const sides = ["left", "right"].map((name) => ({ name, box: find(name), list: find(`${name}-hits`), answer: null }));

export const comparing = () => find("compare").checked;
export const shownSides = () => (comparing() ? sides : sides.slice(0, 1));
export const sideOf = (item) => sides.find((side) => side.list.contains(item)) ?? sides[0];

// "b:bm25" is a mode of the second system; the usual one is as the server was started
export function wayOf(side) {
  if (!comparing()) return find("mode").value ? { mode: find("mode").value } : {};
  const [mode, system] = find(`${side.name}-way`).value.split(":").reverse();
  const way = {};
  if (system) way.system = system;
  if (mode !== USUAL) way.mode = mode;
  return way;
}

export function wayName(side) {
  return find(`${side.name}-way`).selectedOptions[0]?.label ?? "";
}

// what there is to compare: modes of one system, or of two
export function offer(systems) {
  const two = systems.length > 1;
  const ways = systems.flatMap((system, at) => [USUAL, ...system.modes].map((mode) => ({ system, mode, value: two ? `${"ab"[at]}:${mode}` : mode })));
  for (const side of sides) {
    find(`${side.name}-way`).append(...ways.map(({ system, mode, value }) => {
      const said = mode === USUAL ? `auto (${system.mode})` : mode;
      return new Option(two ? `${system.name}: ${said}` : said, value);
    }));
  }
  const other = two ? ways.find((way) => way.system === systems[1]) : ways.find((way) => way.mode !== USUAL && way.mode !== systems[0].mode);
  if (other) find("right-way").value = other.value;
  find("compare").closest("label").hidden = !other;
}

export function arrange() {
  const two = comparing();
  document.body.classList.toggle("comparing", two);
  for (const element of document.querySelectorAll(".two")) element.hidden = !two;
  for (const element of document.querySelectorAll(".one")) element.hidden = two;
  for (const side of sides) {
    find(`${side.name}-title`).textContent = two ? wayName(side) : "Hits";
    side.list.setAttribute("aria-label", two ? `Hits: ${wayName(side)}` : "Hits");
  }
}

export async function askAll(query, settings, signal) {
  const asked = shownSides().map((side) => ask("search", { q: query, explain: true, details: true, ...settings, ...wayOf(side) }, signal));
  return Promise.allSettled(asked);
}

// what a hit is of, since either side may show another chunk of it: its document, or of that its section
// where a side has several hits of one
function keys() {
  const lists = sides.map((side) => side.answer?.hits ?? []);
  const one = (hits) => new Set(hits.map((hit) => hit.document_id)).size === hits.length;
  if (find("fold").value === "off") return (hit) => hit.id;
  if (lists.every(one)) return (hit) => hit.document_id || hit.id;
  return (hit) => hit.headings.length ? [hit.document_id, ...hit.headings].join(" › ") : hit.id;
}

// each hit says where the other side has it
export function link() {
  const keyOf = keys();
  const ranks = sides.map((side) => new Map((side.answer?.hits ?? []).map((hit) => [keyOf(hit), hit.rank])));
  let both = 0;
  sides.forEach((side, at) => {
    const there = sides[1 - at];
    for (const [number, hit] of (side.answer?.hits ?? []).entries()) {
      const item = side.list.children[number];
      item.dataset.key = keyOf(hit);
      const rank = ranks[1 - at].get(keyOf(hit));
      item.classList.toggle("both", rank !== undefined);
      item.classList.toggle("only", rank === undefined);
      item.querySelector(".foot").prepend(rank === undefined ? make("span", "where", `only ${side.name}`) : across(item, hit.rank, rank, there));
      if (rank !== undefined && at === 0) both += 1;
    }
  });
  return both;
}

function across(item, rank, other, there) {
  let move = "same rank";
  let sign = "=";
  if (other !== rank) {
    const by = Math.abs(rank - other);
    move = `${by} ${other < rank ? "higher" : "lower"}`;
    sign = `${other < rank ? "▲" : "▼"} ${by}`;
  }
  const button = make("button", "where", `${there.name} #${other} ${sign}`);
  button.type = "button";
  button.setAttribute("aria-label", `also on the ${there.name}, rank ${other}, ${move}: go there`);
  button.addEventListener("click", () => cross(item));
  return button;
}

// to the same document on the other side, else to what has its rank there
export function cross(item) {
  const from = sideOf(item);
  const to = sides.find((side) => side !== from);
  const items = [...to.list.children];
  const like = itemOf(to, item.dataset.key) ?? items[Math.min(items.length - 1, [...from.list.children].indexOf(item))];
  like?.focus();
  like?.scrollIntoView({ block: "nearest" });
}

function itemOf(side, key) {
  return [...side.list.children].find((item) => item.dataset.key === key);
}

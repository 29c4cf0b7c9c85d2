// Facets: the values of fields with few of them; a press adds a value to the filter, another takes it away.

import { ask } from "./requests.js";
import { make } from "./pieces.js";

const find = (id) => document.getElementById(id);
const SHOWN = 8;
const OPEN = 4;
let shown = null;

// quotes where a bare word would be read otherwise
function word(text) {
  if (/^[A-Za-z0-9_][\w.\/-]*$/.test(text) && !/^(?:and|or|not|in|exists|contains)$/i.test(text)) return text;
  return `"${text.replace(/[\\"]/g, "\\$&")}"`;
}

const test = (field, value) => `${word(field)} = ${word(String(value))}`;

// what a filter joins by "and", outside of quotes and parentheses; null where it says more than that
function parts(filter) {
  const found = [];
  let depth = 0;
  let part = "";
  for (const [token] of filter.matchAll(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[()]|\s+|[^\s()"']+|./g)) {
    depth += { "(": 1, ")": -1 }[token] ?? 0;
    if (!depth && /^or$/i.test(token)) return null;
    if (!depth && /^and$/i.test(token)) { found.push(part.trim()); part = ""; } else part += token;
  }
  return [...found, part.trim()].filter(Boolean);
}

function press(field, value) {
  const filter = find("filter");
  const before = filter.value.trim();
  const wanted = test(field, value);
  const joined = parts(before);
  if (joined?.includes(wanted)) filter.value = joined.filter((each) => each !== wanted).join(" and ");
  else filter.value = [...(joined ?? [`(${before})`]), wanted].join(" and ");
}

function group(facet, chosen, changed) {
  const box = make("div", "facet");
  const name = make("h3", "", facet.field);
  const list = make("ul");
  const isOn = ({ value }) => chosen.includes(test(facet.field, value));
  const draw = (all) => {
    const values = all ? facet.values : facet.values.filter((each, at) => at < SHOWN || isOn(each));
    list.replaceChildren(...values.map((each) => {
      const item = make("li");
      const button = make("button", "", String(each.value));
      button.type = "button";
      button.setAttribute("aria-pressed", String(isOn(each)));
      button.dataset.test = test(facet.field, each.value);
      const count = make("span", "count", String(each.chunks));
      count.title = `${each.chunks} chunks`;
      button.append(count);
      button.addEventListener("click", () => { press(facet.field, each.value); changed(); });
      item.append(button);
      return item;
    }));
    if (values.length === facet.values.length) return;
    const item = make("li");
    const more = make("button", "more", `${facet.values.length - values.length} more`);
    more.type = "button";
    more.addEventListener("click", () => { draw(true); list.children[values.length].firstChild.focus(); });
    item.append(more);
    list.append(item);
  };
  draw(false);
  box.append(name, list);
  return box;
}

// counts for the filter as it is; what had the focus keeps it
export async function showFacets(changed, signal) {
  const filter = find("filter").value.trim();
  if (filter === shown) return;
  let answer;
  try {
    answer = await ask(`facets${filter ? `?filter=${encodeURIComponent(filter)}` : ""}`, undefined, signal);
  } catch {
    return;  // the search says what is wrong with the filter
  }
  shown = filter;
  const box = find("facets");
  const focused = box.contains(document.activeElement) ? document.activeElement.dataset.test : null;
  const chosen = parts(filter) ?? [];
  const groups = answer.facets.map((each) => group(each, chosen, changed));
  const rest = make("details");
  rest.open = box.querySelector("details")?.open || groups.slice(OPEN).some((each) => each.querySelector("[aria-pressed=true]"));
  rest.append(make("summary", "", "More fields"), ...groups.slice(OPEN));
  box.replaceChildren(...groups.slice(0, OPEN), ...(groups.length > OPEN ? [rest] : []));
  find("narrow").hidden = !answer.facets.length;
  if (focused) [...box.querySelectorAll("button")].find((each) => each.dataset.test === focused)?.focus();
}

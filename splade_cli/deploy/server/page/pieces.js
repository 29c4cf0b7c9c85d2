// Pieces of the page. Texts of documents are a stranger's: they only ever become text nodes.

const UNITS = { page: "p. ", slide: "slide ", sheet: "sheet " };

export function make(tag, classes, text) {
  const element = document.createElement(tag);
  if (classes) element.className = classes;
  if (text !== undefined) element.textContent = text;
  return element;
}

// offsets count characters, and JavaScript counts halves of those beyond the first 65,536
export function highlighted(text, spans) {
  const points = Array.from(text);
  const piece = document.createDocumentFragment();
  let at = 0;
  for (const [start, end] of [...spans].sort((a, b) => a[0] - b[0])) {
    if (start < at) continue;
    piece.append(points.slice(at, start).join(""), make("mark", "", points.slice(start, end).join("")));
    at = end;
  }
  piece.append(points.slice(at).join(""));
  return piece;
}

// what other chunks of a hit say, each behind where it stands
export function windows(hit) {
  const list = make("ul", "windows");
  for (const each of hit.shown_windows) {
    const line = make("li");
    const chunk = each.id.startsWith(hit.document_id) ? each.id.slice(hit.document_id.length) : each.id;
    line.append(make("span", "quiet", `also ${chunk} ${each.within}`.trim()), " ", highlighted(each.snippet, each.highlights));
    list.append(line);
  }
  return list;
}

export function place(hit) {
  const parts = [hit.id];
  for (const [name, before] of Object.entries(UNITS)) {
    const value = hit.metadata[name];
    if (value !== undefined && value !== "" && typeof value !== "boolean") parts.push(`${before}${value}`);
  }
  return parts.join(" ") + hit.headings.map((each) => ` › ${each}`).join("");
}

export function terms(all, most) {
  const list = make("ul", "terms");
  const largest = Math.max(...all.map((each) => Math.abs(each.contribution)), 1e-9);
  for (const each of all.slice(0, most)) {
    const line = make("li");
    const name = make("span", "name", each.term);
    name.title = each.term;
    const origins = [];
    if (!each.literal) origins.push("query");
    if (!each.in_document) origins.push("document");
    if (origins.length) {
      line.className = "added";
      const added = make("span", "origin", ` +${origins.join(" +")}`);
      added.title = `the model added it to the ${origins.join(" and the ")}`;
      name.append(added);
    }
    const bar = make("span", "bar");
    bar.style.width = `${(100 * Math.abs(each.contribution)) / largest}%`;
    const product = `${each.query_weight.toFixed(2)} × ${each.document_weight.toFixed(2)} = ${each.contribution.toFixed(2)}`;
    const sum = make("span", "sum", product);
    sum.title = "query weight × document weight";
    line.append(name, bar, sum);
    list.append(line);
  }
  if (all.length > most) list.append(make("li", "quiet", `and ${all.length - most} more`));
  return list;
}

export function reasons(answer) {
  const hit = answer.hits[0];
  let rank = `is not among the first ${answer.depth} chunks`;
  if (answer.rank) rank = `is number ${answer.rank} of all chunks`;
  else if (!answer.explained?.length) rank = "shares no term with the query";
  const parts = [make("p", "", `${hit.id} ${rank}${answer.filtered ? " without the filter, which keeps it out" : ""}.`)];
  if (answer.terms?.length) {
    parts.push(make("h3", "", "Terms of the query that it lacks"));
    parts.push(make("p", "", answer.terms.slice(0, 12).map(([name, weight]) => `${name} ${weight.toFixed(2)}`).join(", ")));
  }
  parts.push(make("h3", "", "Terms that met"));
  parts.push(answer.explained?.length ? terms(answer.explained, 12) : make("p", "", "none"));
  if (answer.against && answer.gaps?.length) {
    parts.push(make("h3", "", `What ${answer.against.id} has more of`));
    const ahead = answer.gaps.filter((gap) => gap.first > gap.second).slice(0, 6);
    parts.push(make("p", "", ahead.map((gap) => `${gap.term} ${gap.first.toFixed(2)} against ${gap.second.toFixed(2)}`).join(", ") || "nothing"));
  }
  return parts;
}

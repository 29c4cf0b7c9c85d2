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

// a later piece of a word by WordPiece, which says nothing by itself
const isPiece = (name) => name.startsWith("##") && name.length > 2;

// vocabularies that mark first pieces
const readable = (name) => name.replace(/^[Ġ▁]+/, "") || name;

// pieces of a word as the word, weights added up; pieces whose word did not meet are left out
function words(all) {
  const found = new Map();
  all.forEach((each, at) => {
    const key = each.word ? `w${each.word}` : `t${at}`;
    const before = found.get(key);
    if (!before) {
      if (each.word || !isPiece(each.term)) found.set(key, { ...each, name: each.word || readable(each.term), pieces: 1 });
      return;
    }
    for (const weight of ["query_weight", "document_weight", "contribution"]) before[weight] += each[weight];
    before.literal &&= each.literal;
    before.in_document &&= each.in_document;
    before.pieces += 1;
  });
  return [...found.values()].sort((a, b) => b.contribution - a.contribution);
}

export function terms(all, most) {
  const list = make("ul", "terms");
  const shown = words(all);
  const largest = Math.max(...shown.map((each) => Math.abs(each.contribution)), 1e-9);
  for (const each of shown.slice(0, most)) {
    const line = make("li");
    const name = make("span", "name", each.name);
    name.title = each.name;
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
    let product = `${each.query_weight.toFixed(2)} × ${each.document_weight.toFixed(2)} = ${each.contribution.toFixed(2)}`;
    // the product of sums is not the sum of products
    if (each.pieces > 1) product = `${each.pieces} pieces = ${each.contribution.toFixed(2)}`;
    const sum = make("span", "sum", product);
    sum.title = each.pieces > 1 ? "products of query weight and document weight of its pieces" : "query weight × document weight";
    line.append(name, bar, sum);
    list.append(line);
  }
  if (shown.length > most) list.append(make("li", "quiet", `and ${shown.length - most} more`));
  return list;
}

export function reasons(answer) {
  const hit = answer.hits[0];
  let rank = `is not among the first ${answer.depth} chunks`;
  if (answer.rank) rank = `is number ${answer.rank} of all chunks`;
  else if (!answer.explained?.length) rank = "shares no term with the query";
  const parts = [make("p", "", `${hit.id} ${rank}${answer.filtered ? " without the filter, which keeps it out" : ""}.`)];
  const lacking = (answer.terms ?? []).filter(([name]) => !isPiece(name));
  if (lacking.length) {
    parts.push(make("h3", "", "Terms of the query that it lacks"));
    parts.push(make("p", "", lacking.slice(0, 12).map(([name, weight]) => `${readable(name)} ${weight.toFixed(2)}`).join(", ")));
  }
  parts.push(make("h3", "", "Terms that met"));
  parts.push(answer.explained?.length ? terms(answer.explained, 12) : make("p", "", "none"));
  if (answer.against && answer.gaps?.length) {
    parts.push(make("h3", "", `What ${answer.against.id} has more of`));
    const ahead = answer.gaps.filter((gap) => gap.first > gap.second && !isPiece(gap.term)).slice(0, 6);
    parts.push(make("p", "", ahead.map((gap) => `${readable(gap.term)} ${gap.first.toFixed(2)} against ${gap.second.toFixed(2)}`).join(", ") || "nothing"));
  }
  return parts;
}

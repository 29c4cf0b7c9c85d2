// The address of the page: what is asked, so that it can be kept, sent and gone back to.

const find = (id) => document.getElementById(id);
const WAYS = ["left-way", "right-way"];

// what is asked stands behind the #, which no server sees
export function remember(query) {
  const values = new URLSearchParams();
  if (query) values.set("q", query);
  for (const name of ["mode", "fold", "filter", "k"]) {
    const field = find(name);
    const usual = name === "k" ? "10" : "";
    if (field.value.trim() !== usual) values.set(name, field.value.trim());
  }
  if (!find("terms").checked) values.set("terms", "off");
  if (find("compare").checked) {
    for (const name of WAYS) values.set(name.replace("-way", ""), find(name).value);
  }
  history.replaceState(null, "", `#${values}`);
  find("title").textContent = query || "splade search";
  document.title = query ? `${query} - splade search` : "splade search";
}

export function recall() {
  const values = new URLSearchParams(location.hash.slice(1));
  for (const name of ["q", "mode", "fold", "filter", "k", ...WAYS]) {
    const value = values.get(name.replace("-way", ""));
    if (value === null) continue;
    const field = find(name);
    if (field.tagName !== "SELECT" || [...field.options].some((each) => each.value === value)) field.value = value;
  }
  find("terms").checked = values.get("terms") !== "off";
  // both sides are there, or neither is
  find("compare").checked = !find("compare").closest("label").hidden && WAYS.some((name) => values.has(name.replace("-way", "")));
}

// The funnel: how many records each operator left, over all or within each group.

import { h, replace, styled } from "./dom.js";
import { percent, titled, whole } from "./format.js";
import { taskTitle } from "./store.js";

const MAX_GROUPS = 40;
const VIEWS = [["operator", "By operator"], ["family", "By family"], ["task", "By task"], ["source", "By source"]];

/** The funnel with its views. */
export function funnel(curation) {
  const place = h("div", { class: "funnel-place" });
  const tabs = VIEWS.map(([view, name]) => h("button", { "aria-pressed": "false", onclick: () => show(view) }, name));
  function show(view) {
    tabs.forEach((tab, index) => tab.setAttribute("aria-pressed", String(VIEWS[index][0] === view)));
    replace(place, view === "operator" ? steps(curation) : groupTable(curation, view));
  }
  show("operator");
  return h(
    "section",
    { class: "part", "aria-label": "Funnel" },
    h("div", { class: "bar" }, h("div", { class: "segmented", role: "group", "aria-label": "What the funnel shows" }, tabs)),
    place,
  );
}

function steps({ counts, operators }) {
  const all = Math.max(1, counts.records);
  let left = counts.records;
  const rows = operators.map((operator) => {
    const before = left;
    left -= operator.dropped;
    return step(operator, before / all, left / all, left);
  });
  return h(
    "ol",
    { class: "funnel" },
    h("li", { class: "end" }, h("span", { class: "who" }, h("b", null, "Records in")), bar(0, 1), h("span", { class: "lost" }), h("span", { class: "left" }, whole(counts.records))),
    rows,
    h("li", { class: "end" }, h("span", { class: "who" }, h("b", null, "Kept")), bar(0, left / all), h("span", { class: "lost" }, percent(left / all)), h("span", { class: "left" }, whole(left))),
  );
}

function step(operator, before, after, left) {
  const also = operator.would_drop - operator.dropped;
  const note = also > 0 ? `${whole(also)} more had gone already` : "";
  return h(
    "li",
    { title: note || null },
    h("span", { class: "who" }, h("b", null, titled(operator.label)), h("small", null, operator.title)),
    bar(before - after, after),
    h("span", { class: "lost" }, operator.dropped ? `−${whole(operator.dropped)}` : "–"),
    h("span", { class: "left" }, whole(left)),
  );
}

/** What stays, and beside it what this step took. */
function bar(lost, kept) {
  return h(
    "span",
    { class: "flow", "aria-hidden": "true" },
    styled(h("i", { class: "kept" }), { width: `${kept * 100}%` }),
    lost > 0 ? styled(h("i", { class: "taken" }), { width: `max(2px, ${lost * 100}%)` }) : null,
  );
}

function groupTable({ groups, operators }, view) {
  const rows = groups[view];
  const working = operators.map((operator, index) => [operator, index]).filter(([operator]) => operator.dropped);
  const name = view === "task" ? taskTitle : titled;
  const most = Math.max(1, ...rows.map((row) => row.records));
  const head = [h("th", { scope: "col" }, titled(view)), figureHead("In"), working.map(([operator]) => figureHead(titled(operator.label))), figureHead("Kept"), h("th", { scope: "col", class: "flow-head" }, h("span", { class: "unseen" }, "Share kept"))];
  return h(
    "div",
    { class: "scroll-x" },
    h(
      "table",
      { class: "plain groups" },
      h("thead", null, h("tr", null, head)),
      h("tbody", null, rows.slice(0, MAX_GROUPS).map((row) => groupRow(row, name(row.name) || "–", working, most))),
    ),
    rows.length > MAX_GROUPS ? h("p", { class: "chart-note" }, `and ${whole(rows.length - MAX_GROUPS)} more; curation.json has them all`) : null,
  );
}

function groupRow(row, name, working, most) {
  const lost = row.records - row.kept;
  return h(
    "tr",
    null,
    h("th", { scope: "row" }, name),
    figureCell(whole(row.records)),
    working.map(([, index]) => figureCell(row.dropped[index] ? `−${whole(row.dropped[index])}` : "–", row.dropped[index] ? "taken-figure" : "none")),
    h("td", { class: "figure" }, h("b", null, whole(row.kept)), " ", h("small", null, percent(row.kept / Math.max(1, row.records)))),
    h("td", { class: "flow-cell" }, bar(lost / most, row.kept / most)),
  );
}

function figureHead(name) {
  return h("th", { scope: "col", class: "figure" }, name);
}

function figureCell(text, look = "") {
  return h("td", { class: `figure ${look}` }, text);
}

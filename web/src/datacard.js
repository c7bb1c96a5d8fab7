// The data card: what went in, what it looks like, and what was left out and why.

import { barChart, heatMap } from "./barcharts.js";
import { h, styled } from "./dom.js";
import { counted, percent, whole } from "./format.js";
import { taskTitle } from "./store.js";

/** The data screen for the summary's `data` and `ledger`. */
export function dataScreen(card, ledger) {
  return h(
    "main",
    { class: "page", id: "screen", tabindex: "-1" },
    h("h1", null, "Data"),
    h("dl", { class: "facts" }, headline(card, ledger).map(([value, name]) => h("div", null, h("dt", null, value), h("dd", null, name)))),
    h("section", { class: "part", "aria-label": "Records" }, h("h2", null, "Records by task and split"), countTable(card)),
    h("section", { class: "part", "aria-label": "Shape" }, h("h2", null, "Shape of the answers"), h("div", { class: "charts" }, charts(card))),
    h("section", { class: "part", "aria-label": "Left out" }, h("h2", null, "Left out"), ledgerTable(ledger)),
    h("section", { class: "part", "aria-label": "Pictures and licences" }, h("h2", null, "Pictures and licences"), smallTables(card)),
  );
}

function headline(card, ledger) {
  const rows = [
    [whole(card.num_records), card.num_records === 1 ? "record" : "records"],
    [whole(card.num_pictures), "pictures"],
  ];
  if (card.num_episodes) rows.push([whole(card.num_episodes), "episodes"]);
  if (ledger) rows.push([whole(ledger.num_dropped), "left out, each with a reason"]);
  return rows;
}

function countTable(card) {
  const splits = [...new Set(card.counts.map((row) => row.split))].sort(bySplit);
  const kinds = [...new Set(card.counts.map((row) => JSON.stringify([row.task, row.source])))].map((text) => JSON.parse(text));
  const find = (task, source, split) =>
    card.counts.find((row) => row.task === task && row.source === source && row.split === split)?.count ?? 0;
  const totals = kinds.map(([task, source]) => splits.reduce((sum, split) => sum + find(task, source, split), 0));
  const most = Math.max(1, ...totals);
  return h(
    "div",
    { class: "scroll-x" },
    h(
      "table",
      { class: "plain" },
      h("thead", null, h("tr", null, ["Task", "Source"].map((name) => h("th", { scope: "col" }, name)), splits.map((split) => h("th", { scope: "col", class: "figure" }, split || "no split")), h("th", { scope: "col", class: "figure" }, "All"), h("th", { scope: "col" }, h("span", { class: "unseen" }, "Share")))),
      h(
        "tbody",
        null,
        kinds.map(([task, source], index) =>
          h(
            "tr",
            null,
            h("th", { scope: "row" }, taskTitle(task)),
            h("td", null, source || "–"),
            splits.map((split) => h("td", { class: "figure" }, whole(find(task, source, split)))),
            h("td", { class: "figure" }, h("b", null, whole(totals[index]))),
            h("td", { class: "share" }, styled(h("i"), { width: `${(totals[index] / most) * 100}%` })),
          ),
        ),
      ),
    ),
  );
}

function bySplit(a, b) {
  const order = ["train", "val", "test"];
  const rank = (split) => (order.includes(split) ? order.indexOf(split) : order.length);
  return rank(a) - rank(b) || a.localeCompare(b);
}

function charts(card) {
  const common = card.picture_sizes[0];
  const ratio = common ? `${common.width} / ${common.height}` : "1 / 1";
  const places = card.centres.flat().some((count) => count > 0);
  const drawn = [
    places && heatMap(card.centres, { title: "Where", ratio, note: "Middles of boxes, points, and ends of paths, in the picture." }),
    card.box_size.num && barChart(card.box_size, { title: "Box size", note: "Root of the box's share of the picture: 0.1 is a tenth of its width and height.", edgeText: percent }),
    card.box_aspect_log2.num && barChart(card.box_aspect_log2, { title: "Box shape", note: "Width to height.", edgeText: ratioText, labels: [0, 4, 8, 12, 16, 20, 24] }),
    card.path_length.num && barChart(card.path_length, { title: "Path length", note: "In diagonals of the picture." }),
    card.path_waypoints.num && barChart(card.path_waypoints, { title: "Points in a path", edgeText: whole }),
    card.answer_words.num && barChart(card.answer_words, { title: "Words in an answer", note: "Answers in free text and plans.", edgeText: whole }),
  ].filter(Boolean);
  return drawn.length ? drawn : h("p", { class: "empty" }, "No answer of these records can be drawn or measured.");
}

function ratioText(log2) {
  return log2 < 0 ? `1:${round(2 ** -log2)}` : `${round(2 ** log2)}:1`;
}

function round(value) {
  return Number(value.toFixed(1));
}

function ledgerTable(ledger) {
  if (ledger === null) return h("p", { class: "empty" }, "No ledger came with these records.");
  if (ledger.num_dropped === 0) return h("p", { class: "empty" }, "Nothing was left out.");
  return h("ul", { class: "reasons" }, ledger.reasons.map(reason));
}

function reason({ stage, code, title, count, examples }) {
  return h(
    "li",
    null,
    h(
      "details",
      null,
      h("summary", null, h("b", null, whole(count)), h("span", null, title || code), h("small", null, code, " · ", stage)),
      examples.map((example) =>
        h("p", { class: "example" }, h("code", null, [example.id, example.place].filter(Boolean).join("  ") || example.source), " ", example.detail),
      ),
      count > examples.length ? h("p", { class: "example more" }, `and ${counted(count - examples.length, "more")}`.replace(/mores$/, "more")) : null,
    ),
  );
}

function smallTables(card) {
  const others = card.num_picture_sizes - card.picture_sizes.length;
  const sizes = card.picture_sizes.map((size) => [`${size.width} × ${size.height}`, size.count]);
  const licences = Object.entries(card.licences).map(([name, count]) => [name || "not stated", count]);
  return h(
    "div",
    { class: "pairs" },
    pairTable("Picture size", sizes, others > 0 ? `and ${counted(others, "other size")}` : ""),
    pairTable("Licence", licences, ""),
  );
}

function pairTable(title, rows, note) {
  return h(
    "div",
    null,
    h("table", { class: "plain" }, h("thead", null, h("tr", null, h("th", { scope: "col" }, title), h("th", { scope: "col", class: "figure" }, "Records"))), h("tbody", null, rows.map(([name, count]) => h("tr", null, h("th", { scope: "row" }, name), h("td", { class: "figure" }, whole(count)))))),
    note ? h("p", { class: "chart-note" }, note) : null,
  );
}

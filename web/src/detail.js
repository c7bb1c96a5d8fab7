// One record in full: the picture large with its marks, and what everybody said about it.

import { h } from "./dom.js";
import { measure, plain } from "./format.js";
import { figure, layersOf, swatch } from "./overlay.js";
import { STATES, store, taskTitle } from "./store.js";

/**
 * The page of one record.
 * @param row the record
 * @param view {layers: what is drawn, picture: number of the picture shown}
 * @param act {toggle(layer), picture(number)}
 */
export function recordDetail(row, view, act) {
  return h(
    "article",
    { class: "record" },
    row.pictures.length ? pictureBlock(row, view, act) : null,
    h("h2", { class: "question" }, row.question),
    h("div", { class: "answers" }, truthBlock(row), row.predictions.map((each, index) => answerBlock(row, each, index))),
    origin(row),
  );
}

function pictureBlock(row, view, act) {
  const number = Math.min(view.picture, row.pictures.length - 1);
  const models = [...view.layers.models];
  const layers = number === 0 && view.layers.on ? layersOf(row, models, view.layers) : [];
  return h(
    "div",
    { class: "picture" },
    h("div", { class: "stage" }, figure(row.pictures[number], layers, { labels: view.layers.labels, eager: true, alt: `Picture ${number + 1} of the record` })),
    h("div", { class: "bar" }, toggles(row, view, act), pictureTabs(row, number, act)),
  );
}

/** The legend, whose entries switch layers on and off. */
function toggles(row, view, act) {
  const entries = [];
  if (row.truth?.marks.length) entries.push(["truth", "truth", "truth", view.layers.truth]);
  row.predictions.forEach((each, index) => {
    if (each?.marks.length) entries.push([index, `model-${index}`, store.models[index].name, view.layers.models.has(index)]);
  });
  const labelled = [row.truth, ...row.predictions].some((each) => each?.marks.some((mark) => mark.label));
  return h(
    "div",
    { class: "toggles", role: "group", "aria-label": "What is drawn" },
    entries.map(([layer, look, name, on]) =>
      h("button", { "aria-pressed": String(on && view.layers.on), onclick: () => act.toggle(layer) }, swatch(look), name),
    ),
    labelled ? h("button", { "aria-pressed": String(view.layers.labels), onclick: () => act.toggle("labels") }, "labels") : null,
  );
}

function pictureTabs(row, number, act) {
  if (row.pictures.length < 2) return null;
  return h(
    "div",
    { class: "segmented", role: "group", "aria-label": "Pictures of this record" },
    row.pictures.map((_, index) =>
      h("button", { "aria-pressed": String(index === number), onclick: () => act.picture(index) }, index + 1),
    ),
  );
}

function truthBlock(row) {
  if (row.truth === null) return block("truth", "Truth", h("p", { class: "nothing" }, "not public"), null, null);
  return block("truth", "Truth", raw(row.truth.text), null, row.truth.parsed);
}

function answerBlock(row, prediction, index) {
  const name = store.models[index].name;
  if (prediction === null) return block(`model-${index}`, name, h("p", { class: "nothing" }, "was not asked"), null, null);
  const remarks = [
    prediction.note ? h("p", { class: "note" }, prediction.note) : null,
    prediction.orders ? orders(prediction) : null,
    prediction.finish ? h("p", { class: "note" }, `Stopped early: ${prediction.finish}`) : null,
    prediction.prompt !== undefined ? h("details", null, h("summary", null, "Asked in its own words"), raw(prediction.prompt)) : null,
  ];
  return block(`model-${index}`, name, [raw(prediction.text, prediction.span), remarks], head(row, prediction), prediction.parsed, prediction.rule);
}

/** The same question with its options moved on: whether each was right, in the order of asking. */
function orders(prediction) {
  const all = [prediction, ...prediction.orders];
  const right = all.filter((each) => each.quality === 1).length;
  return h(
    "p",
    { class: "parsed" },
    `Right in ${right} of ${all.length} orders of the options: `,
    all.map(({ text, quality }, index) => h("span", { class: "order", title: text }, index ? ` +${index} ` : "stored ", h("b", { class: quality === 1 ? "right" : "wrong" }, quality === 1 ? "✓" : "✕"), " ")),
  );
}

function block(look, name, content, side, parsed, rule) {
  return h(
    "section",
    { class: `answer ${look}` },
    h("header", null, h("h3", null, swatch(look), name), side),
    content,
    parsed ? h("p", { class: "parsed" }, h("span", null, "read as "), parsed, rule && rule !== "exact" ? h("span", null, ` by rule ${rule}`) : null) : null,
  );
}

/** State and every metric, the main one first. */
function head(row, prediction) {
  const task = store.tasks.get(row.task);
  const metrics = task?.metrics ?? [];
  const values = metrics.filter((metric) => metric.name in prediction.values);
  return h(
    "div",
    { class: "figures" },
    stateBadge(prediction.state),
    values.map((metric) =>
      h("span", { class: metric.primary ? "main" : null }, plain(metric.name), " ", h("b", null, measure(prediction.values[metric.name], metric.unit))),
    ),
  );
}

/** A word for every status but the plain one. */
export function stateBadge(state) {
  if (state === "ok") return null;
  const { title, sign } = STATES[state] ?? { title: state, sign: "" };
  return h("span", { class: `badge ${state}` }, h("i", { "aria-hidden": "true" }, sign), title);
}

/** A model's own words, untouched; the words that decided are marked. */
function raw(text, span) {
  if (text === "") return h("p", { class: "nothing" }, "said nothing");
  if (!span) return h("pre", { class: "raw" }, text);
  const signs = Array.from(text); // places count characters, not halves of surrogate pairs
  const [start, end] = span;
  const part = (from, to) => signs.slice(from, to).join("");
  return h("pre", { class: "raw" }, part(0, start), h("mark", null, part(start, end)), part(end));
}

function origin(row) {
  const size = row.pictures[0];
  const facts = [
    ["Task", taskTitle(row.task)],
    ["Part", row.part],
    ["Source", row.source],
    ["Split", row.split],
    ["Episode", row.episode],
    ["Picture", size?.width ? `${size.width} × ${size.height}` : null],
    ["Record", row.id],
  ];
  return h(
    "dl",
    { class: "origin" },
    facts.filter(([, value]) => value).map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, value))),
  );
}

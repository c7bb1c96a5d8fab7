// Training: for each stage its facts and curves.

import { h } from "./dom.js";
import { compact, counted, whole } from "./format.js";
import { lineChart } from "./linechart.js";

const TITLES = {
  loss: "Loss",
  eval_loss: "Loss on held-out records",
  lr: "Learning rate",
  throughput: "Tokens per second",
  grad_norm: "Gradient norm",
};

/** The training screen for the summary's `training`. */
export function trainingScreen(stages) {
  return h(
    "main",
    { class: "page", id: "screen", tabindex: "-1" },
    h("h1", null, "Training"),
    stages.length ? stages.map(stageSection) : h("p", { class: "empty" }, "This run trained nothing."),
  );
}

function stageSection({ stage, curves, facts, num_unread: numUnread }) {
  const [first, ...rest] = curves;
  return h(
    "section",
    { class: "part", "aria-label": stage },
    h("h2", null, stage),
    h("dl", { class: "facts" }, factsOf(facts).map(([name, value]) => h("div", null, h("dt", null, value), h("dd", null, name)))),
    first ? h("div", { class: "charts lead" }, chart(first)) : h("p", { class: "empty" }, "Nothing was logged."),
    rest.length ? h("div", { class: "charts" }, rest.map(chart)) : null,
    numUnread ? h("p", { class: "chart-note" }, `${counted(numUnread, "line")} of the log could not be read.`) : null,
  );
}

function chart(curve) {
  return lineChart(curve, TITLES[curve.name] ?? curve.name);
}

function factsOf(facts) {
  const rows = [];
  if (facts.steps !== undefined) {
    const of = facts.total_steps && facts.total_steps !== facts.steps ? ` of ${whole(facts.total_steps)}` : "";
    rows.push(["steps", whole(facts.steps) + of]);
  }
  if (facts.last_loss !== undefined) rows.push(["first and last loss", `${compact(facts.first_loss)} → ${compact(facts.last_loss)}`]);
  if (facts.total_tokens !== undefined) rows.push(["tokens seen", compactWhole(facts.total_tokens)]);
  if (facts.median_throughput !== undefined) rows.push(["tokens per second, median", whole(facts.median_throughput)]);
  return rows;
}

function compactWhole(value) {
  return value < 1e6 ? whole(value) : new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 2 }).format(value);
}

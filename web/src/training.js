// Training: for each stage its facts and curves.

import { h, replace, styled } from "./dom.js";
import { compact, counted, whole } from "./format.js";
import { lineChart } from "./linechart.js";

const readers = new Map(); // stage and field -> what is being read of that chart

/** The training screen for the summary's `training`; with `live`, of a run that is going on. */
export function trainingScreen(summary) {
  return h("main", { class: "page", id: "screen", tabindex: "-1" }, content(summary));
}

/** Put the newest state into the training screen, without a jump for who has scrolled. */
export function swapTraining(summary) {
  const screen = document.getElementById("screen");
  styled(screen, { minHeight: `${screen.offsetHeight}px` });
  const before = [...readers].map(([name, reader]) => [name, { ...reader }]);
  replace(screen, content(summary));
  before.forEach(([name, reader]) => Object.assign(readers.get(name), reader)); // a browser may blur what goes
  requestAnimationFrame(() => requestAnimationFrame(() => styled(screen, { minHeight: "" })));
}

function content({ training: stages, live }) {
  return [
    h("h1", null, "Training"),
    live === undefined ? null : h("p", { class: "chart-note", role: "status" }, state(live, stages.at(-1)?.facts)),
    stages.length ? stages.map(stageSection) : h("p", { class: "empty" }, live ? "Nothing is logged yet." : "This run trained nothing."),
  ];
}

function state(live, { steps, total_steps: total } = {}) {
  if (!live) return steps < total ? `The training stopped at step ${whole(steps)} of ${whole(total)}.` : "The training has ended.";
  return `This page follows the run. Last change seen at ${new Date().toLocaleTimeString("en-GB")}.`;
}

function stageSection({ stage, curves, facts, warnings, num_unread: numUnread }) {
  const chart = (curve) => lineChart(curve, readerOf(`${stage} ${curve.name}`));
  const [first, ...rest] = curves;
  return h(
    "section",
    { class: "part", "aria-label": stage },
    h("h2", null, stage),
    h("dl", { class: "facts" }, factsOf(facts).map(([name, value]) => h("div", null, h("dt", null, value), h("dd", null, name)))),
    warnings.map((text) => h("p", { class: "run-warning", role: "note" }, text)),
    first ? h("div", { class: "charts lead" }, chart(first)) : h("p", { class: "empty" }, "Nothing was logged."),
    rest.length ? h("div", { class: "charts" }, rest.map(chart)) : null,
    numUnread ? h("p", { class: "chart-note" }, `${counted(numUnread, "line")} of the log could not be read.`) : null,
  );
}

/** One for each chart, so that who reads a value goes on reading when the charts are drawn anew. */
function readerOf(name) {
  if (!readers.has(name)) readers.set(name, { step: null, focused: false });
  return readers.get(name);
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

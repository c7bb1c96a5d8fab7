// The table of tasks and phases: each phase's value, and what changed since the phase on its left.

import { h } from "./dom.js";
import { VERDICTS, metricName } from "./forest.js";
import { measure, percent, signed, span, whole } from "./format.js";
import { address } from "./route.js";

/** The section, or nothing where an evaluation asked one phase alone. */
export function phasesSection(phases) {
  if (!phases) return null;
  return h(
    "section",
    { class: "sheet", "aria-label": "Phases of training" },
    h("h2", null, "What each phase of training did"),
    h(
      "div",
      { class: "scroll-x" },
      h(
        "table",
        { class: "forest phases" },
        h("caption", { class: "unseen" }, "Each task's main metric after each phase, with the change since the phase before"),
        h("thead", null, head(phases.order)),
        h("tbody", null, phases.tasks.map((task) => taskRow(task, phases.order)), readableRow(phases)),
      ),
    ),
    h(
      "footer",
      { class: "notes" },
      h("p", null, "Below each value: the paired difference to the phase on its left, and its interval. It is told from chance only where the interval and Holm’s rule over the tasks agree."),
    ),
  );
}

function head(order) {
  const names = order.map((name) => h("th", { scope: "col", class: "figure" }, name));
  return h("tr", null, h("th", { scope: "col" }, "Task"), h("th", { scope: "col", class: "figure" }, "constant"), names);
}

function taskRow(task, order) {
  const unit = task.metric.unit;
  const constant = task.constant ? measure(task.constant.value, unit) : "–";
  return h(
    "tr",
    null,
    h(
      "th",
      { scope: "row" },
      h(
        "div",
        { class: "task" },
        h("a", { href: address("records", { task: task.task }) }, task.title),
        h("small", null, metricName(task.metric), " · ", whole(task.num_records)),
      ),
    ),
    h("td", { class: "figure" }, constant),
    order.map((phase, index) => phaseCell(task.cells[phase], order[index - 1], unit)),
  );
}

function phaseCell(cell, before, unit) {
  const value = h("b", null, measure(cell.mean.value, unit));
  const difference = cell.against[before];
  if (!difference) return h("td", { class: "figure" }, value, h("small", null, span(cell.mean, unit)));
  const verdict = VERDICTS[difference.verdict];
  return h(
    "td",
    { class: `figure verdict-${difference.verdict.split(" ")[0]}`, title: `${verdict.words} since ${before}` },
    value,
    h("span", { class: "pill" }, h("i", { "aria-label": verdict.words }, verdict.sign), signed(difference.value, unit)),
    h("small", null, span(difference, unit)),
  );
}

function readableRow(phases) {
  const shares = phases.order.map((phase) => phases.readable[phase]);
  return h(
    "tr",
    { class: "mean" },
    h("th", { scope: "row" }, h("div", { class: "task" }, h("span", null, "Answers that could be read"))),
    h("td", { class: "figure" }),
    shares.map((share) => h("td", { class: "figure" }, share ? percent(share.value) : "–")),
  );
}

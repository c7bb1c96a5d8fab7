// The table of the overview: for each task every model's value with its interval, as a dot with
// whiskers on one axis and as numbers. To the right is always better: an axis runs from what a
// missing answer gets to a perfect answer, whichever way the metric counts.

import { h, svg, styled } from "./dom.js";
import { measure, percent, plain, signed, span, titled, whole } from "./format.js";
import { address } from "./route.js";
import { mainMetric, store } from "./store.js";

export const VERDICTS = {
  better: { sign: "▲", words: "better" },
  worse: { sign: "▼", words: "worse" },
  "not distinguishable": { sign: "≈", words: "not distinguishable" },
};

/** The whole table, grouped by family of tasks. */
export function forestTable() {
  const baselines = comparisons();
  const families = [...new Set([...store.tasks.values()].map((task) => task.family))];
  const body = families.flatMap((family) => {
    const tasks = [...store.tasks.values()].filter((task) => task.family === family);
    const rows = tasks.flatMap((task) => taskRows(task, baselines));
    return families.length > 1 ? [familyRow(family, baselines.length), ...rows] : rows;
  });
  return h(
    "table",
    { class: "forest" },
    h("caption", { class: "unseen" }, "Each task's main metric for each model, with intervals"),
    h("thead", null, head(baselines)),
    h("tbody", null, body, meanRows(baselines)),
  );
}

/** Names of the models the first one is compared with: the constant answer first. */
function comparisons() {
  const order = ["constant", "untrained"];
  return order.flatMap((role) => store.models.slice(1).filter((model) => model.role === role));
}

function head(baselines) {
  return h(
    "tr",
    null,
    h("th", { scope: "col" }, "Task"),
    h("th", { scope: "col", class: "plot" }, axis()),
    store.models.map((model, index) =>
      h("th", { scope: "col", class: "figure" }, dot(index), model.name),
    ),
    baselines.map((model) => h("th", { scope: "col", class: "figure" }, `vs ${model.name}`)),
    h("th", { scope: "col", class: "figure" }, "Understood"),
  );
}

function axis() {
  const ticks = [
    [0, "0"],
    [0.5, ".5"],
    [1, "1"],
  ];
  return h(
    "div",
    { class: "axis", title: "0: what a missing answer gets. 1: a perfect answer." },
    ticks.map(([at, text]) => styled(h("span", null, text), { left: place(at) })),
  );
}

function familyRow(family, numBaselines) {
  const columns = 3 + store.models.length + numBaselines;
  return h("tr", { class: "family" }, h("th", { colspan: columns, scope: "rowgroup" }, titled(family)));
}

function taskRows(task, baselines) {
  const main = mainMetric(task);
  const others = task.metrics.filter((metric) => metric !== main);
  const details = others.map((metric) => metricRow(task, metric, baselines, detailName(metric)));
  for (const row of details) row.hidden = true;
  const toggle = h(
    "button",
    {
      class: "unfold",
      "aria-expanded": "false",
      "aria-label": `All metrics of ${task.title}`,
      title: "All metrics",
      onclick() {
        const open = toggle.getAttribute("aria-expanded") !== "true";
        toggle.setAttribute("aria-expanded", String(open));
        for (const row of details) row.hidden = !open;
      },
    },
    svg("svg", { viewBox: "0 0 10 10", "aria-hidden": "true" }, svg("path", { d: "M3 1.5 6.5 5 3 8.5" })),
  );
  const name = [
    h("a", { href: address("records", { task: task.task }) }, task.title),
    h("small", null, metricName(main), " · ", whole(task.num_records)),
    others.length ? toggle : null,
  ];
  return [metricRow(task, main, baselines, name), ...details];
}

/** "IoU", or "distance ↓" where lower is better. */
export function metricName(metric) {
  return metric.higher_is_better ? plain(metric.name) : `${plain(metric.name)} ↓`;
}

function detailName(metric) {
  return h("small", { class: "detail" }, metricName(metric));
}

function metricRow(task, metric, baselines, name) {
  const results = store.models.map((model) => task.results.find((each) => each.model === model.name));
  const intervals = results.map((result) => result?.metrics[metric.name]);
  const first = results[0];
  return h(
    "tr",
    metric.primary ? null : { class: "detail" },
    h("th", { scope: "row" }, h("div", { class: "task" }, name)),
    h("td", { class: "plot" }, whiskers(intervals, metric)),
    intervals.map((interval, index) => figureCell(interval, metric.unit, results[index])),
    baselines.map((model) => differenceCell(first?.differences[model.name]?.[metric.name], metric)),
    h("td", { class: "figure understood" }, metric.primary && first ? percent(first.validity.value) : ""),
  );
}

/** Value above its interval. */
export function figureCell(interval, unit, result) {
  if (!interval) return h("td", { class: "figure" }, "–");
  const mark = result?.complete === false ? h("abbr", { title: "Incomplete: a request failed or a truth is missing" }, "*") : null;
  return h(
    "td",
    { class: "figure" },
    h("b", null, measure(interval.value, unit), mark),
    h("small", null, span(interval, unit)),
  );
}

/** A difference with the sign of its verdict. */
export function differenceCell(difference, metric) {
  if (!difference) return h("td", { class: "figure" }, "–");
  const verdict = VERDICTS[difference.verdict] ?? VERDICTS["not distinguishable"];
  const kind = difference.verdict.split(" ")[0];
  return h(
    "td",
    { class: `figure verdict-${kind}`, title: `${verdict.words} (${span(difference, metric.unit)})` },
    h("span", { class: "pill" }, h("i", { "aria-label": verdict.words }, verdict.sign), signed(difference.value, metric.unit)),
  );
}

/** Dots with whiskers; the constant answer is a tick, the line to beat. */
function whiskers(intervals, metric) {
  const drawn = intervals.flatMap((interval, index) => (interval ? [{ interval, index }] : []));
  const lanes = drawn.filter(({ index }) => store.models[index].role !== "constant");
  const height = Math.max(26, lanes.length * 12 + 8);
  const middle = (lane) => height / 2 + (lane - (lanes.length - 1) / 2) * 11;
  const words = drawn.map(
    ({ interval, index }) => `${store.models[index].name} ${measure(interval.value, metric.unit)} ${span(interval, metric.unit)}`,
  );
  return svg(
    "svg",
    { class: "whiskers", height, role: "img", "aria-label": words.join("; ") },
    [0, 0.25, 0.5, 0.75, 1].map((at) => vertical(at, 0, height, at % 0.5 ? "grid faint" : "grid")),
    drawn
      .filter(({ index }) => store.models[index].role === "constant")
      .map(({ interval }) => vertical(share(interval.value, metric), 3, height - 3, "floor")),
    lanes.map(({ interval, index }, lane) => whisker(interval, index, middle(lane), metric)),
  );
}

function vertical(at, y1, y2, name) {
  return svg("line", { class: name, x1: place(at), x2: place(at), y1, y2 });
}

function whisker(interval, index, y, metric) {
  const at = (value) => place(share(value, metric));
  const bounded = interval.low !== null && interval.low !== undefined;
  return svg(
    "g",
    { class: `whisker model-${index}` },
    bounded && svg("line", { x1: at(interval.low), x2: at(interval.high), y1: y, y2: y }),
    svg("circle", { cx: at(interval.value), cy: y, r: index === 0 ? 4.5 : 3.5 }),
  );
}

/** Where a value lies between the worst (0) and a perfect answer (1). */
function share(value, metric) {
  const best = metric.higher_is_better ? 1 : 0;
  const at = (value - metric.worst) / (best - metric.worst);
  return Math.min(1, Math.max(0, Number.isFinite(at) ? at : 0));
}

/** A share as a place on the axis, with room for a dot at both ends. */
function place(at) {
  return `${(2 + at * 96).toFixed(2)}%`;
}

function dot(index) {
  const model = store.models[index];
  const shape =
    model.role === "constant"
      ? svg("line", { class: "floor", x1: 5, x2: 5, y1: 0, y2: 10 })
      : svg("circle", { cx: 5, cy: 5, r: index === 0 ? 4.5 : 3.5 });
  return svg("svg", { class: "model-key", viewBox: "0 0 10 10", "aria-hidden": "true" }, svg("g", { class: `whisker model-${index}` }, shape));
}

/** Means over the tasks that share a main metric, when there are several of them. */
function meanRows(baselines) {
  const means = store.summary.evaluation.overall.by_metric.filter((mean) => mean.tasks.length > 1);
  return means.map((mean) => {
    const metric = { name: mean.metric, unit: mean.unit, higher_is_better: mean.higher_is_better, worst: worstOf(mean) };
    const intervals = store.models.map((model) => mean.results.find((each) => each.model === model.name));
    return h(
      "tr",
      { class: "mean" },
      h("th", { scope: "row" }, h("div", { class: "task" }, h("span", null, `Mean ${metricName(metric)}`), h("small", null, `${mean.tasks.length} tasks`))),
      h("td", { class: "plot" }, whiskers(intervals, metric)),
      intervals.map((interval) => figureCell(interval, mean.unit)),
      baselines.map(() => h("td", { class: "figure" })),
      h("td", { class: "figure" }),
    );
  });
}

function worstOf(mean) {
  return mainMetric(store.tasks.get(mean.tasks[0])).worst;
}

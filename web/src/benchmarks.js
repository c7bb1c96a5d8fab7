// Benchmarks: the authors' number of each beside what others reached, its parts, and what the same
// answers are worth by other rules and in other orders of the options.

import { h } from "./dom.js";
import { percent, points, plain, signedPoints, whole } from "./format.js";
import { address } from "./route.js";
import { store } from "./store.js";

const LIGHTS = { agree: "within 2.5 points", acceptable: "within 5 points", discrepancy: "farther than 5 points" };

/** Whether an entry of the evaluation's `tasks` is a benchmark. */
export function isBenchmark(task) {
  return task.benchmark !== undefined;
}

/** One row for each benchmark and model. */
export function headlineTable() {
  const rows = benchmarks().flatMap((task) => task.results.map((result, index) => headlineRow(task, result, index === 0)));
  const columns = ["Headline", "Item mean", "Understood", "Chance", "Best published", "People", "Against published"];
  return table("Each benchmark's headline for each model", ["Benchmark", "Model", ...columns], rows, 2);
}

function headlineRow(task, result, first) {
  const { chance, best_published: best, human } = task.benchmark;
  const main = task.metrics.find((metric) => metric.primary);
  return h(
    "tr",
    first ? null : { class: "more" },
    h("th", { scope: "row" }, first ? [h("a", { href: address("benchmarks", { name: task.task }) }, task.title), h("small", null, size(task))] : null),
    h("td", null, result.model),
    result.headline.refused ? cell("refused", result.headline.refused) : interval(result.headline),
    interval(result.metrics[main.name]),
    cell(result.validity ? percent(result.validity.value) : "–"),
    cell(chance ?? "–"),
    cell(best ? best.value : "–", best?.model),
    cell(human ?? "–"),
    h("td", { class: "figure" }, result.anchors.length ? result.anchors.map(anchor) : "–"),
  );
}

function anchor({ value, difference, light, part, origin }) {
  const words = `${value} ${part ? `(${part}) ` : ""}by ${origin}: ${LIGHTS[light]}`;
  return h("span", { class: `light ${light}`, title: words }, h("i", { "aria-label": LIGHTS[light] }), difference.toFixed(1).replace(/^(?!-)/, "+").replace("-", "−"));
}

function size(task) {
  const { num_expected: expected } = task.benchmark;
  return task.num_records === expected ? whole(expected) : `${whole(task.num_records)} of ${whole(expected)}`;
}

/** The screen: a part of the page for each benchmark. */
export function benchmarksScreen() {
  const { left_out: leftOut } = store.summary.evaluation;
  return h(
    "main",
    { class: "page", id: "screen", tabindex: "-1" },
    h("h1", null, "Benchmarks"),
    h("p", { class: "lede" }, "Percent, with intervals. Answers that could not be read count as wrong. Every figure of a part leads to its records."),
    h("div", { class: "scroll-x score-block" }, headlineTable()),
    benchmarks().map(benchmarkPart),
    Object.keys(leftOut ?? {}).length
      ? h("section", { class: "part", "aria-label": "Not asked" }, h("h2", null, "Not asked"), h("ul", { class: "plain-list" }, Object.values(leftOut).map((why) => h("li", null, why))))
      : null,
  );
}

/** Bring the benchmark that the address names into sight. */
export function revealBenchmark(name) {
  document.querySelector(`[data-benchmark="${CSS.escape(name ?? "")}"]`)?.scrollIntoView();
}

function benchmarkPart(task) {
  const { prompt, aggregation, licence, hub } = task.benchmark;
  const cautions = task.results.flatMap((result) => result.cautions.map((said) => `${result.model}: ${said}`));
  const facts = [["prompt", prompt.origin], ["headline", aggregation], ["options", prompt.option_order], ["data set", hub[0]], ["licence", licence]];
  return h(
    "section",
    { class: "part", "aria-label": task.title, "data-benchmark": task.task },
    h("h2", null, h("a", { href: address("records", { task: task.task }) }, task.title)),
    h("dl", { class: "options benchmark-facts" }, facts.filter(([, value]) => value).map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, value)))),
    cautions.length ? h("div", { class: "cautions" }, cautions.map((said) => h("p", { class: "caution", role: "note" }, said))) : null,
    partTable(task),
    circularTable(task),
    ruleTable(task),
  );
}

function partTable(task) {
  const names = [...new Set(task.results.flatMap((result) => Object.keys(result.parts)))];
  if (names.length === 0) return null;
  const rows = names.map((part) =>
    h(
      "tr",
      null,
      h("th", { scope: "row" }, plain(part)),
      cell(whole(task.results.find((result) => part in result.parts).parts[part].num_items)),
      task.results.map(({ model, parts }) => (part in parts ? interval(parts[part], address("records", { task: task.task, part, model })) : cell("–"))),
    ),
  );
  return block(table(`${task.title}: item means of its parts`, ["Part", "Items", ...task.results.map((result) => result.model)], rows, 1));
}

function circularTable(task) {
  const found = task.results.filter((result) => result.circular);
  if (found.length === 0) return null;
  const letters = [...new Set(found.flatMap(({ circular }) => Object.keys(circular.letters)))];
  const rows = found.map(({ model, circular }) =>
    h(
      "tr",
      null,
      h("th", { scope: "row" }, model, h("small", null, `${whole(circular.num_items)} in ${whole(circular.num_asked)} orders`)),
      [circular.every_order, circular.mean_over_orders, circular.stored_order].map((each) => interval(each)),
      letters.map((letter) => {
        const excess = circular.letters[letter]?.excess;
        return excess ? h("td", { class: letter === circular.leans_to ? "figure leaning" : "figure", title: `chosen less right, ${signedPoints(excess.low)} to ${signedPoints(excess.high)}` }, h("b", null, signedPoints(excess.value))) : cell("–");
      }),
    ),
  );
  return block(
    table(`${task.title}: options in every order`, ["Options in every order", "Every order", "Mean over orders", "Stored order", ...letters], rows, 1),
    h("p", { class: "chart-note" }, "Letters: points by which each is chosen more often than it is right; set apart where that is more than chance."),
  );
}

function ruleTable(task) {
  const names = [...new Set(task.results.flatMap((result) => Object.keys(result.rules)))];
  if (names.length === 0) return null;
  const rows = names.map((name) =>
    h(
      "tr",
      null,
      h("th", { scope: "row" }, name),
      task.results.map(({ rules }) => {
        const found = rules[name];
        if (!found) return cell("–");
        const value = found.headline ?? found.item_mean;
        return cell(value === null ? "–" : points(value), found.num_left_out ? `${whole(found.num_left_out)} left out` : "");
      }),
    ),
  );
  return block(table(`${task.title}: the same answers by the rules of others`, ["By the rules of", ...task.results.map((result) => result.model)], rows, 1));
}

function benchmarks() {
  return store.summary.evaluation.tasks.filter(isBenchmark);
}

/** A table whose columns after the first `words` hold figures. */
export function table(caption, head, rows, words) {
  return h(
    "table",
    { class: "scores" },
    h("caption", { class: "unseen" }, caption),
    h("thead", null, h("tr", null, head.map((name, index) => h("th", { scope: "col", class: index < words ? null : "figure" }, name)))),
    h("tbody", null, rows),
  );
}

function block(...content) {
  return h("div", { class: "scroll-x score-block" }, content);
}

function cell(value, note) {
  return h("td", { class: "figure" }, h("b", null, value), note ? h("small", null, note) : null);
}

/** A share in percent above its interval, leading to its records where it has an address. */
function interval(found, href) {
  if (!found || found.value === null) return cell("–");
  const value = points(found.value);
  const bounds = found.low === null || found.low === undefined ? "" : `${points(found.low)} – ${points(found.high)}`;
  return h("td", { class: "figure" }, h("b", null, href ? h("a", { href }, value) : value), bounds ? h("small", null, bounds) : null);
}

// Built by web/build.py from web/src; change those files, not this one.
(() => {
"use strict";
const modules = {};

modules["dom.js"] = (() => {
// Building the page. Data enters it only as text nodes and attribute values: there is no markup
// from strings anywhere, and the page's policy (Trusted Types) makes the browser refuse any.

const SVG = "http://www.w3.org/2000/svg";

/**
 * An HTML element.
 * Properties named `on...` become listeners, `class` and the rest become attributes; null, false
 * and undefined leave an attribute out, true sets it empty.
 */
function h(tag, properties, ...children) {
  return fill(document.createElement(tag), properties, children);
}

/** An SVG element, made in the same way. */
function svg(tag, properties, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

/** Replace everything inside `parent`. */
function replace(parent, ...children) {
  parent.replaceChildren(...nodes(children));
  return parent;
}

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...nodes(children));
  return element;
}

function nodes(children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : document.createTextNode(String(child))));
}

/**
 * Set styles through the object model: the page's policy forbids style attributes.
 * Names with a leading `--` set custom properties.
 */
function styled(element, styles) {
  for (const [name, value] of Object.entries(styles)) {
    if (name.startsWith("--")) element.style.setProperty(name, value);
    else element.style[name] = value;
  }
  return element;
}

/** Call `draw(width)` whenever the element's width changes, as `onSize` does. */
function onWidth(element, draw) {
  let last = 0;
  onSize(element, (width) => {
    if (width !== last) draw((last = width));
  });
}

/**
 * Call `draw(width, height)` whenever the element's size in whole pixels changes; the first time
 * after its first layout and before that frame is painted, so nobody sees the page without it.
 */
function onSize(element, draw) {
  new ResizeObserver(([entry]) => {
    const { width, height } = entry.contentRect;
    if (width > 0 && height > 0) draw(Math.round(width), Math.round(height));
  }).observe(element);
}

return { h, svg, replace, styled, onWidth, onSize };
})();

modules["format.js"] = (() => {
// Numbers and words as people read them.

const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const MINUS = "−";

/** 12345 -> "12,345". */
function whole(value) {
  return WHOLE.format(value);
}

/** "1 record", "2 records". */
function counted(number, noun) {
  return `${whole(number)} ${noun}${number === 1 ? "" : "s"}`;
}

/** 0.4567 -> "46 %". */
function percent(share) {
  return `${Math.round(share * 100)} %`;
}

/** A share in points with one decimal, 0.4567 -> "45.7". */
function points(share) {
  return (share * 100).toFixed(1).replace("-", MINUS);
}

/** A difference of shares in points, always with its sign. */
function signedPoints(share) {
  return share < 0 ? points(share) : `+${points(share)}`;
}

/** A metric's value: shares with two digits, distances with what they need. */
function measure(value, unit) {
  if (value === null || value === undefined) return "–";
  const digits = unit === "px" ? (Math.abs(value) < 10 ? 1 : 0) : Math.abs(value) < 100 ? 2 : 0;
  const text = Math.abs(value).toFixed(digits);
  const signed = value < 0 && Number(text) !== 0 ? MINUS + text : text;
  return unit === "px" ? `${signed} px` : signed;
}

/** A value that stands alone: an arrow says where lower is better. */
function directed(value, metric) {
  return metric.higher_is_better ? measure(value, metric.unit) : `${measure(value, metric.unit)} ↓`;
}

/** A difference, always with its sign. */
function signed(value, unit) {
  const text = measure(value, unit);
  return text.startsWith(MINUS) || Number.parseFloat(text) === 0 ? text : `+${text}`;
}

/** "0.37 – 0.45", or empty when there is no interval. */
function span(interval, unit) {
  if (interval.low === null || interval.low === undefined) return "";
  return `${measure(interval.low, unit)} – ${measure(interval.high, unit)}`;
}

/** Any number in four significant digits, for axes and tooltips. */
function compact(value) {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 1e5) return new Intl.NumberFormat("en", { notation: "compact" }).format(value);
  if (size < 1e-3) return value.toExponential(1).replace("e-", "e" + MINUS).replace("-", MINUS);
  return String(Number(value.toPrecision(4))).replace("-", MINUS);
}

/** "distance_diagonals" -> "distance diagonals", "iou" -> "IoU". */
function plain(name) {
  return name.replaceAll("_", " ").replace(/\b(iou|dtw)\b/g, (word) => (word === "iou" ? "IoU" : "DTW"));
}

/** "current_box" -> "Current box". */
function titled(name) {
  const words = plain(name);
  return words.charAt(0).toUpperCase() + words.slice(1);
}

return { whole, counted, percent, points, signedPoints, measure, directed, signed, span, compact, plain, titled };
})();

modules["route.js"] = (() => {
// Addresses: every view is a hash such as #/records?task=gripper_det&id=..., so that a link to a
// single wrong answer can be sent to a colleague together with the folder.

/** The view the address asks for: {screen, query}. */
function readRoute() {
  const text = location.hash.replace(/^#\/?/, "");
  const [screen, ...rest] = text.split("?");
  return { screen, query: new URLSearchParams(rest.join("?")) };
}

/** The address of a view; empty values are left out, of a list every value is given. */
function address(screen, query = {}) {
  const filled = Object.entries(query)
    .flatMap(([name, value]) => [value].flat().map((each) => [name, each]))
    .filter(([, value]) => value !== "" && value != null);
  const text = new URLSearchParams(filled).toString();
  return `#/${screen}${text ? `?${text}` : ""}`;
}

/** Change the address without a new entry in the history: for steps such as the next record. */
function rewriteRoute(screen, query) {
  const wanted = address(screen, query);
  if (location.hash !== wanted) history.replaceState(null, "", wanted);
}

return { readRoute, address, rewriteRoute };
})();

modules["store.js"] = (() => {
// What the report knows. The summary comes with the page; records are loaded when first needed.

const { h } = modules["dom.js"];
const { titled } = modules["format.js"];

const store = {
  summary: null,
  models: [], // {name, role}
  tasks: new Map(), // kind -> entry of the evaluation's `tasks`
};

const waiting = new Map(); // shard number -> resolve
let loading = null;

// Trusted Types: the only script addresses this page can ever set are those of its own data.
const addresses = window.trustedTypes?.createPolicy("roboloop", {
  createScriptURL(address) {
    if (!/^data\/(records-\d+\.js|live\.js\?\d+)$/.test(address)) throw new TypeError(`not of this page: ${address}`);
    return address;
  },
}) ?? { createScriptURL: (address) => address };

/** Take the summary that `data/summary.js` hands over. */
function openStore(text) {
  store.summary = JSON.parse(text);
  const evaluation = store.summary.evaluation;
  store.models = evaluation?.models ?? [];
  store.tasks = new Map((evaluation?.tasks ?? []).map((task) => [task.task, task]));
}

/** Take one shard of records: base64 of gzip of lines of JSON, the heads of all and each record. */
function takeShard(number, packed) {
  waiting.get(number)?.(unpacked(packed));
}

async function unpacked(packed) {
  const text = atob(packed);
  const bytes = new Uint8Array(text.length);
  for (let place = 0; place < text.length; place += 1) bytes[place] = text.charCodeAt(place);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const [heads, ...lines] = (await new Response(stream).text()).split("\n");
  return JSON.parse(heads).map((head, place) => ({ ...head, line: lines[place] }));
}

/**
 * What filtering looks at of all records, in the order of the evaluation, each with the `line` that
 * is the whole record. Loads the shards the first time.
 */
function loadHeads() {
  loading ??= Promise.all(store.summary.shards.map(loadShard)).then((parts) => parts.flat());
  return loading;
}

function loadShard(shard, number) {
  return new Promise((resolve, reject) => {
    waiting.set(number, resolve);
    const script = h("script", { onerror: () => reject(new Error(`cannot load ${shard.file}`)) });
    script.src = addresses.createScriptURL(shard.file);
    document.head.append(script);
  });
}

const POLL_MS = 2000;
let latest = null;
let changed = () => {};

/**
 * Load `data/live.js` again and again, until what it hands over says that the run has ended. A page
 * opened from disk may not fetch a file, but it may run one; the number makes each address new.
 */
function follow(onChange) {
  changed = onChange;
  let number = 0;
  const poll = () => {
    if (!store.summary.live) return;
    const script = h("script", null);
    const next = () => {
      script.remove();
      setTimeout(poll, POLL_MS);
    };
    script.onload = next;
    script.onerror = next;
    script.src = addresses.createScriptURL(`data/live.js?${(number += 1)}`);
    document.head.append(script);
  };
  poll();
}

/** Take the state of a run that is going on: {training, live}. */
function takeLive(text) {
  if (text === latest) return;
  latest = text;
  Object.assign(store.summary, JSON.parse(text));
  changed();
}

/** The title of a task, or its name in plain words. */
function taskTitle(kind) {
  return store.tasks.get(kind)?.title || store.summary.tasks?.[kind] || titled(kind);
}

/** The main metric of a task: {name, unit, higher_is_better, worst}. */
function mainMetric(task) {
  return task.metrics.find((metric) => metric.primary) ?? task.metrics[0];
}

/** How an answer was understood: what each status is called, and its sign. */
const STATES = {
  ok: { title: "One answer", sign: "" },
  no_answer: { title: "No answer", sign: "∅" },
  ambiguous: { title: "Several answers", sign: "≈" },
  out_of_range: { title: "Out of range", sign: "↗" },
  convention_break: { title: "Other convention", sign: "⌗" },
  truncated: { title: "Cut off", sign: "…" },
  infra_error: { title: "Request failed", sign: "!" },
  truth_missing: { title: "No truth", sign: "?" },
};

return { store, openStore, takeShard, loadHeads, follow, takeLive, taskTitle, mainMetric, STATES };
})();

modules["benchmarks.js"] = (() => {
// Benchmarks: the authors' number of each beside what others reached, its parts, and what the same
// answers are worth by other rules and in other orders of the options.

const { h } = modules["dom.js"];
const { percent, points, plain, signedPoints, whole } = modules["format.js"];
const { address } = modules["route.js"];
const { store } = modules["store.js"];

const LIGHTS = { agree: "within 2.5 points", acceptable: "within 5 points", discrepancy: "farther than 5 points" };

/** Whether an entry of the evaluation's `tasks` is a benchmark. */
function isBenchmark(task) {
  return task.benchmark !== undefined;
}

/** One row for each benchmark and model. */
function headlineTable() {
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
function benchmarksScreen() {
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
function revealBenchmark(name) {
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
function table(caption, head, rows, words) {
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

return { isBenchmark, headlineTable, benchmarksScreen, revealBenchmark, table };
})();

modules["forest.js"] = (() => {
// The table of the overview: for each task every model's value with its interval, as a dot with
// whiskers on one axis and as numbers. To the right is always better: an axis runs from what a
// missing answer gets to a perfect answer, whichever way the metric counts.

const { h, svg, styled } = modules["dom.js"];
const { measure, percent, plain, signed, span, titled, whole } = modules["format.js"];
const { address } = modules["route.js"];
const { mainMetric, store } = modules["store.js"];

const VERDICTS = {
  better: { sign: "▲", words: "better" },
  worse: { sign: "▼", words: "worse" },
  "not distinguishable": { sign: "≈", words: "not distinguishable" },
};

/** The whole table, grouped by family of tasks. */
function forestTable() {
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
function metricName(metric) {
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
function figureCell(interval, unit, result) {
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
function differenceCell(difference, metric) {
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

return { VERDICTS, forestTable, metricName, figureCell, differenceCell };
})();

modules["comparison.js"] = (() => {
// Models against a baseline, task by task, on the records they share; each count of records won and
// lost leads to them.

const { table } = modules["benchmarks.js"];
const { h } = modules["dom.js"];
const { differenceCell, figureCell } = modules["forest.js"];
const { counted, plain, whole } = modules["format.js"];
const { address } = modules["route.js"];
const { store } = modules["store.js"];

/** The comparison screen for the summary's `comparison`. */
function comparisonScreen(comparison) {
  const { baseline, models, tasks, confidence } = comparison;
  const others = models.map((model) => model.label).filter((label) => label !== baseline);
  return h(
    "main",
    { class: "page", id: "screen", tabindex: "-1" },
    h("h1", null, `Against ${baseline}`),
    h("ul", { class: "plain-list lede" }, others.map((label) => h("li", null, sentence(label, tasks)))),
    h("div", { class: "scroll-x score-block" }, table("Every task's main metric for every model", head(baseline, others), tasks.map((task) => taskRow(task, baseline, others)), 1)),
    h("p", { class: "chart-note" }, `${Math.round(confidence * 100)} % intervals, whole episodes drawn again; differences are paired. ▲ better and ▼ worse where the interval and Holm's rule over the tasks agree, ≈ not distinguishable.`),
    flagsPart(comparison.flags, tasks),
    categoriesPart(comparison, others),
    standingsPart(comparison.standings),
  );
}

function sentence(label, tasks) {
  const found = tasks.map((task) => task.cells[label]?.difference?.verdict).filter(Boolean);
  const number = (verdict) => found.filter((each) => each === verdict).length;
  const told = `${number("better")} better, ${number("worse")} worse, ${number("not distinguishable")} not distinguishable`;
  return [h("b", null, label), `: ${counted(found.length, "task")}, of which ${told}.`];
}

function head(baseline, others) {
  return ["Task", "Records", baseline, ...others.flatMap((label) => [label, "Difference", "Won – lost"])];
}

function taskRow(task, baseline, others) {
  const name = task.part ? plain(task.part) : task.title || plain(task.task);
  const shown = store.summary.shards.length ? h("a", { href: address("records", chosen(task)) }, name) : name;
  const leftOut = task.num_left_out ? `${whole(task.num_left_out)} left out` : null;
  return h(
    "tr",
    null,
    h("th", { scope: "row" }, shown, h("small", null, plain(task.metric.name), task.metric.higher_is_better ? "" : " ↓")),
    h("td", { class: "figure" }, h("b", null, task.num_shared ? whole(task.num_shared) : "?"), leftOut ? h("small", null, leftOut) : null),
    valueCell(task, baseline),
    others.flatMap((label) => {
      const difference = task.cells[label]?.difference;
      return [valueCell(task, label), differenceCell(difference, task.metric), tallyCell(task, label, baseline, difference)];
    }),
  );
}

/** The task, or the part of it, that a row is about: as an address chooses it. */
function chosen({ task, part }) {
  return part ? { task, part } : { task };
}

function valueCell(task, label) {
  const cell = task.cells[label];
  return figureCell(cell?.mean, task.metric.unit, cell && { complete: !cell.num_failed });
}

/** How many records were won and lost, leading to them, with the p-value of chance alone. */
function tallyCell(task, label, baseline, difference) {
  if (!difference) return h("td", { class: "figure" }, "–");
  const against = store.models.findIndex((model) => model.name === baseline);
  const link = (kind, number) => {
    const href = address("records", { ...chosen(task), model: label, sort: `${kind}:${against}` });
    return store.summary.shards.length && number ? h("a", { href }, whole(number)) : whole(number ?? 0);
  };
  return h(
    "td",
    { class: "figure", title: `${difference.test}, raised over the tasks by Holm's rule` },
    h("b", null, link("won", difference.wins), " – ", link("lost", difference.losses)),
    h("small", null, `p ${difference.raised_p < 0.001 ? "< 0.001" : difference.raised_p.toFixed(3)}`),
  );
}

/** For each task that has categories, the same table by category. */
function categoriesPart({ parts, tasks, baseline }, others) {
  const blocks = tasks
    .map((task) => ({ task, rows: parts.filter((part) => part.task === task.task) }))
    .filter(({ rows }) => rows.length)
    .map(({ task, rows }) => {
      const title = task.title || plain(task.task);
      const columns = [title, ...head(baseline, others).slice(1)];
      const body = rows.map((part) => taskRow(part, baseline, others));
      return h("div", { class: "scroll-x score-block" }, table(`${title} by category`, columns, body, 1));
    });
  if (blocks.length === 0) return null;
  const note = "Judged together by Holm's rule over all categories; a category of few records tells little.";
  return h("section", { class: "part", "aria-label": "By category" }, h("h2", null, "By category"), h("p", { class: "chart-note" }, note), blocks);
}

function flagsPart(flags, tasks) {
  if (flags.length === 0) return null;
  const titles = new Map(tasks.map(({ task, title }) => [task, title]));
  const rows = flags.map(({ kind, task, model, why }) => h("li", null, h("b", null, kind), ` ${[task && (titles.get(task) || plain(task)), model].filter(Boolean).join(" / ")}: ${why}`));
  return h("section", { class: "part", "aria-label": "To look at" }, h("h2", null, "To look at"), h("ul", { class: "plain-list" }, rows));
}

function standingsPart(standings) {
  const rows = standings.map(({ label, beaten_by: beatenBy, regret }) =>
    h("li", null, h("b", null, label), beatenBy ? `: ${beatenBy} is at least as good on every task` : `: on the Pareto front; gives up at most ${Math.round(regret * 100)} % of a span`),
  );
  return h("section", { class: "part", "aria-label": "Which to choose" }, h("h2", null, "Which to choose"), h("ul", { class: "plain-list" }, rows));
}

return { comparisonScreen };
})();

modules["scales.js"] = (() => {
// From numbers to places on a chart, and the round numbers to write at its edges.

/** A function from [from, to] to [start, end]; a range of no width goes to the middle. */
function linear([from, to], [start, end]) {
  if (to === from) return () => (start + end) / 2;
  return (value) => start + ((value - from) / (to - from)) * (end - start);
}

/** About `wanted` round numbers from `low` to `high`. */
function ticks(low, high, wanted) {
  if (!(high > low)) return [low];
  const rough = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough);
  const found = [];
  for (let number = Math.ceil(low / step - 1e-9); number * step <= high + step * 1e-9; number += 1) {
    found.push(Number((number * step).toPrecision(12)));
  }
  return found;
}

/** The range of values, with 0 in it when that costs little of the height. */
function extent(values) {
  const low = Math.min(...values);
  const high = Math.max(...values);
  return [low > 0 && low < high * 0.4 ? 0 : low, high];
}

/** Means over a sliding window of `width` points around each point. */
function smoothed(points, width) {
  const half = Math.floor(width / 2);
  return points.map(([x], index) => {
    const part = points.slice(Math.max(0, index - half), index + half + 1);
    return [x, part.reduce((sum, [, y]) => sum + y, 0) / part.length];
  });
}

return { linear, ticks, extent, smoothed };
})();

modules["barcharts.js"] = (() => {
// Histograms and the map of where answers lie.

const { h, onWidth, replace, styled, svg } = modules["dom.js"];
const { compact, counted, whole } = modules["format.js"];
const { linear } = modules["scales.js"];

const HEIGHT = 132;
const EDGE = { top: 8, right: 4, bottom: 22, left: 4 };

/**
 * A histogram with its heading.
 * @param data {edges, counts, num}; with `thresholds`, the edges lie evenly
 * @param edgeText how an edge is written; `labels` the edges that are
 * @param noun what is counted
 */
function barChart(data, { title, note, edgeText = compact, labels, noun = "answer" }) {
  const reading = h("output", { class: "reading" }, counted(data.num, noun));
  const plot = h("div", { class: "plot-area" });
  const shown = labels || data.thresholds ? data : trimmed(data);
  onWidth(plot, (width) => replace(plot, bars(shown, { width, edgeText, labels, reading, noun })));
  return h(
    "figure",
    { class: "chart" },
    h("figcaption", null, h("b", null, title), reading),
    plot,
    note ? h("p", { class: "chart-note" }, note) : null,
  );
}

/** Without the empty bins at the end. */
function trimmed({ edges, counts, num }) {
  let last = counts.length - 1;
  while (last > 4 && counts[last] === 0) last -= 1;
  return { edges: edges.slice(0, last + 2), counts: counts.slice(0, last + 1), num };
}

function bars({ edges, counts, num, thresholds = [] }, { width, edgeText, labels, reading, noun }) {
  const x = linear([0, counts.length], [EDGE.left, width - EDGE.right]);
  const most = Math.max(1, ...counts);
  const y = linear([0, most], [HEIGHT - EDGE.bottom, EDGE.top]);
  const shown = labels ?? everyFew(edges.length, width);
  const words = counts.flatMap((count, bin) => (count ? [`${edgeText(edges[bin])} to ${edgeText(edges[bin + 1])}: ${count}`] : []));
  return svg(
    "svg",
    { width, height: HEIGHT, class: "bar-chart", role: "img", "aria-label": words.join("; ") },
    counts.map((count, bin) => bar(count, bin)),
    svg("line", { class: "base", x1: EDGE.left, x2: width - EDGE.right, y1: y(0), y2: y(0) }),
    shown.filter((edge) => edge < edges.length).map((edge) => edgeLabel(edge)),
    thresholds.map(thresholdLine),
  );
  function thresholdLine(value) {
    const step = edges[1] - edges[0];
    const at = Math.min(x(counts.length), Math.max(x(0), x((value - edges[0]) / step)));
    const side = at > width * 0.75 ? { x: at - 5, "text-anchor": "end" } : { x: at + 5, "text-anchor": "start" };
    return svg(
      "g",
      { class: "threshold" },
      svg("line", { x1: at, x2: at, y1: 0, y2: y(0) }),
      svg("text", { ...side, y: EDGE.top + 3 }, edgeText(value)),
    );
  }
  function bar(count, bin) {
    const height = count ? Math.max(1.5, y(0) - y(count)) : 0;
    const area = svg("rect", { class: "reach", x: x(bin), y: 0, width: x(1) - x(0), height: HEIGHT - EDGE.bottom });
    const tell = () => (reading.textContent = `${edgeText(edges[bin])} – ${edgeText(edges[bin + 1])}: ${whole(count)}`);
    area.addEventListener("pointerenter", tell);
    area.addEventListener("pointerleave", () => (reading.textContent = counted(num, noun)));
    return svg("g", null, svg("rect", { class: "bar-fill", x: x(bin) + 0.5, y: y(0) - height, width: Math.max(1, x(1) - x(0) - 1), height }), area);
  }
  function edgeLabel(edge) {
    const anchor = edge === 0 ? "start" : edge === edges.length - 1 ? "end" : "middle";
    return svg("text", { x: x(edge), y: HEIGHT - 6, "text-anchor": anchor }, edgeText(edges[edge]));
  }
}

function everyFew(numEdges, width) {
  const step = Math.max(1, Math.ceil(numEdges / Math.max(2, Math.floor(width / 56))));
  return Array.from({ length: Math.ceil(numEdges / step) }, (_, index) => index * step);
}

/** Where the middles of boxes, the points and the ends of paths lie in their pictures. */
function heatMap(cells, { title, note, ratio }) {
  const most = Math.max(1, ...cells.flat());
  const total = cells.flat().reduce((sum, count) => sum + count, 0);
  const size = cells.length;
  const reading = h("output", { class: "reading" }, `${whole(total)} places`);
  const squares = cells.flatMap((row, y) =>
    row.map((count, x) => {
      const square = svg("rect", { x, y, width: 1, height: 1, "fill-opacity": count ? (0.08 + 0.92 * Math.sqrt(count / most)).toFixed(3) : 0 });
      square.addEventListener("pointerenter", () => (reading.textContent = whole(count)));
      square.addEventListener("pointerleave", () => (reading.textContent = `${whole(total)} places`));
      return square;
    }),
  );
  const map = svg("svg", { class: "heat", viewBox: `0 0 ${size} ${size}`, preserveAspectRatio: "none", role: "img", "aria-label": note }, squares);
  return h(
    "figure",
    { class: "chart" },
    h("figcaption", null, h("b", null, title), reading),
    styled(h("div", { class: "heat-frame" }, map), { "--ratio": ratio }),
    h("p", { class: "chart-note" }, note),
  );
}

return { barChart, heatMap };
})();

modules["funnel.js"] = (() => {
// The funnel: how many records each operator left, over all or within each group.

const { h, replace, styled } = modules["dom.js"];
const { percent, titled, whole } = modules["format.js"];
const { taskTitle } = modules["store.js"];

const MAX_GROUPS = 40;
const VIEWS = [["operator", "By operator"], ["family", "By family"], ["task", "By task"], ["source", "By source"]];

/** The funnel with its views. */
function funnel(curation) {
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

return { funnel };
})();

modules["overlay.js"] = (() => {
// Answers drawn over their picture. SVG lies on top of the picture and is never read back; stroke
// widths are those of the screen, whatever the picture's size, so a thumbnail stays legible.
// Truth and prediction differ by colour, by dash and by the shape of their dots.

const { h, styled, svg } = modules["dom.js"];

const DOT = "h.001"; // a stroke of no length: its round or square cap is the dot

/**
 * A picture with layers of marks over it.
 *
 * @param picture {file, width, height, problem}
 * @param layers [{marks, look}], where look is "truth" or "model-0", "model-1" ...
 * @param options {labels: show the marks' labels, eager: load at once}
 */
function figure(picture, layers, { labels = false, eager = false, alt = "" } = {}) {
  const { width, height } = picture;
  const frame = h("div", { class: "shot" });
  if (width && height) styled(frame, { "--ratio": `${width} / ${height}`, "--wide": width / height });
  if (picture.file === null) {
    frame.append(h("p", { class: "shot-problem" }, picture.problem));
  } else {
    frame.append(
      h("img", { src: picture.file, alt, loading: eager ? null : "lazy", decoding: "async", draggable: "false" }),
    );
  }
  if (width && height) {
    frame.append(drawing(picture, layers));
    if (labels) frame.append(...layers.flatMap((layer) => labelsOf(layer, picture)));
  }
  return frame;
}

/** The layers of a row: the truth, and above it what the chosen models said. */
function layersOf(row, models, { truth = true } = {}) {
  const layers = models
    .filter((index) => row.predictions[index]?.marks.length)
    .map((index) => ({ look: `model-${index}`, marks: row.predictions[index].marks }));
  if (truth && row.truth?.marks.length) layers.unshift({ look: "truth", marks: row.truth.marks });
  return layers;
}

/** The commonest shape of some records' first pictures, for frames that are all alike. */
function commonRatio(rows) {
  const counts = new Map();
  for (const { pictures } of rows) {
    if (!pictures[0]?.width) continue;
    const ratio = (pictures[0].width / pictures[0].height).toFixed(3);
    counts.set(ratio, (counts.get(ratio) ?? 0) + 1);
  }
  const [common] = [...counts].sort((a, b) => b[1] - a[1])[0] ?? ["1.333"];
  return Math.min(2, Math.max(0.8, Number(common)));
}

function drawing({ width, height }, layers) {
  return svg(
    "svg",
    { class: "marks", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "xMidYMid meet", "aria-hidden": "true" },
    layers.map((layer) => svg("g", { class: `layer ${layer.look}` }, layer.marks.map(markOf))),
  );
}

function markOf(mark) {
  const points = mark.points_px;
  if (points.length === 0) return null;
  if (mark.shape === "box") return strokes(boxPath(points), "line");
  if (mark.shape === "path") {
    const line = points.map(([x, y], index) => `${index ? "L" : "M"}${x} ${y}`).join("");
    return [points.length > 1 && strokes(line, "line"), strokes(dots(points.slice(-1)), "dot")];
  }
  return strokes(dots(points), "dot");
}

function boxPath([[x1, y1], [x2, y2]]) {
  return `M${x1} ${y1}H${x2}V${y2}H${x1}Z`;
}

function dots(points) {
  return points.map(([x, y]) => `M${x} ${y}${DOT}`).join("");
}

/** A dark casing below and the colour above: visible on any picture. */
function strokes(path, kind) {
  return [svg("path", { class: `case ${kind}`, d: path }), svg("path", { class: `ink ${kind}`, d: path })];
}

/** Labels as HTML: truth above its mark, predictions below, so that both can be read. */
function labelsOf(layer, { width, height }) {
  const seen = layer.marks.filter((mark) => mark.label && mark.points_px.length);
  return seen.map((mark) => {
    const xs = mark.points_px.map(([x]) => x);
    const ys = mark.points_px.map(([, y]) => y);
    const above = layer.look === "truth";
    const y = above ? Math.min(...ys) : Math.max(...ys);
    return styled(h("span", { class: `mark-label ${layer.look}${above ? " above" : ""}` }, mark.label), {
      left: `${clamped(Math.min(...xs) / width)}%`,
      top: `${clamped(y / height)}%`,
    });
  });
}

function clamped(share) {
  return Math.min(100, Math.max(0, share * 100)).toFixed(2);
}

/** A swatch of a layer's line, for legends: the same stroke as on the pictures. */
function swatch(look) {
  return svg(
    "svg",
    { class: "swatch", viewBox: "0 0 26 10", "aria-hidden": "true" },
    svg("g", { class: `layer ${look}` }, svg("path", { class: "ink line", d: "M1 5H25" })),
  );
}

return { figure, layersOf, commonRatio, swatch };
})();

modules["twins.js"] = (() => {
// Cards that hold one record against another: what was left out beside what speaks against it.

const { h } = modules["dom.js"];
const { compact, whole } = modules["format.js"];
const { figure, layersOf } = modules["overlay.js"];
const { taskTitle } = modules["store.js"];

const CLUSTER_SHOWN = 6;

/** A dropped record, its value, and the record that is kept in its stead; under a heading. */
function sampleCard({ record, value, threshold, reason, twin }, heading) {
  const sides = twin ? [side(record, "Left out", "out", twin), side(twin, "Kept", "in", record)] : [side(record, "Left out", "out", null)];
  return card(sides, measured(value, threshold), reason === heading ? "" : reason, record);
}

/** A training record beside what it repeats of a benchmark. */
function pairCard({ kind, value, threshold, dropped, against, record, other }) {
  const sides = [side(record, dropped ? "Left out" : "Reported", dropped ? "out" : "told", other), side(other, against, "in", record)];
  const words = { picture: "same bytes", copy: measured(value, threshold, "differs by"), text: measured(value, threshold, "similarity"), recording: value ? `${compact(value)} frames apart` : "the same moment" };
  return card(sides, words[kind] ?? measured(value, threshold), null, record);
}

/** A record that stays for many, and some of those. */
function clusterCard({ keeper, size, members }) {
  const shown = members.slice(0, CLUSTER_SHOWN);
  const rest = size - shown.length;
  return h(
    "figure",
    { class: "cluster" },
    h("div", { class: "cluster-pictures" }, thumbnail(keeper, "keeper"), shown.map(({ record }) => thumbnail(record, "")), rest > 0 ? h("span", { class: "rest" }, `+${whole(rest)}`) : null),
    h("figcaption", null, h("b", null, `1 of ${whole(size + 1)} stays`), h("span", null, said(keeper) || keeper.question)),
  );
}

function thumbnail(row, look) {
  const picture = row.pictures[0];
  return h("div", { class: `thumb ${look}`, title: row.id }, picture ? figure(picture, layersOf(row, [])) : h("p", { class: "words" }, said(row) || row.question));
}

function card(sides, figures, reason, record) {
  return h(
    "article",
    { class: `twin${sides.length === 1 ? " alone" : ""}` },
    h("div", { class: "sides" }, sides),
    h("footer", null, h("span", null, taskTitle(record.task)), reason && sides.length === 1 ? h("span", { class: "why" }, reason) : null, figures ? h("b", null, figures) : null),
  );
}

function measured(value, threshold, word = "") {
  if (value === null || (value === threshold && !word)) return "";
  const text = word ? `${word} ${compact(value)}` : compact(value);
  return threshold === null ? text : `${text} against ${compact(threshold)}`;
}

function side(row, role, look, other) {
  const picture = row.pictures[0];
  const more = row.pictures.length - 1;
  return h(
    "div",
    { class: `side ${look}` },
    picture ? h("div", { class: "side-picture" }, figure(picture, layersOf(row, []), { alt: row.question }), more > 0 ? h("span", { class: "count" }, `1 of ${more + 1}`) : null) : null,
    h("p", { class: "role" }, role),
    row.question ? h("p", { class: "twin-asked" }, marked(row.question, other?.question)) : null,
    said(row) ? h("p", { class: "twin-said" }, marked(said(row), other ? said(other) : undefined)) : null,
    h("p", { class: "id" }, row.id),
  );
}

function said(row) {
  return row.truth ? row.truth.text : "";
}

/** A text in which the words that a like text lacks stand out; unlike texts stay plain. */
function marked(text, other) {
  if (!other || other === text) return text;
  const known = new Set(words(other).map(folded));
  const parts = words(text);
  const isNew = parts.map((word) => /\S/.test(word) && !known.has(folded(word)));
  if (isNew.filter(Boolean).length > parts.length / 4) return text;
  return parts.map((word, place) => (isNew[place] ? h("mark", null, word) : word));
}

function words(text) {
  return text.split(/(\s+)/);
}

function folded(word) {
  return word.toLowerCase().replace(/[.,;:!?'"()]+/g, "");
}

return { sampleCard, pairCard, clusterCard };
})();

modules["curation.js"] = (() => {
// Curation: what was left out, by whom and why, each with the evidence beside it.

const { barChart } = modules["barcharts.js"];
const { h, replace } = modules["dom.js"];
const { compact, counted, plain, titled, whole } = modules["format.js"];
const { funnel } = modules["funnel.js"];
const { clusterCard, pairCard, sampleCard } = modules["twins.js"];

const FIRST_SHOWN = 2; // samples of a reason before "show more"
const CLUSTERS_SHOWN = 3;
const HISTOGRAMS = { records: ["value", "Every record's value; the line is the threshold."], pairs: ["similarity of pairs", "Pairs found, down to what was looked for; the line is the threshold."] };
const LEAKS = {
  picture: "The same picture",
  copy: "A copy of the picture",
  text: "The same words",
  recording: "The same recording",
};

/** The curation screen for the summary's `curation`. */
function curationScreen(curation) {
  const { records, kept, dropped } = curation.counts;
  const lede = dropped ? `${counted(dropped, "record")} left out, each with its reason. The records before are all still there: what-if tries another threshold.` : "No record was left out.";
  const working = curation.operators.filter((each) => each.dropped || each.leaks?.pairs.length || each.histogram || Object.keys(each.notes).length);
  return h(
    "main",
    { class: "page curation", id: "screen", tabindex: "-1" },
    h("h1", null, curation.headline || headline(records, kept)),
    h("p", { class: "lede" }, lede),
    dropped ? funnel(curation) : null,
    working.map(operatorPart),
  );
}

function headline(records, kept) {
  return kept === records ? `All ${whole(records)} records stay.` : `${whole(kept)} of ${whole(records)} records stay.`;
}

function operatorPart(operator) {
  const aside = [histogram(operator), options(operator), notes(operator)].flat().filter(Boolean);
  return h(
    "section",
    { class: "part operator", "aria-label": operator.label, id: `operator-${operator.label}` },
    h(
      "header",
      null,
      h("h2", null, titled(operator.label)),
      h("p", null, operator.title, " ", h("small", null, operator.code)),
      operator.dropped ? h("b", { class: "toll" }, `−${whole(operator.dropped)}`) : null,
    ),
    h(
      "div",
      { class: aside.length ? "evidence" : "evidence alone" },
      aside.length ? h("div", { class: "aside" }, aside) : null,
      h("div", null, operator.leaks ? leaks(operator.leaks) : operator.reasons.map(reasonBlock), operator.clusters.length ? clusters(operator.clusters) : null),
    ),
  );
}

function histogram({ histogram: data }) {
  if (!data) return null;
  const [title, note] = HISTOGRAMS[data.what];
  return barChart(data, { title: titled(title), note: data.thresholds.length ? note : null, noun: data.what.slice(0, -1), edgeText: short });
}

function short(value) {
  return compact(Number(value.toPrecision(2)));
}

/** The options in plain values: what the recipe says, for whoever wants to change it. */
function options({ options: given }) {
  const rows = Object.entries(given).filter(([, value]) => value !== null && typeof value !== "object");
  if (rows.length === 0) return null;
  return h("dl", { class: "options" }, rows.map(([name, value]) => h("div", null, h("dt", null, plain(name)), h("dd", null, typeof value === "number" ? compact(value) : String(value)))));
}

/** What an operator left beside its values, such as the measured error of a judge. */
function notes({ notes: found }) {
  return Object.entries(found).map(([name, value]) => h("div", { class: "note-table" }, h("h3", null, titled(name)), h("dl", { class: "options" }, flat(value).map(([key, each]) => h("div", null, h("dt", null, plain(key)), h("dd", null, typeof each === "number" ? compact(each) : String(each)))))));
}

/** Nested values as one list of names and plain values. */
function flat(value, prefix = "") {
  if (value === null || typeof value !== "object") return [[prefix, value ?? "–"]];
  return Object.entries(value).flatMap(([key, each]) => flat(each, prefix ? `${prefix} · ${key}` : key));
}

function reasonBlock({ text, count, samples }) {
  return foldedCards(h("span", null, text), count, samples, (sample) => sampleCard(sample, text));
}

function leaks({ counts, pairs, unread }) {
  const total = Object.values(unread.num_unread ?? {}).reduce((sum, number) => sum + number, 0);
  return [
    counts.length ? null : h("p", { class: "empty small" }, "Nothing of the sets is repeated."),
    total ? h("p", { class: "caution", role: "note" }, `${counted(total, "entry").replace(/entrys$/, "entries")} of the sets could not be read: a leak there would go unseen.`) : null,
    counts.map(({ kind, against, count }) =>
      foldedCards(
        h("span", null, LEAKS[kind] ?? titled(kind), h("small", null, ` in ${against}`)),
        count,
        pairs.filter((pair) => pair.kind === kind && pair.against === against),
        pairCard,
      ),
    ),
  ];
}

/** A heading with its count, and cards below it: a few at once, the others on request. */
function foldedCards(heading, count, items, makeCard, { first = FIRST_SHOWN, look = "twins" } = {}) {
  const cards = h("div", { class: look }, items.slice(0, first).map(makeCard));
  const hidden = items.length - first;
  const more = hidden > 0 && h("button", { class: "quiet", onclick: () => (replace(cards, items.map(makeCard)), more.remove()) }, `Show ${hidden} more`);
  return h("section", { class: "reason" }, h("h3", null, h("b", null, whole(count)), heading), cards, more || null);
}

function clusters(found) {
  const heading = h("span", null, found.length === 1 ? "group of duplicates" : "largest groups of duplicates");
  return foldedCards(heading, found.length, found, clusterCard, { first: CLUSTERS_SHOWN, look: "clusters" });
}

return { curationScreen };
})();

modules["datacard.js"] = (() => {
// The data card: what went in, what it looks like, and what was left out and why.

const { barChart, heatMap } = modules["barcharts.js"];
const { h, styled } = modules["dom.js"];
const { counted, percent, whole } = modules["format.js"];
const { taskTitle } = modules["store.js"];

/** The data screen for the summary's `data` and `ledger`. */
function dataScreen(card, ledger) {
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

return { dataScreen };
})();

modules["keys.js"] = (() => {
// The keyboard: one table for the whole page, one for the screen in sight, and the help that
// lists them.

const { h } = modules["dom.js"];

const HELP = [
  ["j k", "next and previous record"],
  ["o", "marks on and off"],
  ["t p", "truth, prediction on and off"],
  ["l", "labels on and off"],
  ["g", "list or grid"],
  ["/", "search"],
  ["1 – 6", "screens"],
  ["?", "this help"],
];

/** Listen; `screenKeys()` gives the table of the screen in sight: key -> what it does. */
function listenToKeys(pageKeys, screenKeys) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (document.querySelector("dialog[open]")) return;
    if (isTyping(event)) return;
    const act = screenKeys()[event.key] ?? pageKeys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}

/** Keys belong to the field they are typed into; Escape leaves it. */
function isTyping(event) {
  const { target, key } = event;
  const field = target.matches?.("input, select, textarea, summary");
  const pressed = target.matches?.("button, a") && (key === "Enter" || key === " ");
  if (field && key === "Escape") target.blur();
  return field || pressed;
}

/** The help as a dialog, closed. */
function helpDialog() {
  const dialog = h(
    "dialog",
    { class: "help", "aria-label": "Keyboard", onclick: (event) => event.target === dialog && dialog.close() },
    h(
      "div",
      null,
      h("h2", null, "Keyboard"),
      h("dl", null, HELP.map(([keys, what]) => h("div", null, h("dt", null, keys.split(" ").map((key) => (key === "–" ? key : h("kbd", null, key)))), h("dd", null, what)))),
      h("button", { class: "primary", onclick: () => dialog.close() }, "Close"),
    ),
  );
  return dialog;
}

return { listenToKeys, helpDialog };
})();

modules["lock.js"] = (() => {
// The lock: the resolved recipe that ran, and what it ran on.

const { h } = modules["dom.js"];
const { store } = modules["store.js"];

/** The lock screen for the summary's `lock`. */
function lockScreen({ text, environment }) {
  return h(
    "main",
    { class: "page", id: "screen", tabindex: "-1" },
    h("h1", null, "Lock"),
    h("p", { class: "lede" }, "The recipe as it ran, every default filled in."),
    h(
      "div",
      { class: "lock" },
      h("pre", { class: "yaml", tabindex: "0", "aria-label": "recipe.lock.yaml" }, h("code", null, text.trimEnd().split("\n").map(yamlLine))),
      h("div", null, identity(), facts("Environment", environment)),
    ),
  );
}

/** A line of YAML; only keys and comments are set apart. */
function yamlLine(line) {
  const [, before, key, value, comment] = line.match(/^(\s*(?:- )*)([\w.-]+:)?(.*?)((?:^|\s)#.*)?$/);
  const part = (name, text) => (text ? h("span", { class: name }, text) : null);
  return h("span", { class: "line" }, before, part("key", key), value, part("comment", comment), "\n");
}

function identity() {
  const evaluation = store.summary.evaluation;
  if (!evaluation) return null;
  const hashes = evaluation.models.map((model) => [model.name, model.identity]);
  return facts("Content hashes", { records: evaluation.records_hash, ...Object.fromEntries(hashes) });
}

/** Nested facts as one flat list of names and values. */
function facts(title, value) {
  const rows = flat(value);
  if (rows.length === 0) return null;
  return h("section", { "aria-label": title }, h("h2", null, title), h("dl", { class: "ledger" }, rows.map(([name, text]) => h("div", null, h("dt", null, name), h("dd", null, text)))));
}

function flat(value, prefix = "") {
  return Object.entries(value ?? {}).flatMap(([name, each]) => {
    const path = prefix ? `${prefix}.${name}` : name;
    if (Array.isArray(each)) return each.length ? [[path, each.join(" ")]] : [];
    if (each !== null && typeof each === "object") return flat(each, path);
    return [[path, each === null ? "–" : String(each)]];
  });
}

return { lockScreen };
})();

modules["pairs.js"] = (() => {
// Pairs of a better and a worse answer: how many there are, and what gives the better one away.

const { barChart } = modules["barcharts.js"];
const { h } = modules["dom.js"];
const { percent, whole } = modules["format.js"];

/** The section, or nothing where a run composed no pairs. */
function pairsSection(composition) {
  if (!composition?.pairs.length) return null;
  return h(
    "section",
    { class: "sheet", "aria-label": "Preference pairs" },
    h("h2", null, "Pairs of a better and a worse answer"),
    h(
      "div",
      { class: "scroll-x" },
      h(
        "table",
        { class: "forest" },
        h("caption", { class: "unseen" }, "For each composer: pairs, which answer is longer, and how often a classifier without picture and question is right"),
        h("thead", null, head()),
        h("tbody", null, composition.pairs.map(pairRow)),
      ),
    ),
    h("div", { class: "charts" }, composition.pairs.map(lengthChart)),
    h(
      "footer",
      { class: "notes" },
      h("p", null, "“Without looking” is a classifier that sees lengths, single words, and the extent and place of answers, but neither picture nor question. At 50 % it knows nothing; in few balanced pairs it falls below, for what leans one way in one half leans the other way in the other half."),
      Object.entries(composition.judges).map(judgeNote),
    ),
  );
}

function head() {
  const names = ["Pairs", "Better one longer", "Worse one longer", "Right without looking"];
  return h("tr", null, h("th", { scope: "col" }, "Composer"), names.map((name) => h("th", { scope: "col", class: "figure" }, name)));
}

function pairRow({ composer, num_pairs, mistakes, characters, blind }) {
  const kinds = Object.entries(mistakes).map(([name, count]) => `${name.replaceAll("_", " ")} ${whole(count)}`);
  return h(
    "tr",
    null,
    h("th", { scope: "row" }, h("div", { class: "task" }, h("span", null, composer), h("small", null, kinds.join(" · ")))),
    h("td", { class: "figure" }, whole(num_pairs)),
    h("td", { class: "figure" }, whole(characters.chosen_longer)),
    h("td", { class: "figure" }, whole(characters.rejected_longer)),
    h("td", { class: "figure" }, blind ? blindShare(blind) : "too few"),
  );
}

function blindShare({ accuracy, low, high }) {
  return [h("b", null, percent(accuracy)), low === null ? null : h("small", null, `${percent(low)} – ${percent(high)}`)];
}

function lengthChart({ composer, num_pairs, characters }) {
  const { edges, counts } = characters;
  return barChart(
    { edges, counts, num: num_pairs },
    {
      title: composer,
      note: "Characters by which the better answer is longer",
      noun: "pair",
      labels: edges.map((_, index) => index).slice(1, -1),
      edgeText: String,
    },
  );
}

function judgeNote([composer, judge]) {
  const said = [`${composer} asked ${judge.model}`];
  if (judge.order) said.push(`its preference changed with the order in ${share(judge.order.changed)}`);
  if (judge.detected) said.push(`it found ${share(judge.detected)} planted faults`, `and called ${share(judge.false_alarms)} of their originals bad`);
  return h("p", null, `${said.join("; ")}.`);
}

function share({ num, of }) {
  return `${whole(num)} of ${whole(of)}`;
}

return { pairsSection };
})();

modules["phases.js"] = (() => {
// The table of tasks and phases: each phase's value, and what changed since the phase on its left.

const { h } = modules["dom.js"];
const { VERDICTS, metricName } = modules["forest.js"];
const { measure, percent, signed, span, whole } = modules["format.js"];
const { address } = modules["route.js"];

/** The section, or nothing where an evaluation asked one phase alone. */
function phasesSection(phases) {
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

return { phasesSection };
})();

modules["overview.js"] = (() => {
// The first page: the verdict in one sentence, pictures, and the table it rests on.

const { headlineTable, isBenchmark } = modules["benchmarks.js"];
const { h, replace, styled } = modules["dom.js"];
const { forestTable } = modules["forest.js"];
const { counted, directed, whole } = modules["format.js"];
const { commonRatio, figure, layersOf, swatch } = modules["overlay.js"];
const { pairsSection } = modules["pairs.js"];
const { phasesSection } = modules["phases.js"];
const { address } = modules["route.js"];
const { mainMetric, store, taskTitle } = modules["store.js"];

const SAMPLE_NAMES = { typical: "Typical", worst: "Furthest off", best: "Best" };

/** The overview as one element. */
function overviewScreen() {
  const { verdict, evaluation, description } = store.summary;
  return h(
    "main",
    { class: "overview", id: "screen", tabindex: "-1" },
    h(
      "header",
      { class: "hero" },
      h(
        "div",
        null,
        description ? h("p", { class: "eyebrow" }, description) : null,
        h("h1", null, verdict.sentence),
        verdict.detail ? h("p", { class: "lede" }, verdict.detail) : null,
        verdict.caution ? h("p", { class: "caution", role: "note" }, verdict.caution) : null,
      ),
      facts(evaluation),
    ),
    samplesSection(),
    phasesSection(evaluation.phases),
    pairsSection(store.summary.composition),
    h("section", { class: "sheet", "aria-label": "Results" }, h("div", { class: "scroll-x" }, evaluation.tasks.some(isBenchmark) ? headlineTable() : forestTable()), footnotes(evaluation)),
  );
}

function facts(evaluation) {
  const { counts } = store.summary;
  const splits = [evaluation.settings?.split, ...(evaluation.settings?.more_splits ?? [])].filter(Boolean);
  const groups = Math.max(0, ...evaluation.tasks.map((task) => task.num_groups));
  const shown = counts.shown < counts.records ? `, ${whole(counts.shown)} shown` : "";
  const items = [
    [counted(counts.records, "record") + shown, splits.length ? `of the ${splits.join(" and ")} split${splits.length > 1 ? "s" : ""}` : ""],
    [counted(groups, "episode"), "drawn again for every interval"],
    [counted(evaluation.models.length, "model"), evaluation.models.map((model) => model.name).join(", ")],
  ];
  return h("dl", { class: "facts" }, items.map(([value, note]) => h("div", null, h("dt", null, value), h("dd", null, note))));
}

function samplesSection() {
  const groups = store.summary.samples.filter((group) => group.records.length);
  if (groups.length === 0) return null;
  const strip = styled(h("div", { class: "strip" }), { "--common": commonRatio(groups[0].records) });
  const tabs = groups.map((group) =>
    h("button", { "aria-pressed": "false", onclick: () => show(group) }, SAMPLE_NAMES[group.kind]),
  );
  function show(group) {
    tabs.forEach((tab, index) => tab.setAttribute("aria-pressed", String(groups[index] === group)));
    replace(strip, group.records.map(sampleTile));
    strip.scrollLeft = 0;
  }
  show(groups[0]);
  return h(
    "section",
    { class: "samples", "aria-label": "Sample answers" },
    h(
      "div",
      { class: "bar" },
      h("div", { class: "segmented", role: "group", "aria-label": "Which samples" }, tabs),
      h("p", { class: "legend" }, swatch("truth"), "truth", swatch("model-0"), store.models[0].name),
    ),
    strip,
  );
}

function sampleTile(row) {
  const task = store.tasks.get(row.task);
  const metric = mainMetric(task);
  const value = row.predictions[0].values[metric.name];
  return h(
    "a",
    { class: "tile", href: address("records", { task: row.task, id: row.id }) },
    figure(row.pictures[0], layersOf(row, [0]), { eager: true, alt: row.question }),
    h(
      "span",
      { class: "tile-name" },
      h("span", null, taskTitle(row.task)),
      h("b", null, directed(value, metric)),
    ),
    row.truth.marks.length ? null : h("span", { class: "tile-words" }, row.predictions[0].text || "said nothing"),
  );
}

function footnotes(evaluation) {
  const confidence = evaluation.settings?.confidence;
  const lines = [
    confidence ? `Whiskers: ${Math.round(confidence * 100)} % intervals; whole episodes are drawn again.` : null,
    "Differences are paired: the same records for both.",
    ...(evaluation.notes ?? []),
  ];
  const files = [...store.summary.tables, "report.json"];
  return h(
    "footer",
    { class: "notes" },
    h("p", null, lines.filter(Boolean).join(" ")),
    h("p", { class: "files" }, "The numbers as files: ", files.map((name, index) => [index ? " · " : "", h("a", { href: name }, name)])),
  );
}

return { overviewScreen };
})();

modules["detail.js"] = (() => {
// One record in full: the picture large with its marks, and what everybody said about it.

const { h } = modules["dom.js"];
const { measure, plain } = modules["format.js"];
const { figure, layersOf, swatch } = modules["overlay.js"];
const { STATES, store, taskTitle } = modules["store.js"];

/**
 * The page of one record.
 * @param row the record
 * @param view {layers: what is drawn, picture: number of the picture shown}
 * @param act {toggle(layer), picture(number)}
 */
function recordDetail(row, view, act) {
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
function stateBadge(state) {
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

return { recordDetail, stateBadge };
})();

modules["query.js"] = (() => {
// Filtering, counting and sorting: plain functions over arrays, no page in sight.
//
// One pass over the records finds the hits and, for every facet, the counts that would remain if
// that facet alone were opened: a record that fails exactly one filter counts for that one.

const FACETS = ["task", "part", "state", "rule", "source", "split"];
const NUM_BINS = 20;

/** A filter that lets everything through. Sets hold the chosen values; empty means any. */
function emptyFilter() {
  const chosen = Object.fromEntries(FACETS.map((facet) => [facet, []]));
  return { ...chosen, min: 0, max: 1, text: "", model: 0, sort: "worst" };
}

/** Whether the filter leaves anything out. */
function isFiltering(filter) {
  return FACETS.some((facet) => filter[facet].length) || hasRange(filter) || filter.text !== "";
}

function hasRange(filter) {
  return filter.min > 0 || filter.max < 1;
}

/** Everything about the records that filtering asks for, laid out in columns once. */
class RecordIndex {
  /** @param heads what `loadHeads` gives */
  constructor(heads, numModels) {
    this.heads = heads;
    this.numModels = numModels;
    this.opened = new Map(); // index -> record in full
    this.columns = {
      task: heads.map((head) => head.task),
      part: heads.map((head) => head.part ?? ""),
      source: heads.map((head) => head.source),
      split: heads.map((head) => head.split),
    };
    this.positions = new Map(heads.map((head, index) => [head.id, index]));
    this.judged = Array.from({ length: numModels }, (_, model) => judge(heads, model));
    this.known = new Map(); // values of a column -> every value that occurs, each at 0
    this.orders = new Map();
    this.texts = heads.map(({ id, words }) => `${id}\n${words}`.toLowerCase());
  }

  /** One record in full. */
  row(index) {
    if (!this.opened.has(index)) this.opened.set(index, JSON.parse(this.heads[index].line));
    return this.opened.get(index);
  }

  /**
   * The hits in order, and the counts for every facet.
   * @returns {hits: number[], counts: {facet: Map(value -> number)}, bins: number[]}
   */
  search(filter) {
    const tests = this.tests(filter);
    const counts = Object.fromEntries(tests.map(({ facet, values }) => [facet, this.zeros(values)]));
    const bins = new Array(NUM_BINS).fill(0);
    const quality = this.judged[filter.model]?.quality;
    const range = quality ? rangeTest(filter, quality) : () => true;
    const words = this.textTest(filter.text);
    const hits = [];
    for (const index of this.order(filter)) {
      let failed = null;
      let failures = 0;
      for (const test of tests) {
        if (test.passes(index)) continue;
        failed = test.facet;
        if (++failures > 1) break;
      }
      if (failures < 2 && !range(index)) {
        failed = "range";
        failures += 1;
      }
      if (failures > 1 || !words(index)) continue;
      if (failures === 0) hits.push(index);
      for (const { facet, values } of tests) {
        if (failures === 0 || failed === facet) add(counts[facet], values[index]);
      }
      if (quality && (failures === 0 || failed === "range")) countQuality(bins, quality[index]);
    }
    return { hits, counts, bins };
  }

  /** A count of 0 for every value of a column: what has no hit stays in sight. */
  zeros(values) {
    if (!this.known.has(values)) this.known.set(values, [...new Set(values)]);
    return new Map(this.known.get(values).map((value) => [value, 0]));
  }

  /** One test for every facet, in the order of `FACETS`. */
  tests(filter) {
    const columns = { ...this.columns, ...this.judged[filter.model]?.columns };
    return FACETS.filter((facet) => columns[facet]).map((facet) => {
      const values = columns[facet];
      const chosen = new Set(filter[facet]);
      return { facet, values, passes: chosen.size ? (index) => chosen.has(values[index]) : () => true };
    });
  }

  /** Whether a record holds every word of the search, in its question, its answers or its id. */
  textTest(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    if (words.length === 0) return () => true;
    return (index) => words.every((word) => this.texts[index].includes(word));
  }

  /** All records in the order asked for; each order is made once. */
  order({ sort, model }) {
    const key = `${sort}/${model}`;
    if (!this.orders.has(key)) this.orders.set(key, this.sorted(sort, model));
    return this.orders.get(key);
  }

  sorted(sort, model) {
    const order = this.heads.map((_, index) => index);
    const mine = this.judged[model]?.quality;
    if (!mine || sort === "order") return order;
    const [kind, other] = sort.split(":");
    const theirs = this.judged[Number(other)]?.quality;
    const key = {
      worst: (index) => mine[index],
      best: (index) => -mine[index],
      lost: (index) => mine[index] - theirs[index],
      won: (index) => theirs[index] - mine[index],
    }[kind];
    if (!key || (other !== undefined && !theirs)) return order;
    const keys = Float64Array.from(order, (index) => {
      const value = key(index);
      return Number.isNaN(value) ? Infinity : value; // nothing to judge: at the end
    });
    return order.sort((a, b) => keys[a] - keys[b] || a - b);
  }
}

function judge(heads, model) {
  return {
    columns: {
      state: heads.map((head) => head.predictions[model]?.state ?? "absent"),
      rule: heads.map((head) => head.predictions[model]?.rule ?? ""),
    },
    quality: Float64Array.from(heads, (head) => head.predictions[model]?.quality ?? NaN),
  };
}

/** A range at its full width lets through what could not be judged, too. */
function rangeTest({ min, max }, quality) {
  if (!hasRange({ min, max })) return () => true;
  return (index) => quality[index] >= min && quality[index] <= max;
}

function add(counts, value) {
  counts.set(value, (counts.get(value) ?? 0) + 1);
}

function countQuality(bins, value) {
  if (!Number.isNaN(value)) bins[Math.min(NUM_BINS - 1, Math.floor(value * NUM_BINS))] += 1;
}

return { FACETS, NUM_BINS, emptyFilter, isFiltering, RecordIndex };
})();

modules["facets.js"] = (() => {
// The panel of filters: facets with counts, a range over a histogram of scores, a text search.

const { h, replace, styled } = modules["dom.js"];
const { whole } = modules["format.js"];
const { emptyFilter, isFiltering, NUM_BINS } = modules["query.js"];
const { STATES, store, taskTitle } = modules["store.js"];

const TITLES = { task: "Task", part: "Part", state: "Answer", rule: "Read by rule", source: "Source", split: "Split" };

/**
 * The panel.
 * @param change called with the parts of the filter that a person changed
 * @returns {element, update(filter, result), focusSearch()}
 */
function facetPanel(change) {
  const search = h("input", {
    type: "search",
    class: "search",
    placeholder: "Search",
    "aria-label": "Search questions, answers and ids",
    "aria-keyshortcuts": "/",
    spellcheck: "false",
    oninput: () => change({ text: search.value }),
  });
  const reset = h("button", { class: "quiet reset", onclick: () => change(emptyFilter()) }, "Clear filters");
  const model = store.models.length ? modelChoice(change) : null;
  const range = store.models.length ? scoreRange(change) : null;
  const groups = Object.keys(TITLES).map((facet) => facetGroup(facet, change));
  const [task, part, state, ...rest] = groups;
  const element = h(
    "aside",
    { class: "facets", "aria-label": "Filters" },
    h("div", { class: "search-box" }, search, h("kbd", { "aria-hidden": "true" }, "/")),
    model?.element,
    range?.element,
    state.element,
    task.element,
    part.element,
    rest.map((group) => group.element),
    reset,
  );
  function update(filter, result) {
    if (search.value !== filter.text) search.value = filter.text;
    reset.hidden = !isFiltering(filter);
    model?.update(filter);
    range?.update(filter, result.bins);
    for (const group of groups) group.update(filter, result.counts);
  }
  return { element, update, focusSearch: () => search.select() };
}

function modelChoice(change) {
  const options = store.models.map((model, index) => h("option", { value: index }, model.name));
  const select = h("select", { id: "judged", onchange: () => change({ model: Number(select.value) }) }, options);
  const element = h("div", { class: "facet" }, h("label", { for: "judged" }, "Judge by"), select);
  return { element, update: (filter) => void (select.value = String(filter.model)) };
}

function facetGroup(facet, change) {
  const list = h("ul");
  const element = h("fieldset", { class: "facet", hidden: true }, h("legend", null, TITLES[facet]), list);
  let chosen = [];
  let options = new Map(); // value -> {button, count}; kept while the values are the same
  function update(filter, counts) {
    chosen = filter[facet];
    const known = values(facet, counts[facet], chosen);
    // A facet with a single value tells nothing and cannot be used.
    element.hidden = known.length < 2 && chosen.length === 0;
    if (known.length !== options.size || known.some((value) => !options.has(value))) {
      options = new Map(known.map((value) => [value, option(value)]));
      replace(list, known.map((value) => h("li", null, options.get(value).button)));
    }
    for (const [value, { button, count }] of options) {
      count.textContent = whole(counts[facet].get(value) ?? 0);
      button.setAttribute("aria-pressed", String(chosen.includes(value)));
    }
  }
  function option(value) {
    const count = h("span", { class: "count" });
    const properties = { class: "option", "data-value": value, onclick: () => toggle(value) };
    return { count, button: h("button", properties, h("span", null, name(facet, value)), count) };
  }
  function toggle(value) {
    const next = chosen.includes(value) ? chosen.filter((each) => each !== value) : [...chosen, value];
    change({ [facet]: next });
  }
  return { element, update };
}

/** The values to offer, in the order in which the rest of the report lists them. */
function values(facet, counts, chosen) {
  if (!counts) return [];
  const order = facet === "state" ? Object.keys(STATES) : facet === "task" ? [...store.tasks.keys()] : [];
  const rank = (value) => (order.includes(value) ? order.indexOf(value) : order.length);
  return [...new Set([...counts.keys(), ...chosen])].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
}

function name(facet, value) {
  if (facet === "task") return taskTitle(value);
  if (facet === "state") return STATES[value]?.title ?? value;
  return value || "(none)";
}

/** Two handles below a histogram; a bin outside the range turns pale. */
function scoreRange(change) {
  const bars = Array.from({ length: NUM_BINS }, () => h("i"));
  const low = handle("Lowest score", () => change({ min: Math.min(Number(low.value), Number(high.value)) }));
  const high = handle("Highest score", () => change({ max: Math.max(Number(low.value), Number(high.value)) }));
  const text = h("output");
  const element = h(
    "fieldset",
    { class: "facet range" },
    h("legend", { title: "0: what a missing answer gets. 1: a perfect answer." }, "Score", text),
    h("div", { class: "bins", "aria-hidden": "true" }, bars),
    h("div", { class: "handles" }, low, high),
  );
  function update(filter, bins) {
    low.value = String(filter.min);
    high.value = String(filter.max);
    text.textContent = `${filter.min.toFixed(2)} – ${filter.max.toFixed(2)}`;
    // The root keeps a few records visible beside a bin that holds most of them.
    const most = Math.sqrt(Math.max(1, ...bins));
    bars.forEach((bar, index) => {
      const inside = (index + 1) / NUM_BINS > filter.min && index / NUM_BINS < filter.max + 1e-9;
      styled(bar, { height: `${(Math.sqrt(bins[index]) / most) * 100}%` });
      bar.classList.toggle("outside", !inside);
    });
  }
  return { element, update };
}

function handle(label, oninput) {
  return h("input", { type: "range", min: 0, max: 1, step: 0.05, "aria-label": label, oninput });
}

return { facetPanel };
})();

modules["list.js"] = (() => {
// A list of any length: only what can be seen is in the page. One column makes a list, several make
// a grid; both are a listbox to assistive software, with positions stated since most are absent.

const { h, onSize, styled } = modules["dom.js"];

const SPARE_LINES = 3; // drawn above and below the visible ones, so that scrolling shows no gaps

class VirtualList {
  /**
   * @param makeItem (index) -> element of one item
   * @param lineHeightOf (width of an item) -> pixels of one line of items, its gap included
   * @param minWidth least width of an item in pixels; null for one column
   * @param choose called with the position of an item that was clicked
   */
  constructor({ label, makeItem, lineHeightOf, minWidth = null, choose, className }) {
    this.makeItem = makeItem;
    this.lineHeightOf = lineHeightOf;
    this.lineHeight = lineHeightOf(minWidth ?? 320);
    this.minWidth = minWidth;
    this.choose = choose;
    this.items = [];
    this.columns = 1;
    this.selected = -1;
    this.drawn = new Map(); // position -> element
    this.sheet = h("div", { class: "sheet-of-items", role: "presentation" });
    this.element = h(
      "div",
      { class: `virtual ${className}`, role: "listbox", tabindex: "0", "aria-label": label },
      this.sheet,
    );
    // Place and height are kept here: asking the element for them would lay out the page anew, in
    // the middle of drawing it.
    this.top = 0;
    this.height = 0;
    this.element.addEventListener("scroll", () => this.scrolled(), { passive: true });
    onSize(this.element, (width, height) => this.resize(width, height));
  }

  /** Show other items and go to the selected one, or to the top. */
  show(items, selected) {
    this.items = items;
    this.clear();
    this.sizeSheet();
    this.scrollTo(0);
    this.select(selected);
    this.draw();
  }

  /** Mark the item at `position` and bring it into view. */
  select(position) {
    this.drawn.get(this.selected)?.setAttribute("aria-selected", "false");
    this.selected = position;
    this.element.removeAttribute("aria-activedescendant");
    if (position < 0) return;
    this.reveal(position);
    this.draw();
    const item = this.drawn.get(position);
    if (!item) return;
    item.setAttribute("aria-selected", "true");
    this.element.setAttribute("aria-activedescendant", item.id);
  }

  /** Draw every visible item anew. */
  redraw() {
    this.clear();
    this.draw();
  }

  scrolled() {
    this.top = this.element.scrollTop;
    this.draw();
  }

  scrollTo(top) {
    if (top === this.top) return;
    this.element.scrollTop = top;
    this.top = top;
  }

  resize(width, height) {
    this.height = height;
    this.top = this.element.scrollTop; // lost while the element was out of sight
    const columns = this.minWidth === null ? 1 : Math.max(1, Math.floor(width / this.minWidth));
    const lineHeight = this.lineHeightOf(width / columns);
    if (columns !== this.columns || lineHeight !== this.lineHeight) {
      this.columns = columns;
      this.lineHeight = lineHeight;
      this.clear();
      this.sizeSheet();
    }
    if (this.selected >= 0) this.reveal(this.selected);
    this.draw();
  }

  sizeSheet() {
    const lines = Math.ceil(this.items.length / this.columns);
    styled(this.sheet, { height: `${lines * this.lineHeight}px` });
  }

  reveal(position) {
    if (this.height === 0) return;
    const top = Math.floor(position / this.columns) * this.lineHeight;
    const bottom = top + this.lineHeight;
    if (top < this.top) this.scrollTo(top);
    else if (bottom > this.top + this.height) this.scrollTo(bottom - this.height);
  }

  clear() {
    this.drawn.clear();
    this.sheet.replaceChildren();
  }

  draw() {
    const firstLine = Math.max(0, Math.floor(this.top / this.lineHeight) - SPARE_LINES);
    const lastLine = Math.ceil((this.top + this.height) / this.lineHeight) + SPARE_LINES;
    const first = firstLine * this.columns;
    const end = Math.min(this.items.length, lastLine * this.columns);
    for (const [position, item] of this.drawn) {
      if (position >= first && position < end) continue;
      item.remove();
      this.drawn.delete(position);
    }
    const fresh = [];
    for (let position = first; position < end; position += 1) {
      if (!this.drawn.has(position)) fresh.push(this.place(position));
    }
    this.sheet.append(...fresh);
  }

  place(position) {
    const item = this.makeItem(this.items[position]);
    item.id = `item-${position}`;
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", String(position === this.selected));
    item.setAttribute("aria-posinset", position + 1);
    item.setAttribute("aria-setsize", this.items.length);
    item.addEventListener("click", () => this.choose(position));
    const line = Math.floor(position / this.columns);
    styled(item, {
      top: `${line * this.lineHeight}px`,
      left: `${((position % this.columns) / this.columns) * 100}%`,
      width: `${100 / this.columns}%`,
    });
    this.drawn.set(position, item);
    return item;
  }
}

return { VirtualList };
})();

modules["records.js"] = (() => {
// The records: filters on the left, the worst first in the middle, one record in full on the right.
// What is chosen stands in the address, so that every view can be linked to.

const { h, replace, styled } = modules["dom.js"];
const { recordDetail, stateBadge } = modules["detail.js"];
const { facetPanel } = modules["facets.js"];
const { directed, whole } = modules["format.js"];
const { VirtualList } = modules["list.js"];
const { commonRatio, figure, layersOf } = modules["overlay.js"];
const { emptyFilter, FACETS, isFiltering, RecordIndex } = modules["query.js"];
const { rewriteRoute } = modules["route.js"];
const { loadHeads, mainMetric, store, taskTitle } = modules["store.js"];

const LIST_LINE = 92;
const GRID_WIDTH = 236;
const NUM_MEASURED = 100; // records whose pictures say how wide a frame is
const GRID_WORDS = 64; // pixels of a grid item that are not its picture

/** The screen; a single one lives as long as the page and keeps its place. */
class RecordsScreen {
  constructor() {
    this.index = null;
    this.filter = emptyFilter();
    this.hits = [];
    this.position = -1;
    this.grid = false;
    this.view = { layers: { on: true, truth: true, models: new Set([0]), labels: false }, picture: 0 };
    this.build();
  }

  build() {
    this.facets = facetPanel((part) => this.change(part));
    this.ratio = 4 / 3;
    const gridLine = (width) => Math.round((width - 14) / this.ratio) + GRID_WORDS;
    this.list = this.makeList("list", () => LIST_LINE, null, (index) => this.listItem(index));
    this.tiles = this.makeList("grid", gridLine, GRID_WIDTH, (index) => this.gridItem(index));
    this.count = h("p", { class: "hit-count", role: "status" }, "Loading …");
    this.sort = h("select", { "aria-label": "Order", onchange: () => this.change({ sort: this.sort.value }) }, sortOptions());
    this.gridButton = h("button", { class: "quiet", "aria-pressed": "false", "aria-keyshortcuts": "g", onclick: () => this.toggleGrid() }, "Grid");
    this.filterButton = h("button", { class: "quiet narrow-only", onclick: () => this.pane("filters") }, "Filters");
    this.detail = h("div", { class: "detail", role: "region", "aria-label": "Record" });
    this.element = h(
      "main",
      { class: "records", id: "screen", tabindex: "-1", "data-pane": "list" },
      this.facets.element,
      h(
        "section",
        { class: "hits", "aria-label": "Records" },
        h("div", { class: "bar" }, this.count, this.filterButton, store.models.length ? this.sort : null, this.gridButton),
        this.list.element,
        this.tiles.element,
      ),
      this.detail,
    );
    this.facets.element.append(h("button", { class: "primary narrow-only", onclick: () => this.pane("list") }, "Show records"));
  }

  makeList(name, lineHeightOf, minWidth, makeItem) {
    return new VirtualList({
      label: "Records",
      className: name,
      lineHeightOf,
      minWidth,
      makeItem,
      choose: (position) => this.choose(position),
    });
  }

  /** Show what the address asks for. */
  async open(query) {
    this.filter = readFilter(query);
    this.shownRow = null;
    this.view.layers.models = new Set([this.filter.model]);
    this.grid = query.get("view") === "grid";
    const wanted = query.get("id");
    if (this.index === null) this.takeHeads(await loadHeads());
    this.refresh(wanted);
    this.pane(wanted ? "detail" : "list");
  }

  takeHeads(heads) {
    this.index = new RecordIndex(heads, store.models.length);
    this.ratio = commonRatio(heads.slice(0, NUM_MEASURED).map((_, index) => this.index.row(index)));
    styled(this.element, { "--common": this.ratio });
  }

  /** Take a changed part of the filter. */
  change(part) {
    if (this.index === null) return;
    const selected = this.rowAt(this.position)?.id;
    this.filter = { ...this.filter, ...part };
    if ("model" in part) {
      this.view.layers.models = new Set([part.model]);
      this.shownRow = null; // the same record is drawn anew
    }
    this.refresh(isKept(part) ? selected : null);
  }

  /** Search again, and go to the record `wanted` if it is among the hits. */
  refresh(wanted) {
    const result = this.index.search(this.filter);
    this.hits = result.hits;
    const at = wanted ? this.hits.indexOf(this.index.positions.get(wanted)) : -1;
    this.position = at >= 0 ? at : this.hits.length ? 0 : -1;
    this.facets.update(this.filter, result);
    this.sort.value = this.filter.sort;
    const total = this.index.heads.length;
    const some = isFiltering(this.filter);
    replace(this.count, h("b", null, whole(this.hits.length)), some ? ` of ${whole(total)}` : total === 1 ? " record" : " records");
    this.layout();
    this.showPlace();
  }

  layout() {
    this.element.classList.toggle("as-grid", this.grid);
    this.gridButton.setAttribute("aria-pressed", String(this.grid));
    this.shown().show(this.hits, this.position);
  }

  /** The list or the grid, whichever is in sight. */
  shown() {
    return this.grid ? this.tiles : this.list;
  }

  choose(position) {
    if (this.grid) this.toggleGrid(position);
    else this.select(position);
    this.pane("detail");
  }

  select(position) {
    if (position < 0 || position >= this.hits.length) return;
    this.position = position;
    this.view.picture = 0;
    this.shown().select(position);
    this.showRecord();
  }

  /** Forward or back by a number of records. */
  step(by) {
    this.select(Math.min(this.hits.length - 1, Math.max(0, this.position + by)));
  }

  /** Between list and grid; from the grid a chosen record opens in the list. */
  toggleGrid(position = this.position) {
    this.grid = !this.grid;
    this.position = position;
    this.layout();
    this.showRecord();
  }

  toggleLayer(layer) {
    const { layers } = this.view;
    if (layer === "all") layers.on = !layers.on;
    else if (layer === "truth" || layer === "labels") layers[layer] = !layers[layer];
    else if (!layers.models.delete(layer)) layers.models.add(layer);
    if (layer !== "all") layers.on = true;
    this.showRecord();
    this.shown().redraw();
  }

  /** Which part is in sight on a narrow screen. */
  pane(name) {
    this.element.dataset.pane = name;
  }

  rowAt(position) {
    const index = this.hits[position];
    return index === undefined ? undefined : this.index.row(index);
  }

  showRecord() {
    const row = this.rowAt(this.position);
    rewriteRoute("records", writeFilter(this.filter, { id: row?.id, grid: this.grid }));
    if (!row) {
      this.shownRow = null;
      replace(this.detail, h("p", { class: "empty" }, this.index.heads.length ? "No record passes these filters." : "This report has no records."));
      return;
    }
    const act = { toggle: (layer) => this.toggleLayer(layer), picture: (number) => this.showPicture(number) };
    const scrolled = this.shownRow === row ? this.detail.scrollTop : 0;
    this.shownRow = row;
    replace(this.detail, this.steps(), recordDetail(row, this.view, act));
    this.detail.scrollTop = scrolled;
  }

  /** After filtering: the record in sight may be the same one, only its place in the list is new. */
  showPlace() {
    const row = this.rowAt(this.position);
    const steps = this.detail.querySelector(".steps");
    if (!row || row !== this.shownRow || !steps) return this.showRecord();
    rewriteRoute("records", writeFilter(this.filter, { id: row.id, grid: this.grid }));
    return steps.replaceWith(this.steps());
  }

  showPicture(number) {
    this.view.picture = number;
    this.showRecord();
  }

  steps() {
    const button = (text, label, key, by) =>
      h("button", { class: "quiet", "aria-label": label, "aria-keyshortcuts": key, disabled: !this.rowAt(this.position + by), onclick: () => this.step(by) }, text);
    return h(
      "div",
      { class: "steps" },
      h("button", { class: "quiet narrow-only", onclick: () => this.pane("list") }, "‹ Records"),
      h("p", { class: "task-name" }, taskTitle(this.rowAt(this.position).task)),
      h("p", { class: "at" }, `${whole(this.position + 1)} of ${whole(this.hits.length)}`),
      button("↑", "Previous record", "k", -1),
      button("↓", "Next record", "j", 1),
    );
  }

  listItem(index) {
    const row = this.index.row(index);
    const prediction = row.predictions[this.filter.model];
    const said = prediction ? prediction.text : row.truth?.text;
    return h(
      "div",
      { class: "item" },
      row.pictures.length ? this.thumbnail(row) : null,
      h(
        "div",
        { class: "words" },
        h("p", { class: "name" }, h("span", null, taskTitle(row.task)), prediction ? this.worth(row, prediction) : null),
        h("p", { class: "asked" }, row.question),
        h("p", { class: "said" }, prediction ? stateBadge(prediction.state) : null, said || "said nothing", truthBeside(row, prediction)),
      ),
    );
  }

  gridItem(index) {
    const row = this.index.row(index);
    const prediction = row.predictions[this.filter.model];
    return h(
      "div",
      { class: "item" },
      this.thumbnail(row),
      h("p", { class: "name" }, h("span", null, taskTitle(row.task)), prediction ? this.worth(row, prediction) : null),
      h("p", { class: "said" }, prediction ? (prediction.text || "said nothing") : row.question, truthBeside(row, prediction)),
    );
  }

  thumbnail(row) {
    const { layers } = this.view;
    const drawn = layers.on ? layersOf(row, [...layers.models], layers) : [];
    const picture = row.pictures[0];
    return picture ? h("div", { class: "thumb" }, figure(picture, drawn)) : h("p", { class: "thumb asks" }, row.question);
  }

  /** The main metric's value above a bar of the score. */
  worth(row, prediction) {
    if (prediction.quality === null) return h("span", { class: "worth" }, "–");
    const metric = mainMetric(store.tasks.get(row.task));
    const bar = styled(h("i"), { width: `${prediction.quality * 100}%` });
    return h(
      "span",
      { class: "worth", title: metric.name },
      h("b", null, directed(prediction.values[metric.name], metric)),
      h("span", { class: "bar-of" }, bar),
    );
  }

  /** What the keys do here. */
  keys() {
    return {
      j: () => this.step(1),
      k: () => this.step(-1),
      ArrowDown: () => this.step(this.grid ? this.tiles.columns : 1),
      ArrowUp: () => this.step(this.grid ? -this.tiles.columns : -1),
      ArrowRight: () => this.step(1),
      ArrowLeft: () => this.step(-1),
      Home: () => this.select(0),
      End: () => this.select(this.hits.length - 1),
      Enter: () => this.choose(this.position),
      o: () => this.toggleLayer("all"),
      t: () => this.toggleLayer("truth"),
      p: () => this.toggleLayer(this.filter.model),
      l: () => this.toggleLayer("labels"),
      g: () => this.toggleGrid(),
      "/": () => this.facets.focusSearch(),
      Escape: () => this.pane("list"),
    };
  }
}

/** What the answer should have been, where the picture cannot show it. */
function truthBeside(row, prediction) {
  if (!prediction || !row.truth || row.truth.marks.length || prediction.quality === 1) return null;
  return h("span", { class: "should" }, "truth ", row.truth.text);
}

/** A change of the filter keeps the selected record; a new order starts at its top. */
function isKept(part) {
  return !("sort" in part) && !("model" in part);
}

function sortOptions() {
  // Of a run's own report the first model is the one that is judged; in a comparison any may be.
  const others = store.models.map((model, index) => [index, model.name]).slice(store.summary.comparison ? 0 : 1);
  const options = [
    ["worst", "Worst first"],
    ["best", "Best first"],
    ...others.flatMap(([index, name]) => [
      [`lost:${index}`, `Lost to ${name}`],
      [`won:${index}`, `Won over ${name}`],
    ]),
    ["order", "As evaluated"],
  ];
  return options.map(([value, text]) => h("option", { value }, text));
}

function readFilter(query) {
  const filter = emptyFilter();
  for (const facet of FACETS) filter[facet] = query.getAll(facet);
  filter.text = query.get("q") ?? "";
  filter.min = share(query.get("min"), 0);
  filter.max = share(query.get("max"), 1);
  filter.sort = query.get("sort") ?? "worst";
  const model = store.models.findIndex((each) => each.name === query.get("model"));
  filter.model = Math.max(0, model);
  return filter;
}

function share(text, otherwise) {
  const value = text === null || text === "" ? NaN : Number(text);
  return value >= 0 && value <= 1 ? value : otherwise;
}

function writeFilter(filter, { id, grid }) {
  const plain = emptyFilter();
  const changed = (name) => (filter[name] === plain[name] ? "" : filter[name]);
  return {
    ...Object.fromEntries(FACETS.map((facet) => [facet, filter[facet]])),
    q: filter.text,
    min: changed("min"),
    max: changed("max"),
    sort: changed("sort"),
    model: filter.model === 0 ? "" : store.models[filter.model].name,
    view: grid ? "grid" : "",
    id,
  };
}

return { RecordsScreen };
})();

modules["linechart.js"] = (() => {
// A curve over training steps. The thin line is what was logged; on noisy curves a thick one is
// its moving mean. Pointing at it, or arrow keys on it, read single values.

const { h, onWidth, replace, svg } = modules["dom.js"];
const { compact, whole } = modules["format.js"];
const { extent, linear, smoothed, ticks } = modules["scales.js"];

const HEIGHT = 200;
const EDGE = { top: 10, right: 12, bottom: 24, left: 52 };
const SMOOTH_FROM = 40; // fewer points are shown as they are
const NOISE = 0.01; // of the height: a curve nearer to its moving mean is smooth by itself

/**
 * One chart with its heading: {name, title, points: [[step, value]...], num_logged}. `reader` knows the step
 * that is being read and whether the chart has the focus; a chart drawn anew with it goes on from there.
 */
function lineChart(curve, reader = { step: null, focused: false }) {
  const reading = h("output", { class: "reading" });
  const plot = h("div", { class: "plot-area" });
  onWidth(plot, (width) => {
    const kept = { ...reader };
    replace(plot);
    Object.assign(reader, kept); // a browser may blur what goes
    const chart = draw(curve, width, reading, reader);
    plot.append(chart);
    if (reader.focused) chart.focus({ preventScroll: true });
  });
  return h(
    "figure",
    { class: "chart" },
    h("figcaption", null, h("b", null, curve.title), reading),
    plot,
  );
}

function draw({ name, points }, width, reading, reader) {
  const x = linear([points[0][0], points.at(-1)[0]], [EDGE.left, width - EDGE.right]);
  const values = points.map(([, value]) => value);
  const [low, high] = extent(values);
  const y = linear([low, high], [HEIGHT - EDGE.bottom, EDGE.top]);
  const mean = smoothed(points, Math.max(3, Math.round(points.length / 25)));
  const noisy = points.length >= SMOOTH_FROM && unlike(points, mean) > NOISE * (high - low);
  const cursor = svg("g", { class: "cursor", visibility: "hidden" });
  const chart = svg(
    "svg",
    { width, height: HEIGHT, class: "line-chart", role: "img", tabindex: "0", "aria-label": summary(name, points) },
    ticks(low, high, 4).map((tick) => leftTick(tick, y(tick), width)),
    steps(points[0][0], points.at(-1)[0], width).map((tick) => bottomTick(tick, x(tick))),
    noisy ? svg("path", { class: "raw-curve", d: path(points, x, y) }) : null,
    svg("path", { class: "curve", d: path(noisy ? mean : points, x, y) }),
    points.length === 1 ? svg("circle", { class: "curve-dot", cx: x(points[0][0]), cy: y(points[0][1]), r: 3.5 }) : null,
    cursor,
  );
  attachReading(chart, { points, x, y, cursor, reading, reader });
  return chart;
}

/** Steps to write below the chart: there are no half ones. */
function steps(first, last, width) {
  return ticks(first, last, Math.max(2, Math.floor(width / 110))).filter(Number.isInteger);
}

/** Mean distance between two curves over the same steps. */
function unlike(points, others) {
  return points.reduce((sum, [, value], index) => sum + Math.abs(value - others[index][1]), 0) / points.length;
}

function summary(name, points) {
  const [first, last] = [points[0], points.at(-1)];
  return `${name}: ${compact(first[1])} at step ${first[0]}, ${compact(last[1])} at step ${last[0]}`;
}

function path(points, x, y) {
  return points.map(([step, value], index) => `${index ? "L" : "M"}${x(step).toFixed(1)} ${y(value).toFixed(1)}`).join("");
}

function leftTick(tick, at, width) {
  return svg(
    "g",
    { class: "tick" },
    svg("line", { x1: EDGE.left, x2: width - EDGE.right, y1: at, y2: at }),
    svg("text", { x: EDGE.left - 8, y: at + 4, "text-anchor": "end" }, compact(tick)),
  );
}

function bottomTick(tick, at) {
  return svg("g", { class: "tick" }, svg("text", { x: at, y: HEIGHT - 6, "text-anchor": "middle" }, whole(tick)));
}

function attachReading(chart, { points, x, y, cursor, reading, reader }) {
  let at = points.length - 1;
  function show(index) {
    at = Math.min(points.length - 1, Math.max(0, index));
    const [step, value] = points[at];
    reader.step = step;
    reading.textContent = `step ${whole(step)}: ${compact(value)}`;
    cursor.setAttribute("visibility", "visible");
    replace(
      cursor,
      svg("line", { x1: x(step), x2: x(step), y1: EDGE.top, y2: HEIGHT - EDGE.bottom }),
      svg("circle", { cx: x(step), cy: y(value), r: 4 }),
    );
  }
  function hide() {
    reader.step = null;
    cursor.setAttribute("visibility", "hidden");
    const [step, value] = points.at(-1);
    reading.textContent = `${compact(value)} at step ${whole(step)}`;
  }
  chart.addEventListener("pointermove", (event) => {
    const left = event.clientX - chart.getBoundingClientRect().left;
    show(nearest(points, (step) => Math.abs(x(step) - left)));
  });
  chart.addEventListener("pointerleave", hide);
  chart.addEventListener("focus", () => (reader.focused = true));
  chart.addEventListener("blur", () => {
    reader.focused = false;
    hide();
  });
  chart.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    show(at + by);
  });
  if (reader.step === null) hide();
  else show(nearest(points, (step) => Math.abs(step - reader.step)));
}

/** Which point is the nearest, by the distance of its step. */
function nearest(points, distance) {
  const distances = points.map(([step]) => distance(step));
  return distances.indexOf(Math.min(...distances));
}

return { lineChart };
})();

modules["training.js"] = (() => {
// Training: for each stage its facts and curves.

const { h, replace, styled } = modules["dom.js"];
const { compact, counted, whole } = modules["format.js"];
const { lineChart } = modules["linechart.js"];

const readers = new Map(); // stage and field -> what is being read of that chart

/** The training screen for the summary's `training`; with `live`, of a run that is going on. */
function trainingScreen(summary) {
  return h("main", { class: "page", id: "screen", tabindex: "-1" }, content(summary));
}

/** Put the newest state into the training screen, without a jump for who has scrolled. */
function swapTraining(summary) {
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

return { trainingScreen, swapTraining };
})();

modules["main.js"] = (() => {
// The page's frame: the bar at the top, one screen below it, and the way from addresses to screens.

const { benchmarksScreen, isBenchmark, revealBenchmark } = modules["benchmarks.js"];
const { comparisonScreen } = modules["comparison.js"];
const { curationScreen } = modules["curation.js"];
const { dataScreen } = modules["datacard.js"];
const { h, replace, svg } = modules["dom.js"];
const { helpDialog, listenToKeys } = modules["keys.js"];
const { lockScreen } = modules["lock.js"];
const { overviewScreen } = modules["overview.js"];
const { RecordsScreen } = modules["records.js"];
const { address, readRoute } = modules["route.js"];
const { follow, openStore, store, takeLive, takeShard } = modules["store.js"];
const { swapTraining, trainingScreen } = modules["training.js"];

const page = { screens: [], records: null, current: null, links: new Map() };

/** The screens this report has, in the order of the bar. */
function screensOf(summary) {
  const { mode, evaluation, shards } = summary;
  const screens = ["curation", "training"].includes(mode) ? [] : [["records", "Records"]];
  if (mode === "comparison" && shards.length === 0) screens.pop();
  if (evaluation?.tasks.some(isBenchmark)) screens.unshift(["benchmarks", "Benchmarks"]);
  if (summary.comparison) screens.unshift(["comparison", "Comparison"]);
  else if (evaluation) screens.unshift(["overview", "Overview"]);
  if (summary.training?.length || mode === "training") screens.push(["training", "Training"]);
  if (summary.data) screens.push(["data", "Data"]);
  if (summary.curation) screens.push(["curation", "Curation"]);
  if (summary.lock) screens.push(["lock", "Lock"]);
  return screens;
}

function start(text) {
  openStore(text);
  page.screens = screensOf(store.summary);
  document.title = store.summary.title;
  const help = helpDialog();
  replace(document.body, h("a", { class: "skip", href: "#screen", onclick: skip }, "Skip to content"), topBar(help), h("div", { id: "place" }), help);
  const screenKeys = page.screens.map(([screen], index) => [String(index + 1), () => (location.hash = address(screen))]);
  const pageKeys = { ...Object.fromEntries(screenKeys), "?": () => help.showModal() };
  listenToKeys(pageKeys, () => (page.current === "records" ? page.records.keys() : {}));
  window.addEventListener("hashchange", show);
  show();
  if (store.summary.live) follow(() => page.current === "training" && swapTraining(store.summary));
}

/** The address is taken by the screens, so a jump to the content is made by hand. */
function skip(event) {
  event.preventDefault();
  document.getElementById("screen").focus();
}

function topBar(help) {
  const links = page.screens.map(([screen, name]) => h("a", { href: address(screen) }, name));
  page.links = new Map(page.screens.map(([screen], index) => [screen, links[index]]));
  return h(
    "header",
    { class: "top" },
    h("a", { class: "mark", href: address(page.screens[0][0]) }, logo(), h("span", null, store.summary.title)),
    h("nav", { "aria-label": "Screens" }, links),
    h("button", { class: "quiet help-button", "aria-label": "Keyboard help", "aria-keyshortcuts": "?", onclick: () => help.showModal() }, "?"),
  );
}

/** A truth and a prediction that nearly agree. */
function logo() {
  return svg(
    "svg",
    { viewBox: "0 0 22 22", "aria-hidden": "true", class: "logo" },
    svg("rect", { class: "logo-truth", x: 2, y: 2, width: 13, height: 13, rx: 2 }),
    svg("rect", { class: "logo-prediction", x: 7, y: 7, width: 13, height: 13, rx: 2 }),
  );
}

function show() {
  const { screen, query } = readRoute();
  const known = page.links.has(screen) ? screen : page.screens[0][0];
  for (const [name, link] of page.links) {
    if (name === known) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const moved = page.current !== known;
  page.current = known;
  const element = screenElement(known);
  if (moved) {
    replace(document.getElementById("place"), element);
    scrollTo(0, 0);
  }
  if (known === "benchmarks") revealBenchmark(query.get("name"));
  if (known === "records") page.records.open(query);
}

function screenElement(screen) {
  const { summary } = store;
  switch (screen) {
    case "benchmarks":
      return benchmarksScreen();
    case "comparison":
      return comparisonScreen(summary.comparison);
    case "overview":
      return overviewScreen();
    case "training":
      return trainingScreen(summary);
    case "data":
      return dataScreen(summary.data, summary.ledger);
    case "curation":
      return curationScreen(summary.curation);
    case "lock":
      return lockScreen(summary.lock);
    default:
      page.records ??= new RecordsScreen();
      return page.records.element;
  }
}

window.roboloop = Object.freeze({ start, shard: takeShard, live: takeLive });

})();
})();

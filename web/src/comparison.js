// Models against a baseline, task by task, on the records they share; each count of records won and
// lost leads to them.

import { table } from "./benchmarks.js";
import { h } from "./dom.js";
import { differenceCell, figureCell } from "./forest.js";
import { counted, plain, whole } from "./format.js";
import { address } from "./route.js";
import { store } from "./store.js";

/** The comparison screen for the summary's `comparison`. */
export function comparisonScreen(comparison) {
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

// The first page: the verdict in one sentence, pictures, and the table it rests on.

import { headlineTable, isBenchmark } from "./benchmarks.js";
import { h, replace, styled } from "./dom.js";
import { forestTable } from "./forest.js";
import { counted, directed, whole } from "./format.js";
import { commonRatio, figure, layersOf, swatch } from "./overlay.js";
import { pairsSection } from "./pairs.js";
import { phasesSection } from "./phases.js";
import { address } from "./route.js";
import { mainMetric, store, taskTitle } from "./store.js";

const SAMPLE_NAMES = { typical: "Typical", worst: "Furthest off", best: "Best" };

/** The overview as one element. */
export function overviewScreen() {
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

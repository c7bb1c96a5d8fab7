// Curation: what was left out, by whom and why, each with the evidence beside it.

import { barChart } from "./barcharts.js";
import { h, replace } from "./dom.js";
import { compact, counted, plain, titled, whole } from "./format.js";
import { funnel } from "./funnel.js";
import { clusterCard, pairCard, sampleCard } from "./twins.js";

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
export function curationScreen(curation) {
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

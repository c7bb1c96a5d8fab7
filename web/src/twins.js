// Cards that hold one record against another: what was left out beside what speaks against it.

import { h } from "./dom.js";
import { compact, whole } from "./format.js";
import { figure, layersOf } from "./overlay.js";
import { taskTitle } from "./store.js";

const CLUSTER_SHOWN = 6;

/** A dropped record, its value, and the record that is kept in its stead; under a heading. */
export function sampleCard({ record, value, threshold, reason, twin }, heading) {
  const sides = twin ? [side(record, "Left out", "out", twin), side(twin, "Kept", "in", record)] : [side(record, "Left out", "out", null)];
  return card(sides, measured(value, threshold), reason === heading ? "" : reason, record);
}

/** A training record beside what it repeats of a benchmark. */
export function pairCard({ kind, value, threshold, dropped, against, record, other }) {
  const sides = [side(record, dropped ? "Left out" : "Reported", dropped ? "out" : "told", other), side(other, against, "in", record)];
  const words = { picture: "same bytes", copy: measured(value, threshold, "differs by"), text: measured(value, threshold, "similarity"), recording: value ? `${compact(value)} frames apart` : "the same moment" };
  return card(sides, words[kind] ?? measured(value, threshold), null, record);
}

/** A record that stays for many, and some of those. */
export function clusterCard({ keeper, size, members }) {
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

// The lock: the resolved recipe that ran, and what it ran on.

import { h } from "./dom.js";
import { store } from "./store.js";

/** The lock screen for the summary's `lock`. */
export function lockScreen({ text, environment }) {
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

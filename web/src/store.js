// What the report knows. The summary comes with the page; records are loaded when first needed.

import { h } from "./dom.js";
import { titled } from "./format.js";

export const store = {
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
export function openStore(text) {
  store.summary = JSON.parse(text);
  const evaluation = store.summary.evaluation;
  store.models = evaluation?.models ?? [];
  store.tasks = new Map((evaluation?.tasks ?? []).map((task) => [task.task, task]));
}

/** Take one shard of records: base64 of gzip of lines of JSON, the heads of all and each record. */
export function takeShard(number, packed) {
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
export function loadHeads() {
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
export function follow(onChange) {
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
export function takeLive(text) {
  if (text === latest) return;
  latest = text;
  Object.assign(store.summary, JSON.parse(text));
  changed();
}

/** The title of a task, or its name in plain words. */
export function taskTitle(kind) {
  return store.tasks.get(kind)?.title || store.summary.tasks?.[kind] || titled(kind);
}

/** The main metric of a task: {name, unit, higher_is_better, worst}. */
export function mainMetric(task) {
  return task.metrics.find((metric) => metric.primary) ?? task.metrics[0];
}

/** How an answer was understood: what each status is called, and its sign. */
export const STATES = {
  ok: { title: "One answer", sign: "" },
  no_answer: { title: "No answer", sign: "∅" },
  ambiguous: { title: "Several answers", sign: "≈" },
  out_of_range: { title: "Out of range", sign: "↗" },
  convention_break: { title: "Other convention", sign: "⌗" },
  truncated: { title: "Cut off", sign: "…" },
  infra_error: { title: "Request failed", sign: "!" },
  truth_missing: { title: "No truth", sign: "?" },
};

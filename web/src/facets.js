// The panel of filters: facets with counts, a range over a histogram of scores, a text search.

import { h, replace, styled } from "./dom.js";
import { whole } from "./format.js";
import { emptyFilter, isFiltering, NUM_BINS } from "./query.js";
import { STATES, store, taskTitle } from "./store.js";

const TITLES = { task: "Task", part: "Part", state: "Answer", rule: "Read by rule", source: "Source", split: "Split" };

/**
 * The panel.
 * @param change called with the parts of the filter that a person changed
 * @returns {element, update(filter, result), focusSearch()}
 */
export function facetPanel(change) {
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

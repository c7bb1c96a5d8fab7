// The records: filters on the left, the worst first in the middle, one record in full on the right.
// What is chosen stands in the address, so that every view can be linked to.

import { h, replace, styled } from "./dom.js";
import { recordDetail, stateBadge } from "./detail.js";
import { facetPanel } from "./facets.js";
import { directed, whole } from "./format.js";
import { VirtualList } from "./list.js";
import { commonRatio, figure, layersOf } from "./overlay.js";
import { emptyFilter, FACETS, isFiltering, RecordIndex } from "./query.js";
import { rewriteRoute } from "./route.js";
import { loadHeads, mainMetric, store, taskTitle } from "./store.js";

const LIST_LINE = 92;
const GRID_WIDTH = 236;
const NUM_MEASURED = 100; // records whose pictures say how wide a frame is
const GRID_WORDS = 64; // pixels of a grid item that are not its picture

/** The screen; a single one lives as long as the page and keeps its place. */
export class RecordsScreen {
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

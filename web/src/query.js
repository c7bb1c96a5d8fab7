// Filtering, counting and sorting: plain functions over arrays, no page in sight.
//
// One pass over the records finds the hits and, for every facet, the counts that would remain if
// that facet alone were opened: a record that fails exactly one filter counts for that one.

export const FACETS = ["task", "part", "state", "rule", "source", "split"];
export const NUM_BINS = 20;

/** A filter that lets everything through. Sets hold the chosen values; empty means any. */
export function emptyFilter() {
  const chosen = Object.fromEntries(FACETS.map((facet) => [facet, []]));
  return { ...chosen, min: 0, max: 1, text: "", model: 0, sort: "worst" };
}

/** Whether the filter leaves anything out. */
export function isFiltering(filter) {
  return FACETS.some((facet) => filter[facet].length) || hasRange(filter) || filter.text !== "";
}

function hasRange(filter) {
  return filter.min > 0 || filter.max < 1;
}

/** Everything about the records that filtering asks for, laid out in columns once. */
export class RecordIndex {
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

// Histograms and the map of where answers lie.

import { h, onWidth, replace, styled, svg } from "./dom.js";
import { compact, counted, whole } from "./format.js";
import { linear } from "./scales.js";

const HEIGHT = 132;
const EDGE = { top: 8, right: 4, bottom: 22, left: 4 };

/**
 * A histogram with its heading.
 * @param data {edges, counts, num}; with `thresholds`, the edges lie evenly
 * @param edgeText how an edge is written; `labels` the edges that are
 * @param noun what is counted
 */
export function barChart(data, { title, note, edgeText = compact, labels, noun = "answer" }) {
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
export function heatMap(cells, { title, note, ratio }) {
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

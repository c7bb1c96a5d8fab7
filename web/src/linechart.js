// A curve over training steps. The thin line is what was logged; on noisy curves a thick one is
// its moving mean. Pointing at it, or arrow keys on it, read single values.

import { h, onWidth, replace, svg } from "./dom.js";
import { compact, whole } from "./format.js";
import { extent, linear, smoothed, ticks } from "./scales.js";

const HEIGHT = 200;
const EDGE = { top: 10, right: 12, bottom: 24, left: 52 };
const SMOOTH_FROM = 40; // fewer points are shown as they are
const NOISE = 0.01; // of the height: a curve nearer to its moving mean is smooth by itself

/**
 * One chart with its heading: {name, title, points: [[step, value]...], num_logged}. `reader` knows the step
 * that is being read and whether the chart has the focus; a chart drawn anew with it goes on from there.
 */
export function lineChart(curve, reader = { step: null, focused: false }) {
  const reading = h("output", { class: "reading" });
  const plot = h("div", { class: "plot-area" });
  onWidth(plot, (width) => {
    const kept = { ...reader };
    replace(plot);
    Object.assign(reader, kept); // a browser may blur what goes
    const chart = draw(curve, width, reading, reader);
    plot.append(chart);
    if (reader.focused) chart.focus({ preventScroll: true });
  });
  return h(
    "figure",
    { class: "chart" },
    h("figcaption", null, h("b", null, curve.title), reading),
    plot,
  );
}

function draw({ name, points }, width, reading, reader) {
  const x = linear([points[0][0], points.at(-1)[0]], [EDGE.left, width - EDGE.right]);
  const values = points.map(([, value]) => value);
  const [low, high] = extent(values);
  const y = linear([low, high], [HEIGHT - EDGE.bottom, EDGE.top]);
  const mean = smoothed(points, Math.max(3, Math.round(points.length / 25)));
  const noisy = points.length >= SMOOTH_FROM && unlike(points, mean) > NOISE * (high - low);
  const cursor = svg("g", { class: "cursor", visibility: "hidden" });
  const chart = svg(
    "svg",
    { width, height: HEIGHT, class: "line-chart", role: "img", tabindex: "0", "aria-label": summary(name, points) },
    ticks(low, high, 4).map((tick) => leftTick(tick, y(tick), width)),
    steps(points[0][0], points.at(-1)[0], width).map((tick) => bottomTick(tick, x(tick))),
    noisy ? svg("path", { class: "raw-curve", d: path(points, x, y) }) : null,
    svg("path", { class: "curve", d: path(noisy ? mean : points, x, y) }),
    points.length === 1 ? svg("circle", { class: "curve-dot", cx: x(points[0][0]), cy: y(points[0][1]), r: 3.5 }) : null,
    cursor,
  );
  attachReading(chart, { points, x, y, cursor, reading, reader });
  return chart;
}

/** Steps to write below the chart: there are no half ones. */
function steps(first, last, width) {
  return ticks(first, last, Math.max(2, Math.floor(width / 110))).filter(Number.isInteger);
}

/** Mean distance between two curves over the same steps. */
function unlike(points, others) {
  return points.reduce((sum, [, value], index) => sum + Math.abs(value - others[index][1]), 0) / points.length;
}

function summary(name, points) {
  const [first, last] = [points[0], points.at(-1)];
  return `${name}: ${compact(first[1])} at step ${first[0]}, ${compact(last[1])} at step ${last[0]}`;
}

function path(points, x, y) {
  return points.map(([step, value], index) => `${index ? "L" : "M"}${x(step).toFixed(1)} ${y(value).toFixed(1)}`).join("");
}

function leftTick(tick, at, width) {
  return svg(
    "g",
    { class: "tick" },
    svg("line", { x1: EDGE.left, x2: width - EDGE.right, y1: at, y2: at }),
    svg("text", { x: EDGE.left - 8, y: at + 4, "text-anchor": "end" }, compact(tick)),
  );
}

function bottomTick(tick, at) {
  return svg("g", { class: "tick" }, svg("text", { x: at, y: HEIGHT - 6, "text-anchor": "middle" }, whole(tick)));
}

function attachReading(chart, { points, x, y, cursor, reading, reader }) {
  let at = points.length - 1;
  function show(index) {
    at = Math.min(points.length - 1, Math.max(0, index));
    const [step, value] = points[at];
    reader.step = step;
    reading.textContent = `step ${whole(step)}: ${compact(value)}`;
    cursor.setAttribute("visibility", "visible");
    replace(
      cursor,
      svg("line", { x1: x(step), x2: x(step), y1: EDGE.top, y2: HEIGHT - EDGE.bottom }),
      svg("circle", { cx: x(step), cy: y(value), r: 4 }),
    );
  }
  function hide() {
    reader.step = null;
    cursor.setAttribute("visibility", "hidden");
    const [step, value] = points.at(-1);
    reading.textContent = `${compact(value)} at step ${whole(step)}`;
  }
  chart.addEventListener("pointermove", (event) => {
    const left = event.clientX - chart.getBoundingClientRect().left;
    show(nearest(points, (step) => Math.abs(x(step) - left)));
  });
  chart.addEventListener("pointerleave", hide);
  chart.addEventListener("focus", () => (reader.focused = true));
  chart.addEventListener("blur", () => {
    reader.focused = false;
    hide();
  });
  chart.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    show(at + by);
  });
  if (reader.step === null) hide();
  else show(nearest(points, (step) => Math.abs(step - reader.step)));
}

/** Which point is the nearest, by the distance of its step. */
function nearest(points, distance) {
  const distances = points.map(([step]) => distance(step));
  return distances.indexOf(Math.min(...distances));
}

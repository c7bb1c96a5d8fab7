// Answers drawn over their picture. SVG lies on top of the picture and is never read back; stroke
// widths are those of the screen, whatever the picture's size, so a thumbnail stays legible.
// Truth and prediction differ by colour, by dash and by the shape of their dots.

import { h, styled, svg } from "./dom.js";

const DOT = "h.001"; // a stroke of no length: its round or square cap is the dot

/**
 * A picture with layers of marks over it.
 *
 * @param picture {file, width, height, problem}
 * @param layers [{marks, look}], where look is "truth" or "model-0", "model-1" ...
 * @param options {labels: show the marks' labels, eager: load at once}
 */
export function figure(picture, layers, { labels = false, eager = false, alt = "" } = {}) {
  const { width, height } = picture;
  const frame = h("div", { class: "shot" });
  if (width && height) styled(frame, { "--ratio": `${width} / ${height}`, "--wide": width / height });
  if (picture.file === null) {
    frame.append(h("p", { class: "shot-problem" }, picture.problem));
  } else {
    frame.append(
      h("img", { src: picture.file, alt, loading: eager ? null : "lazy", decoding: "async", draggable: "false" }),
    );
  }
  if (width && height) {
    frame.append(drawing(picture, layers));
    if (labels) frame.append(...layers.flatMap((layer) => labelsOf(layer, picture)));
  }
  return frame;
}

/** The layers of a row: the truth, and above it what the chosen models said. */
export function layersOf(row, models, { truth = true } = {}) {
  const layers = models
    .filter((index) => row.predictions[index]?.marks.length)
    .map((index) => ({ look: `model-${index}`, marks: row.predictions[index].marks }));
  if (truth && row.truth?.marks.length) layers.unshift({ look: "truth", marks: row.truth.marks });
  return layers;
}

/** The commonest shape of some records' first pictures, for frames that are all alike. */
export function commonRatio(rows) {
  const counts = new Map();
  for (const { pictures } of rows) {
    if (!pictures[0]?.width) continue;
    const ratio = (pictures[0].width / pictures[0].height).toFixed(3);
    counts.set(ratio, (counts.get(ratio) ?? 0) + 1);
  }
  const [common] = [...counts].sort((a, b) => b[1] - a[1])[0] ?? ["1.333"];
  return Math.min(2, Math.max(0.8, Number(common)));
}

function drawing({ width, height }, layers) {
  return svg(
    "svg",
    { class: "marks", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "xMidYMid meet", "aria-hidden": "true" },
    layers.map((layer) => svg("g", { class: `layer ${layer.look}` }, layer.marks.map(markOf))),
  );
}

function markOf(mark) {
  const points = mark.points_px;
  if (points.length === 0) return null;
  if (mark.shape === "box") return strokes(boxPath(points), "line");
  if (mark.shape === "path") {
    const line = points.map(([x, y], index) => `${index ? "L" : "M"}${x} ${y}`).join("");
    return [points.length > 1 && strokes(line, "line"), strokes(dots(points.slice(-1)), "dot")];
  }
  return strokes(dots(points), "dot");
}

function boxPath([[x1, y1], [x2, y2]]) {
  return `M${x1} ${y1}H${x2}V${y2}H${x1}Z`;
}

function dots(points) {
  return points.map(([x, y]) => `M${x} ${y}${DOT}`).join("");
}

/** A dark casing below and the colour above: visible on any picture. */
function strokes(path, kind) {
  return [svg("path", { class: `case ${kind}`, d: path }), svg("path", { class: `ink ${kind}`, d: path })];
}

/** Labels as HTML: truth above its mark, predictions below, so that both can be read. */
function labelsOf(layer, { width, height }) {
  const seen = layer.marks.filter((mark) => mark.label && mark.points_px.length);
  return seen.map((mark) => {
    const xs = mark.points_px.map(([x]) => x);
    const ys = mark.points_px.map(([, y]) => y);
    const above = layer.look === "truth";
    const y = above ? Math.min(...ys) : Math.max(...ys);
    return styled(h("span", { class: `mark-label ${layer.look}${above ? " above" : ""}` }, mark.label), {
      left: `${clamped(Math.min(...xs) / width)}%`,
      top: `${clamped(y / height)}%`,
    });
  });
}

function clamped(share) {
  return Math.min(100, Math.max(0, share * 100)).toFixed(2);
}

/** A swatch of a layer's line, for legends: the same stroke as on the pictures. */
export function swatch(look) {
  return svg(
    "svg",
    { class: "swatch", viewBox: "0 0 26 10", "aria-hidden": "true" },
    svg("g", { class: `layer ${look}` }, svg("path", { class: "ink line", d: "M1 5H25" })),
  );
}

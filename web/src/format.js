// Numbers and words as people read them.

const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const MINUS = "−";

/** 12345 -> "12,345". */
export function whole(value) {
  return WHOLE.format(value);
}

/** "1 record", "2 records". */
export function counted(number, noun) {
  return `${whole(number)} ${noun}${number === 1 ? "" : "s"}`;
}

/** 0.4567 -> "46 %". */
export function percent(share) {
  return `${Math.round(share * 100)} %`;
}

/** A share in points with one decimal, 0.4567 -> "45.7". */
export function points(share) {
  return (share * 100).toFixed(1).replace("-", MINUS);
}

/** A difference of shares in points, always with its sign. */
export function signedPoints(share) {
  return share < 0 ? points(share) : `+${points(share)}`;
}

/** A metric's value: shares with two digits, distances with what they need. */
export function measure(value, unit) {
  if (value === null || value === undefined) return "–";
  const digits = unit === "px" ? (Math.abs(value) < 10 ? 1 : 0) : Math.abs(value) < 100 ? 2 : 0;
  const text = Math.abs(value).toFixed(digits);
  const signed = value < 0 && Number(text) !== 0 ? MINUS + text : text;
  return unit === "px" ? `${signed} px` : signed;
}

/** A value that stands alone: an arrow says where lower is better. */
export function directed(value, metric) {
  return metric.higher_is_better ? measure(value, metric.unit) : `${measure(value, metric.unit)} ↓`;
}

/** A difference, always with its sign. */
export function signed(value, unit) {
  const text = measure(value, unit);
  return text.startsWith(MINUS) || Number.parseFloat(text) === 0 ? text : `+${text}`;
}

/** "0.37 – 0.45", or empty when there is no interval. */
export function span(interval, unit) {
  if (interval.low === null || interval.low === undefined) return "";
  return `${measure(interval.low, unit)} – ${measure(interval.high, unit)}`;
}

/** Any number in four significant digits, for axes and tooltips. */
export function compact(value) {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 1e5) return new Intl.NumberFormat("en", { notation: "compact" }).format(value);
  if (size < 1e-3) return value.toExponential(1).replace("e-", "e" + MINUS).replace("-", MINUS);
  return String(Number(value.toPrecision(4))).replace("-", MINUS);
}

/** "distance_diagonals" -> "distance diagonals", "iou" -> "IoU". */
export function plain(name) {
  return name.replaceAll("_", " ").replace(/\b(iou|dtw)\b/g, (word) => (word === "iou" ? "IoU" : "DTW"));
}

/** "current_box" -> "Current box". */
export function titled(name) {
  const words = plain(name);
  return words.charAt(0).toUpperCase() + words.slice(1);
}

// From numbers to places on a chart, and the round numbers to write at its edges.

/** A function from [from, to] to [start, end]; a range of no width goes to the middle. */
export function linear([from, to], [start, end]) {
  if (to === from) return () => (start + end) / 2;
  return (value) => start + ((value - from) / (to - from)) * (end - start);
}

/** About `wanted` round numbers from `low` to `high`. */
export function ticks(low, high, wanted) {
  if (!(high > low)) return [low];
  const rough = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough);
  const found = [];
  for (let number = Math.ceil(low / step - 1e-9); number * step <= high + step * 1e-9; number += 1) {
    found.push(Number((number * step).toPrecision(12)));
  }
  return found;
}

/** The range of values, with 0 in it when that costs little of the height. */
export function extent(values) {
  const low = Math.min(...values);
  const high = Math.max(...values);
  return [low > 0 && low < high * 0.4 ? 0 : low, high];
}

/** Means over a sliding window of `width` points around each point. */
export function smoothed(points, width) {
  const half = Math.floor(width / 2);
  return points.map(([x], index) => {
    const part = points.slice(Math.max(0, index - half), index + half + 1);
    return [x, part.reduce((sum, [, y]) => sum + y, 0) / part.length];
  });
}

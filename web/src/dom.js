// Building the page. Data enters it only as text nodes and attribute values: there is no markup
// from strings anywhere, and the page's policy (Trusted Types) makes the browser refuse any.

const SVG = "http://www.w3.org/2000/svg";

/**
 * An HTML element.
 * Properties named `on...` become listeners, `class` and the rest become attributes; null, false
 * and undefined leave an attribute out, true sets it empty.
 */
export function h(tag, properties, ...children) {
  return fill(document.createElement(tag), properties, children);
}

/** An SVG element, made in the same way. */
export function svg(tag, properties, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

/** Replace everything inside `parent`. */
export function replace(parent, ...children) {
  parent.replaceChildren(...nodes(children));
  return parent;
}

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...nodes(children));
  return element;
}

function nodes(children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : document.createTextNode(String(child))));
}

/**
 * Set styles through the object model: the page's policy forbids style attributes.
 * Names with a leading `--` set custom properties.
 */
export function styled(element, styles) {
  for (const [name, value] of Object.entries(styles)) {
    if (name.startsWith("--")) element.style.setProperty(name, value);
    else element.style[name] = value;
  }
  return element;
}

/** Call `draw(width)` whenever the element's width changes, as `onSize` does. */
export function onWidth(element, draw) {
  let last = 0;
  onSize(element, (width) => {
    if (width !== last) draw((last = width));
  });
}

/**
 * Call `draw(width, height)` whenever the element's size in whole pixels changes; the first time
 * after its first layout and before that frame is painted, so nobody sees the page without it.
 */
export function onSize(element, draw) {
  new ResizeObserver(([entry]) => {
    const { width, height } = entry.contentRect;
    if (width > 0 && height > 0) draw(Math.round(width), Math.round(height));
  }).observe(element);
}

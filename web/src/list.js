// A list of any length: only what can be seen is in the page. One column makes a list, several make
// a grid; both are a listbox to assistive software, with positions stated since most are absent.

import { h, onSize, styled } from "./dom.js";

const SPARE_LINES = 3; // drawn above and below the visible ones, so that scrolling shows no gaps

export class VirtualList {
  /**
   * @param makeItem (index) -> element of one item
   * @param lineHeightOf (width of an item) -> pixels of one line of items, its gap included
   * @param minWidth least width of an item in pixels; null for one column
   * @param choose called with the position of an item that was clicked
   */
  constructor({ label, makeItem, lineHeightOf, minWidth = null, choose, className }) {
    this.makeItem = makeItem;
    this.lineHeightOf = lineHeightOf;
    this.lineHeight = lineHeightOf(minWidth ?? 320);
    this.minWidth = minWidth;
    this.choose = choose;
    this.items = [];
    this.columns = 1;
    this.selected = -1;
    this.drawn = new Map(); // position -> element
    this.sheet = h("div", { class: "sheet-of-items", role: "presentation" });
    this.element = h(
      "div",
      { class: `virtual ${className}`, role: "listbox", tabindex: "0", "aria-label": label },
      this.sheet,
    );
    // Place and height are kept here: asking the element for them would lay out the page anew, in
    // the middle of drawing it.
    this.top = 0;
    this.height = 0;
    this.element.addEventListener("scroll", () => this.scrolled(), { passive: true });
    onSize(this.element, (width, height) => this.resize(width, height));
  }

  /** Show other items and go to the selected one, or to the top. */
  show(items, selected) {
    this.items = items;
    this.clear();
    this.sizeSheet();
    this.scrollTo(0);
    this.select(selected);
    this.draw();
  }

  /** Mark the item at `position` and bring it into view. */
  select(position) {
    this.drawn.get(this.selected)?.setAttribute("aria-selected", "false");
    this.selected = position;
    this.element.removeAttribute("aria-activedescendant");
    if (position < 0) return;
    this.reveal(position);
    this.draw();
    const item = this.drawn.get(position);
    if (!item) return;
    item.setAttribute("aria-selected", "true");
    this.element.setAttribute("aria-activedescendant", item.id);
  }

  /** Draw every visible item anew. */
  redraw() {
    this.clear();
    this.draw();
  }

  scrolled() {
    this.top = this.element.scrollTop;
    this.draw();
  }

  scrollTo(top) {
    if (top === this.top) return;
    this.element.scrollTop = top;
    this.top = top;
  }

  resize(width, height) {
    this.height = height;
    this.top = this.element.scrollTop; // lost while the element was out of sight
    const columns = this.minWidth === null ? 1 : Math.max(1, Math.floor(width / this.minWidth));
    const lineHeight = this.lineHeightOf(width / columns);
    if (columns !== this.columns || lineHeight !== this.lineHeight) {
      this.columns = columns;
      this.lineHeight = lineHeight;
      this.clear();
      this.sizeSheet();
    }
    if (this.selected >= 0) this.reveal(this.selected);
    this.draw();
  }

  sizeSheet() {
    const lines = Math.ceil(this.items.length / this.columns);
    styled(this.sheet, { height: `${lines * this.lineHeight}px` });
  }

  reveal(position) {
    if (this.height === 0) return;
    const top = Math.floor(position / this.columns) * this.lineHeight;
    const bottom = top + this.lineHeight;
    if (top < this.top) this.scrollTo(top);
    else if (bottom > this.top + this.height) this.scrollTo(bottom - this.height);
  }

  clear() {
    this.drawn.clear();
    this.sheet.replaceChildren();
  }

  draw() {
    const firstLine = Math.max(0, Math.floor(this.top / this.lineHeight) - SPARE_LINES);
    const lastLine = Math.ceil((this.top + this.height) / this.lineHeight) + SPARE_LINES;
    const first = firstLine * this.columns;
    const end = Math.min(this.items.length, lastLine * this.columns);
    for (const [position, item] of this.drawn) {
      if (position >= first && position < end) continue;
      item.remove();
      this.drawn.delete(position);
    }
    const fresh = [];
    for (let position = first; position < end; position += 1) {
      if (!this.drawn.has(position)) fresh.push(this.place(position));
    }
    this.sheet.append(...fresh);
  }

  place(position) {
    const item = this.makeItem(this.items[position]);
    item.id = `item-${position}`;
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", String(position === this.selected));
    item.setAttribute("aria-posinset", position + 1);
    item.setAttribute("aria-setsize", this.items.length);
    item.addEventListener("click", () => this.choose(position));
    const line = Math.floor(position / this.columns);
    styled(item, {
      top: `${line * this.lineHeight}px`,
      left: `${((position % this.columns) / this.columns) * 100}%`,
      width: `${100 / this.columns}%`,
    });
    this.drawn.set(position, item);
    return item;
  }
}

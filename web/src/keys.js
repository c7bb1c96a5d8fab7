// The keyboard: one table for the whole page, one for the screen in sight, and the help that
// lists them.

import { h } from "./dom.js";

const HELP = [
  ["j k", "next and previous record"],
  ["o", "marks on and off"],
  ["t p", "truth, prediction on and off"],
  ["l", "labels on and off"],
  ["g", "list or grid"],
  ["/", "search"],
  ["1 – 6", "screens"],
  ["?", "this help"],
];

/** Listen; `screenKeys()` gives the table of the screen in sight: key -> what it does. */
export function listenToKeys(pageKeys, screenKeys) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (document.querySelector("dialog[open]")) return;
    if (isTyping(event)) return;
    const act = screenKeys()[event.key] ?? pageKeys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}

/** Keys belong to the field they are typed into; Escape leaves it. */
function isTyping(event) {
  const { target, key } = event;
  const field = target.matches?.("input, select, textarea, summary");
  const pressed = target.matches?.("button, a") && (key === "Enter" || key === " ");
  if (field && key === "Escape") target.blur();
  return field || pressed;
}

/** The help as a dialog, closed. */
export function helpDialog() {
  const dialog = h(
    "dialog",
    { class: "help", "aria-label": "Keyboard", onclick: (event) => event.target === dialog && dialog.close() },
    h(
      "div",
      null,
      h("h2", null, "Keyboard"),
      h("dl", null, HELP.map(([keys, what]) => h("div", null, h("dt", null, keys.split(" ").map((key) => (key === "–" ? key : h("kbd", null, key)))), h("dd", null, what)))),
      h("button", { class: "primary", onclick: () => dialog.close() }, "Close"),
    ),
  );
  return dialog;
}

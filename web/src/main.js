// The page's frame: the bar at the top, one screen below it, and the way from addresses to screens.

import { benchmarksScreen, isBenchmark, revealBenchmark } from "./benchmarks.js";
import { comparisonScreen } from "./comparison.js";
import { curationScreen } from "./curation.js";
import { dataScreen } from "./datacard.js";
import { h, replace, svg } from "./dom.js";
import { helpDialog, listenToKeys } from "./keys.js";
import { lockScreen } from "./lock.js";
import { overviewScreen } from "./overview.js";
import { RecordsScreen } from "./records.js";
import { address, readRoute } from "./route.js";
import { follow, openStore, store, takeLive, takeShard } from "./store.js";
import { swapTraining, trainingScreen } from "./training.js";

const page = { screens: [], records: null, current: null, links: new Map() };

/** The screens this report has, in the order of the bar. */
function screensOf(summary) {
  const { mode, evaluation, shards } = summary;
  const screens = ["curation", "training"].includes(mode) ? [] : [["records", "Records"]];
  if (mode === "comparison" && shards.length === 0) screens.pop();
  if (evaluation?.tasks.some(isBenchmark)) screens.unshift(["benchmarks", "Benchmarks"]);
  if (summary.comparison) screens.unshift(["comparison", "Comparison"]);
  else if (evaluation) screens.unshift(["overview", "Overview"]);
  if (summary.training?.length || mode === "training") screens.push(["training", "Training"]);
  if (summary.data) screens.push(["data", "Data"]);
  if (summary.curation) screens.push(["curation", "Curation"]);
  if (summary.lock) screens.push(["lock", "Lock"]);
  return screens;
}

function start(text) {
  openStore(text);
  page.screens = screensOf(store.summary);
  document.title = store.summary.title;
  const help = helpDialog();
  replace(document.body, h("a", { class: "skip", href: "#screen", onclick: skip }, "Skip to content"), topBar(help), h("div", { id: "place" }), help);
  const screenKeys = page.screens.map(([screen], index) => [String(index + 1), () => (location.hash = address(screen))]);
  const pageKeys = { ...Object.fromEntries(screenKeys), "?": () => help.showModal() };
  listenToKeys(pageKeys, () => (page.current === "records" ? page.records.keys() : {}));
  window.addEventListener("hashchange", show);
  show();
  if (store.summary.live) follow(() => page.current === "training" && swapTraining(store.summary));
}

/** The address is taken by the screens, so a jump to the content is made by hand. */
function skip(event) {
  event.preventDefault();
  document.getElementById("screen").focus();
}

function topBar(help) {
  const links = page.screens.map(([screen, name]) => h("a", { href: address(screen) }, name));
  page.links = new Map(page.screens.map(([screen], index) => [screen, links[index]]));
  return h(
    "header",
    { class: "top" },
    h("a", { class: "mark", href: address(page.screens[0][0]) }, logo(), h("span", null, store.summary.title)),
    h("nav", { "aria-label": "Screens" }, links),
    h("button", { class: "quiet help-button", "aria-label": "Keyboard help", "aria-keyshortcuts": "?", onclick: () => help.showModal() }, "?"),
  );
}

/** A truth and a prediction that nearly agree. */
function logo() {
  return svg(
    "svg",
    { viewBox: "0 0 22 22", "aria-hidden": "true", class: "logo" },
    svg("rect", { class: "logo-truth", x: 2, y: 2, width: 13, height: 13, rx: 2 }),
    svg("rect", { class: "logo-prediction", x: 7, y: 7, width: 13, height: 13, rx: 2 }),
  );
}

function show() {
  const { screen, query } = readRoute();
  const known = page.links.has(screen) ? screen : page.screens[0][0];
  for (const [name, link] of page.links) {
    if (name === known) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const moved = page.current !== known;
  page.current = known;
  const element = screenElement(known);
  if (moved) {
    replace(document.getElementById("place"), element);
    scrollTo(0, 0);
  }
  if (known === "benchmarks") revealBenchmark(query.get("name"));
  if (known === "records") page.records.open(query);
}

function screenElement(screen) {
  const { summary } = store;
  switch (screen) {
    case "benchmarks":
      return benchmarksScreen();
    case "comparison":
      return comparisonScreen(summary.comparison);
    case "overview":
      return overviewScreen();
    case "training":
      return trainingScreen(summary);
    case "data":
      return dataScreen(summary.data, summary.ledger);
    case "curation":
      return curationScreen(summary.curation);
    case "lock":
      return lockScreen(summary.lock);
    default:
      page.records ??= new RecordsScreen();
      return page.records.element;
  }
}

window.roboloop = Object.freeze({ start, shard: takeShard, live: takeLive });

// Pairs of a better and a worse answer: how many there are, and what gives the better one away.

import { barChart } from "./barcharts.js";
import { h } from "./dom.js";
import { percent, whole } from "./format.js";

/** The section, or nothing where a run composed no pairs. */
export function pairsSection(composition) {
  if (!composition?.pairs.length) return null;
  return h(
    "section",
    { class: "sheet", "aria-label": "Preference pairs" },
    h("h2", null, "Pairs of a better and a worse answer"),
    h(
      "div",
      { class: "scroll-x" },
      h(
        "table",
        { class: "forest" },
        h("caption", { class: "unseen" }, "For each composer: pairs, which answer is longer, and how often a classifier without picture and question is right"),
        h("thead", null, head()),
        h("tbody", null, composition.pairs.map(pairRow)),
      ),
    ),
    h("div", { class: "charts" }, composition.pairs.map(lengthChart)),
    h(
      "footer",
      { class: "notes" },
      h("p", null, "“Without looking” is a classifier that sees lengths, single words, and the extent and place of answers, but neither picture nor question. At 50 % it knows nothing; in few balanced pairs it falls below, for what leans one way in one half leans the other way in the other half."),
      Object.entries(composition.judges).map(judgeNote),
    ),
  );
}

function head() {
  const names = ["Pairs", "Better one longer", "Worse one longer", "Right without looking"];
  return h("tr", null, h("th", { scope: "col" }, "Composer"), names.map((name) => h("th", { scope: "col", class: "figure" }, name)));
}

function pairRow({ composer, num_pairs, mistakes, characters, blind }) {
  const kinds = Object.entries(mistakes).map(([name, count]) => `${name.replaceAll("_", " ")} ${whole(count)}`);
  return h(
    "tr",
    null,
    h("th", { scope: "row" }, h("div", { class: "task" }, h("span", null, composer), h("small", null, kinds.join(" · ")))),
    h("td", { class: "figure" }, whole(num_pairs)),
    h("td", { class: "figure" }, whole(characters.chosen_longer)),
    h("td", { class: "figure" }, whole(characters.rejected_longer)),
    h("td", { class: "figure" }, blind ? blindShare(blind) : "too few"),
  );
}

function blindShare({ accuracy, low, high }) {
  return [h("b", null, percent(accuracy)), low === null ? null : h("small", null, `${percent(low)} – ${percent(high)}`)];
}

function lengthChart({ composer, num_pairs, characters }) {
  const { edges, counts } = characters;
  return barChart(
    { edges, counts, num: num_pairs },
    {
      title: composer,
      note: "Characters by which the better answer is longer",
      noun: "pair",
      labels: edges.map((_, index) => index).slice(1, -1),
      edgeText: String,
    },
  );
}

function judgeNote([composer, judge]) {
  const said = [`${composer} asked ${judge.model}`];
  if (judge.order) said.push(`its preference changed with the order in ${share(judge.order.changed)}`);
  if (judge.detected) said.push(`it found ${share(judge.detected)} planted faults`, `and called ${share(judge.false_alarms)} of their originals bad`);
  return h("p", null, `${said.join("; ")}.`);
}

function share({ num, of }) {
  return `${whole(num)} of ${whole(of)}`;
}

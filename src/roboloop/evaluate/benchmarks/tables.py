"""The authors' numbers as tables, in percent, each beside chance, the best published and people."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

from roboloop.evaluate.benchmarks.base import PERCENT
from roboloop.evaluate.tables import csv_table, latex_table
from roboloop.evaluate.text_tables import aligned_rows, markdown_rows

Report = Mapping[str, Any]
HEADER = (
    "benchmark", "n", "model", "valid", "headline", "item mean", "chance", "best published",
    "people", "published as", "difference",
)  # fmt: skip
LIGHTS = {"agree": "●", "acceptable": "◐", "discrepancy": "○"}
CIRCULAR_HEADER = (
    "benchmark", "model", "n", "every order", "mean over orders", "stored order",
    "chosen less right", "leans to",
)  # fmt: skip
CIRCULAR_NOTE = (
    "Each question was asked with its options moved on by one place after the other, so that each "
    "of them stands once behind every letter. Every order: right in all of them. Chosen less "
    "right: points by which a letter is chosen more often than it is right; beside it the letter "
    "for which this is more than chance."
)
CSV_COLUMNS = (
    "benchmark", "model", "num_items", "num_expected", "complete", "refused", "headline", "low",
    "high", "item_mean", "valid", "chance", "human", "best_published", "aggregation", "prompt",
)  # fmt: skip


def benchmark_tables(report: Report) -> dict[str, str]:
    """File name -> text: `table.*` as every evaluation has, and `headlines.csv`."""
    rows = [list(HEADER), *_rows(report)]
    return {
        "table.txt": "\n".join(aligned_rows(rows)) + "\n" + _remarks(report, prefix="") + "\n",
        "table.md": _markdown(report),
        "table.csv": csv_table(report),
        "table.tex": latex_table(report),
        "headlines.csv": _headlines(report),
    }


def _markdown(report: Report) -> str:
    confidence = f"{report['settings']['confidence']:.0%}"
    lines = markdown_rows(HEADER, _rows(report))
    lines += [
        "",
        f"Percent; brackets: {confidence} intervals. The headline follows the authors' own rule "
        "of aggregation, the item mean counts every item alike. Answers that could not be read "
        "count as wrong. ● within 2.5 points of the published value, ◐ within 5, ○ farther.",
        _remarks(report, prefix="\n"),
        "",
        "## Parts",
        "",
        *markdown_rows(["benchmark", "part", "n", "model", "item mean"], _part_rows(report)),
    ]
    if circular := list(_circular_rows(report)):
        lines += ["", "## Options in every order", "", CIRCULAR_NOTE, ""]
        lines += markdown_rows(CIRCULAR_HEADER, circular)
    if numbers := list(_number_rows(report)):
        lines += ["", "## Further numbers of the authors", ""]
        lines += markdown_rows(["benchmark", "number", "model", "value"], numbers)
    if rules := list(_rule_rows(report)):
        lines += ["", "## The same answers by the rules of others", ""]
        header = ["benchmark", "model", "rules", "headline", "item mean", "scored", "left out"]
        lines += markdown_rows(header, rules)
    lines += ["", "## How it was asked", ""]
    lines += markdown_rows(["benchmark", "prompt", "headline"], _asked_rows(report))
    return "\n".join(lines) + "\n"


def _rows(report: Report) -> Iterator[list[str]]:
    for entry, result in _results(report):
        facts, headline = entry["benchmark"], result["headline"]
        number, expected = entry["num_records"], facts["num_expected"]
        best = facts["best_published"]
        told = result["anchors"] or [None]
        mean = result["metrics"].get(entry["metrics"][0]["name"])
        for index, anchor in enumerate(told):
            first = index == 0
            yield [
                entry["task"] if first else "",
                (f"{number}" if number == expected else f"{number}/{expected}") if first else "",
                result["model"] + ("" if result["complete"] else " †") if first else "",
                _percent(result["validity"]) if first else "",
                _headline(headline) if first else "",
                _percent(mean) if first else "",
                _points(facts["chance"]) if first else "",
                (f"{best['value']:g} {best['model']}" if best else "") if first else "",
                _points(facts["human"]) if first else "",
                "" if anchor is None else _anchor(anchor),
                "" if anchor is None else f"{LIGHTS[anchor['light']]} {anchor['difference']:+.1f}",
            ]


def _part_rows(report: Report) -> Iterator[list[str]]:
    for entry, result in _results(report):
        for part, found in result["parts"].items():
            number = str(found["num_items"])
            yield [entry["task"], part, number, result["model"], _headline(found)]


def _circular_rows(report: Report) -> Iterator[list[str]]:
    for entry, result in _results(report):
        if (found := result["circular"]) is None:
            continue
        number = f"{found['num_items']}/{found['num_items'] + found['num_not_moved']}"
        shares = (found[name] for name in ("every_order", "mean_over_orders", "stored_order"))
        letters = " ".join(
            f"{letter} {_points_more(each['excess']['value'])}"
            for letter, each in found["letters"].items()
        )
        yield [
            entry["task"], result["model"], number, *map(_headline, shares),
            letters, found["leans_to"] or "none",
        ]  # fmt: skip


def _number_rows(report: Report) -> Iterator[list[str]]:
    for entry, result in _results(report):
        for name, value in result["numbers"].items():
            yield [entry["task"], name, result["model"], "-" if value is None else _share(value)]


def _rule_rows(report: Report) -> Iterator[list[str]]:
    for entry, result in _results(report):
        for name, found in result["rules"].items():
            numbers = (found["headline"], found["item_mean"])
            shown = ["-" if value is None else _share(value) for value in numbers]
            counts = [str(found["num_scored"]), str(found["num_left_out"])]
            yield [entry["task"], result["model"], name, *shown, *counts]


def _asked_rows(report: Report) -> Iterator[list[str]]:
    for entry in report["tasks"]:
        facts = entry["benchmark"]
        yield [entry["task"], facts["prompt"]["origin"], facts["aggregation"]]


def _headlines(report: Report) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for entry, result in _results(report):
        facts, headline = entry["benchmark"], result["headline"]
        best, mean = facts["best_published"], result["metrics"].get(entry["metrics"][0]["name"])
        writer.writerow(
            {
                "benchmark": entry["task"],
                "model": result["model"],
                "num_items": entry["num_records"],
                "num_expected": facts["num_expected"],
                "complete": result["complete"],
                "refused": headline["refused"],
                "headline": headline["value"],
                "low": headline["low"],
                "high": headline["high"],
                "item_mean": mean and mean["value"],
                "valid": result["validity"] and result["validity"]["value"],
                "chance": facts["chance"],
                "human": facts["human"],
                "best_published": best and best["value"],
                "aggregation": facts["aggregation"],
                "prompt": facts["prompt"]["origin"],
            }
        )
    return out.getvalue()


def _remarks(report: Report, *, prefix: str) -> str:
    """What is incomplete, left out, or to be looked at."""
    said = [
        f"{prefix}† {entry['task']}, {result['model']}: no headline over {why}"
        for entry, result in _results(report)
        if (why := result["headline"]["refused"])
    ]
    said += [
        f"{prefix}{entry['task']}, {result['model']}: {caution}"
        for entry, result in _results(report)
        for caution in result["cautions"]
    ]
    said += [
        f"{prefix}{entry['task']}, {result['model']}: right in every order of the options "
        f"{_headline(found['every_order'])}, in the stored order "
        f"{_headline(found['stored_order'])}{_lean(found)}"
        for entry, result in _results(report)
        if (found := result["circular"]) is not None
    ]
    said += [f"{prefix}not asked: {why}" for why in report["left_out"].values()]
    return "\n".join(said)


def _results(report: Report) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    for entry in report["tasks"]:
        for result in entry["results"]:
            yield entry, result


def _headline(headline: Mapping[str, Any]) -> str:
    if headline["value"] is None:
        return "refused"
    bounds = (headline["low"], headline["high"])
    low, high = (None if bound is None else _share(bound) for bound in bounds)
    value = _share(headline["value"])
    return value if low is None else f"{value} [{low}, {high}]"


def _anchor(anchor: Mapping[str, Any]) -> str:
    part = f" {anchor['part']}" if anchor["part"] else ""
    return f"{anchor['value']:g}{part} ({anchor['origin']})"


def _percent(interval: Mapping[str, Any] | None) -> str:
    return "-" if interval is None else _share(interval["value"])


def _share(value: float) -> str:
    return f"{PERCENT * value:.1f}"


def _lean(found: Mapping[str, Any]) -> str:
    if not (letter := found["leans_to"]):
        return ""
    excess = found["letters"][letter]["excess"]
    bounds = " to ".join(_points_more(excess[bound]) for bound in ("low", "high"))
    return f"; leans to {letter} ({_points_more(excess['value'])} points, {bounds})"


def _points_more(share: float) -> str:
    return f"{PERCENT * share:+.1f}"


def _points(value: float | None) -> str:
    return "" if value is None else f"{value:g}"

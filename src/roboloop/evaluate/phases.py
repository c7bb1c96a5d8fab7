"""What each phase of training did: one table of tasks and phases.

Every phase is held against every earlier one on the same records, as `compare` holds models against
a baseline: paired differences with intervals, a test of chance alone, and Holm's rule over the
tasks. The model that training started from is phase 0 where it was asked too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from roboloop.evaluate.compare.comparison import CompareOptions, Comparison, compare
from roboloop.evaluate.compare.loaded import evaluated
from roboloop.evaluate.compare.written import SIGNS, difference_json
from roboloop.evaluate.config import Measuring
from roboloop.evaluate.tables import figure, percent, signed
from roboloop.evaluate.text_tables import aligned_rows, markdown_rows

Json = Mapping[str, Any]


def phase_table(
    report: Json, *, items: Sequence[Json], phases: Sequence[str], config: Measuring
) -> dict[str, Any]:
    """The part `phases` of an evaluation's report; docs/evaluation.md describes every key.

    Args:
        report: The evaluation.
        items: The lines of its `items.jsonl`.
        phases: Its models in the order of training; the first is where training began.
        config: How sure, and drawn how.
    """
    models = [evaluated(report, items=items, model=name, label=name) for name in phases]
    options = CompareOptions(config.confidence, config.num_bootstrap, config.seed)
    against = {
        (phases[later], phases[earlier]): compare(
            [models[earlier], models[later]], baseline=phases[earlier], options=options
        )
        for earlier, later in combinations(range(len(phases)), 2)
    }
    roles = {model["role"]: model["name"] for model in report["models"]}
    return {
        "order": list(phases),
        "readable": {
            entry["model"]: entry["validity"]
            for entry in report["overall"]["models"]
            if entry["model"] in phases
        },
        "tasks": [
            _task(task, phases=phases, constant=roles.get("constant"), against=against)
            for task in report["tasks"]
            if task["num_scored_against"]
        ],
    }


def _task(
    task: Json,
    *,
    phases: Sequence[str],
    constant: str | None,
    against: Mapping[tuple[str, str], Comparison],
) -> dict[str, Any]:
    """One row: a cell for each phase, with its differences to the phases before it."""
    metric = next(each for each in task["metrics"] if each["primary"])
    means = {
        result["model"]: result["metrics"][metric["name"]]
        for result in task["results"]
        if result["metrics"]
    }
    cells: dict[str, Any] = {}
    for phase in phases:
        differences: dict[str, Any] = {}
        for (later, earlier), comparison in against.items():
            row = next(row for row in comparison.rows if row.task == task["task"])
            cell = row.cells[1]
            if later == phase and cell is not None and cell.difference is not None:
                differences[earlier] = difference_json(cell.difference)
        cells[phase] = {"mean": means[phase], "against": differences}
    return {
        "task": task["task"],
        "title": task["title"],
        "metric": metric,
        "num_records": task["num_scored_against"],
        "num_groups": task["num_groups"],
        "constant": means.get(constant) if constant else None,
        "cells": cells,
    }


def phases_text(table: Json) -> str:
    """For a terminal: values, and the change since the phase before."""
    rows = [_row(task, order=table["order"], with_intervals=False) for task in table["tasks"]]
    rows.append(_readable(table))
    return "\n".join([*aligned_rows([_header(table), *rows]), "", _legend(table)]) + "\n"


def phases_markdown(table: Json) -> str:
    """With the intervals of the changes."""
    rows = [_row(task, order=table["order"], with_intervals=True) for task in table["tasks"]]
    lines = markdown_rows(_header(table), [*rows, _readable(table)])
    return "\n".join([*lines, "", _legend(table)]) + "\n"


def _header(table: Json) -> list[str]:
    return ["task", "n", "metric", "constant", *table["order"]]


def _row(task: Json, *, order: Sequence[str], with_intervals: bool) -> list[str]:
    metric = task["metric"]
    arrow = "↑" if metric["higher_is_better"] else "↓"
    constant = "-" if task["constant"] is None else figure(task["constant"]["value"])
    cells = [
        _cell(task["cells"][phase], before=before, with_interval=with_intervals)
        for before, phase in zip([None, *order], order, strict=False)
    ]
    return [task["task"], str(task["num_records"]), f"{metric['name']} {arrow}", constant, *cells]


def _cell(cell: Json, *, before: str | None, with_interval: bool) -> str:
    value = figure(cell["mean"]["value"])
    found = cell["against"].get(before)
    if found is None:
        return value
    interval = ""
    if with_interval and found["low"] is not None:
        interval = f" [{signed(found['low'])}, {signed(found['high'])}]"
    return f"{value} {signed(found['value'])}{interval} {SIGNS[found['verdict']]}"


def _readable(table: Json) -> list[str]:
    shares = [table["readable"][phase] for phase in table["order"]]
    shown = ["-" if share is None else percent(share["value"]) for share in shares]
    return ["answers that could be read", "", "share ↑", "", *shown]


def _legend(table: Json) -> str:
    return (
        "Of each phase: the value, and its paired difference to the phase on its left. ▲ better, "
        "▼ worse, ≈ not distinguishable: the interval and Holm's rule over the tasks must agree."
    )

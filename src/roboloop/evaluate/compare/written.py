"""A comparison as JSON, text, Markdown, LaTeX and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any, Literal

from roboloop.evaluate.compare.comparison import Cell, Comparison, Difference, Row
from roboloop.evaluate.compare.flags import Flag
from roboloop.evaluate.compare.pareto import Standing, standings
from roboloop.evaluate.tables import figure
from roboloop.evaluate.text_tables import aligned_rows, latex_text, markdown_rows

Format = Literal["text", "markdown", "latex", "csv", "json"]
SUFFIXES: dict[Format, str] = {
    "text": ".txt",
    "markdown": ".md",
    "latex": ".tex",
    "csv": ".csv",
    "json": ".json",
}
SCHEMA = "roboloop.comparison/1"

SIGNS = {"better": "▲", "worse": "▼", "not distinguishable": "≈"}
_ARROWS = {True: "↑", False: "↓"}
_FLAG_MARK = "⚑"
PARTS = "By category, judged together by Holm's rule over all of them:"
LEGEND = (
    "Brackets: {confidence:.0%} intervals, episodes drawn again. ▲ better, ▼ worse, "
    "≈ not distinguishable from {baseline}: the interval of the paired difference and Holm's rule "
    "over the tasks must agree. ⚑ see the flags. † requests failed."
)


def comparison_json(comparison: Comparison, *, flags: Sequence[Flag]) -> dict[str, Any]:
    """Everything, for programs; docs/evaluation.md describes every key."""
    labels = [model.label for model in comparison.models]
    return {
        "schema": SCHEMA,
        "confidence": comparison.options.confidence,
        "baseline": labels[comparison.baseline],
        "models": [
            {"label": model.label, "model": model.model, "dialect": model.dialect}
            for model in comparison.models
        ],
        "tasks": [_row_json(row, labels=labels) for row in comparison.rows],
        "parts": [_row_json(row, labels=labels) for row in comparison.parts],
        "flags": [flag._asdict() for flag in flags],
        "standings": [standing._asdict() for standing in standings(comparison)],
    }


def write_comparison(comparison: Comparison, *, flags: Sequence[Flag], form: Format) -> str:
    """The comparison in one of its forms, ending in a newline."""
    match form:
        case "text":
            return _text(comparison, flags=flags)
        case "markdown":
            return _markdown(comparison, flags=flags)
        case "latex":
            return _latex(comparison, flags=flags)
        case "csv":
            return _csv(comparison)
        case "json":
            import json

            value = comparison_json(comparison, flags=flags)
            return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _row_json(row: Row, *, labels: Sequence[str]) -> dict[str, Any]:
    return {
        "task": row.task,
        "part": row.part,
        "title": row.title,
        "metric": row.metric._asdict(),
        "num_shared": row.num_shared,
        "num_left_out": row.num_left_out,
        "num_groups": row.num_groups,
        "cells": {
            label: _cell_json(cell)
            for label, cell in zip(labels, row.cells, strict=True)
            if cell is not None
        },
    }


def _cell_json(cell: Cell) -> dict[str, Any]:
    value: dict[str, Any] = {
        "mean": cell.mean._asdict(),
        "num_not_read": cell.num_not_read,
        "num_failed": cell.num_failed,
    }
    if cell.difference is not None:
        value["difference"] = difference_json(cell.difference)
    return value


def difference_json(found: Difference) -> dict[str, Any]:
    """A difference, for programs."""
    return {
        **found.interval._asdict(),
        "p_value": found.test.p_value,
        "test": found.test.method,
        "raised_p": found.raised_p,
        "wins": found.test.wins,
        "losses": found.test.losses,
        "verdict": found.verdict,
    }


def _header(comparison: Comparison) -> list[str]:
    labels = [
        f"{model.label} (baseline)" if number == comparison.baseline else model.label
        for number, model in enumerate(comparison.models)
    ]
    return ["task", "n", "metric", *labels]


def _rows(
    comparison: Comparison, *, rows: Sequence[Row], flags: Sequence[Flag] = ()
) -> list[list[str]]:
    flagged = {(flag.task, flag.model) for flag in flags}
    return [
        [
            _name(row),
            (f"{row.num_shared}" if row.num_shared else "?")
            + (f" ({row.num_groups})" if row.num_groups != row.num_shared else ""),
            f"{row.metric.name}{_unit(row)} {_ARROWS[row.metric.higher_is_better]}",
            *(
                "-" if cell is None
                else _shown(cell) + (f" {_FLAG_MARK}" if (row.task, model.label) in flagged else "")
                for model, cell in zip(comparison.models, row.cells, strict=True)
            ),
        ]
        for row in rows
    ]  # fmt: skip


def _name(row: Row) -> str:
    return f"{row.task} / {row.part}" if row.part else row.task


def _unit(row: Row) -> str:
    return "" if row.metric.unit == "fraction" else f" ({row.metric.unit})"


def _shown(cell: Cell) -> str:
    mean = cell.mean
    text = figure(mean.value)
    if mean.low is not None and mean.high is not None:
        text += f" [{figure(mean.low)}, {figure(mean.high)}]"
    if cell.difference is not None:
        text += f" {SIGNS[cell.difference.verdict]}"
    return text + (" †" if cell.num_failed else "")


def _notes(comparison: Comparison, *, flags: Sequence[Flag]) -> list[str]:
    """Flags and standings as sentences."""
    lines = [
        f"{flag.kind}: {' / '.join(filter(None, (flag.task, flag.model)))}: {flag.why}"
        for flag in flags
    ]
    return lines + [_standing(standing) for standing in standings(comparison)]


def _standing(standing: Standing) -> str:
    if standing.beaten_by:
        return f"{standing.label}: {standing.beaten_by} is at least as good on every task"
    return (
        f"{standing.label}: on the Pareto front; gives up at most {standing.regret:.0%} of a span"
    )


def _legend(comparison: Comparison) -> str:
    return LEGEND.format(
        confidence=comparison.options.confidence,
        baseline=comparison.models[comparison.baseline].label,
    )


def _text(comparison: Comparison, *, flags: Sequence[Flag]) -> str:
    header = _header(comparison)
    lines = aligned_rows([header, *_rows(comparison, rows=comparison.rows, flags=flags)])
    if comparison.parts:
        lines += ["", PARTS, *aligned_rows([header, *_rows(comparison, rows=comparison.parts)])]
    return (
        "\n".join([*lines, "", _legend(comparison), "", *_notes(comparison, flags=flags)]).rstrip()
        + "\n"
    )


def _markdown(comparison: Comparison, *, flags: Sequence[Flag]) -> str:
    header = _header(comparison)
    lines = [*markdown_rows(header, iter(_rows(comparison, rows=comparison.rows, flags=flags)))]
    if comparison.parts:
        parts = iter(_rows(comparison, rows=comparison.parts))
        lines += ["", PARTS, "", *markdown_rows(header, parts)]
    notes = [f"- {note}" for note in _notes(comparison, flags=flags)]
    return "\n".join([*lines, "", _legend(comparison), "", *notes]).rstrip() + "\n"


def _latex(comparison: Comparison, *, flags: Sequence[Flag]) -> str:
    """A booktabs table, and one of the parts; a star for what is told, a dagger for a flag."""
    tables = [_latex_table(comparison, rows=comparison.rows, flags=flags)]
    if comparison.parts:
        tables.append(_latex_table(comparison, rows=comparison.parts, flags=()))
    return "\n".join(tables)


def _latex_table(comparison: Comparison, *, rows: Sequence[Row], flags: Sequence[Flag]) -> str:
    flagged = {(flag.task, flag.model) for flag in flags}
    header = ["task", "n", *(model.label for model in comparison.models)]
    lines = [
        r"\begin{tabular}{lr" + "r" * len(comparison.models) + "}",
        r"\toprule",
        " & ".join(map(latex_text, header)) + r" \\",
        r"\midrule",
    ]
    for row in rows:
        cells = [latex_text(_name(row)), str(row.num_shared)]
        for model, cell in zip(comparison.models, row.cells, strict=True):
            if cell is None:
                cells.append("--")
                continue
            told = cell.difference and cell.difference.verdict in ("better", "worse")
            marks = "*" * bool(told) + r"\dagger" * ((row.task, model.label) in flagged)
            cells.append(f"${figure(cell.mean.value)}" + (f"^{{{marks}}}$" if marks else "$"))
        lines.append(" & ".join(cells) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def _csv(comparison: Comparison) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        ["task", "part", "metric", "higher_is_better", "num_shared", "num_groups", "model",
         "value", "low", "high", "num_not_read", "num_failed", "difference", "difference_low",
         "difference_high", "test", "p_value", "raised_p", "wins", "losses", "verdict"]
    )  # fmt: skip
    for row in (*comparison.rows, *comparison.parts):
        for model, cell in zip(comparison.models, row.cells, strict=True):
            if cell is None:
                continue
            found = cell.difference
            told = (
                [""] * 9
                if found is None
                else [found.interval.value, found.interval.low, found.interval.high,
                      found.test.method, found.test.p_value, found.raised_p, found.test.wins,
                      found.test.losses, found.verdict]
            )  # fmt: skip
            writer.writerow(
                [row.task, row.part, row.metric.name, row.metric.higher_is_better,
                 row.num_shared, row.num_groups, model.label, *cell.mean[:3], cell.num_not_read,
                 cell.num_failed, *told]
            )  # fmt: skip
    return out.getvalue()

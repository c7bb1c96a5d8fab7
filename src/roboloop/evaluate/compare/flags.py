"""What a careful reader would stop at in a table of scores, said by rule.

None of these proves anything. Each names what to look at next: `roboloop audit` for conventions,
`roboloop check-leakage` for records that were seen in training, more records for wide intervals.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from roboloop.base.statistics import Interval
from roboloop.evaluate.compare.comparison import Cell, Comparison, Row

COLLAPSE = 0.20
"""A fall by so much in answers that are places is more often a broken convention than a loss."""
ABOVE_PUBLISHED = 0.10
"""So much above the best published value is more often leakage than progress."""
WIDE = 0.08
"""Half the width of an interval that hides differences most papers report."""
SPATIAL = frozenset({"box", "boxes", "points", "trajectory", "polygon", "mask"})
"""Kinds of truths that are places."""


LEAKAGE = "leakage suspected"


class PublishedLines(NamedTuple):
    """What is known of a benchmark, in the unit of its main metric.

    Attributes:
        best: The best published value.
        best_name: Whose it is.
        human: What people reach; None when nobody measured it.
        chance: What guessing reaches.
    """

    best: float | None = None
    best_name: str = ""
    human: float | None = None
    chance: float | None = None


class Flag(NamedTuple):
    """Something to look at.

    Attributes:
        task: Row.
        model: Label of the column; empty when all of them are meant.
        kind: `convention break suspected`, `leakage suspected`, `wide interval`, `incomplete` or
            `not the same records`.
        why: One sentence with the numbers.
    """

    task: str
    model: str
    kind: str
    why: str


def find_flags(
    comparison: Comparison, *, published: Mapping[str, PublishedLines] | None = None
) -> list[Flag]:
    """Every flag of every cell, rows first."""
    known = published or {}
    flags: list[Flag] = []
    for row in comparison.rows:
        base = row.cells[comparison.baseline]
        for model, cell in zip(comparison.models, row.cells, strict=True):
            if cell is None:
                continue
            lines = known.get(row.task, PublishedLines())
            said = {
                "convention break suspected": _collapse(cell, base=base, row=row),
                LEAKAGE: _too_good(cell, row=row, lines=lines),
                "incomplete": _incomplete(cell),
            }
            flags += [Flag(row.task, model.label, kind, why) for kind, why in said.items() if why]
        if why := _wide(row):
            flags.append(Flag(row.task, "", "wide interval", why))
        if row.num_left_out:
            why = f"{row.num_left_out} records are not in all evaluations or have another truth"
            flags.append(Flag(row.task, "", "not the same records", why))
    return flags


def _collapse(cell: Cell, *, base: Cell | None, row: Row) -> str:
    if base is None or row.answer_kind not in SPATIAL or row.metric.unit != "fraction":
        return ""
    fall = base.mean.value - cell.mean.value
    if fall <= COLLAPSE:
        return ""
    return (
        f"{_points(base.mean.value)} fell to {_points(cell.mean.value)} on answers that are places"
    )


def _too_good(cell: Cell, *, row: Row, lines: PublishedLines) -> str:
    value = cell.mean.value
    if row.metric.unit != "fraction" or not row.metric.higher_is_better:
        return ""
    if lines.human is not None and value > lines.human:
        return f"{_points(value)} is above what people reach, {_points(lines.human)}"
    if lines.best is not None and value > lines.best + ABOVE_PUBLISHED:
        best = f"{_points(lines.best)} ({lines.best_name})"
        return f"{_points(value)} is far above the best published, {best}"
    return ""


def _wide(row: Row) -> str:
    halves = [_half_width(cell.mean) for cell in row.cells if cell is not None]
    widest = max(halves, default=0.0)
    if row.metric.unit != "fraction" or widest < WIDE:
        return ""
    return f"{row.num_shared} records tell no more than ±{100 * widest:.0f} points"


def _incomplete(cell: Cell) -> str:
    return f"{cell.num_failed} requests failed" if cell.num_failed else ""


def _half_width(interval: Interval) -> float:
    if interval.low is None or interval.high is None:
        return 0.0
    return (interval.high - interval.low) / 2


def _points(fraction: float) -> str:
    """A fraction in hundredths, as benchmark tables write it."""
    return f"{100 * fraction:.1f}"

"""Models against a baseline, task by task, on the records they share.

Each difference is paired: record by record, with an interval from drawing episodes again and a test
of chance alone. The p-values of one model are raised by Holm's rule over its tasks. `better` and
`worse` are said only where the raised p-value and the interval agree; all else is "not
distinguishable", whatever the means look like.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from roboloop.base.errors import RoboLoopError
from roboloop.base.hashing import seeded_generator
from roboloop.base.paired_tests import PairedTest, holm, paired_test
from roboloop.base.statistics import (
    FloatArray,
    Groups,
    Interval,
    difference_intervals,
    group_by,
    mean_intervals,
)
from roboloop.evaluate.compare.loaded import Evaluated, Outcome
from roboloop.evaluate.summary import UNCLEAR
from roboloop.evaluate.summary import verdict as verdict_of
from roboloop.tasks.base import Metric


class CompareOptions(NamedTuple):
    """How sure, and drawn how."""

    confidence: float = 0.95
    num_bootstrap: int = 1000
    seed: int = 0


DEFAULTS = CompareOptions()


class Difference(NamedTuple):
    """A model minus the baseline on the same records.

    Attributes:
        interval: Mean difference, positive where the model's value is higher.
        test: Of chance alone; its wins are the records on which the model is the better one.
        raised_p: Its p-value after Holm's rule over the model's tasks.
        verdict: `better`, `worse` or `not distinguishable`.
    """

    interval: Interval
    test: PairedTest
    raised_p: float
    verdict: str


class Cell(NamedTuple):
    """One model on one task.

    Attributes:
        mean: Of the main metric over the shared records.
        num_records: How many those are.
        num_not_read: Answers of these that could not be read; they count with the worst value.
        num_failed: Requests of these that failed: the cell is incomplete.
        difference: To the baseline; None for the baseline itself.
    """

    mean: Interval
    num_records: int
    num_not_read: int
    num_failed: int
    difference: Difference | None


class Row(NamedTuple):
    """One task.

    Attributes:
        num_shared: Records that all models which were asked this task answered, with one truth.
        num_left_out: Records that only some were asked, or whose truth differs.
        num_groups: Episodes of the shared ones.
        answer_kind: Kind of the truths, such as `box`.
        cells: Per model, None for one that was not asked.
        part: The category of the task that this row is about, such as a subtask of a benchmark;
            empty for the whole task.
    """

    task: str
    title: str
    metric: Metric
    num_shared: int
    num_left_out: int
    num_groups: int
    answer_kind: str
    cells: tuple[Cell | None, ...]
    part: str = ""


class Column(NamedTuple):
    """A model of a comparison: its label, its own name, and the kind of its dialect if known."""

    label: str
    model: str
    dialect: str = ""


class Comparison(NamedTuple):
    """Models (columns) on tasks (rows), and on the parts of those tasks that have any."""

    models: tuple[Column, ...]
    baseline: int
    rows: tuple[Row, ...]
    options: CompareOptions
    parts: tuple[Row, ...] = ()


def compare(
    models: Sequence[Evaluated], *, baseline: str, options: CompareOptions = DEFAULTS
) -> Comparison:
    """Hold every model against the baseline.

    Raises:
        RoboLoopError: E-EVA-003 when the baseline is none of the models, two have one label, or
            no record is shared.
    """
    labels = [model.label for model in models]
    if len(set(labels)) < len(labels):
        raise RoboLoopError(
            "E-EVA-003", f"two models are called alike: {', '.join(labels)}",
            fix="Write LABEL=PATH.",
        )  # fmt: skip
    if baseline not in labels:
        raise RoboLoopError(
            "E-EVA-003", f"the baseline {baseline!r} is none of {', '.join(labels)}"
        )
    place = labels.index(baseline)
    tasks = dict.fromkeys(task for model in models for task in model.tasks)
    rows = [_row(task, models=models, baseline=place, options=options) for task in sorted(tasks)]
    paired = any(cell and cell.difference for row in rows for cell in row.cells)
    if len(models) > 1 and not paired:
        raise RoboLoopError("E-EVA-003", "the evaluations share no record", fix=_SHARE)
    rows = judged_together(rows, num_models=len(models), options=options)
    parts = [
        _row(row.task, models=models, baseline=place, options=options, part=part)
        for row in rows
        for part in _parts(row.task, models=models)
    ]
    parts = judged_together(parts, num_models=len(models), options=options)
    columns = tuple(Column(model.label, model.model, model.dialect) for model in models)
    return Comparison(columns, place, rows, options, parts)


_SHARE = "Evaluate the models on the same split, with the same seed and max_records_per_task."


def _parts(task: str, *, models: Sequence[Evaluated]) -> list[str]:
    """The categories of a task's shared records, where there are two or more."""
    asked = [model.tasks[task] for model in models if task in model.tasks]
    found = {asked[0][record_id].part for record_id in _shared_ids(asked)} - {""}
    return sorted(found) if len(found) > 1 else []


def _row(
    task: str,
    *,
    models: Sequence[Evaluated],
    baseline: int,
    options: CompareOptions,
    part: str = "",
) -> Row:
    """The whole task, or one part of it."""
    asked = [model.tasks[task] for model in models if task in model.tasks]
    first = next(model for model in models if task in model.tasks)
    shared = [key for key in _shared_ids(asked) if not part or asked[0][key].part == part]
    everywhere = {
        key for outcomes in asked for key in outcomes if not part or outcomes[key].part == part
    }
    groups = group_by([asked[0][record_id].group for record_id in shared])
    metric = first.metrics[task][0]
    cells = [
        _cell(model.tasks[task], models[baseline].tasks.get(task), shared=shared, groups=groups,
              metric=metric, draw=(options, f"{task}/{part}" if part else task),
              is_baseline=number == baseline)
        if shared and task in model.tasks else None
        for number, model in enumerate(models)
    ]  # fmt: skip
    truth = asked[0][shared[0]].item["truth"] if shared else None
    return Row(
        task=task,
        title=first.titles[task],
        metric=metric,
        num_shared=len(shared),
        num_left_out=len(everywhere) - len(shared),
        num_groups=groups.num_groups,
        answer_kind=truth["answer"]["kind"] if truth else "",
        cells=tuple(cells),
        part=part,
    )


def shared_items(models: Sequence[Evaluated]) -> Iterator[dict[str, Any]]:
    """The records that are compared, as lines of `items.jsonl` with the labels in `predictions`."""
    for task in sorted({task for model in models for task in model.tasks}):
        asked = {model.label: model.tasks[task] for model in models if task in model.tasks}
        for record_id in _shared_ids(list(asked.values())):
            said = {label: outcomes[record_id].prediction for label, outcomes in asked.items()}
            first = next(iter(asked.values()))[record_id].item
            yield {**first, "predictions": said}


def _shared_ids(asked: Sequence[Mapping[str, Outcome]]) -> list[str]:
    """Records that every one of them has, with the same truth."""
    common = set(asked[0]).intersection(*asked[1:])
    return sorted(
        record_id
        for record_id in common
        if len({outcomes[record_id].truth_hash for outcomes in asked}) == 1
    )


def _cell(
    outcomes: Mapping[str, Outcome],
    base: Mapping[str, Outcome] | None,
    *,
    shared: Sequence[str],
    groups: Groups,
    metric: Metric,
    draw: tuple[CompareOptions, str],
    is_baseline: bool,
) -> Cell:
    options, task = draw
    values = _values(outcomes, shared=shared, metric=metric)
    (mean,) = mean_intervals(
        values[:, None], groups=groups, confidence=options.confidence,
        num_draws=options.num_bootstrap, generator=seeded_generator(options.seed, "mean", task),
    )  # fmt: skip
    difference = None
    if not is_baseline and base is not None:
        second = _values(base, shared=shared, metric=metric)
        difference = _difference(values, second=second, groups=groups, metric=metric, draw=draw)
    statuses = [outcomes[record_id].status for record_id in shared]
    return Cell(
        mean,
        len(shared),
        statuses.count("unparsed"),
        statuses.count("request_failed"),
        difference,
    )


def _values(
    outcomes: Mapping[str, Outcome], *, shared: Sequence[str], metric: Metric
) -> FloatArray:
    return np.array([outcomes[record_id].values[metric.name] for record_id in shared])


def _difference(
    first: FloatArray,
    *,
    second: FloatArray,
    groups: Groups,
    metric: Metric,
    draw: tuple[CompareOptions, str],
) -> Difference:
    """With a p-value that is not raised and no verdict yet."""
    options, task = draw
    (interval,) = difference_intervals(
        first[:, None], second=second[:, None], groups=groups, confidence=options.confidence,
        num_draws=options.num_bootstrap,
        generator=seeded_generator(options.seed, "difference", task),
    )  # fmt: skip
    test = paired_test(
        first, second=second, groups=groups,
        generator=seeded_generator(options.seed, "signs", task),
    )  # fmt: skip
    if not metric.higher_is_better:
        test = test._replace(wins=test.losses, losses=test.wins)
    return Difference(interval, test, test.p_value, UNCLEAR)


def judged_together(
    rows: Sequence[Row], *, num_models: int, options: CompareOptions
) -> tuple[Row, ...]:
    """Raise every model's p-values over its tasks, and say the verdicts that follow."""
    columns: list[list[Cell | None]] = []
    for number in range(num_models):
        column = [row.cells[number] for row in rows]
        found = [cell.difference for cell in column if cell and cell.difference]
        raised = iter(holm([difference.test.p_value for difference in found]))
        columns.append(
            [
                _with_verdict(cell, p_value=next(raised), metric=row.metric, options=options)
                if cell and cell.difference
                else cell
                for cell, row in zip(column, rows, strict=True)
            ]
        )
    return tuple(
        row._replace(cells=tuple(column[place] for column in columns))
        for place, row in enumerate(rows)
    )


def _with_verdict(cell: Cell, *, p_value: float, metric: Metric, options: CompareOptions) -> Cell:
    assert cell.difference is not None
    verdict = UNCLEAR
    if p_value < 1 - options.confidence:
        verdict = verdict_of(cell.difference.interval, metric=metric)
    difference = cell.difference._replace(raised_p=p_value, verdict=verdict)
    return cell._replace(difference=difference)

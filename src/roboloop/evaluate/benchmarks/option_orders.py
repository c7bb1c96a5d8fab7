"""Options in other orders: each question asked in every rotation, or its options shuffled once.

A model that likes a letter is right too often where that letter is the truth. In circular
evaluation (MMBench, arXiv 2307.06281) a question with n options is asked n times, the options moved
on by one place each time, and counts only when all n answers are right. Over the n orders every
option stands once behind every letter: who goes by what an option says chooses all letters alike,
and what is left is a leaning to a letter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from roboloop.base.hashing import seeded_generator
from roboloop.base.statistics import (
    Interval,
    bootstrap_means,
    group_by,
    group_sums,
    mean_intervals,
    percentile_interval,
)
from roboloop.evaluate.benchmarks.choice import options_of, with_options
from roboloop.evaluate.config import Measuring
from roboloop.evaluate.score import Judged
from roboloop.evaluate.summary import group_label
from roboloop.records.answers import Choice
from roboloop.records.outcomes import ScoreStatus
from roboloop.records.record import Record
from roboloop.tasks.base import LETTERS

Rotations = Mapping[str, Sequence[Record]]
"""Record id -> the same question with its options moved on by 1, 2, ... places."""


class _Read(NamedTuple):
    """One order of one question, and the letter that was read in the answer to it.

    Attributes:
        group: What the question was drawn with, the same for all its orders.
    """

    record: Record
    chosen: str
    group: tuple[str, str]


def reordered(record: Record, *, order: Sequence[int], name: str) -> Record | None:
    """The question with option `order[0]` behind A, `order[1]` behind B and so on.

    None for what cannot be asked in another order: questions without option texts, and prompts of
    a data set in which these texts are not found where they should be.

    Args:
        record: A multiple-choice item.
        order: Each place of an option once.
        name: What is added to its id.
    """
    options = options_of(record)
    if record.task != "choice_vqa" or len(options) < 2:
        return None
    moved = tuple(options[place] for place in order)
    meta = dict(record.meta)
    if isinstance(text := meta.get("published"), str):
        reworded = with_options(text, old=options, new=moved)
        if reworded is None:
            return None
        meta["published"] = reworded
    place = order.index(LETTERS.index(_choice(record).letter))
    return replace(
        record,
        id=f"{record.id}{name}",
        inputs={**record.inputs, "options": moved},
        answer=Choice(LETTERS[place], moved),
        meta=meta,
    )


def rotations_of(record: Record) -> tuple[Record, ...]:
    """The question in its n - 1 other rotations; none where it cannot be moved."""
    number = len(options_of(record))
    places = range(number)
    found = (
        reordered(record, order=[(place + by) % number for place in places], name=f"@{by}")
        for by in places[1:]
    )
    return tuple(each for each in found if each is not None)


def shuffled(record: Record, *, seed: int) -> Record:
    """The question with its options in an order drawn by seed and id, or as it is."""
    draw = seeded_generator(seed, "option order", record.id)
    order = draw.permutation(len(options_of(record))).tolist()
    return reordered(record, order=order, name="") or record


def circular_entry(
    records: Sequence[Record],
    *,
    rotations: Rotations,
    judged: Mapping[str, Judged],
    metric: str,
    config: Measuring,
) -> dict[str, Any] | None:
    """What all orders say of one model; docs/benchmarks.md has the keys.

    Args:
        records: The items of one benchmark.
        rotations: Their other orders.
        judged: Id of an item or rotation -> its answer.
        metric: The benchmark's main one.
        config: Of the intervals.

    Returns:
        None when no item was asked in another order.
    """
    moved = [record for record in records if rotations.get(record.id)]
    if not moved:
        return None
    circles = [[record, *rotations[record.id]] for record in moved]
    values = [[judged[each.id].score.values[metric] for each in circle] for circle in circles]
    groups = group_by([group_label(record) for record in moved])
    every, mean, stored = mean_intervals(
        [[min(row), float(np.mean(row)), row[0]] for row in values],
        groups=groups,
        confidence=config.confidence,
        num_draws=config.num_bootstrap,
        generator=seeded_generator(config.seed, "circular"),
    )
    asked = [each for circle in circles for each in circle]
    letters = _letters(circles, judged=judged, config=config)
    return {
        "num_items": len(moved),
        "num_asked": len(asked),
        "num_not_moved": len(records) - len(moved),
        "num_failed": sum(
            judged[each.id].score.status is ScoreStatus.REQUEST_FAILED for each in asked
        ),
        "every_order": every._asdict(),
        "mean_over_orders": mean._asdict(),
        "stored_order": stored._asdict(),
        "letters": letters,
        "leans_to": _leaning(letters),
    }


def _letters(
    circles: Sequence[Sequence[Record]], *, judged: Mapping[str, Judged], config: Measuring
) -> dict[str, dict[str, Any]]:
    """Letter -> how often it was chosen and right, over the answers in which a letter was read.

    `excess` is the share chosen less the share right; the intervals of all letters hold together
    with the confidence (Bonferroni).
    """
    read = [
        _Read(record, answer.letter, group_label(circle[0]))
        for circle in circles
        for record in circle
        if isinstance(answer := judged[record.id].score.answer, Choice)
    ]
    if not read:
        return {}
    letters = LETTERS[: max(len(options_of(each.record)) for each in read)]
    place_of = np.arange(len(letters))
    offered = place_of < np.array([[len(options_of(each.record))] for each in read])
    chosen = place_of == np.array([[LETTERS.index(each.chosen)] for each in read])
    right = place_of == np.array([[LETTERS.index(_choice(each.record).letter)] for each in read])
    groups = group_by([each.group for each in read])
    excess = chosen.astype(float) - right
    draws = bootstrap_means(
        group_sums(excess, groups=groups),
        counts=group_sums(offered, groups=groups),
        num_draws=config.num_bootstrap,
        generator=seeded_generator(config.seed, "letters"),
    )
    together = 1 - (1 - config.confidence) / len(letters)
    numbers = offered.sum(axis=0)
    return {
        name: {
            "chosen": float(chosen[:, place].sum() / numbers[place]),
            "right": float(right[:, place].sum() / numbers[place]),
            "accuracy": _share(chosen[:, place][right[:, place]]),
            "excess": percentile_interval(
                draws[:, place],
                value=float(excess[:, place].sum() / numbers[place]),
                confidence=together,
                num_groups=groups.num_groups,
            )._asdict(),
        }
        for place, name in enumerate(letters)
    }


def _leaning(letters: Mapping[str, Mapping[str, Any]]) -> str:
    """The letter that is chosen too often by more than chance; of several the one most so."""
    bounds = {name: Interval(**found["excess"]) for name, found in letters.items()}
    above = [name for name, found in bounds.items() if found.low is not None and found.low > 0]
    return max(above, key=lambda name: bounds[name].value, default="")


def _share(hits: np.ndarray[Any, np.dtype[np.bool_]]) -> float | None:
    return float(hits.mean()) if len(hits) else None


def _choice(record: Record) -> Choice:
    assert isinstance(record.answer, Choice), record.id
    return record.answer

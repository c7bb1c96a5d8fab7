"""Would the same answers earn more if they were read in another model's convention?

A model that was fine-tuned in one convention and asked in another answers well and scores badly:
boxes in thousandths read as pixels. Each stored answer is read again in every dialect, and where
another one wins by more than chance would let it, that is said. Scores stay as they are: the
convention is declared, never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from roboloop.base.errors import RoboLoopError
from roboloop.base.hashing import seeded_generator
from roboloop.base.paired_tests import holm, paired_test
from roboloop.base.statistics import FloatArray, group_by
from roboloop.dialects import DIALECTS, Dialect, load_dialect
from roboloop.evaluate.audit.finding import Finding
from roboloop.evaluate.benchmarks import BENCHMARKS, load_benchmark
from roboloop.evaluate.compare.flags import SPATIAL
from roboloop.evaluate.compare.loaded import Evaluated, Outcome
from roboloop.records.answers import Answer, answer_from_json
from roboloop.records.media import media_from_json
from roboloop.records.record import Record
from roboloop.tasks import load_task
from roboloop.tasks.base import Metric

ALPHA = 0.01
LEAST_GAIN = 0.05
"""Share of the distance between the worst and a perfect value; less is not worth a word."""


class Reading(NamedTuple):
    """A task's answers as one dialect reads them.

    Attributes:
        dialect: Its kind.
        mean: Of the task's main metric.
        readable: Share of the answers that are places in this dialect.
        raised_p: Of the difference to the declared dialect, after Holm's rule over the dialects.
    """

    dialect: str
    mean: float
    readable: float
    raised_p: float


def convention_readings(
    outcomes: Mapping[str, Outcome], *, metric: Metric, declared: str, seed: int = 0
) -> list[Reading]:
    """How the answers fare in every dialect, the declared one first, then from the best on.

    Args:
        outcomes: Record id -> outcome of one task and model.
        metric: The task's main one.
        declared: Dialect that the answers were scored in; its stored values are taken.
        seed: Seed of the tests that draw.
    """
    answered = {
        record_id: outcome
        for record_id, outcome in sorted(outcomes.items())
        if outcome.status in ("scored", "unparsed")
    }
    if not answered:
        return []
    groups = group_by([outcome.group for outcome in answered.values()])
    stored = np.array([outcome.values[metric.name] for outcome in answered.values()])
    read = [outcome.prediction["answer"] is not None for outcome in answered.values()]
    own = Reading(declared, float(stored.mean()), float(np.mean(read)), 1.0)
    records = [record_of(outcome.item) for outcome in answered.values()]
    others: list[Reading] = []
    for kind in DIALECTS.rows:
        if kind == declared:
            continue
        values, readable = _scored_in(
            load_dialect(kind), outcomes=list(answered.values()), records=records, metric=metric
        )
        test = paired_test(
            values, second=stored, groups=groups,
            generator=seeded_generator(seed, "convention", kind),
        )  # fmt: skip
        others.append(Reading(kind, float(values.mean()), readable, test.p_value))
    raised = holm([reading.raised_p for reading in others])
    others = [
        reading._replace(raised_p=p_value) for reading, p_value in zip(others, raised, strict=True)
    ]
    return [own, *sorted(others, key=lambda reading: _badness(reading.mean, metric=metric))]


def convention_breaks(model: Evaluated, *, seed: int = 0) -> list[Finding]:
    """Tasks whose answers earn more in another dialect than in the one they were asked in."""
    found: list[Finding] = []
    for task, outcomes in sorted(model.tasks.items()):
        metric = model.metrics[task][0]
        if _answer_kind(outcomes) not in SPATIAL:
            continue
        own, *others = convention_readings(
            outcomes, metric=metric, declared=model.dialects[task].kind, seed=seed
        ) or [None]
        best = others[0] if others else None
        if own is None or best is None or best.raised_p >= ALPHA:
            continue
        if _gain(best.mean, own=own.mean, metric=metric) < LEAST_GAIN:
            continue
        found.append(
            Finding(
                "convention break",
                task,
                f"read as {best.dialect} the same answers earn {metric.name} {best.mean:.3f} "
                f"instead of {own.mean:.3f} as {own.dialect}",
                {
                    "declared": own.dialect,
                    "other": best.dialect,
                    "declared_mean": own.mean,
                    "other_mean": best.mean,
                    "raised_p": best.raised_p,
                },
            )
        )
    return found


def record_of(item: Mapping[str, Any]) -> Record:
    """The record behind a line of `items.jsonl`, as far as reading and scoring need it."""
    return Record(
        id=item["id"],
        task=item["question_type"],
        media=tuple(media_from_json(picture["media"]) for picture in item["pictures"]),
        answer=answer_from_json(item["truth"]["answer"]),
        source=item["source"],
        split=item["split"],
        meta={} if item["subtask"] is None else {"subtask": item["subtask"]},
    )


def _scored_in(
    dialect: Dialect, *, outcomes: Sequence[Outcome], records: Sequence[Record], metric: Metric
) -> tuple[FloatArray, float]:
    """Values of the main metric, and the share of answers that this dialect can read."""
    name = outcomes[0].item["task"]
    benchmark = load_benchmark(name) if name in BENCHMARKS.rows else None
    measure = _by_task if benchmark is None else benchmark.measurer(records)
    assert metric.worst is not None, "a main metric has a fixed worst value"
    values, num_read = np.full(len(records), metric.worst), 0
    for place, (outcome, record) in enumerate(zip(outcomes, records, strict=True)):
        topic = benchmark or load_task(record.task)
        try:
            read = topic.parse(outcome.prediction["text"], record=record, dialect=dialect)
        except RoboLoopError:  # this model's processor refuses such a picture: it cannot be its
            continue
        if read.answer is not None:
            values[place] = measure(read.answer, record)[metric.name]
            num_read += 1
    return values, num_read / len(records)


def _by_task(answer: Answer, record: Record) -> dict[str, float]:
    assert record.answer is not None
    task = load_task(record.task)
    return task.score(answer, truth=record.answer, size=record.picture_size)


def _answer_kind(outcomes: Mapping[str, Outcome]) -> str:
    return next(iter(outcomes.values())).item["truth"]["answer"]["kind"]


def _badness(value: float, *, metric: Metric) -> float:
    return -value if metric.higher_is_better else value


def _gain(value: float, *, own: float, metric: Metric) -> float:
    """Share of the way from the worst to a perfect value."""
    assert metric.worst is not None, "a main metric has a fixed worst value"
    perfect = 1.0 if metric.higher_is_better else 0.0
    return (value - own) / (perfect - metric.worst)

"""From raw texts to values. Needs no model: stored answers can be scored again at any time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from roboloop.dialects.base import Dialect
from roboloop.records.answers import Answer
from roboloop.records.outcomes import Prediction, PredictionStatus, Score, ScoreStatus
from roboloop.records.record import Record
from roboloop.tasks import load_task
from roboloop.tasks.base import Parsed, ParseStatus, Task


class Judged(NamedTuple):
    """A prediction, its worth, and how its text was understood."""

    prediction: Prediction
    score: Score
    parsed: Parsed


CUT_OFF_REASON = "length"
"""Finish reason of an answer that was stopped at the most tokens allowed."""


def judge(prediction: Prediction, *, record: Record, task: Task, dialect: Dialect) -> Judged:
    """Parse and score one prediction.

    `scored` and `unparsed` answers are in every denominator, the latter with the worst values.
    A failed request also carries the worst values, so that it can never flatter, and marks the
    result as incomplete; so does a text that is a server's error message. A record without truth
    has no values; it is counted and left out for every model alike.
    """
    truth = record.answer
    return judge_by(
        prediction,
        record=record,
        parse=lambda text: task.parse(text, record=record, dialect=dialect),
        measure=lambda answer, true: task.score(answer, truth=true, size=record.picture_size),
        worst={} if truth is None else task.worst(truth, size=record.picture_size),
    )


def judge_by(
    prediction: Prediction,
    *,
    record: Record,
    parse: Callable[[str], Parsed],
    measure: Callable[[Answer, Answer], Mapping[str, float]],
    worst: Mapping[str, float],
) -> Judged:
    """As `judge`, for whatever reads and measures an answer.

    Args:
        prediction: What the model said.
        record: What it was asked.
        parse: Reads a text.
        measure: Every metric of a parsed answer against the truth.
        worst: Every metric of an answer that is none.
    """
    parsed = read_prediction(prediction, parse=parse)
    values = dict(worst)
    if record.answer is None:
        status, values = ScoreStatus.TRUTH_MISSING, {}
    elif parsed.status is ParseStatus.INFRA_ERROR:
        status = ScoreStatus.REQUEST_FAILED
    elif parsed.answer is None:
        status = ScoreStatus.UNPARSED
    else:
        status = ScoreStatus.SCORED
        values = dict(measure(parsed.answer, record.answer))
        assert set(values) == set(worst), (record.id, sorted(values))
        assert all(map(math.isfinite, values.values())), (record.id, values)
    score = Score(
        record_id=record.id,
        task=record.task,
        model=prediction.model,
        status=status,
        values=values,
        answer=parsed.answer,
        note=parsed.note,
    )
    return Judged(prediction, score, parsed)


def read_prediction(prediction: Prediction, *, parse: Callable[[str], Parsed]) -> Parsed:
    """The answer in what a model said; `truncated` when none came before the last token allowed."""
    if prediction.status is PredictionStatus.REQUEST_FAILED:
        return Parsed(None, ParseStatus.INFRA_ERROR, prediction.error)
    parsed = parse(prediction.text)
    if parsed.answer is None and prediction.finish_reason == CUT_OFF_REASON:
        return parsed._replace(status=ParseStatus.TRUNCATED)
    return parsed


def judge_all(
    predictions: Mapping[str, Prediction], *, records: Iterable[Record], dialect: Dialect
) -> dict[str, Judged]:
    """Record id -> judgement, for the records that have a prediction."""
    return {
        record.id: judge(
            predictions[record.id], record=record, task=load_task(record.task), dialect=dialect
        )
        for record in records
        if record.id in predictions
    }

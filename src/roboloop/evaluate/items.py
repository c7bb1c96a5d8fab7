"""One line per evaluated record: question, truth, and what every model said and earned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from roboloop.dialects.base import Dialect
from roboloop.evaluate.score import Judged
from roboloop.records.answers import Answer, answer_to_json
from roboloop.records.media import media_to_json
from roboloop.records.record import Record
from roboloop.tasks import load_task
from roboloop.tasks.base import Task


def item_json(
    record: Record,
    *,
    dialect: Dialect,
    question: str,
    judged: Mapping[str, Judged],
    benchmark: str | None = None,
    orders: Mapping[str, Sequence[Judged]] | None = None,
) -> dict[str, Any]:
    """The record with all its outcomes; docs/evaluation.md describes every key.

    Args:
        record: The record asked.
        dialect: Dialect in which the truth is written as text.
        question: Its wording for the first model.
        judged: Model name -> what it said and what that is worth.
        benchmark: The benchmark it is an item of: what it is counted under in place of its task.
        orders: Model name -> what it said with the options in other orders.
    """
    task = load_task(record.task)
    episode = record.meta.get("episode")
    return {
        "id": record.id,
        "task": benchmark or record.task,
        "question_type": record.task,
        "subtask": record.meta.get("subtask"),
        "source": record.source,
        "split": record.split,
        "episode": None if episode is None else str(episode),
        "pictures": [
            {
                "media": media_to_json(media),
                "width": media.size.width if media.size else None,
                "height": media.size.height if media.size else None,
            }
            for media in record.media
        ],
        "question": question,
        "truth": _truth(record, task=task, dialect=dialect),
        "predictions": {
            model: _outcome(found, task=task, orders=(orders or {}).get(model, ()))
            for model, found in judged.items()
        },
    }


def _truth(record: Record, *, task: Task, dialect: Dialect) -> dict[str, Any] | None:
    if record.answer is None:
        return None
    return {
        "answer": answer_to_json(record.answer),
        "text": task.render(record.answer, dialect=dialect, size=record.picture_size),
        "marks": _marks(record.answer, task=task),
    }


def _outcome(judged: Judged, *, task: Task, orders: Sequence[Judged]) -> dict[str, Any]:
    prediction, score = judged.prediction, judged.score
    other_orders = [
        {
            "prompt": each.prediction.prompt,
            "text": each.prediction.text,
            "parse_status": each.parsed.status.value,
            "values": dict(each.score.values),
        }
        for each in orders
    ]
    return {
        "prompt": prediction.prompt,
        "text": prediction.text,
        "status": score.status.value,
        "parse_status": judged.parsed.status.value,
        "parse_rule": judged.parsed.rule,
        "parse_span": judged.parsed.span,
        "note": score.note,
        "values": dict(score.values),
        "answer": None if score.answer is None else answer_to_json(score.answer),
        "marks": [] if score.answer is None else _marks(score.answer, task=task),
        "num_new_tokens": prediction.num_new_tokens,
        "finish_reason": prediction.finish_reason,
        **({"other_orders": other_orders} if other_orders else {}),
    }


def _marks(answer: Answer, *, task: Task) -> Sequence[dict[str, Any]]:
    return [
        {
            "shape": mark.shape,
            "points_px": [list(point) for point in mark.points_px],
            "label": mark.label,
        }
        for mark in task.marks(answer)
    ]

"""The best constant answer: what a model that never looks at the question would score.

It is computed from the training split (median box, median path, commonest letter), written as text
by the task and read back by it, so that it is judged exactly like a model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from roboloop.base.hashing import hash_value
from roboloop.dialects.base import Dialect
from roboloop.engines.raw_answers import answer_key
from roboloop.records.answers import Answer, answer_to_json
from roboloop.records.outcomes import Prediction, PredictionStatus
from roboloop.records.record import Record
from roboloop.tasks import load_task
from roboloop.tasks.base import Truth, scale_answer

CONSTANT = "constant"


def best_constants(truths: Mapping[str, Sequence[Truth]]) -> dict[str, Answer]:
    """Task -> its best constant answer over these truths, for a picture of size 1 x 1."""
    return {task: load_task(task).best_constant(found) for task, found in sorted(truths.items())}


def constant_predictions(
    records: Iterable[Record], *, constants: Mapping[str, Answer], dialect: Dialect
) -> dict[str, Prediction]:
    """Record id -> the constant of its task, scaled to its picture and written in `dialect`.

    Records of a task without a constant are left out.
    """
    predictions: dict[str, Prediction] = {}
    for record in records:
        if (constant := constants.get(record.task)) is None:
            continue
        size = record.picture_size
        answer = constant if size is None else scale_answer(constant, size=size)
        predictions[record.id] = Prediction(
            record_id=record.id,
            model=CONSTANT,
            key=answer_key(
                engine_identity=hash_value(answer_to_json(constant)), prompt="", media_hashes=()
            ),
            status=PredictionStatus.ANSWERED,
            prompt="",
            text=load_task(record.task).render(answer, dialect=dialect, size=size),
        )
    return predictions

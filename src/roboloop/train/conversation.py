"""A record as the conversation it is trained on."""

from __future__ import annotations

from roboloop.dialects.base import Dialect
from roboloop.records.record import Record, Turn
from roboloop.tasks import load_task
from roboloop.train.config import SftConfig


def conversation(
    record: Record, *, dialect: Dialect, config: SftConfig, wording_seed: int | None
) -> list[Turn]:
    """The question, the published one or as the task words it, and the answer as it renders it.

    Args:
        record: With an answer.
        dialect: How the model writes places.
        config: Names the languages.
        wording_seed: Draws the wording; None takes the first.

    Raises:
        RoboLoopError: E-REC-002, E-REC-003 for a record that its task cannot ask.
    """
    task = load_task(record.task)
    assert record.answer is not None
    turns = [turn for turn in record.turns if turn.role != "assistant"]
    if not any(turn.role == "user" for turn in turns):
        wording = task.choose_wording(record, languages=config.languages, seed=wording_seed)
        turns.append(Turn("user", task.question(record, dialect=dialect, wording=wording)))
    answer = task.render(record.answer, dialect=dialect, size=record.picture_size)
    return [*turns, Turn("assistant", answer)]

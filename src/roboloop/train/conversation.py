"""A record as the conversation it is trained on.

Published turns before the last question are context, answers among them too: only the record's own
answer is trained on. Theirs stand in the numbers of whoever published them.
"""

from __future__ import annotations

from roboloop.dialects.base import Dialect
from roboloop.records.record import Record, Turn
from roboloop.tasks import load_task
from roboloop.train.config import PhaseConfig


def asked_turns(
    record: Record, *, dialect: Dialect, config: PhaseConfig, wording_seed: int | None
) -> tuple[Turn, ...]:
    """All that comes before the answer: what was published, or the question as the task words it.

    Args:
        record: The record.
        dialect: How the model writes places.
        config: Names the languages.
        wording_seed: Draws the wording; None takes the first.

    Raises:
        RoboLoopError: E-REC-002, E-REC-003 for a record that its task cannot ask.
    """
    if any(turn.role == "user" for turn in record.turns):
        return record.turns
    task = load_task(record.task)
    wording = task.choose_wording(record, languages=config.languages, seed=wording_seed)
    question = task.question(record, dialect=dialect, wording=wording)
    return (*record.turns, Turn("user", question))


def conversation(
    record: Record, *, dialect: Dialect, config: PhaseConfig, wording_seed: int | None
) -> tuple[Turn, ...]:
    """The turns of `asked_turns`, and the answer after its reasoning. Arguments as there."""
    written = load_task(record.task).target(record, dialect=dialect)
    asked = asked_turns(record, dialect=dialect, config=config, wording_seed=wording_seed)
    return (*asked, Turn("assistant", written))

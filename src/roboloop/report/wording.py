"""A record's question as text, for pages that show it."""

from __future__ import annotations

from roboloop.base.errors import RoboLoopError
from roboloop.dialects import load_dialect
from roboloop.records.record import Record
from roboloop.tasks import TASKS, load_task


def question_of(record: Record) -> str:
    """The question as its task words it; of a task that is not known, the inputs themselves."""
    if record.task in TASKS.rows:
        try:
            return load_task(record.task).question(record, dialect=load_dialect("plain"))
        except RoboLoopError as error:
            return f"(no question: {error.detail})"
    asked = [turn.text for turn in record.turns if turn.role == "user"]
    return "\n".join(asked) or "\n".join(f"{key}: {each}" for key, each in record.inputs.items())

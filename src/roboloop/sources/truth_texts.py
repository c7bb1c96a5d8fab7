"""The published text of a true answer -> the answer, or why it is none."""

from __future__ import annotations

from typing import NamedTuple

from roboloop.base.errors import RoboLoopError
from roboloop.dialects import Dialect
from roboloop.dialects.framed import SWAPPED
from roboloop.records.answers import Answer
from roboloop.records.record import Record
from roboloop.tasks import load_task


class Truth(NamedTuple):
    """A true answer, and what had to be mended in its text; empty when it was in order."""

    answer: Answer
    note: str = ""


def read_truth(text: str, *, record: Record, dialect: Dialect) -> Truth:
    """Read a published answer as the record's task reads a model's.

    Args:
        text: The published text.
        record: The record it answers, with the size of its picture.
        dialect: How the text writes coordinates.

    Raises:
        RoboLoopError: E-REC-013 when it is no answer to the task, E-REC-012 for a box whose corners
            are swapped: a model may be forgiven for it, a truth is then in doubt.
    """
    parsed = load_task(record.task).parse(text, record=record, dialect=dialect)
    if parsed.answer is None:
        why = f" ({parsed.note})" if parsed.note else ""
        raise RoboLoopError("E-REC-013", f"{text[:120]!r} is no answer to task {record.task}{why}")
    if SWAPPED in parsed.note:
        raise RoboLoopError("E-REC-012", f"{text[:120]!r} has x2 < x1 or y2 < y1")
    return Truth(parsed.answer, "" if parsed.is_exact else parsed.note)

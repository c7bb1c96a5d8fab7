"""Rows of the viewer for plain records: question, pictures and truth, no model in sight."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from roboloop.dialects import load_dialect
from roboloop.records.answers import Answer
from roboloop.records.record import Record
from roboloop.report.pictures import PictureFolder
from roboloop.report.rows import answer_words, rounded_marks
from roboloop.report.wording import question_of
from roboloop.tasks import TASKS, load_task
from roboloop.tasks.base import Mark
from roboloop.tasks.reasoning_marks import reasoning_marks
from roboloop.tasks.reasoning_text import reasoning_text

REJECTED = "rejected"
"""What the worse answer of a pair is called, in words and beside its marks."""


def record_row(record: Record, *, pictures: PictureFolder) -> dict[str, Any]:
    """The row of one record; its pictures are copied."""
    shown = [pictures.add(media) for media in record.media]
    return {
        "id": record.id,
        "task": record.task,
        "source": record.source,
        "split": record.split,
        "episode": None if (episode := record.meta.get("episode")) is None else str(episode),
        "pictures": [each.as_json() for each in shown],
        "question": question_of(record),
        "truth": _truth(record),
        "predictions": [],
    }


def _truth(record: Record) -> dict[str, Any] | None:
    """The published answer word for word, and what it means; None where there is neither."""
    said = [turn.text for turn in record.turns if turn.role == "assistant"][-1:]
    if record.answer is None:
        return {"text": said[0], "marks": [], "parsed": ""} if said else None
    marks = load_task(record.task).marks(record.answer) if record.task in TASKS.rows else ()
    words = answer_words(record.answer)
    if record.reasoning is not None:
        plain = load_dialect("plain")
        told = reasoning_text(record.reasoning, dialect=plain, size=record.picture_size)
        said, marks = [f"{told}\n{words}"], (*marks, *reasoning_marks(record.reasoning))
    text = said[0] if said else words
    if record.rejected is not None:
        text += f"\n\n{REJECTED}: {answer_words(record.rejected)}"
        marks = (*marks, *_rejected_marks(record, rejected=record.rejected))
    return {
        "text": text,
        "marks": rounded_marks([mark._asdict() for mark in marks]),
        "parsed": words if said else "",
    }


def _rejected_marks(record: Record, *, rejected: Answer) -> tuple[Mark, ...]:
    """The marks of the worse answer, named so; none for a text that stands for another kind."""
    task = load_task(record.task) if record.task in TASKS.rows else None
    if task is None or rejected.kind != task.answer_kind:
        return ()
    return tuple(mark._replace(label=REJECTED) for mark in task.marks(rejected))


def task_titles(kinds: Iterable[str]) -> dict[str, str]:
    """Kind -> title of each task that is known."""
    return {kind: load_task(kind).title for kind in sorted(set(kinds)) if kind in TASKS.rows}

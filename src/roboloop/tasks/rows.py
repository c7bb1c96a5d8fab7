"""A record as a row of plain values, and its answer made again from them.

Stages that work on tables, and whoever tells a judge of a record, see it this way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize, Point
from roboloop.base.hashing import canonical_json, hash_value
from roboloop.dialects import load_dialect
from roboloop.records.answers import (
    SPATIAL_KINDS,
    Answer,
    Box,
    Boxes,
    Choice,
    Number,
    Plan,
    Points,
    Polygon,
    Text,
    Trajectory,
    YesNo,
    answer_to_json,
)
from roboloop.records.media import FilePicture, media_to_json
from roboloop.records.record import Record
from roboloop.tasks import load_task
from roboloop.tasks.base import Task

ANSWER_COLUMNS = (
    "id", "task", "answer", "answer_kind", "short_answer", "geometry", "content", "width", "height",
)  # fmt: skip
"""The facts that are needed here."""

ASKED_COLUMNS = (*ANSWER_COLUMNS, "family", "question", "references", "num_media")
"""What a judge needs to be told of a record."""

_PLAIN = load_dialect("plain")


class AnswerFacts(NamedTuple):
    """The columns that describe an answer."""

    words: str
    kind: str
    geometry: list[float]
    content: str


def row_of(record: Record, *, answer: Answer | None) -> dict[str, Any]:
    """The columns `ASKED_COLUMNS` of a record with this answer.

    Raises:
        RoboLoopError: As `question_of`.
    """
    task = load_task(record.task)
    size = record.picture_size
    facts = answer_facts(answer, size=size)
    return {
        "id": record.id,
        "task": record.task,
        "family": task.family,
        "question": question_of(record, task=task),
        "answer": facts.words,
        "answer_kind": facts.kind,
        "geometry": facts.geometry,
        "content": facts.content,
        "short_answer": short_answer(answer, task=task),
        "width": size.width if size else 0,
        "height": size.height if size else 0,
        "num_media": len(record.media),
        "references": [canonical_json(media_to_json(medium)) for medium in record.media],
    }


def question_of(record: Record, *, task: Task) -> str:
    """The question as a model is asked it, places as pixels.

    Raises:
        RoboLoopError: E-REC-002 when an input is missing, E-REC-003 when there are too many
            options, E-REC-013 when a place is spoken of in a picture of unknown size.
    """
    if record.picture_size is None:
        for name, value in record.inputs.items():
            if isinstance(value, Points) and not record.turns:
                raise RoboLoopError("E-REC-013", f"{name!r} is a place, but no picture has a size")
    return task.question(record, dialect=_PLAIN)


def short_answer(answer: Answer | None, *, task: Task) -> str:
    """The text of a letter, a yes or no, or a number; empty for other answers."""
    if isinstance(answer, Choice | YesNo | Number) and answer.kind == task.answer_kind:
        return task.render(answer, dialect=_PLAIN, size=None)
    return ""


def answer_facts(answer: Answer | None, *, size: PictureSize | None) -> AnswerFacts:
    """An answer in the columns of a row; see `AnswerFacts`."""
    if answer is None:
        return AnswerFacts("", "", [], "")
    if isinstance(answer, Text):
        return AnswerFacts(answer.text, answer.kind, [], "")
    if isinstance(answer, Plan):
        return AnswerFacts("\n".join(answer.steps), answer.kind, [], "")
    if answer.kind not in SPATIAL_KINDS:
        fields = {key: value for key, value in answer_to_json(answer).items() if key != "kind"}
        return AnswerFacts("", answer.kind, [], hash_value(fields))
    width, height = (size.width, size.height) if size else (1, 1)
    scales = (width, height)
    flat = [value / scales[index % 2] for index, value in enumerate(_coordinates(answer))]
    return AnswerFacts("", answer.kind, flat, _labels(answer))


def _coordinates(answer: Answer) -> list[float]:
    match answer:
        case Box():
            return list(answer.corners_px)
        case Boxes(items):
            return [value for box in items for value in box.corners_px]
        case Points(points_px) | Trajectory(points_px) | Polygon(points_px):
            return [value for point in points_px for value in point]
        case _:
            return []


def _labels(answer: Answer) -> str:
    match answer:
        case Box(label=label):
            return label or ""
        case Boxes(items):
            return "\n".join(box.label or "" for box in items)
        case Points(labels=labels):
            return "\n".join(labels)
        case _:
            return ""


def answer_of(row: Mapping[str, Any]) -> Answer | None:
    """The typed answer in words or coordinates (pixels); None for other kinds."""
    width, height = row["width"] or 1, row["height"] or 1
    scaled = [value * (height if i % 2 else width) for i, value in enumerate(row["geometry"] or [])]
    points = tuple(Point(scaled[i], scaled[i + 1]) for i in range(0, len(scaled) - 1, 2))
    match row["answer_kind"]:
        case "text":
            return Text(row["answer"])
        case "plan":
            return Plan(tuple(step for step in row["answer"].split("\n") if step.strip()))
        case "box" if len(scaled) == 4:
            return Box(*scaled, label=row.get("content") or None)
        case "boxes":
            labels = (row.get("content") or "").split("\n")
            pairs = zip(points[::2], points[1::2], labels, strict=False)
            return Boxes(tuple(Box(*first, *last, label or None) for first, last, label in pairs))
        case "points":
            return Points(points)
        case "trajectory":
            return Trajectory(points)
        case _:
            return None


def answer_text(row: Mapping[str, Any]) -> str:
    """What a perfect model writes, coordinates in pixels; empty where there is no answer."""
    answer = answer_of(row)
    if answer is None:
        return row["short_answer"]
    if isinstance(answer, Points | Trajectory | Boxes) and not row["geometry"]:
        return ""
    size = PictureSize(row["width"], row["height"]) if row["width"] else None
    return load_task(row["task"]).render(answer, dialect=_PLAIN, size=size)


def stand_in(row: Mapping[str, Any]) -> Record:
    """A record of the same task and picture size, enough to read an answer's text for."""
    size = PictureSize(row["width"], row["height"]) if row["width"] else None
    return Record(
        id=row.get("id") or "", task=row["task"], media=(FilePicture(path="", size=size),)
    )

"""A record's answer, made again from its facts: as a typed answer, and as the text of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from roboloop.base.geometry import PictureSize, Point
from roboloop.dialects import load_dialect
from roboloop.records.answers import Answer, Box, Boxes, Plan, Points, Text, Trajectory
from roboloop.records.media import FilePicture
from roboloop.records.record import Record
from roboloop.tasks import load_task

ANSWER_COLUMNS = (
    "id", "task", "answer", "answer_kind", "short_answer", "geometry", "content", "width", "height",
)  # fmt: skip
"""The facts that are needed here."""

_PLAIN = load_dialect("plain")


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

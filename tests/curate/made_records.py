"""Small records, made on the spot."""

from __future__ import annotations

from roboloop.base.geometry import PictureSize
from roboloop.records.answers import Answer, Box
from roboloop.records.media import FilePicture
from roboloop.records.record import Record

SIZE = PictureSize(320, 180)


def record(
    name: str,
    *,
    picture: str = "a.jpg",
    instruction: str = "pick the cup",
    answer: Answer | None = None,
    task: str = "current_box",
    source: str = "made",
) -> Record:
    """A grounding record."""
    return Record(
        id=name,
        task=task,
        media=(FilePicture(path=f"made:{picture}", size=SIZE),),
        inputs={"instruction": instruction},
        answer=answer or Box(10, 20, 60, 80),
        source=source,
    )

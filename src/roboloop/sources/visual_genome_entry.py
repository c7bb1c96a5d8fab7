"""One picture's entry in one of Visual Genome's files, while it is asked about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.geometry import PictureSize
from roboloop.records.answers import Box
from roboloop.records.record import Record
from roboloop.records.scene import Scene
from roboloop.sources.base import Rejected
from roboloop.sources.fields import Entry, cornered_box
from roboloop.sources.record_drafts import RecordDraft, sample

SLACK_PX = 2.0
"""How far a box may stick out of its picture."""


class KeyedEntry(NamedTuple):
    """An object, region, relationship or question with its number in the data set."""

    item: Entry
    key: str


@dataclass(slots=True, kw_only=True)
class Asker:
    """One picture's entry in one file, and what of it had to be left out.

    Attributes:
        base: The record that all its questions share, with the measured picture.
        draw: Chooses where there are more questions than may be asked.
        scene: All that the entry tells of the picture, once it has been asked; None of things
            without names.
    """

    entry: Entry
    base: Record
    max_questions: int
    draw: np.random.Generator
    rejected: list[Rejected] = field(default_factory=list[Rejected])
    scene: Scene | None = None

    @property
    def size(self) -> PictureSize:
        """Of the picture."""
        assert self.base.picture_size is not None
        return self.base.picture_size

    def each(self, list_name: str, *, keys: Sequence[str]) -> Iterator[KeyedEntry]:
        """The items of a list; one that is no object or lacks its key is left out."""
        for number, value in enumerate(self.entry.items(list_name)):
            try:
                item = Entry(value, what=list_name.removesuffix("s"))
                keyed = KeyedEntry(item, str(item.whole(*keys)))
            except RoboLoopError as error:
                self.reject(error, key=str(number))
            else:
                yield keyed

    def reject(self, error: RoboLoopError, *, key: str) -> None:
        """Leave out one item."""
        record_id = f"{self.base.id}/{key}"
        located = error.located(Place(self.base.origin, record_id=record_id))
        self.rejected.append(Rejected(located, record_id))

    def chosen(self, drafts: Sequence[RecordDraft]) -> list[RecordDraft]:
        """As many as may be asked."""
        return sample(drafts, count=self.max_questions, draw=self.draw)


def name_of(item: Entry) -> str:
    """The first of the `names`, or the `name` at the end of a relationship."""
    names = item.texts("names") if "names" in item else (item.text("name"),)
    name = " ".join(names[0].split()).casefold() if names else ""
    if not name:
        raise RoboLoopError("E-DAT-004", "an object has no name")
    return name


def box_of(item: Entry, size: PictureSize, *, sides: tuple[str, str]) -> Box:
    """The box in pixels; `sides` name its width and height, either spelling is read."""
    spellings = zip(sides, ("width", "height"), strict=True)
    width, height = (item.number(*spelling) for spelling in spellings)
    x, y = item.number("x"), item.number("y")
    return cornered_box(x, y, width=width, height=height, picture=size, slack_px=SLACK_PX)

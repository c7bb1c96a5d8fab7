"""What sources of robot episodes share (LeRobot, RLDS, DROID, RH20T): episodes become records.

A source subclasses `RobotEpisodesSource`, makes a `RobotEpisode` of each episode it reads and
yields what `episode_records` makes of it:

    class RldsSource(RobotEpisodesSource):
        kind: Literal["rlds"] = "rlds"

        def read_part(self, part, context):
            for episode in ...:
                yield from self.episode_records(episode, other_tasks=..., context=context)

`other_tasks` are what else is done in the data set, for the wrong options of choices; the same for
every part, so that the records do not depend on how the work is divided.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import cast

from PIL import Image
from pydantic import Field, field_validator

from roboloop.base.errors import MissingDependencyError, Place, RoboLoopError
from roboloop.base.hashing import seeded_generator
from roboloop.records.media import Media
from roboloop.records.media_open import MediaStore
from roboloop.records.record import Record, check_record
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.data_set import DataSetSource
from roboloop.sources.episode_questions import (
    QUESTIONS,
    Asking,
    RobotEpisode,
    Step,
    ask,
    evenly_spread,
)
from roboloop.sources.measure import MediaMeter

NUM_LOOKS = 3
"""Pictures of a camera that are compared to tell whether it shows anything."""
BLANK_LEVELS = 4
"""A picture whose channels each vary by no more than this (of 255) shows nothing."""


class RobotEpisodesSource(DataSetSource):
    """Options and records of a source whose entries are robot episodes."""

    cameras: tuple[str, ...] | None = None
    """Which cameras to ask about, each on its own; left out: every one that shows something."""
    frames_per_episode: int = Field(8, ge=1, le=64)
    """The most pictures a question has, evenly spread over what it asks about."""
    tasks: tuple[str, ...] | None = None
    """Which tasks to ask; left out: all that the words of the episodes support."""
    max_episodes: int | None = Field(None, ge=1)
    """Read only so many, the first."""
    split: str = Field("all", pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")
    """Read only this split."""
    val_fraction: float = Field(0.0, ge=0.0, lt=1.0)
    """Put so large a share of the train episodes into `val`, drawn by seed and episode."""

    @field_validator("tasks")
    @classmethod
    def _known_tasks(cls, tasks: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for task in tasks or ():
            if task not in cls.askable():
                known = ", ".join(cls.askable())
                raise ValueError(f"no question of task {task!r}; there are {known}")
        return tasks

    @classmethod
    def askable(cls) -> tuple[str, ...]:
        """The tasks this source can ask."""
        return tuple(QUESTIONS)

    def wants(self, task: str) -> bool:
        """Whether the recipe asks for this task."""
        return self.tasks is None or task in self.tasks

    def split_of(self, episode: RobotEpisode, context: SourceContext) -> str:
        """The split of an episode's records: as published, or `val` when it is held out."""
        if episode.split == "train" and self.val_fraction > 0:
            draw = seeded_generator(context.seed, self.kind, "val", episode.key)
            if draw.random() < self.val_fraction:
                return "val"
        return episode.split

    def is_asked_for(self, episode: RobotEpisode, context: SourceContext) -> bool:
        """Whether the recipe asks for the episode's split."""
        return self.split in ("all", self.split_of(episode, context))

    def template_of(self, episode: RobotEpisode, *, camera: str, context: SourceContext) -> Record:
        """What all records about a camera of the episode have alike; without a question."""
        return Record(
            id=f"{self.name}/{episode.key}/{camera}",
            task="",
            source=self.name,
            split=self.split_of(episode, context),
            licence=self.licence or episode.licence,
            origin=episode.origin,
            meta={**episode.meta, "episode": episode.key, "camera": camera},
        )

    def episode_records(
        self, episode: RobotEpisode, *, other_tasks: Sequence[str], context: SourceContext
    ) -> Iterator[Record | Rejected]:
        """All questions of one episode about each camera; nothing when its split is not asked for.

        An episode without words is rejected as one entry, and so is a camera that shows nothing.
        """
        if not (self.is_asked_for(episode, context) and any(map(self.wants, QUESTIONS))):
            return
        name = f"{self.name}/{episode.key}"
        if not episode.instructions and not episode.steps:
            yield self._rejected("E-DAT-004", "it has no instruction", id=name, episode=episode)
            return
        if unknown := [camera for camera in self.cameras or () if camera not in episode.cameras]:
            known = ", ".join(episode.cameras) or "none"
            detail = f"it has no camera {', '.join(unknown)}; it has {known}"
            yield self._rejected("E-DAT-004", detail, id=name, episode=episode)
        store = MediaStore(self.media_roots())
        for camera, frames in episode.cameras.items():
            if self.cameras is not None and camera not in self.cameras:
                continue
            assert len(frames) == episode.num_frames, f"{name} {camera}: a medium for each frame"
            if shows_nothing(store, frames):
                detail = f"camera {camera} shows nothing, or the same picture throughout"
                yield self._rejected("E-MED-010", detail, id=f"{name}/{camera}", episode=episode)
                continue
            meter = MediaMeter(self.media_roots(), verify=self.verify_media)
            for record in self._asked(episode, camera, other_tasks=other_tasks, context=context):
                yield measured_record(record, meter=meter)

    def _asked(
        self,
        episode: RobotEpisode,
        camera: str,
        *,
        other_tasks: Sequence[str],
        context: SourceContext,
    ) -> Iterator[Record]:
        """The questions about one camera, as records whose media are not yet measured."""
        template = self.template_of(episode, camera=camera, context=context)
        frames = episode.cameras[camera]
        for task in QUESTIONS:
            if not self.wants(task):
                continue
            asking = Asking(
                episode=episode,
                num_pictures=self.frames_per_episode,
                other_tasks=other_tasks,
                draw=seeded_generator(context.seed, self.kind, episode.key, camera, task),
            )
            for question in ask(asking, task=task):
                name = f"{template.id}/{task}"
                yield replace(
                    template,
                    id=f"{name}/{question.suffix}" if question.suffix else name,
                    task=task,
                    media=tuple(frames[number] for number in question.frames),
                    inputs=question.inputs,
                    answer=question.answer,
                    meta={
                        **template.meta,
                        "frames": list(question.frames),
                        "instructions": list(episode.instructions),
                    },
                )

    def _rejected(self, code: str, detail: str, *, id: str, episode: RobotEpisode) -> Rejected:
        place = Place(episode.origin, record_id=id)
        return Rejected(RoboLoopError(code, detail, place=place), id)


def our_split(published: str) -> str:
    """The name of a split as records have it; any but `validation` is kept."""
    return "val" if published.lower() in ("val", "valid", "validation") else published


def measured_record(record: Record, *, meter: MediaMeter) -> Record | Rejected:
    """The record with its media measured and its coordinates checked, or why it is none."""
    try:
        media = tuple(meter.measured(medium) for medium in record.media)
        whole = replace(record, media=media)
        check_record(whole)
    except MissingDependencyError:
        raise
    except RoboLoopError as error:
        place = Place(record.origin, record_id=record.id)
        return Rejected(error.located(place), record.id)
    return whole


def shows_nothing(store: MediaStore, frames: Sequence[Media]) -> bool:
    """Whether a camera's pictures are blank, or all the same; broken ones count as something.

    Flags in the data are not believed: Bridge's say no camera exists although three do. What a
    camera that was not there left behind is one picture repeated, mostly black.
    """
    try:
        looks = [
            store.open(frames[number])
            for number in evenly_spread(len(frames), num_wanted=NUM_LOOKS)
        ]
    except MissingDependencyError:
        raise
    except RoboLoopError:
        return False
    if all(_is_blank(picture) for picture in looks):
        return True
    return len(looks) > 1 and all(picture.tobytes() == looks[0].tobytes() for picture in looks[1:])


def _is_blank(picture: Image.Image) -> bool:
    ranges = cast("list[tuple[int, int]]", [band.getextrema() for band in picture.split()])
    return all(high - low <= BLANK_LEVELS for low, high in ranges)


__all__ = [
    "RobotEpisode", "RobotEpisodesSource", "Step", "measured_record",
    "our_split", "shows_nothing",
]  # fmt: skip

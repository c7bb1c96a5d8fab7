"""Questions about single frames, from RoboInter's annotation columns of a LeRobot data set.

The columns are put together to what RoboInter's annotation store holds of an episode, so both give
the same questions: see `roboloop.sources.robointer_annotation`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.hashing import seeded_generator
from roboloop.records.media_open import MediaStore
from roboloop.records.record import Record
from roboloop.sources.base import MADE_ROOT, Rejected, SourceContext
from roboloop.sources.drafts import Draft
from roboloop.sources.drawing.questions import SCENE_QUESTIONS
from roboloop.sources.episode_questions import RobotEpisode, Step
from roboloop.sources.lerobot.annotation_text import (
    PREFIX,
    QUALITY_PREFIX,
    column_value,
)
from roboloop.sources.measure import MediaMeter
from roboloop.sources.robointer_annotation.files import QUALITIES, Quality
from roboloop.sources.robointer_annotation.notes import Clip, EpisodeNotes, FrameNote
from roboloop.sources.robointer_annotation.place_questions import PLACE_QUESTIONS, scene_of
from roboloop.sources.robot_episodes import measured_record

FRAME_TASKS = (*PLACE_QUESTIONS, *SCENE_QUESTIONS)
"""Tasks about a single annotated frame."""


class FrameAsking(NamedTuple):
    """How frames are asked about; `LerobotSource` says what each field means."""

    camera: str
    tasks: tuple[str, ...]
    frames_per_clip: int | None
    max_drawn_per_episode: int
    verify_media: bool


class FieldProblem(NamedTuple):
    """A text that is no JSON; it counts as not annotated."""

    frame: int
    field: str
    error: RoboLoopError


class Annotation(NamedTuple):
    """An episode's annotation as RoboInter's store holds it, and what could not be read."""

    frames: Mapping[int, Mapping[str, Any]]
    problems: tuple[FieldProblem, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is annotated."""
        return not any(
            value is not None for note in self.frames.values() for value in note.values()
        )


def annotation_of(
    columns: Mapping[str, Sequence[str | None]], *, lowest: Quality | None
) -> Annotation:
    """The annotation in an episode's columns.

    Args:
        columns: `annotation.<field>` and `Q_annotation.<field>` -> a text for each frame. The
            quality stands in the frames that have the field, and only there.
        lowest: Believe only fields of this quality or a better one.
    """
    allowed = QUALITIES if lowest is None else QUALITIES[: QUALITIES.index(lowest) + 1]
    frames: dict[int, dict[str, Any]] = {}
    problems: list[FieldProblem] = []
    for name, texts in columns.items():
        if not name.startswith(PREFIX):
            continue
        field = name.removeprefix(PREFIX)
        qualities = columns.get(f"{QUALITY_PREFIX}{field}")
        for frame, text in enumerate(texts):
            note = frames.setdefault(frame, {})
            is_believed = lowest is None or qualities is None or qualities[frame] in allowed
            try:
                note[field] = column_value(field, text or "") if is_believed else None
            except RoboLoopError as error:
                note[field] = None
                problems.append(FieldProblem(frame, field, error))
    return Annotation(frames, tuple(problems))


def with_words(episode: RobotEpisode, *, notes: EpisodeNotes) -> RobotEpisode:
    """The episode with the words of its annotation, where it has some."""
    steps = tuple(Step(c.first, c.last, c.subtask) for c in notes.clips if c.subtask is not None)
    inside = tuple(step for step in steps if step.last < episode.num_frames)
    told = (notes.instruction,) if notes.instruction else episode.instructions
    return replace(episode, instructions=told, steps=inside or episode.steps)


class FrameQuestions:
    """The records about single frames of one episode.

    Args:
        episode: With the camera that the annotation speaks of.
        template: A record of the episode without question and media.
    """

    def __init__(
        self,
        episode: RobotEpisode,
        *,
        notes: EpisodeNotes,
        asking: FrameAsking,
        template: Record,
        store: MediaStore,
        context: SourceContext,
    ) -> None:
        self._episode = episode
        self._notes = notes
        self._asking = asking
        self._template = template
        self._context = context
        roots = {**store.roots, MADE_ROOT: context.made_folder}
        self._meter = MediaMeter(roots, verify=asking.verify_media)

    def records(self) -> Iterator[Record | Rejected]:
        """The questions of every frame that is drawn, then those with drawn options."""
        seen: list[FrameNote] = []
        for frame in self._drawn_frames():
            medium = self._episode.cameras[self._asking.camera][frame]
            try:
                medium = self._meter.measured(medium)
                assert medium.size is not None, "it was measured"
                note = self._notes.note(frame, medium=medium, size=medium.size)
            except RoboLoopError as error:
                yield self._rejected(error, name=f"{frame:04d}")
                continue
            for found in note.problems:
                yield self._rejected(found.error, name=f"{frame:04d}/{found.field}")
            seen.append(note)
            for task in self._asking.tasks:
                if task in PLACE_QUESTIONS:
                    for draft in PLACE_QUESTIONS[task](note):
                        yield self._record(note, task=task, draft=draft)
        for task in self._asking.tasks:
            if task in SCENE_QUESTIONS:
                yield from self._drawn(task, seen)

    def _drawn_frames(self) -> list[int]:
        """So many frames of each clip, drawn by the seed."""
        rng = self._generator("frames")
        num = self._asking.frames_per_clip
        groups: tuple[Clip | None, ...] = self._notes.clips or (None,)
        drawn: list[int] = []
        for clip in groups:
            frames = self._notes.frames_of(clip)
            if num is not None and len(frames) > num:
                frames = [frames[int(i)] for i in rng.choice(len(frames), size=num, replace=False)]
            drawn += frames
        return sorted(drawn)

    def _drawn(self, task: str, seen: Sequence[FrameNote]) -> Iterator[Record | Rejected]:
        """Questions whose options are drawn, about the frames seen in random order."""
        num_made = 0
        for index in self._generator(task).permutation(len(seen)):
            if num_made >= self._asking.max_drawn_per_episode:
                return
            note = seen[int(index)]
            scene = scene_of(note)
            choice = scene and SCENE_QUESTIONS[task](scene, self._generator(task, note.frame))
            if choice is None:
                continue
            num_made += 1
            relative = f"{self._template.source}/{self._context.seed}/{self._name(note, task)}.webp"
            try:
                picture = self._meter.store.open(note.medium)
                sheet = choice.drawn(picture, relative=relative, context=self._context)
            except RoboLoopError as error:
                yield self._rejected(error, name=f"{note.frame:04d}/{task}")
                continue
            yield self._record(
                note, task=task, draft=Draft(choice.answer, choice.inputs, media=(sheet,))
            )

    def _record(self, note: FrameNote, *, task: str, draft: Draft) -> Record | Rejected:
        clip = note.clip
        known = {} if clip is None else {"clip": [clip.first, clip.last], "skill": clip.skill}
        return measured_record(
            replace(
                self._template,
                id=f"{self._template.source}/{self._name(note, task)}",
                task=task,
                media=draft.media or (note.medium,),
                inputs=draft.inputs,
                turns=draft.turns,
                answer=draft.answer,
                meta={**self._template.meta, "frame": note.frame, **known},
            ),
            meter=self._meter,
        )

    def _name(self, note: FrameNote, task: str) -> str:
        return f"{self._episode.key}/{self._asking.camera}/{note.frame:04d}/{task}"

    def _generator(self, *parts: object) -> Any:
        return seeded_generator(self._context.seed, "lerobot", self._episode.key, *parts)

    def _rejected(self, error: RoboLoopError, *, name: str) -> Rejected:
        place = f"{self._template.source}/{self._episode.key}/{self._asking.camera}/{name}"
        located = error.located(Place(self._episode.origin, record_id=place))
        return Rejected(located, place)

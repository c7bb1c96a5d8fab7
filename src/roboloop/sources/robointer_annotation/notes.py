"""The annotation of one episode: its clips, and what is noted of each frame."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeVar, cast

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize
from roboloop.records.answers import Box, Points, Trajectory
from roboloop.records.media import Media
from roboloop.sources.robointer_annotation.values import (
    PLACE_FIELDS,
    Noted,
    as_plain,
    read_frame_number,
    read_origin,
    read_place,
    read_spans,
    read_text,
    unknown_form,
)

GapPolicy = Literal["skip", "nearest"]
Quote = Literal["subtask", "episode"]
RawFrame = Mapping[str, Any]
Place = TypeVar("Place", Box, Points, Trajectory)


class Clip(NamedTuple):
    """A sub-task: frames `first` to `last`, both included, and its words."""

    number: int
    first: int
    last: int
    subtask: str | None
    skill: str | None


class Problem(NamedTuple):
    """Something that is wrong with one field of one frame (None: of the episode)."""

    error: RoboLoopError
    frame: int | None
    field: str


@dataclass(frozen=True, slots=True)
class FrameNote:
    """What is known of one frame.

    Attributes:
        medium: Its picture, measured; `size` its size.
        clip: The sub-task it belongs to.
        instruction: What a question about it quotes.
        places: Field -> place in pixels of the picture.
        contact_frame: First touch within the clip, None when there is none or it is not known.
        problems: What is wrong with its fields; those count as None.
    """

    episode: str
    frame: int
    medium: Media
    size: PictureSize
    clip: Clip | None
    instruction: str | None
    places: Mapping[str, Noted]
    contact_frame: int | None
    problems: tuple[Problem, ...] = ()

    def place(self, name: str, kind: type[Place]) -> Place | None:
        """The value of a field; None when it has none or its moment has passed."""
        found = self.places.get(name)
        return found if isinstance(found, kind) else None

    @property
    def before_contact(self) -> bool:
        """The fingers have not yet touched, as far as the annotation says."""
        return self.contact_frame is None or self.frame < self.contact_frame


class EpisodeNotes:
    """All annotated frames of one episode, in order.

    Args:
        name: Of the episode.
        value: What its key holds: {frame number: {field: value}}.
        known_fields: Fields good enough to be believed; the others count as None.
        kept: First and last frame to use, both included; all when None.
        gaps: What becomes of frames between two clips.
        quote: Whose words questions quote: the sub-task's or the whole episode's.
        fallback_instruction: The episode's words when the annotation has none.

    Raises:
        RoboLoopError: E-DAT-004 when the value is no annotation at all.
    """

    def __init__(
        self,
        name: str,
        value: Any,
        *,
        known_fields: frozenset[str] | None = None,
        kept: tuple[int, int] | None = None,
        gaps: GapPolicy = "skip",
        quote: Quote = "subtask",
        fallback_instruction: str | None = None,
    ) -> None:
        if not isinstance(value, dict) or not value:
            raise unknown_form("its annotation", value, wanted="{frame: annotation}")
        self.name = name
        self.problems: list[Problem] = []
        self._reported: set[tuple[int | None, str]] = set()
        self._contacts: dict[Clip | None, int | None] = {}
        self._known_fields = known_fields
        self._gaps: GapPolicy = gaps
        self._quote: Quote = quote
        self._raw = self._frames(cast("dict[Any, Any]", value))
        first, last = kept or (0, math.inf)
        self.frames = [number for number in self._raw if first <= number <= last]
        self.instruction = self._first_text("instruction_add") or fallback_instruction
        self.clips = self._clips()

    def clip_of(self, frame: int) -> Clip | None:
        """The clip a frame belongs to.

        The first clip reaches back to the start, the last one on to the end. A frame that ends one
        clip and begins another belongs to the later one. A frame between two clips belongs to the
        nearest, of equals the earlier, or to none.
        """
        if not self.clips:
            return None
        inside = next((c for c in reversed(self.clips) if c.first <= frame <= c.last), None)
        if inside is not None:
            return inside
        if frame < self.clips[0].first:
            return self.clips[0]
        if frame > self.clips[-1].last:
            return self.clips[-1]
        if self._gaps == "skip":
            return None
        return min(self.clips, key=lambda c: max(c.first - frame, frame - c.last))

    def frames_of(self, clip: Clip | None) -> list[int]:
        """The frames to use of a clip; with None those of an episode without clips."""
        return [frame for frame in self.frames if self.clip_of(frame) == clip]

    def frames_between(self, first: int, last: int) -> list[int]:
        """The frames to use from `first` to `last`, both included."""
        return [frame for frame in self.frames if first <= frame <= last]

    def origin(self, frame: int) -> PictureSize:
        """The size of picture a frame's coordinates speak of.

        Raises:
            RoboLoopError: E-DAT-004 when it is no size.
        """
        return read_origin(self._raw[frame].get("origin_shape"))

    def note(self, frame: int, *, medium: Media, size: PictureSize) -> FrameNote:
        """Everything known of a frame.

        Raises:
            RoboLoopError: E-DAT-004 when `origin_shape` is no size.
        """
        origin, clip = self.origin(frame), self.clip_of(frame)
        num_before = len(self.problems)
        places: dict[str, Noted] = {}
        for name in PLACE_FIELDS:
            if not self._is_known(name):
                continue
            try:
                value = self._raw_place(name, frame=frame, clip=clip)
                places[name] = read_place(name, value, origin=origin, size=size)
            except RoboLoopError as error:
                self._report(error, frame, name)
        self._contact_noted(frame)
        instruction = self._quoted(frame, clip)
        return FrameNote(
            episode=self.name,
            frame=frame,
            medium=medium,
            size=size,
            clip=clip,
            instruction=instruction,
            places=places,
            contact_frame=self.contact_frame(clip),
            problems=tuple(self.problems[num_before:]),
        )

    def contact_frame(self, clip: Clip | None) -> int | None:
        """When the fingers first touch in a clip: the value that its frames before the touch have.

        A touch that lies in another clip is none of this clip's.
        """
        if clip not in self._contacts:
            frames = self._raw if clip is None else self._within(clip)
            found = (self._contact_noted(frame) for frame in frames)
            contact = next((number for number in found if number is not None), None)
            is_own = contact is not None and self.clip_of(contact) == clip
            self._contacts[clip] = contact if is_own else None
        return self._contacts[clip]

    def _contact_noted(self, frame: int) -> int | None:
        """The touch that a frame looks forward to."""
        if not self._is_known("contact_frame"):
            return None
        try:
            found = read_frame_number("contact_frame", self._raw[frame].get("contact_frame"))
        except RoboLoopError as error:
            self._report(error, frame, "contact_frame")
            return None
        return found if isinstance(found, int) else None

    def _report(self, error: RoboLoopError, frame: int | None, name: str) -> None:
        """List a problem once."""
        if (frame, name) not in self._reported:
            self._reported.add((frame, name))
            self.problems.append(Problem(error, frame, name))

    def _quoted(self, frame: int, clip: Clip | None) -> str | None:
        """What questions about a frame quote; its own sub-task's words before its clip's."""
        subtask = None if clip is None else clip.subtask
        if self._is_known("substask") and (clip is None or clip.first <= frame <= clip.last):
            subtask = self._text(frame, "substask") or subtask
        first, second = (
            (subtask, self.instruction) if self._quote == "subtask" else (self.instruction, subtask)
        )
        return first or second

    def _raw_place(self, name: str, *, frame: int, clip: Clip | None) -> Any:
        """A field as annotated, or derived from other frames where it is not.

        The stored goal of a frame between two clips belongs to no clip, so it is not believed.
        """
        raw = self._raw[frame]
        if name == "placement_proposal" and self.clips:
            if clip is None:
                return None
            if name not in raw or self._is_between_clips(frame):
                return self._raw.get(clip.last, {}).get("object_box")
        if name == "affordance_box" and name not in raw:
            contact = self.contact_frame(clip)
            if contact is None:
                return None
            return self._raw.get(contact, {}).get("gripper_box") if frame <= contact else -1
        return raw.get(name)

    def _is_between_clips(self, frame: int) -> bool:
        outside = not any(clip.first <= frame <= clip.last for clip in self.clips)
        return outside and self.clips[0].first < frame < self.clips[-1].last

    def _is_known(self, name: str) -> bool:
        return self._known_fields is None or name in self._known_fields

    def _within(self, clip: Clip) -> Iterator[int]:
        return (frame for frame in self._raw if clip.first <= frame <= clip.last)

    def _frames(self, value: dict[Any, Any]) -> dict[int, RawFrame]:
        """Frame number -> annotation, in order; anything else becomes a problem."""
        found: dict[int, RawFrame] = {}
        for key, note in value.items():
            number = as_plain(key)
            if type(number) is not int or number < 0:
                error = unknown_form("a key", key, wanted="a frame number")
                self._report(error, None, f"frame {reprlib.repr(key)}")
            elif not isinstance(note, dict):
                error = unknown_form("an annotation", note, wanted="{field: value}")
                self._report(error, number, "annotation")
            else:
                found[number] = cast("RawFrame", note)
        return dict(sorted(found.items()))

    def _clips(self) -> tuple[Clip, ...]:
        if not self._is_known("time_clip"):
            return ()
        spans = next(
            (raw["time_clip"] for raw in self._raw.values() if raw.get("time_clip") is not None), []
        )
        try:
            return tuple(
                Clip(number, *span, self._clip_text("substask", span),
                     self._clip_text("primitive_skill", span))
                for number, span in enumerate(read_spans(spans))
            )  # fmt: skip
        except RoboLoopError as error:
            self._report(error, None, "time_clip")
            return ()

    def _clip_text(self, name: str, span: tuple[int, int]) -> str | None:
        """The text of a clip's first annotated frame."""
        first = next((frame for frame in self._raw if span[0] <= frame <= span[1]), None)
        if first is None or not self._is_known(name):
            return None
        return self._text(first, name)

    def _first_text(self, name: str) -> str | None:
        if not self._is_known(name):
            return None
        return next((text for frame in self._raw if (text := self._text(frame, name))), None)

    def _text(self, frame: int, name: str) -> str | None:
        try:
            return read_text(name, self._raw[frame].get(name))
        except RoboLoopError as error:
            self._report(error, frame, name)
            return None

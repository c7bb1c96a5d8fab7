"""Ego4D's annotation files as sequences of actions."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from roboloop.base.errors import Place, RoboLoopError
from roboloop.records.jsonl import Broken
from roboloop.sources.action_questions import Action, Moment
from roboloop.sources.base import Rejected
from roboloop.sources.fields import Entry
from roboloop.sources.json_members import scan_members

PASSES = ("narration_pass_1", "narration_pass_2")
CLIPS = "clips"

_WEARER = re.compile(r"^#\s*C(?:\s+C(?!\S))?(?!\S)\s*", re.IGNORECASE)
_UNSURE = re.compile(r"#\s*unsure", re.IGNORECASE)
_TAG = re.compile(r"#\s*\w+")


class ActionSequence(NamedTuple):
    """The actions of one narration pass or of one clip.

    Attributes:
        media: The name of its video without the suffix, such as `<video_uid>`.
    """

    key: str
    media: str
    actions: tuple[Action, ...]
    file: str


class Ego4dFile:
    """Reads one annotation file of either layout."""

    def __init__(self, file: Path, *, name: str) -> None:
        self._file = file
        self._name = name

    def sequences(self) -> Iterator[ActionSequence | Rejected]:
        """Narration passes as they come; clips after the whole file is read, for they are mixed."""
        clips: defaultdict[str, list[tuple[int, Action]]] = defaultdict(list)
        num_found = 0
        for key, name, item, _ in scan_members(self._file, opened=frozenset({"videos"})):
            if isinstance(item, Broken):
                yield Rejected(item.error)
            elif key == CLIPS:
                num_found += 1
                yield from self._take_clip(item.value, clips=clips)
            elif name is not None or _is_narrated(item.value):
                num_found += 1
                yield from self._passes(item.value, video=name or key)
        if not num_found:
            raise RoboLoopError(
                "E-DAT-002", "it has neither narrated videos nor clips of actions",
                place=Place(self._file),
            )  # fmt: skip
        for clip, numbered in sorted(clips.items()):
            yield self._clip(clip, numbered)

    def _passes(self, value: Any, *, video: str) -> Iterator[ActionSequence | Rejected]:
        """The two passes of a video: two annotators told the same film, so they are not mixed."""
        try:
            given = Entry(value, what="video")
            passes = [
                (name, given.entry(name).items("narrations")) for name in PASSES if name in given
            ]
        except RoboLoopError as error:
            yield self._rejected(error, key=video)
            return
        for name, narrations in passes:
            key = f"{video}/{name}"
            actions: list[Action] = []
            follows = True
            for number, narration in enumerate(narrations):
                try:
                    action = _narrated(Entry(narration, what="narration"), number=number)
                except RoboLoopError as error:
                    follows = False
                    yield self._rejected(error, key=f"{key}/{number}")
                    continue
                if action is not None:
                    actions.append(replace(action, follows=follows))
                follows = action is not None
            ordered = sorted(actions, key=lambda action: action.start)
            yield ActionSequence(key, video, tuple(_until_next(ordered)), str(self._file))

    def _take_clip(
        self, value: Any, *, clips: Mapping[str, list[tuple[int, Action]]]
    ) -> Iterator[Rejected]:
        key = CLIPS
        try:
            given = Entry(value, what="clip")
            uid, index = given.text("clip_uid"), given.whole("action_idx")
            key = f"{CLIPS}/{uid}/{index:05d}"
            clips[uid].append((index, _clip_action(given)))
        except RoboLoopError as error:
            yield self._rejected(error, key=key)

    def _clip(self, clip: str, numbered: list[tuple[int, Action]]) -> ActionSequence:
        """A clip's actions by their number; one that is missing leaves a gap."""
        numbered = sorted(numbered, key=lambda pair: pair[0])
        before = None
        actions: list[Action] = []
        for index, action in numbered:
            actions.append(replace(action, follows=before is None or index == before + 1))
            before = index
        return ActionSequence(f"clips/{clip}", clip, tuple(actions), str(self._file))

    def _rejected(self, error: RoboLoopError, *, key: str) -> Rejected:
        record_id = f"{self._name}/{key}"
        return Rejected(error.located(Place(self._file, record_id=record_id)), record_id)


def _is_narrated(value: Any) -> bool:
    return isinstance(value, dict) and any(name in value for name in PASSES)


def _narrated(narration: Entry, *, number: int) -> Action | None:
    """What the wearer does; None for what others do and where the narrator was not sure.

    Raises:
        RoboLoopError: E-DAT-004 for a narration that the data set itself rejects, and for one
            without text or time.
    """
    _refuse_rejected(narration)
    text = " ".join(narration.text("narration_text").split())
    moment = Moment(narration.whole("timestamp_frame"), narration.number("timestamp_sec"))
    if moment.frame < 0 or moment.seconds < 0:
        raise RoboLoopError("E-DAT-004", f"it is at frame {moment.frame}")
    told = clean_narration(text)
    if told is None:
        return None
    return Action(
        key=f"{number:05d}",
        text=told,
        start=moment,
        stop=moment,
        meaning=(told.casefold(),),
        meta={
            "published_narration": text,
            "timestamp_seconds": moment.seconds,
            "timestamp_frame": moment.frame,
        },
    )


def clean_narration(text: str) -> str | None:
    """`#C C picks a bag.` -> `picks a bag`; None when it is not about the wearer, or not sure.

    `#C` marks the wearer of the camera, called C; `#O` others; `#unsure` stands for an object that
    the narrator did not recognise.
    """
    if not _WEARER.match(text) or _UNSURE.search(text):
        return None
    told = _TAG.sub("", _WEARER.sub("", text, count=1)).strip(" .,")
    return " ".join(told.split()) or None


def _until_next(actions: list[Action]) -> Iterator[Action]:
    """Narrations have one time only: an action lasts until the frame before the next one."""
    for index, action in enumerate(actions):
        later = actions[index + 1].start if index + 1 < len(actions) else action.start
        if later.frame > action.start.frame:
            per_frame = (later.seconds - action.start.seconds) / (later.frame - action.start.frame)
            later = Moment(later.frame - 1, later.seconds - per_frame)
        yield replace(action, stop=max(later, action.start))


def _clip_action(clip: Entry) -> Action:
    """An action of the long-term anticipation benchmark; its frames count from the clip's start."""
    _refuse_rejected(clip)
    verb, noun = readable_label(clip.text("verb")), readable_label(clip.text("noun"))
    times = [
        Moment(
            clip.whole(f"action_clip_{end}_frame"),
            clip.number(f"action_clip_{end}_sec"),
        )
        for end in ("start", "end")
    ]
    if times[0].frame < 0 or times[1] < times[0]:
        raise RoboLoopError(
            "E-DAT-004", f"it goes from frame {times[0].frame} to {times[1].frame} of its clip"
        )
    return Action(
        key=f"{clip.whole('action_idx'):05d}",
        text=f"{verb} {noun}",
        start=times[0],
        stop=times[1],
        meaning=(clip.text("verb"), clip.text("noun")),
        meta={
            "video_uid": clip.text("video_uid"),
            "clip_uid": clip.text("clip_uid"),
            "action_idx": clip.whole("action_idx"),
            "verb": verb,
            "noun": noun,
        },
    )


def readable_label(label: str) -> str:
    """`turn_on_(switch_on,_start,_light)` -> `turn on`: the synonyms in brackets are dropped."""
    plain = label.split("_(")[0].split(" (")[0].replace("_", " ")
    return " ".join(plain.split())


def _refuse_rejected(entry: Entry) -> None:
    """Raise E-DAT-004 when the data set's own reviewers rejected an annotation."""
    for flag in ("is_rejected", "_rejected", "is_invalid_annotation"):
        if entry.fields.get(flag) is True:
            reason = str(entry.fields.get("reject_reason") or "no reason given")[:80]
            raise RoboLoopError("E-DAT-004", f"the data set itself rejects it ({reason})")

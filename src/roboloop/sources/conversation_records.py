"""A published entry -> a record: pictures found and measured, the answer typed and in pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.geometry import PictureSize
from roboloop.base.hashing import hash_value
from roboloop.dialects import Dialect, load_dialect
from roboloop.records.answers import SPATIAL_KINDS, Text, check_answer
from roboloop.records.media import FilePicture, Media, VideoFrame
from roboloop.records.record import Record, Turn, check_record, record_from_json
from roboloop.sources.base import Rejected
from roboloop.sources.conversations import (
    IMAGE_MARK,
    VIDEO_MARK,
    Conversation,
    read_conversation,
)
from roboloop.sources.measure import MediaMeter
from roboloop.sources.truth_texts import Truth, read_truth
from roboloop.tasks import TASKS, Task, load_task

DEFAULT_TASK = "vqa"
KEPT_RECORD = "roboloop"
"""Key under which `roboloop convert --keep` leaves the whole record in an entry."""

Form = Callable[[Any], Conversation]
"""Reads an entry of one published form; raises E-DAT-004 for any other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRules:
    """How entries are read; `EntrySource` says what each field means.

    Attributes:
        root: Name of the media root and of the source.
        folder: The folder of the root.
        dialect: How the published answers write coordinates, None when that was not said.
        form: Finds the conversation in an entry.
    """

    root: str
    folder: Path
    task: str
    dialect: Dialect | None
    split: str
    licence: str
    id_prefix: str
    keep_fields: tuple[str, ...]
    verify_media: bool
    video_frames: int | None
    form: Form = read_conversation
    kept_records: bool = False


class EntryReader:
    """Makes records of entries. What it makes of one depends on no other."""

    def __init__(self, rules: EntryRules) -> None:
        self._rules = rules
        self._meter = MediaMeter({rules.root: rules.folder}, verify=rules.verify_media)

    def read(self, entry: Any, *, place: Place, origin: str = "") -> Record | Rejected:
        """The entry's record, or why it is none.

        Args:
            entry: What was published.
            place: Its file and line.
            origin: The record's origin; file and line when left out.

        Raises:
            RoboLoopError: E-CFG-003 when its answer has coordinates in no declared dialect.
        """
        record_id: str | None = None
        try:
            record_id = self._id(entry)
            if self._rules.kept_records:
                return _kept_record(entry)
            record = self._record(entry, record_id=record_id)
            return replace(record, origin=origin or f"{Path(str(place.file)).name}:{place.line}")
        except RoboLoopError as error:
            located = error.located(replace(place, record_id=record_id))
            if error.code == "E-CFG-003":
                raise located from error
            return Rejected(located, record_id)

    def _record(self, entry: Any, *, record_id: str) -> Record:
        rules = self._rules
        conversation = rules.form(entry)
        fields = cast("dict[str, Any]", entry)
        kind = self._task_kind(fields)
        conversation, media = self._media(conversation, size=_stated_size(fields))
        _check_marks(conversation, num_pictures=len(media))
        asked, published = _split_answer(conversation)
        record = Record(
            id=record_id,
            task=kind,
            media=media,
            inputs=dict(conversation.inputs),
            turns=asked,
            source=rules.root,
            split=conversation.split or rules.split,
            licence=rules.licence,
            meta={
                **conversation.meta,
                **{name: fields[name] for name in rules.keep_fields if name in fields},
            },
        )
        if published is not None:
            record = self._answered(record, published=published)
        if conversation.rejected is not None:
            record = self._compared(record, published=conversation.rejected)
        check_record(record)
        return record

    def _id(self, entry: Any) -> str:
        """The entry's id, or one made of its content that stays the same wherever it stands.

        So the second of two entries that are the same in every word is left out by its id.
        """
        given = cast("dict[str, Any]", entry).get("id") if isinstance(entry, dict) else None
        if isinstance(given, str | int) and not isinstance(given, bool) and given != "":
            return f"{self._rules.id_prefix}{given}"
        if given not in (None, ""):
            raise RoboLoopError("E-REC-003", f"'id' is text or a whole number, not {given!r}")
        return f"{self._rules.id_prefix}{self._rules.root}-{hash_value(entry)[:16]}"

    def _task_kind(self, fields: Mapping[str, Any]) -> str:
        if self._rules.task != "auto":
            return self._rules.task
        given = fields.get("task")
        if given is None or given == "":
            return DEFAULT_TASK
        # RoboInter writes current_box_qa for our current_box, traj_qa_wo_init_pos for ...
        for kind in (str(given), str(given).replace("_qa", "")):
            if kind in TASKS.rows:
                return kind
        raise RoboLoopError(
            "E-DAT-004",
            f"its task {given!r} is not one of RoboLoop's",
            fix="Name the task of these entries in `task`, or leave them out.",
        )

    def _media(
        self, conversation: Conversation, *, size: PictureSize | None
    ) -> tuple[Conversation, tuple[Media, ...]]:
        """References with sizes; videos become frames, and their marks picture marks."""
        if not conversation.videos:
            pictures = conversation.references or conversation.pictures
            stated = size if len(pictures) == 1 else None
            return conversation, tuple(self._picture(path, size=stated) for path in pictures)
        num_frames = self._rules.video_frames
        if num_frames is None or conversation.pictures or conversation.references:
            raise RoboLoopError(
                "E-DAT-004",
                "it has pictures and video" if num_frames else "it has a video",
                fix="Give `video_frames`, such as 8, to take frames of entries with video only.",
            )
        frames: list[Media] = []
        turns = conversation.turns
        for path in conversation.videos:
            taken = self._frames(path, num_frames=num_frames)
            frames += taken
            turns = _replace_first_mark(turns, by=IMAGE_MARK * len(taken))
        return conversation._replace(turns=turns), tuple(frames)

    def _picture(self, picture: str | Media, *, size: PictureSize | None) -> Media:
        """The picture; the size that its entry states is taken for true when none is verified."""
        if isinstance(picture, str):
            picture = FilePicture(path=self._rooted(picture), size=size)
        return self._meter.measured(picture)

    def _frames(self, path: str, *, num_frames: int) -> list[Media]:
        """Frames from the middles of `num_frames` equal parts of a video; all of a short one."""
        rooted = self._rooted(path)
        total = self._meter.store.num_frames(rooted)
        count = min(num_frames, total)
        numbers = [(2 * part + 1) * total // (2 * count) for part in range(count)]
        return [self._meter.measured(VideoFrame(path=rooted, frame=number)) for number in numbers]

    def _rooted(self, path: str) -> str:
        if "://" in path or path.startswith("data:"):
            shown = path if len(path) < 80 else f"{path[:77]}..."
            raise RoboLoopError(
                "E-MED-001", f"{shown} is no file", fix="Download it and write its path."
            )
        if path.startswith("/"):
            folder = self._rules.folder.absolute()
            if Path(path).is_relative_to(folder):
                path = Path(path).relative_to(folder).as_posix()
        return f"{self._rules.root}:{path}"

    def _answered(self, record: Record, *, published: str) -> Record:
        """The record with its typed answer; a text that was not plain text is kept in `meta`."""
        task = load_task(record.task)
        if task.answer_kind == Text.kind:
            return replace(record, answer=Text(published))
        answer, note = self._parsed(published, record=record, task=task)
        meta = {**record.meta, "published_answer": published}
        return replace(record, answer=answer, meta={**meta, "answer_note": note} if note else meta)

    def _compared(self, record: Record, *, published: str) -> Record:
        """The record with its rejected answer: the text itself where it is no answer to the task.

        A model's bad output may be anything; a truth may not.
        """
        task = load_task(record.task)
        if task.answer_kind == Text.kind:
            return replace(record, rejected=Text(published))
        try:
            rejected = self._parsed(published, record=record, task=task).answer
            check_answer(rejected, size=record.picture_size)
        except RoboLoopError as error:
            if error.code == "E-CFG-003":
                raise
            rejected = Text(published)
        return replace(record, rejected=rejected)

    def _parsed(self, text: str, *, record: Record, task: Task) -> Truth:
        dialect = self._rules.dialect
        if task.answer_kind in SPATIAL_KINDS:
            if dialect is None:
                raise RoboLoopError(
                    "E-CFG-003",
                    f"answers of task {task.kind!r} are coordinates, `coordinates` is not given",
                    fix="Say in `coordinates` which dialect they are written in, such as plain.",
                )
            if record.picture_size is None:
                raise RoboLoopError("E-REC-013", "its answer has coordinates, it has no picture")
        return read_truth(text, record=record, dialect=dialect or load_dialect("plain"))


def _stated_size(fields: Mapping[str, Any]) -> PictureSize | None:
    """The picture's size as its entry states it: `width` and `height`, in RoboInter `w` and `h`."""
    for width, height in (("width", "height"), ("w", "h")):
        size = (fields.get(width), fields.get(height))
        if all(type(side) is int and side > 0 for side in size):
            return PictureSize(*cast("tuple[int, int]", size))
    return None


def _kept_record(entry: Any) -> Record:
    """The record that an export left in an entry, as it was."""
    kept = cast("dict[str, Any]", entry).get(KEPT_RECORD) if isinstance(entry, dict) else None
    if kept is None:
        raise RoboLoopError(
            "E-DAT-004",
            f"no record was kept in its {KEPT_RECORD!r}",
            fix="Convert with --keep, or read without `kept_records`.",
        )
    return record_from_json(kept)


def _split_answer(conversation: Conversation) -> tuple[tuple[Turn, ...], str | None]:
    """The turns up to the last question, and the answer that follows it, if any."""
    turns = conversation.turns
    if turns and turns[-1].role == "assistant":
        return turns[:-1], turns[-1].text
    return turns, conversation.answer


def _check_marks(conversation: Conversation, *, num_pictures: int) -> None:
    """One mark a picture, one mark for all, or none: anything else is a mistake in the data."""
    marks = sum(turn.text.count(IMAGE_MARK) for turn in conversation.turns)
    if marks not in (0, num_pictures) and not (marks == 1 and num_pictures > 1):
        raise RoboLoopError("E-REC-005", f"it has {marks} marks and {num_pictures} pictures")


def _replace_first_mark(turns: Iterable[Turn], *, by: str) -> tuple[Turn, ...]:
    """Turns in which the first `<video>` has become `by`."""
    changed: list[Turn] = []
    for turn in turns:
        if by and VIDEO_MARK in turn.text:
            changed.append(Turn(turn.role, turn.text.replace(VIDEO_MARK, by, 1)))
            by = ""
        else:
            changed.append(turn)
    return tuple(changed)

"""An entry of RoboInter-VQA -> its record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, cast

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.geometry import PictureSize
from roboloop.dialects import Dialect
from roboloop.dialects.framed import FramedDialect
from roboloop.records.answers import Answer, Choice, Points, Text, YesNo
from roboloop.records.media import Media
from roboloop.records.record import InputValue, Record
from roboloop.sources.base import Rejected
from roboloop.sources.measure import MediaMeter
from roboloop.sources.robointer_vqa.coordinates import (
    ANSWER_KEYS,
    plain_answer,
    published_dialect,
    stated_size,
)
from roboloop.sources.robointer_vqa.mixture import Share, num_copies
from roboloop.sources.robointer_vqa.pictures import PictureFinder
from roboloop.sources.robointer_vqa.questions import (
    PLANNING_TASKS,
    EntryName,
    find_instruction,
    find_options,
    find_start,
    neutral_id,
    read_name,
    tells_answer,
)
from roboloop.sources.robointer_vqa.sets import Coordinates
from roboloop.sources.robointer_vqa.turns import Asked, id_of, read_turns, with_marks
from roboloop.sources.truth_texts import read_truth
from roboloop.tasks import load_task
from roboloop.tasks.base import LETTERS

PANEL_LETTERS = "ABCD"
"""The panels, arrows and sentences of Understanding are four."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRules:
    """How the entries of one set are read.

    Attributes:
        share: The set, and how much of it is taken.
        hub: The folder of RoboInter-VQA.
        root: Name of the media root and of the source.
        licence: Written into every record.
        coordinates: The format of the answers.
        tasks: Kinds of tasks to keep; all when empty.
        own_words: Leave out published questions that the task can ask in its own words.
        verify_media: Decode every picture and compare its size with the one stated.
        seed: Of the draw.
    """

    share: Share
    hub: Path
    root: str
    licence: str
    coordinates: Coordinates
    tasks: tuple[str, ...]
    own_words: bool
    verify_media: bool
    seed: int


class EntryReader:
    """Makes records of the entries of one set. Holds no state that changes a record."""

    def __init__(self, rules: EntryRules) -> None:
        self._rules = rules
        self._set = rules.share.published
        self._is_spatial = self._set.part == "Generation"
        self._is_resized = self._is_spatial and rules.coordinates == "smart_resize"
        self._file = self._set.json_file(rules.coordinates)
        # Sizes are stated for pictures that answers have places in; others have to be opened.
        look = rules.verify_media or not self._is_spatial
        self._finder = PictureFinder(rules.hub, root=rules.root, published=self._set, look=look)
        self._meter = MediaMeter({rules.root: rules.hub}, verify=rules.verify_media)

    def read(self, entry: Any, *, place: Place) -> list[Record | Rejected]:
        """The entry's record as often as the mixture takes it, or why it is none."""
        published_id = id_of(entry)
        copies = num_copies(self._rules.share, seed=self._rules.seed, entry_id=published_id)
        if copies == 0:
            return []
        name = read_name(published_id)
        record_id = self._record_id(published_id, name=name)
        try:
            conversation = read_turns(entry)
            task = self._task(name, answer=conversation.answer)
            if self._rules.tasks and task not in self._rules.tasks:
                return []
            record = self._record(
                cast("dict[str, Any]", entry),
                conversation=conversation,
                task=task,
                record_id=record_id,
                origin=f"{self._file}:{place.line}",
                meta=_meta(self._set.name, published_id, name=name),
            )
        except RoboLoopError as error:
            located = error.located(replace(place, record_id=record_id))
            return [Rejected(located, record_id)]
        if copies == 1:
            return [record]
        return [record, *(replace(record, id=f"{record_id}#{n}") for n in range(2, copies + 1))]

    def _record(
        self,
        entry: dict[str, Any],
        *,
        conversation: Asked,
        task: str,
        record_id: str,
        origin: str,
        meta: dict[str, Any],
    ) -> Record:
        if self._set.part == "Task_planning":
            _check_tells_nothing(conversation)
        if not conversation.pictures:
            raise RoboLoopError("E-DAT-004", "it names no picture")
        stated = stated_size(entry, width="w", height="h") if self._is_spatial else None
        media = tuple(self._picture(path, stated=stated) for path in conversation.pictures)
        dialect = self._dialect(entry)
        question, text = conversation.turns[-1].text, conversation.answer
        inputs = self._inputs(question, task=task)
        size = media[0].size
        if task == "traj" and size is not None and (start := find_start(question)) is not None:
            inputs["start"] = Points((dialect.point(start.x, start.y, size=size),))
        turns = with_marks(conversation.turns, num_pictures=len(media))
        if self._rules.own_words and self._has_own_words(task, inputs):
            meta["published_question"] = question
            turns = ()
        answer = None
        if text is not None:
            meta["published_answer"] = text
            answer = self._plain_answer(text, task=task, inputs=inputs, dialect=dialect, size=size)
        record = Record(
            id=record_id,
            task=task,
            media=media,
            inputs=inputs,
            turns=turns,
            answer=answer,
            source=self._rules.root,
            split=self._set.split,
            licence=self._rules.licence,
            origin=origin,
            meta=meta,
        )
        if text is None or answer is not None:
            return record
        return _with_truth_of(record, text=text, dialect=dialect)

    def _plain_answer(
        self,
        text: str,
        *,
        task: str,
        inputs: Mapping[str, InputValue],
        dialect: FramedDialect,
        size: PictureSize | None,
    ) -> Answer | None:
        """The answer in a text as it should be written; None for any other text."""
        if not self._is_spatial:
            return _plain_words(text, task=task, options=inputs.get("options"))
        assert size is not None, "pictures of Generation are measured"
        return plain_answer(text, task=task, frame=dialect.frame(size), size=size)

    def _record_id(self, published_id: str, *, name: EntryName) -> str:
        if self._set.part == "Task_planning":
            return f"{self._set.name}/{neutral_id(published_id, episode=name.episode)}"
        return f"{self._set.name}/{published_id}"

    def _task(self, name: EntryName, *, answer: str | None) -> str:
        """The kind of task: the set's own, in Task_planning that of the question's name.

        An id without such a name has the kind of its file, or in the training file, which holds
        all three, the kind its answer has the form of.
        """
        if name.question and self._set.part == "Task_planning":
            return PLANNING_TASKS[name.question]
        if self._set.task is not None:
            return self._set.task
        if answer in ("Yes", "No"):
            return "planning_decide"
        return "planning_choice" if answer in tuple(PANEL_LETTERS) else "planning"

    def _dialect(self, entry: dict[str, Any]) -> FramedDialect:
        """How the entry's coordinates are written."""
        resized = None
        if self._is_resized:
            resized = stated_size(entry, width="new_w", height="new_h")
        return published_dialect(self._rules.coordinates, resized=resized)

    def _picture(self, reference: str, *, stated: PictureSize | None) -> Media:
        """The reference with its size: as stated, or as measured and then equal to the stated."""
        if stated is not None and not self._rules.verify_media:
            return self._finder.find(reference, size=stated)
        measured = self._meter.measured(self._finder.find(reference))
        if stated is not None and measured.size != stated:
            width, height = measured.size or (0, 0)
            raise RoboLoopError(
                "E-MED-004",
                f"{reference} is {width}x{height}, its entry says {stated.width}x{stated.height}",
                fix="Its coordinates may be meant for another size: leave it out, or ask the "
                "publisher.",
            )
        return measured

    def _has_own_words(self, task: str, inputs: Mapping[str, InputValue]) -> bool:
        """Whether the task can ask the same: one kind of planning task asks many things."""
        is_one_question = self._set.part != "Task_planning"
        return is_one_question and _can_word(task, names=tuple(inputs))

    def _inputs(self, question: str, *, task: str) -> dict[str, InputValue]:
        """What the task's own wordings can be filled with, as far as the question tells."""
        inputs: dict[str, InputValue] = {}
        instruction = find_instruction(question)
        if instruction is not None:
            inputs["instruction"] = instruction
        if load_task(task).answer_kind == Choice.kind:
            if options := find_options(question):
                inputs["options"] = options
            elif self._set.part == "Understanding":
                inputs["letters"] = PANEL_LETTERS
        return inputs


@cache
def _can_word(task: str, *, names: tuple[str, ...]) -> bool:
    """Whether inputs of these names fill one of the task's wordings."""
    return any(wording.names <= set(names) for wording in load_task(task).wordings)


def _check_tells_nothing(conversation: Asked) -> None:
    """Refuse a conversation that has the name of a question in it which is its answer.

    Raises:
        RoboLoopError: E-DAT-004.
    """
    if any(tells_answer(turn.text) for turn in conversation.turns):
        raise RoboLoopError("E-DAT-004", "its question names its own answer")


def _meta(set_name: str, published_id: str, *, name: EntryName) -> dict[str, Any]:
    meta: dict[str, Any] = {"set": set_name, "published_id": published_id}
    if name.episode:
        meta["episode"] = name.episode
    if name.frame is not None:
        meta["frame"] = name.frame
    if name.question:
        meta["question_name"] = name.question
    return meta


def _plain_words(text: str, *, task: str, options: InputValue | None) -> Answer | None:
    """A bare letter, a bare Yes or No, or any text where text is asked for; else None."""
    kind = load_task(task).answer_kind
    if kind == Text.kind:
        return Text(text)
    if kind == YesNo.kind:
        return YesNo(text == "Yes") if text in ("Yes", "No") else None
    texts = options if isinstance(options, tuple) else ()
    letters = LETTERS[: len(texts)] if texts else PANEL_LETTERS
    return Choice(text, texts) if len(text) == 1 and text in letters else None


def _with_truth_of(record: Record, *, text: str, dialect: Dialect) -> Record:
    """The record with the answer of a text that is not written as it should be.

    Raises:
        RoboLoopError: E-REC-012 or E-REC-013 when it is none, or that of another task.
    """
    for key in {*ANSWER_KEYS.values()} - {ANSWER_KEYS.get(record.task)}:
        if f'"{key}"' in text:
            raise RoboLoopError("E-REC-013", f"{text[:120]!r} is no answer to task {record.task}")
    truth = read_truth(text, record=record, dialect=dialect)
    meta = {**record.meta, "answer_note": truth.note} if truth.note else record.meta
    return replace(record, answer=truth.answer, meta=meta)

"""The record: one question about some pictures, with its typed answer and where it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize
from roboloop.base.hashing import hash_value
from roboloop.records.answers import Answer, Points, answer_from_json, answer_to_json, check_answer
from roboloop.records.media import Media, media_from_json, media_to_json
from roboloop.records.reasoning import (
    PlannerOutput,
    SeeDoExpect,
    check_reasoning,
    reasoning_from_json,
    reasoning_to_json,
)

Role = Literal["system", "user", "assistant"]
ROLES: tuple[Role, ...] = ("system", "user", "assistant")

InputValue = str | float | int | bool | tuple[str, ...] | Points
"""What a question speaks of: an instruction, option texts, a start point (in pixels) ..."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a conversation as published; `<image>` marks where a picture stands."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One question about pictures, its answer and its origin.

    Attributes:
        id: Unique within a run.
        task: A kind of `roboloop list tasks`, such as `contact_box`.
        media: The pictures, in the order in which the question speaks of them.
        inputs: What the task's wording is filled with, such as `instruction`. Coordinates in it
            are pixels of the first picture.
        turns: The published conversation, when the source has one. Its last user turn is then the
            question, word for word; without turns the task words the question from `inputs`.
        answer: The truth; None where it is not public.
        rejected: A worse answer to the same question, for training on preferences: of the kind the
            task answers with, or the free text of a model that failed.
        reasoning: What is written before the answer when it is trained on; never scored.
        source: The kind of the source it came from.
        split: `train`, `val` or `test`.
        licence: SPDX name or the source's own words.
        origin: File and line or key it was read from, for messages and `why`.
        meta: Anything else worth keeping; plain JSON values.
    """

    id: str
    task: str
    media: tuple[Media, ...] = ()
    inputs: Mapping[str, InputValue] = field(default_factory=dict[str, InputValue])
    turns: tuple[Turn, ...] = ()
    answer: Answer | None = None
    rejected: Answer | None = None
    reasoning: SeeDoExpect | PlannerOutput | None = None
    source: str = ""
    split: str = "train"
    licence: str = ""
    origin: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def picture_size(self) -> PictureSize | None:
        """Size of the picture the answer's coordinates speak of: the first one."""
        return self.media[0].size if self.media else None

    def text_input(self, name: str) -> str:
        """The input `name`, which must be text.

        Raises:
            RoboLoopError: E-REC-002 when it is missing, E-REC-003 when it is not text.
        """
        if name not in self.inputs:
            raise RoboLoopError(
                "E-REC-002", f"record {self.id!r} of task {self.task} lacks {name!r}"
            )
        value = self.inputs[name]
        if not isinstance(value, str):
            raise RoboLoopError("E-REC-003", f"record {self.id!r}: input {name!r} is not text")
        return value


RECORD_KEYS = (
    "id",
    "task",
    "media",
    "inputs",
    "turns",
    "answer",
    "rejected",
    "reasoning",
    "source",
    "split",
    "licence",
    "origin",
    "meta",
)

_KEY_TYPES: dict[str, type] = {
    **dict.fromkeys(RECORD_KEYS, str),
    "media": list, "turns": list, "inputs": dict, "meta": dict,
    "answer": object, "rejected": object, "reasoning": object,
}  # fmt: skip


def record_to_json(record: Record) -> dict[str, Any]:
    """The record as a JSON object; empty fields are left out."""
    value: dict[str, Any] = {"id": record.id, "task": record.task}
    if record.media:
        value["media"] = [media_to_json(media) for media in record.media]
    if record.inputs:
        value["inputs"] = {name: _input_to_json(item) for name, item in record.inputs.items()}
    if record.turns:
        value["turns"] = [{"role": turn.role, "text": turn.text} for turn in record.turns]
    if record.answer is not None:
        value["answer"] = answer_to_json(record.answer)
    if record.rejected is not None:
        value["rejected"] = answer_to_json(record.rejected)
    if record.reasoning is not None:
        value["reasoning"] = reasoning_to_json(record.reasoning)
    for key in ("source", "split", "licence", "origin"):
        if text := getattr(record, key):
            value[key] = text
    if record.meta:
        value["meta"] = dict(record.meta)
    return value


def record_from_json(value: Any) -> Record:
    """The inverse of `record_to_json`.

    Raises:
        RoboLoopError: E-REC-002 for missing or unknown keys, E-REC-003 for a wrong type.
    """
    if not isinstance(value, dict):
        raise RoboLoopError("E-REC-003", f"a record is a JSON object, not {type(value).__name__}")
    given = cast("dict[str, Any]", value)
    record_id = given.get("id")
    if not isinstance(record_id, str) or not record_id:
        raise RoboLoopError("E-REC-002", "a record needs an 'id', a text that is not empty")
    if not _KEY_TYPES.keys() >= given.keys():
        raise RoboLoopError("E-REC-002", f"unknown keys {sorted(given.keys() - _KEY_TYPES.keys())}")
    for name, item in given.items():
        if not isinstance(item, kind := _KEY_TYPES[name]):
            if kind is str:
                raise RoboLoopError("E-REC-003", f"{name!r} is not text: {item!r}")
            raise RoboLoopError("E-REC-003", f"{name!r} is not a JSON {kind.__name__}")
    if not given.get("task"):
        raise RoboLoopError("E-REC-002", "a record needs a 'task'")
    answer, rejected = given.get("answer"), given.get("rejected")
    reasoning = given.get("reasoning")
    return Record(
        id=record_id,
        task=given["task"],
        media=tuple(media_from_json(media) for media in given.get("media", [])),
        inputs={name: _input_from_json(item) for name, item in given.get("inputs", {}).items()},
        turns=tuple(_turn(turn) for turn in given.get("turns", [])),
        answer=None if answer is None else answer_from_json(answer),
        rejected=None if rejected is None else answer_from_json(rejected),
        reasoning=None if reasoning is None else reasoning_from_json(reasoning),
        source=given.get("source", ""),
        split=given.get("split", "train"),
        licence=given.get("licence", ""),
        origin=given.get("origin", ""),
        meta=given.get("meta", {}),
    )


def check_record(record: Record) -> None:
    """Check the coordinates of answers, reasoning and inputs against the picture's size.

    Raises:
        RoboLoopError: E-REC-010, E-REC-011 or E-REC-012; E-REC-016 when the rejected answer is the
            true one.
    """
    size = record.picture_size
    check_answers(record, size=size)
    if record.rejected is not None and record.rejected == record.answer:
        raise RoboLoopError("E-REC-016", f"both are {answer_to_json(record.rejected)}")
    for value in record.inputs.values():
        if isinstance(value, Points):
            check_answer(value, size=size)


def check_answers(record: Record, *, size: PictureSize | None) -> None:
    """Check the coordinates of both answers and of the reasoning against a picture's size.

    Raises:
        RoboLoopError: E-REC-010, E-REC-011 or E-REC-012.
    """
    if record.answer is not None:
        check_answer(record.answer, size=size)
    if record.rejected is not None:
        check_answer(record.rejected, size=size)
    if record.reasoning is not None:
        check_reasoning(record.reasoning, size=size)


def record_hash(record: Record) -> str:
    """Content hash of everything but the id and the origin."""
    value = record_to_json(record)
    return hash_value({key: item for key, item in value.items() if key not in ("id", "origin")})


def _turn(value: Any) -> Turn:
    match value:
        case {"role": str() as role, "text": str() as text} if role in ROLES:
            return Turn(role, text)
        case _:
            raise RoboLoopError("E-REC-003", f"a turn is {{role, text}}, not {value!r}")


def _input_to_json(value: InputValue) -> Any:
    if isinstance(value, Points):
        return answer_to_json(value)
    return list(value) if isinstance(value, tuple) else value


def _input_from_json(value: Any) -> InputValue:
    match value:
        case {"kind": "points"}:
            return cast("Points", answer_from_json(value))
        case list():
            return tuple(str(item) for item in cast("list[Any]", value))
        case str() | bool() | int() | float():
            return value
        case _:
            raise RoboLoopError("E-REC-003", f"an input is text, number, list or points: {value!r}")

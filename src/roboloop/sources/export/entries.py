"""A record -> an entry of a published form, which the source of that form reads back.

Coordinates are written in a declared dialect, to its resolution. What a form has no place for
(inputs, meta, licence) is lost unless the whole record is kept beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from roboloop.base.errors import RoboLoopError
from roboloop.dialects.base import Dialect
from roboloop.records.answers import SPATIAL_KINDS, Answer, Text
from roboloop.records.record import Record, Turn, record_to_json
from roboloop.sources.conversation_records import KEPT_RECORD
from roboloop.sources.conversations import IMAGE_MARK
from roboloop.tasks import load_task
from roboloop.tasks.reasoning_text import with_reasoning

EntryForm = Literal["llava", "sharegpt", "messages", "alpaca"]
_SHAREGPT_NAMES = {"user": "human", "assistant": "gpt", "system": "system"}


def entry_of(
    record: Record,
    *,
    form: EntryForm,
    dialect: Dialect | None,
    pictures: Sequence[str],
    keep: bool = False,
) -> dict[str, Any]:
    """The entry of a record.

    Args:
        record: What to write.
        form: `llava` (`image`, `conversations`), `sharegpt` (`images`, `conversations`),
            `messages` (`images`, `messages`) or `alpaca` (`images`, `instruction`, `output`). A
            pair of answers stands in `chosen` and `rejected`, as LLaMA-Factory has it; in `llava`
            there is no place for the worse one.
        dialect: How coordinates are written; None when there are none.
        pictures: A path for each medium.
        keep: Also put in the whole record.

    Raises:
        RoboLoopError: E-CFG-003 for coordinates without a dialect, E-REC-013 for an answer that
            has no text, E-DAT-004 when the form cannot hold the turns.
    """
    turns = spoken_turns(record, dialect=dialect)
    pair: tuple[str, ...] = ()
    if record.answer is not None and record.rejected is not None and form != "llava":
        pair = (turns[-1].text, answer_text(record, record.rejected, dialect=dialect))
        turns = turns[:-1]
    entry: dict[str, Any] = {"id": record.id, "task": record.task}
    if pictures and form == "llava":
        entry["image"] = pictures[0] if len(pictures) == 1 else list(pictures)
    elif pictures:
        entry["images"] = list(pictures)
    match form:
        case "llava" | "sharegpt":
            entry["conversations"] = [
                {"from": _SHAREGPT_NAMES[turn.role], "value": turn.text} for turn in turns
            ]
        case "messages":
            entry["messages"] = [{"role": turn.role, "content": turn.text} for turn in turns]
        case "alpaca":
            entry |= _alpaca(turns)
    for name, text in zip(("chosen", "rejected"), pair, strict=False):
        entry[name] = _said(text, form=form)
    return {**entry, KEPT_RECORD: record_to_json(record)} if keep else entry


def spoken_turns(record: Record, *, dialect: Dialect | None) -> tuple[Turn, ...]:
    """The published turns, or the question the task words, and the answer.

    Raises:
        RoboLoopError: As `entry_of`.
    """
    turns = record.turns
    if not any(turn.role == "user" for turn in turns):
        marks = IMAGE_MARK * len(record.media)
        question = _question(record, dialect=dialect)
        turns = (*turns, Turn("user", f"{marks}\n{question}" if marks else question))
    if record.answer is None:
        return turns
    told = answer_text(record, record.answer, dialect=dialect)
    if record.reasoning is not None:
        told = with_reasoning(
            told, reasoning=record.reasoning, dialect=_declared(dialect, record),
            size=record.picture_size,
        )  # fmt: skip
    return (*turns, Turn("assistant", told))


def answer_text(record: Record, answer: Answer, *, dialect: Dialect | None) -> str:
    """One of a record's answers as a model would write it.

    Raises:
        RoboLoopError: E-CFG-003 for coordinates without a dialect, E-REC-013 when its task does
            not answer so.
    """
    if isinstance(answer, Text):
        return answer.text
    task = load_task(record.task)
    if answer.kind != task.answer_kind:
        raise RoboLoopError(
            "E-REC-013", f"task {task.kind} answers with {task.answer_kind}, not {answer.kind}"
        )
    if answer.kind in SPATIAL_KINDS and record.picture_size is None:
        raise RoboLoopError("E-REC-013", "it has coordinates but no picture of known size")
    return task.render(answer, dialect=_declared(dialect, record), size=record.picture_size)


def _question(record: Record, *, dialect: Dialect | None) -> str:
    return load_task(record.task).question(record, dialect=_declared(dialect, record))


def _declared(dialect: Dialect | None, record: Record) -> Dialect:
    """The dialect; a plain one stands in where no coordinate is written."""
    if dialect is not None:
        return dialect
    from roboloop.dialects import load_dialect
    from roboloop.records.answers import Points

    given = (record.answer, record.rejected)
    spatial = any(answer is not None and answer.kind in SPATIAL_KINDS for answer in given)
    spatial = spatial or record.reasoning is not None
    if spatial or any(isinstance(value, Points) for value in record.inputs.values()):
        raise RoboLoopError(
            "E-CFG-003",
            f"record {record.id!r} has coordinates, no dialect is given",
            fix="Say in which dialect to write them, such as --coordinates plain.",
        )
    return load_dialect("plain")


def _said(text: str, *, form: EntryForm) -> str | dict[str, str]:
    """One of a pair in LLaMA-Factory's form: a turn, in `alpaca` a text."""
    match form:
        case "messages":
            return {"role": "assistant", "content": text}
        case "sharegpt":
            return {"from": _SHAREGPT_NAMES["assistant"], "value": text}
        case _:
            return text


def _alpaca(turns: Sequence[Turn]) -> dict[str, Any]:
    """One question with its answer; the turns before it as a history of pairs."""
    system = turns[0].text if turns[0].role == "system" else ""
    spoken = list(turns[1:] if system else turns)
    answer = spoken.pop().text if spoken[-1].role == "assistant" else None
    roles = [turn.role for turn in spoken]
    if roles != ["user" if n % 2 == 0 else "assistant" for n in range(len(roles))]:
        raise RoboLoopError("E-DAT-004", "user and assistant do not take turns in it", fix="")
    *before, question = [turn.text for turn in spoken]
    pairs = [list(pair) for pair in zip(before[::2], before[1::2], strict=True)]
    entry: dict[str, Any] = {"instruction": question, "input": ""}
    entry |= {"history": pairs} if pairs else {}
    entry |= {"system": system} if system else {}
    return entry if answer is None else {**entry, "output": answer}

"""The conversation of an entry: what is asked about which pictures, and the published answer."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

from roboloop.base.errors import RoboLoopError
from roboloop.base.hashing import hash_value
from roboloop.records.record import Turn
from roboloop.sources.conversations import IMAGE_MARK, read_conversation


class Asked(NamedTuple):
    """Turns up to the last question, the published answer, the pictures' paths."""

    turns: tuple[Turn, ...]
    answer: str | None
    pictures: tuple[str, ...]


def read_turns(entry: Any) -> Asked:
    """The conversation of an entry; the common form is taken apart without detours.

    Raises:
        RoboLoopError: E-DAT-004 for a form that is not known.
    """
    match entry:
        case {
            "conversations": [
                {"from": "human", "value": str() as question},
                {"from": "gpt", "value": str() as answer},
            ],
            "images": str() as picture,
        }:
            return Asked((Turn("user", question),), answer, (picture,))
        case _:
            pass
    whole = read_conversation(entry)
    turns, answer = whole.turns, None
    if turns[-1].role == "assistant":
        turns, answer = turns[:-1], turns[-1].text
    if not turns or turns[-1].role != "user":
        raise RoboLoopError("E-DAT-004", "its answer follows no question")
    return Asked(turns, answer, whole.pictures)


def with_marks(turns: tuple[Turn, ...], *, num_pictures: int) -> tuple[Turn, ...]:
    """The turns with a mark for each picture where one mark stands for all of them.

    Raises:
        RoboLoopError: E-REC-005 for any other number of marks but none.
    """
    num_marks = sum(turn.text.count(IMAGE_MARK) for turn in turns)
    if num_marks in (0, num_pictures):
        return turns
    if num_marks == 1:
        marks = IMAGE_MARK * num_pictures
        return tuple(Turn(t.role, t.text.replace(IMAGE_MARK, marks)) for t in turns)
    raise RoboLoopError("E-REC-005", f"it has {num_marks} marks and {num_pictures} pictures")


def id_of(entry: Any) -> str:
    """The entry's id, or one made of its content."""
    given = cast("dict[str, Any]", entry).get("id") if isinstance(entry, dict) else None
    if isinstance(given, str) and given:
        return given
    return hash_value(entry)[:16] if given is None else str(given)

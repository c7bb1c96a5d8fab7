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
    """The conversation of an entry.

    Raises:
        RoboLoopError: E-DAT-004 for a form that is not known.
    """
    common = _common_turns(entry)
    if common is not None:
        return common
    whole = read_conversation(entry)
    turns, answer = whole.turns, None
    if turns[-1].role == "assistant":
        turns, answer = turns[:-1], turns[-1].text
    if not turns or turns[-1].role != "user":
        raise RoboLoopError("E-DAT-004", "its answer follows no question")
    return Asked(turns, answer, whole.pictures)


def _common_turns(entry: Any) -> Asked | None:
    """A question, its answer and one picture, as nearly every entry has them; None otherwise.

    Written out, for matching a pattern takes three times as long.
    """
    try:
        asked, answered = entry["conversations"]
        question, answer, picture = asked["value"], answered["value"], entry["images"]
        if asked["from"] != "human" or answered["from"] != "gpt":
            return None
    except (KeyError, TypeError, ValueError):
        return None
    if type(question) is not str or type(answer) is not str or type(picture) is not str:
        return None
    return Asked((Turn("user", question),), answer, (picture,))


def with_marks(turns: tuple[Turn, ...], *, num_pictures: int) -> tuple[Turn, ...]:
    """The turns with a mark for each picture where one mark stands for all of them.

    Raises:
        RoboLoopError: E-REC-005 for any other number of marks but none.
    """
    num_marks = 0
    for turn in turns:
        num_marks += turn.text.count(IMAGE_MARK)
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

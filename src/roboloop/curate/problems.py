"""What is wrong with a record by itself, seen without opening its pictures or reading its text.

These checks run on every record while its facts are made, so they are only those that cost next to
nothing. The `format` operator turns what they find into verdicts.
"""

from __future__ import annotations

from roboloop.base.errors import RoboLoopError
from roboloop.records.answers import SPATIAL_KINDS, Choice, Points
from roboloop.records.answers import check_answer as check_coordinates
from roboloop.records.record import Record
from roboloop.tasks.base import Task
from roboloop.tasks.choices import letters_of

UNASKABLE = "unaskable"
WRONG_KIND = "wrong_kind"
NO_SIZE = "no_size"
NO_SUCH_OPTION = "no_such_option"
BAD_INPUT = "bad_input"
PICTURE_MARKS = "picture_marks"

PROBLEMS: dict[str, str] = {
    UNASKABLE: "the question cannot be worded",
    WRONG_KIND: "the answer is not of the kind its task asks for",
    NO_SIZE: "the answer has coordinates but its picture has no known size",
    NO_SUCH_OPTION: "the answer is the letter of an option that is not there",
    BAD_INPUT: "a place that the question speaks of is not in the picture",
    PICTURE_MARKS: "the number of <image> marks is not the number of pictures",
}
"""Name of a problem -> what it means."""

_MARK = "<image>"


def problem_of(record: Record, *, task: Task) -> str:
    """The first problem, as `name: detail`; empty when there is none."""
    answer = record.answer
    if answer is not None:
        kinds = (task.answer_kind, *task.other_truth_kinds)
        if answer.kind not in kinds:
            return f"{WRONG_KIND}: {answer.kind} instead of {' or '.join(kinds)}"
        if answer.kind in SPATIAL_KINDS and record.picture_size is None:
            return f"{NO_SIZE}: {answer.kind}"
        if isinstance(answer, Choice) and answer.letter.upper() not in set(letters_of(record)):
            return f"{NO_SUCH_OPTION}: {answer.letter!r} of {letters_of(record)}"
    for name, value in record.inputs.items():
        if isinstance(value, Points):
            try:
                check_coordinates(value, size=record.picture_size)
            except RoboLoopError as error:
                return f"{BAD_INPUT}: {name}: {error.detail}"
    if record.turns:
        return _wrong_marks(record)
    return ""


def _wrong_marks(record: Record) -> str:
    num_marks = sum(turn.text.count(_MARK) for turn in record.turns)
    if num_marks in (0, 1, len(record.media)) and bool(num_marks) <= bool(record.media):
        return ""
    return f"{PICTURE_MARKS}: {num_marks} marks, {len(record.media)} pictures"

"""What stands in a published question and in an id: instruction, start point, options, episode.

The questions themselves are kept word for word; what is found here only fills `inputs`, so that a
task can also ask in its own words. Nothing is found where a text leaves a doubt.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from roboloop.base.hashing import hash_bytes

PLANNING_TASKS = {
    "Scene_Understanding": "planning_choice",
    "Temporal_Understanding": "planning_choice",
    "Past_Multi_task_Selection": "planning_choice",
    "Past_Primitive_Selection": "planning_choice",
    "Future_Multi_task_Selection": "planning_choice",
    "Future_Primitive_Selection": "planning_choice",
    "Success_Negative_Task": "planning_decide",
    "Success_Positive_Task": "planning_decide",
    "Discriminative_Affordance_Negative_Task": "planning_decide",
    "Discriminative_Affordance_Positive_Task": "planning_decide",
    "Planning_Task": "planning",
    "Planning_with_Context_Task": "planning",
    "Planning_Remaining_Steps_Task": "planning",
    "Past_Description_Task": "planning",
    "Generative_Affordance_Task": "planning",
    "Future_Prediction_Task": "planning",
}
"""The names of questions in the ids of Task_planning -> the kind of RoboLoop's task. ShareRobot
writes four of them with brackets, `Success_(Negative)_Task`."""

ANSWER_WORDS = re.compile(r"\(?(?:Negative|Positive)\)?_Task", re.IGNORECASE)
"""The part of a question's name that is the answer."""

CUE_REACH = 56
"""An announcing word stands at most so many characters before what it announces."""

_QUESTION_NAME = re.compile(
    "|".join(re.sub("(Negative|Positive)", r"\\(?\1\\)?", name) for name in PLANNING_TASKS)
)
_FRAME = re.compile(r"\d+")
_OTHER_MARK = re.compile('["“‘]')
_OTHER_QUOTES = re.compile(r"[\"“]([^\"“”\n]+)[\"”]|‘([^‘’\n]+)’")
_MARK = re.compile("['\n]")
_SPACES_AND_MARK = " \t\r\n'"
_BEFORE_OPENING = " \t\r\n:(,[{"
_BEHIND_CLOSING = " \t\r\n.,;:?!)]}"
_CUE = re.compile(
    r"\b(?:task|instruction|goal|command|description|told|asked|objective)\b[^.?!\n]{0,40}$",
    re.IGNORECASE,
)
_IDENTIFIER = re.compile(r"[\w.-]*_[\w.-]*")
_PAIR = re.compile(
    r"(?<![\[(\d,])[\[(]\s*(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)\s*[\])](?!\s*(?:,\s*[\[(]|[\])]))"
)
_START_CUE = re.compile(
    r"\b(?:start|starts|starting|initial|current|currently|position|from|at)\b[^\[(]{0,40}$",
    re.IGNORECASE,
)
_OPTION_LINE = re.compile(r"^[ \t]*\(?([A-H])[.):][ \t]*(\S[^\n]*?)[ \t]*$", re.MULTILINE)


class EntryName(NamedTuple):
    """What a published id says.

    Attributes:
        episode: Empty where it is not told.
        frame: None where it is not told.
        question: The question's name in Task_planning without brackets, else empty.
    """

    episode: str
    frame: int | None = None
    question: str = ""


def read_name(published_id: str) -> EntryName:
    """Take `<episode>#<frame>_<task>` or `<episode>_<question's name>_<number>` apart."""
    episode, sign, rest = published_id.partition("#")
    question = _QUESTION_NAME.search(published_id)
    if question is not None:
        before = published_id[: question.start()].partition("#")[0].rstrip("_-/")
        name = question[0].replace("(", "").replace(")", "")
        return EntryName("" if ANSWER_WORDS.search(before) else before, _number(rest), name)
    return EntryName(episode, _number(rest)) if sign else EntryName("")


def neutral_id(published_id: str, *, episode: str) -> str:
    """An id that says nothing of the answer: the episode, and a hash of the published id."""
    return f"{episode or 'entry'}-{hash_bytes(published_id.encode(errors='replace'))[:16]}"


def tells_answer(text: str) -> bool:
    """Whether a text holds a question's name that is its answer, such as Success_Negative_Task."""
    return any(ANSWER_WORDS.search(match[0]) for match in _QUESTION_NAME.finditer(text))


@lru_cache(maxsize=4096)  # the frames of an episode share their question
def find_instruction(question: str) -> str | None:
    """The quoted task description in a question; apostrophes and commas in it are part of it.

    Of several quoted texts the one that a word such as `task` or `goal` announces, else the only
    one of at least two words. Names such as 'current_bbox' are none.
    """
    quoted = [found for found in _quoted(question) if not _IDENTIFIER.fullmatch(found.text)]
    announced = [
        found
        for found in quoted
        if _CUE.search(question, max(0, found.start - CUE_REACH), found.start)
    ]
    if announced:
        return announced[0].text
    phrases = {found.text for found in quoted if " " in found.text}
    return phrases.pop() if len(phrases) == 1 else None


class Numbers(NamedTuple):
    """The two numbers of a point as written."""

    x: float
    y: float


def find_start(question: str) -> Numbers | None:
    """The start point in a question: its only pair of numbers, or the one that is announced."""
    pairs = list(_PAIR.finditer(question))
    if len(pairs) > 1:
        pairs = [
            pair
            for pair in pairs
            if _START_CUE.search(question, max(0, pair.start() - CUE_REACH), pair.start())
        ][:1]
    return Numbers(float(pairs[0][1]), float(pairs[0][2])) if pairs else None


def find_options(question: str) -> tuple[str, ...]:
    """The texts of options that stand on lines of their own, `A. ...`, `B. ...`; else none."""
    found = _OPTION_LINE.findall(question)
    letters = "".join(letter for letter, _ in found)
    if len(letters) < 2 or letters != "ABCDEFGH"[: len(letters)]:
        return ()
    return tuple(text for _, text in found)


class _Quote(NamedTuple):
    start: int
    text: str


def _quoted(text: str) -> list[_Quote]:
    """Every quoted text in order, whatever the marks.

    A single mark opens before a word and closes behind one; inside a word it is an apostrophe.
    Behind an s it may be a possessive, as in `the dogs' bowl'`: then the first mark that cannot be
    one closes, and if all may be, the first does.
    """
    found = [
        _Quote(match.start(), match[1] or match[2])
        for match in (_OTHER_QUOTES.finditer(text) if _OTHER_MARK.search(text) else ())
    ]
    opening: int | None = None
    closing: list[int] = []
    for match in _MARK.finditer(text):
        mark = match.start()
        before = text[mark - 1] if mark else " "
        after = text[mark + 1] if mark + 1 < len(text) else " "
        opens = before in _BEFORE_OPENING and after not in _BEHIND_CLOSING and after != "'"
        if opens or match[0] == "\n":
            if opening is not None and closing:
                found.append(_cut(text, opening, closing))
            opening, closing = (mark if opens else None), []
        elif before not in _SPACES_AND_MARK and after in _BEHIND_CLOSING:
            closing.append(mark)
    if opening is not None and closing:
        found.append(_cut(text, opening, closing))
    return sorted(found)


def _cut(text: str, opening: int, closing: list[int]) -> _Quote:
    end = next((mark for mark in closing if text[mark - 1] not in "sS"), closing[0])
    return _Quote(opening, text[opening + 1 : end].strip())


def _number(text: str) -> int | None:
    match = _FRAME.match(text)
    return int(match[0]) if match else None

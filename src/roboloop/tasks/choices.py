"""What all tasks with lettered options share: rendering, scoring, and which letters there are."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from roboloop.base.geometry import PictureSize
from roboloop.dialects.base import Dialect
from roboloop.records.answers import Answer, Choice
from roboloop.records.record import Record
from roboloop.tasks.base import LETTERS, Metric, Parsed, Task, Truth
from roboloop.tasks.choice_letters import read_choice

ACCURACY = (Metric("accuracy", worst=0.0),)
DEFAULT_LETTERS = "ABCD"


class ChoiceTask(Task):
    """A task whose answer is the letter of an option; its children differ in the words."""

    answer_kind = "choice"
    metrics = ACCURACY

    def render(self, answer: Answer, *, dialect: Dialect, size: PictureSize | None) -> str:
        """The letter alone."""
        assert isinstance(answer, Choice)
        return answer.letter

    def read(self, text: str, *, record: Record, dialect: Dialect) -> Parsed:
        """The letter the text decides for, among the record's options."""
        options = options_of(record)
        parsed = read_choice(text, letters=letters_of(record), options=options)
        if isinstance(parsed.answer, Choice) and options:
            return parsed._replace(answer=Choice(parsed.answer.letter, options))
        return parsed

    def score(self, answer: Answer, *, truth: Answer, size: PictureSize | None) -> dict[str, float]:
        """1 for the right letter, else 0."""
        assert isinstance(answer, Choice) and isinstance(truth, Choice)
        return {"accuracy": float(answer.letter.upper() == truth.letter.upper())}

    def best_constant(self, truths: Sequence[Truth]) -> Answer:
        """The commonest letter."""
        letters = [t.answer.letter.upper() for t in truths if isinstance(t.answer, Choice)]
        return Choice(commonest(letters))

    def _fillers(self, record: Record, *, dialect: Dialect) -> Mapping[str, str]:
        """`letters` is written as `A, B, C, D`, however the source gave it."""
        fillers = super()._fillers(record, dialect=dialect)
        if "letters" in fillers:
            return {**fillers, "letters": ", ".join(letters_of(record))}
        return fillers


def commonest(values: Sequence[str]) -> str:
    """The value met most often; of equals the first in alphabetical order."""
    counts = Counter(values)
    return min(counts, key=lambda value: (-counts[value], value))


def options_of(record: Record) -> tuple[str, ...]:
    """The texts behind A, B, C ..., where the record knows them."""
    given = record.inputs.get("options")
    if isinstance(given, tuple):
        return given
    return record.answer.options if isinstance(record.answer, Choice) else ()


def letters_of(record: Record) -> str:
    """The letters one may answer: of the options, of the input `letters`, else A to D.

    A published question that offers more of them is believed.
    """
    if options := options_of(record):
        return LETTERS[: len(options)]
    if isinstance(given := record.inputs.get("letters"), str):
        return "".join(re.findall(r"[A-Z]", given.upper()))
    asked = " ".join(turn.text for turn in record.turns if turn.role == "user")
    offered = re.findall(r"\(([A-H])\)|(?:^|\n|\s)([A-H])[.:)]\s", asked)
    highest = max((a or b for a, b in offered), default="")
    return LETTERS[: max(LETTERS.find(highest) + 1, len(DEFAULT_LETTERS))]

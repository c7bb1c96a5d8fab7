"""Rows of a published table -> questions: which column holds what, and what its values mean.

Benchmarks and hub data sets name their columns much alike. `find_columns` takes the usual names,
a recipe may say others, and `RowForm` reads a row by them.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from roboloop.base.errors import RoboLoopError
from roboloop.records.media import Media
from roboloop.records.record import InputValue, Turn
from roboloop.sources.conversation_records import DEFAULT_TASK
from roboloop.sources.conversations import (
    IMAGE_MARK,
    Conversation,
    Reading,
    read_conversation,
    unknown_form,
)
from roboloop.tasks import TASKS, load_task
from roboloop.tasks.base import LETTERS

PICTURES = "<pictures>"
"""Key under which a row holds its pictures: paths, or references into the table or archive."""

USUAL_COLUMNS: dict[str, tuple[str, ...]] = {
    "id": ("id", "index", "question_id", "qid", "idx", "__key__"),
    "conversation": ("conversations", "messages", "texts"),
    "question": ("question", "query", "problem", "prompt", "instruction"),
    "answer": (
        "answer", "answers", "response", "output", "label", "caption", "text", "txt", "cls",
    ),
    "options": ("options", "choices"),
    "images": ("images", "image", "image_path"),
    "hint": ("hint", "context"),
    "task": ("task",),
    "split": ("split",),
}  # fmt: skip
"""What a row may tell -> usual names of columns with it; the first that is there counts."""

SPLITS = {
    "train": "train", "training": "train", "dev": "val", "val": "val", "valid": "val",
    "validation": "val", "test": "test", "testmini": "test",
}  # fmt: skip
"""Usual names of splits -> ours."""

MAX_PARSED_CHARS = 1 << 20


def find_columns(names: Collection[str], *, given: Mapping[str, str]) -> dict[str, str]:
    """What a row tells -> the column that tells it.

    Args:
        names: The table's columns.
        given: What the recipe says; wins over the usual names.

    Raises:
        RoboLoopError: E-CFG-003 when the recipe names what is not there.
    """
    for what, column in given.items():
        if what not in USUAL_COLUMNS:
            known = ", ".join(USUAL_COLUMNS)
            raise RoboLoopError("E-CFG-003", f"a row tells {known}; there is no {what!r}", fix="")
        if column not in names:
            raise RoboLoopError(
                "E-CFG-003",
                f"there is no column {column!r} for {what}; columns: {', '.join(names)}",
                fix="Name another in `columns`.",
            )
    found = {
        what: next((name for name in usual if name in names), None)
        for what, usual in USUAL_COLUMNS.items()
    }
    return {**{what: name for what, name in found.items() if name is not None}, **given}


def split_in_name(stem: str) -> str:
    """The split a file is named after: `validation-00000-of-00002` is `val`; `train` if none."""
    words = re.split(r"[-_.]", stem.lower())
    return next((SPLITS[word] for word in words if word in SPLITS), "train")


@dataclass(frozen=True, slots=True, kw_only=True)
class RowForm:
    """Reads rows whose columns are known.

    Attributes:
        columns: What a row tells -> its column, as `find_columns` gives it.
        task: The task of all rows, or `auto`: a row's own, `choice_vqa` with options, else `vqa`.
        ask: The question put to rows that have none.
        class_names: Names behind answers that are whole numbers.
        first_option: The number of the first option, 0 or 1, in answers that count the options.
        use_split: Take the row's own split.
    """

    columns: Mapping[str, str]
    task: str = "auto"
    ask: str = ""
    class_names: Sequence[str] = ()
    first_option: int | None = None
    use_split: bool = False

    def entry(self, row: Mapping[str, Any], *, key: str, pictures: Sequence[str | Media]) -> Any:
        """The row as an entry with the id, task and pictures that an `EntryReader` looks for."""
        given_id = self._value(row, "id")
        plain = isinstance(given_id, str | int) and given_id != ""
        task = self.task if self.task != "auto" else self._value(row, "task")
        if not task:
            task = "choice_vqa" if self._options(row) else DEFAULT_TASK
        return {**row, "id": given_id if plain else key, "task": task, PICTURES: tuple(pictures)}

    def conversation(self, entry: Any) -> Conversation:
        """What a row asks and answers.

        Raises:
            RoboLoopError: E-DAT-004 when it asks nothing, or its options or answer are not clear.
        """
        row = cast("dict[str, Any]", entry)
        split = self._split(row) if self.use_split else None
        if spoken := self._value(row, "conversation"):
            return _listed(spoken, pictures=row[PICTURES])._replace(split=split)
        options = self._options(row)
        answer, others = self._answer(row, options=options)
        asked = self._question(row)
        found = Conversation((), references=row[PICTURES], answer=answer, meta=others, split=split)
        inputs: dict[str, InputValue] = {"options": options} if options else {}
        if _is_worded(row["task"]) and IMAGE_MARK not in asked:
            return found._replace(inputs={"question": asked, **inputs})
        lines = [f"{letter}. {text}" for letter, text in zip(LETTERS, options, strict=False)]
        return found._replace(turns=(Turn("user", "\n".join([asked, *lines])),), inputs=inputs)

    def _question(self, row: Mapping[str, Any]) -> str:
        question = self._value(row, "question")
        if question is None or question == "":
            question = self.ask
        if not isinstance(question, str) or not question:
            raise RoboLoopError(
                "E-DAT-004",
                "it asks nothing",
                fix="Name its column in `columns`, or say in `ask` what to ask of such entries.",
            )
        hint = self._value(row, "hint")
        return f"Hint: {hint}\n{question}" if isinstance(hint, str) and hint else question

    def _options(self, row: Mapping[str, Any]) -> tuple[str, ...]:
        """The texts of the options: a list, the text of one, or the columns A, B, C ..."""
        given = _parsed_list(self._value(row, "options"))
        if isinstance(given, dict):
            given = cast("dict[str, Any]", given).get("text")
        if isinstance(given, list | tuple):
            return tuple(str(item) for item in cast("Sequence[Any]", given))
        texts = [row.get(letter) for letter in LETTERS]
        present = [text for text in texts if text not in (None, "")]
        if present != texts[: len(present)]:
            raise unknown_form("an option between two others is empty")
        return tuple(str(text) for text in present) if len(present) > 1 else ()

    def _answer(
        self, row: Mapping[str, Any], *, options: Sequence[str]
    ) -> tuple[str | None, dict[str, Any]]:
        """The answer as a text, and what is kept of others that are right as well."""
        value = self._value(row, "answer")
        if isinstance(value, list):
            values = cast("list[Any]", value)
            texts = [self._answer_text(item, options=options) for item in values]
            if not texts:
                return None, {}
            return texts[0], {} if len(texts) == 1 else {"all_answers": texts}
        return self._answer_text(value, options=options), {}

    def _answer_text(self, value: Any, *, options: Sequence[str]) -> str | None:
        if value is None or value == "":
            return None
        if isinstance(value, bool):
            return "Yes" if value else "No"
        if isinstance(value, str) and not (value.isdecimal() and (options or self.class_names)):
            return value
        if isinstance(value, float):
            return f"{value:g}"
        if not isinstance(value, int | str):
            raise unknown_form(f"its answer is {value!r}")
        if options and str(value) not in options:
            return self._counted_option(int(value), num_options=len(options))
        if self.class_names and not options:
            number = int(value)
            if not 0 <= number < len(self.class_names):
                raise unknown_form(f"its class is {number}; there are {len(self.class_names)}")
            return self.class_names[number]
        return str(value)

    def _counted_option(self, number: int, *, num_options: int) -> str:
        if self.first_option is None:
            raise RoboLoopError(
                "E-CFG-003",
                f"an answer is option number {number}, `first_option` is not given",
                fix="Say in `first_option` whether the first one is number 0 or 1.",
            )
        index = number - self.first_option
        if not 0 <= index < min(num_options, len(LETTERS)):
            raise unknown_form(f"its answer is option number {number} of {num_options}")
        return LETTERS[index]

    def _split(self, row: Mapping[str, Any]) -> str | None:
        given = self._value(row, "split")
        if given is None or given == "":
            return None
        if str(given).lower() not in SPLITS:
            raise RoboLoopError(
                "E-DAT-004",
                f"its split is {given!r}, none of {', '.join(SPLITS)}",
                fix="Say in `split` which one all entries belong to.",
            )
        return SPLITS[str(given).lower()]

    def _value(self, row: Mapping[str, Any], what: str) -> Any:
        column = self.columns.get(what)
        return None if column is None else row.get(column)


def _is_worded(kind: str) -> bool:
    """Whether a task words its own question around a given one; unknown ones are refused later."""
    if kind not in TASKS.rows:
        return True
    return any("question" in wording.names for wording in load_task(kind).wordings)


def _listed(spoken: Any, *, pictures: Any) -> Conversation:
    """The conversation of a column that holds turns, or pairs of `user` and `assistant`."""
    match spoken:
        case [{"user": _, "assistant": _}, *_]:
            reading = Reading()
            turns = [
                Turn(role, reading.text(pair.get(role)))
                for pair in spoken
                for role in ("user", "assistant")
            ]
            return Conversation(tuple(turns), references=pictures)
        case str():
            return _listed(_parsed_list(spoken), pictures=pictures)
        case _:
            found = read_conversation({"conversations": spoken})
            return found._replace(references=pictures)


def _parsed_list(value: Any) -> Any:
    """A list or object that stands as text in a cell, as JSON or as Python writes it."""
    if not isinstance(value, str) or len(value) > MAX_PARSED_CHARS:
        return value
    if value[:1] not in ("[", "{") or value[-1:] not in ("]", "}"):
        return value
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(value)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        return cast("Any", found) if isinstance(found, list | dict) else value
    return value

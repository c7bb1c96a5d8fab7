"""What the `format` rules measure: counts of words and letters, signs of damage, stray coordinates.

Texts are looked at as whole columns, without a loop over records.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Literal

import numpy as np

from roboloop.curate.base import ArrowBatch, Numbers
from roboloop.curate.columns import WORDED, is_worded
from roboloop.curate.recent import Recent
from roboloop.curate.text_counts import count_text
from roboloop.dialects import load_dialect
from roboloop.tasks import load_task
from roboloop.tasks.rows import ANSWER_COLUMNS, answer_text, stand_in
from roboloop.tasks.texts import TextTask

STRAY_MARK = (
    r"<(?:image|video|audio)>|<\|[A-Za-z0-9_]+\|>|<__dj__[a-z]+>|\[/?INST\]|<</?SYS>>|</?s>"
)
"""Marks of pictures, and tokens of a chat template, that do not belong in a text."""

CUT_OFF: Mapping[str, str] = {
    "ends with an opening bracket": r"(?:[\[{（【]|(?:^|[^:;=])\()\s*$",
    "ends in the middle of a word": r"\p{L}-\s*$",
    "ends with a word that wants another": (
        r"(?i)\s(?:a|an|the|and|or|of|because|than|whose)\s*$|(?:和|与|或|因为|并且|然后)\s*$"
    ),
    "opens a bracket that is never closed": (
        r"(?:^|[^:;=])\([^()]*$|\[[^\[\]]*$|\{[^{}]*$|（[^（）]*$"
    ),
}
"""How a text that was cut off looks -> a pattern, tried on its last `TAIL_CHARS`.

A missing full stop is no sign. Nor is a comma at the end of a plan: people write plans so.
"""

COMMA = "ends with a comma or colon"
_COMMA = r"[,:，、：]\s*$"
TAIL_CHARS = 200

_NEEDS_READING = r"[<>{}\[\]\\*`$|_#:：【】「」『』]|^\W*$"
"""Texts without any of these are read by every task of words as they stand."""

_MAY_HOLD_NOTHING = (
    r"[<\\]|^[\W_]*$|[^\x00-\x7F]|(?i:^[\W_]*(?:final\s+)?answer)"
    r"|(?i:(?:answer|choice|option|letter|prediction|result)[\"']\s*:)"
)
"""Of those with some, a task of free text finds words in every one without any of these: there is
neither a thought nor a mark around the answer, and a letter or digit that is no mark."""

_FENCE = "```"
_PLAIN = load_dialect("plain")
_CUT_OFF: Recent[Any] = Recent(2)
_STRAY: Recent[Any] = Recent(2)
"""`rubric` asks for both, too."""


def measure_text(batch: ArrowBatch) -> dict[str, Any]:
    """Columns on the texts of a batch of facts."""
    pc: Any = import_module("pyarrow.compute")
    question, answer = batch["question"], batch["answer"]
    asked, said = count_text(question), count_text(answer)
    return {
        "question_words": asked.words,
        "question_chars": pc.utf8_length(question),
        "answer_words": said.words,
        "answer_chars": pc.utf8_length(answer),
        "letters": asked.letters + said.letters,
        "latin": asked.latin + said.latin,
        "han": asked.han + said.han,
        "cut_off": cut_off(batch),
        "stray_mark": stray_marks(batch),
    }


def cut_off(batch: ArrowBatch) -> Any:
    """The first sign that each answer was cut off; null for those without."""
    answer, kinds = batch["answer"], batch["answer_kind"]
    return _CUT_OFF.get(answer, kinds, find=lambda: _cut_off(answer, kinds=kinds))


def _cut_off(answer: Any, *, kinds: Any) -> Any:
    import pyarrow as pa

    pc: Any = import_module("pyarrow.compute")
    tail = pc.utf8_slice_codeunits(answer, start=-TAIL_CHARS)
    signs = {name: pc.match_substring_regex(tail, pattern) for name, pattern in CUT_OFF.items()}
    signs[COMMA] = pc.and_(pc.match_substring_regex(tail, _COMMA), pc.equal(kinds, "text"))
    odd_fences = pc.bit_wise_and(pc.count_substring(answer, _FENCE), 1)
    signs["opens a code block that is never closed"] = pc.equal(odd_fences, 1)
    found = pa.nulls(len(answer), pa.string())
    for name, flags in signs.items():
        found = pc.if_else(pc.and_(flags, pc.is_null(found)), name, found)
    return found


def stray_marks(batch: ArrowBatch) -> Any:
    """The first stray mark in question and answer; null for records without."""
    question, answer = batch["question"], batch["answer"]
    return _STRAY.get(question, answer, find=lambda: _stray_marks(question, answer))


def _stray_marks(question: Any, answer: Any) -> Any:
    import pyarrow as pa

    pc: Any = import_module("pyarrow.compute")
    found: list[str | None] = [None] * len(answer)
    for texts in (answer, question):  # the question's mark comes first
        for place in pc.indices_nonzero(pc.match_substring_regex(texts, STRAY_MARK)).to_pylist():
            if (mark := re.search(STRAY_MARK, texts[place].as_py())) is not None:
                found[place] = mark[0]
    return pa.array(found, pa.string())


def misread(batch: ArrowBatch, *, which: Literal["words", "all", "none"]) -> list[str | None]:
    """Why the task finds no answer in the text of its own answer; None where it finds one.

    Other rules speak of empty answers and of records with a problem.
    """
    reasons: list[str | None] = [None] * batch.num_rows
    places = _to_be_read(batch, which=which)
    rows = batch.select(list(ANSWER_COLUMNS)).take(places).to_pylist() if places else []
    for place, row in zip(places, rows, strict=True):
        if row["answer_kind"] not in WORDED or row["answer"].strip():
            text = answer_text(row)
            parsed = load_task(row["task"]).parse(text, record=stand_in(row), dialect=_PLAIN)
            if parsed.answer is None:
                reasons[place] = parsed.note or parsed.status.value
    return reasons


def _to_be_read(batch: ArrowBatch, *, which: Literal["words", "all", "none"]) -> list[int]:
    pc: Any = import_module("pyarrow.compute")
    match which:
        case "words":
            special = pc.match_substring_regex(batch["answer"], _NEEDS_READING)
            asked = pc.and_(special, is_worded(batch))
            places = _sound_places(batch, asked=asked)
            some = batch.select(["answer", "task"]).take(places)
            hidden = pc.match_substring_regex(some["answer"], _MAY_HOLD_NOTHING)
            free = pc.is_in(some["task"], value_set=_tasks_of_free_text(some["task"]))
            return places.filter(pc.or_(hidden, pc.invert(free))).to_pylist()
        case "all":
            asked = pc.not_equal(batch["answer_kind"], "")
        case "none":
            return []
    return _sound_places(batch, asked=asked).to_pylist()


def _sound_places(batch: ArrowBatch, *, asked: Any) -> Any:
    """The rows that are asked for and have no problem."""
    pc: Any = import_module("pyarrow.compute")
    return pc.indices_nonzero(pc.and_(asked, pc.equal(batch["problem"], "")))


def _tasks_of_free_text(tasks: Any) -> Any:
    """Those that read an answer by `TextTask.read` alone."""
    import pyarrow as pa

    found = [
        name for name in tasks.unique().to_pylist() if type(load_task(name)).read is TextTask.read
    ]
    return pa.array(found, pa.string())


def outside_px(batch: ArrowBatch) -> Numbers:
    """How far the worst coordinate of each record lies outside its picture, in pixels.

    0 inside and on the edge; infinite for a coordinate that is no finite number.
    """
    values, rows, axis = _coordinates(batch)
    is_finite = np.isfinite(values)
    values = np.where(is_finite, values, 0)
    sizes = np.stack([_column(batch, "width"), _column(batch, "height")])[axis, rows]
    excess = np.maximum(np.maximum(-values, values - 1), 0) * sizes
    worst = np.zeros(batch.num_rows)
    np.maximum.at(worst, rows, np.where(is_finite, excess, np.inf))
    return worst


def box_side_px(batch: ArrowBatch) -> Numbers:
    """Width or height of the smallest box of each record, in pixels; negative for one inside out.

    Infinite for records without boxes.
    """
    values, rows, axis = _coordinates(batch)
    values = np.where(np.isfinite(values), values, 0)
    kinds = np.array([kind in ("box", "boxes") for kind in batch["answer_kind"].to_pylist()], bool)
    smallest = np.full(batch.num_rows, np.inf)
    is_box = kinds[rows]
    corners, box_rows, box_axis = values[is_box], rows[is_box], axis[is_box]
    corners = corners[: len(corners) // 4 * 4].reshape(-1, 2, 2)
    sides = (corners[:, 1] - corners[:, 0]).reshape(-1)
    side_rows = box_rows.reshape(-1, 2, 2)[:, 0].reshape(-1)
    side_axis = box_axis.reshape(-1, 2, 2)[:, 0].reshape(-1)
    sizes = np.stack([_column(batch, "width"), _column(batch, "height")])[side_axis, side_rows]
    np.minimum.at(smallest, side_rows, sides * sizes)
    return smallest


def _coordinates(batch: ArrowBatch) -> tuple[Numbers, Any, Any]:
    """All coordinates as fractions, the row of each, and its axis (0 for x, 1 for y)."""
    pc: Any = import_module("pyarrow.compute")
    column = batch["geometry"]
    values = pc.list_flatten(column).to_numpy(zero_copy_only=False)
    counts = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    rows = np.repeat(np.arange(batch.num_rows), counts)
    return values, rows, np.arange(len(values)) % 2  # every list has an even length


def _column(batch: ArrowBatch, name: str) -> Numbers:
    return batch[name].to_numpy(zero_copy_only=False).astype(np.float64)

"""The marks of `rubric` record by record, as plain Python says them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from roboloop.records.answers import SPATIAL_KINDS

SHORT_ANSWER_WORDS = 3
ENOUGH_OVERLAP = 1 / 3
LENGTHS = {"text": (1, 150), "plan": (2, 10)}
"""Kind of answer -> words of a text, steps of a plan, that are neither too few nor too many."""
TOO_LONG = 4
"""At so many times the upper end the mark for length is 0."""
MIN_QUESTION_WORDS = 2

_WORDS = re.compile(r"[a-z]+|\d+|[\u3400-\u9fff]", re.IGNORECASE)
_SENTENCE_ENDS = re.compile(r"[.!?;。！？；\n]+")
_EMPTY = """
a an the and or of to in on at is are was be it its this that these those with for from by as
what which where who how when do does did can will should would i you we they he she there
的 了 在 是 和 与 把 被 请 吗 呢 这 那 个 什 么 哪 里
"""
_VAGUE = "thing things something stuff object objects item items somewhere"
_EMPTY_WORDS = frozenset(_EMPTY.split())
_VAGUE_WORDS = frozenset(_VAGUE.split())


def mark(row: Mapping[str, Any]) -> tuple[float, ...]:
    """The `MARKS` of a record.

    Args:
        row: Facts, with `cut_off`, `stray_mark`, `outside_px` and `box_side_px` of
            `format_measures`.
    """
    question_words = _WORDS.findall(row["question"])
    asked = _meanings(question_words)
    if row["answer_kind"] not in LENGTHS:
        length = min(1.0, len(question_words) / MIN_QUESTION_WORDS)
        return (float(bool(asked)), _grounding(row), _form(row), 1.0, length, 1.0)
    steps = [_WORDS.findall(step.lower()) for step in row["answer"].split("\n")]
    steps = [step for step in steps if step]
    words = [word for step in steps for word in step]
    said = _meanings(words)
    if row["answer_kind"] == "plan":
        num_named = sum(len(_meanings(step)) >= 2 for step in steps)
        grounding, number = num_named / max(len(steps), 1), len(steps)
    else:
        grounding, number = float(any(word not in _VAGUE_WORDS for word in said)), len(words)
    return (
        _relevance(asked, said),
        grounding,
        _form(row),
        _novelty(row["answer"], words=words),
        _length(row["answer_kind"], number=number, num_asked=len(question_words)),
        _detail(said),
    )


def _relevance(asked: list[str], said: list[str]) -> float:
    """Share of the shorter side's words that the other has, a third being enough.

    Answers of a few words need not repeat the question.
    """
    if len(said) <= SHORT_ANSWER_WORDS:
        return float(bool(said))
    shared = set(asked) & set(said)
    least = min(len(set(asked)), len(set(said)))
    return min(1.0, len(shared) / least / ENOUGH_OVERLAP) if least else 0.0


def _grounding(row: Mapping[str, Any]) -> float:
    """Whether there are places in the picture, or an option, a yes or no, or a number."""
    if row["answer_kind"] in SPATIAL_KINDS:
        return float(bool(row["geometry"]) and row["outside_px"] == 0 and row["box_side_px"] >= 1)
    return float(bool(row["short_answer"]))


def _form(row: Mapping[str, Any]) -> float:
    """Half for a record without problems, a quarter each for no stray marks and a whole text."""
    return 0.5 * (not row["problem"]) + 0.25 * (not row["stray_mark"]) + 0.25 * (not row["cut_off"])


def _novelty(answer: str, *, words: list[str]) -> float:
    """Share of the answer that is not said twice, by sentences and by runs of three words."""
    sentences = [" ".join(part.lower().split()) for part in _SENTENCE_ENDS.split(answer)]
    sentences = [sentence for sentence in sentences if sentence]
    runs = list(zip(words, words[1:], words[2:], strict=False))
    shares = [len(set(found)) / len(found) for found in (sentences, runs) if found]
    return min(shares, default=1.0)


def _length(kind: str, *, number: int, num_asked: int) -> float:
    """1 within the usual lengths of `LENGTHS`, less the further outside."""
    question = min(1.0, num_asked / MIN_QUESTION_WORDS)
    least, most = LENGTHS[kind]
    if number > most:
        return min(question, max(0.0, 1 - math.log(number / most) / math.log(TOO_LONG)))
    return min(question, number / least, 1.0)


def _detail(said: list[str]) -> float:
    """Share of different, telling words among all that carry meaning."""
    telling = {word for word in said if word not in _VAGUE_WORDS}
    return len(telling) / len(said) if said else 0.0


def _meanings(words: list[str]) -> list[str]:
    """The words that carry meaning, small, without the commonest endings."""
    return [told for word in words if (told := _meaning(word))]


@lru_cache(maxsize=1 << 16)
def _meaning(word: str) -> str:
    """The word, small and without its ending; empty for one that carries no meaning."""
    small = word.lower()
    for ending in ("ing", "ed", "es", "s"):
        if len(small) > len(ending) + 3 and small.endswith(ending):
            small = small[: -len(ending)]
            break
    return "" if small in _EMPTY_WORDS else small

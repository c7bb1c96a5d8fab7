"""A score without a model: six marks between 0 and 1 that anybody can check by hand."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

MARKS = ("relevance", "grounding", "form", "novelty", "length", "detail")
"""Names of the marks, in order."""

SHORT_ANSWER_WORDS = 3
ENOUGH_OVERLAP = 1 / 3
LENGTHS = {"text": (2, 150), "plan": (2, 10)}
"""Kind of answer -> words of a text, steps of a plan, that are neither too few nor too many."""
TOO_LONG = 4
"""At so many times the upper end the mark for length is 0."""
MIN_QUESTION_WORDS = 3

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
    kind: str = row["answer_kind"]
    asked, said = _content_words(row["question"]), _content_words(row["answer"])
    words = _WORDS.findall(row["answer"].lower())
    is_worded = kind in LENGTHS
    return (
        _relevance(asked, said) if is_worded else float(bool(asked)),
        _grounding(row, said=said),
        _form(row),
        _novelty(row["answer"], words=words) if is_worded else 1.0,
        _length(row, num_words=len(words)),
        _detail(said) if is_worded else 1.0,
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


def _grounding(row: Mapping[str, Any], *, said: list[str]) -> float:
    """Whether the answer points at something: places in the picture, an option, named things."""
    match row["answer_kind"]:
        case "box" | "boxes" | "points" | "trajectory":
            return float(
                bool(row["geometry"]) and row["outside_px"] == 0 and row["box_side_px"] >= 1
            )
        case "plan":
            steps = [step for step in row["answer"].split("\n") if step.strip()] or [""]
            return sum(len(_content_words(step)) >= 2 for step in steps) / len(steps)
        case "text":
            return float(any(word not in _VAGUE_WORDS for word in said))
        case "":
            return 0.0
        case _:
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


def _length(row: Mapping[str, Any], *, num_words: int) -> float:
    """1 within the usual lengths, less the further outside."""
    num_asked = len(_WORDS.findall(row["question"]))
    question = min(1.0, num_asked / MIN_QUESTION_WORDS)
    if row["answer_kind"] not in LENGTHS:
        return question
    least, most = LENGTHS[row["answer_kind"]]
    number = row["answer"].count("\n") + 1 if row["answer_kind"] == "plan" else num_words
    if number <= most:
        return min(
            question, 1.0 if row["answer_kind"] == "text" and number else number / least, 1.0
        )
    return min(question, max(0.0, 1 - math.log(number / most) / math.log(TOO_LONG)))


def _detail(said: list[str]) -> float:
    """Share of different, telling words among all that carry meaning."""
    telling = {word for word in said if word not in _VAGUE_WORDS}
    return len(telling) / len(said) if said else 0.0


def _content_words(text: str) -> list[str]:
    """Words that carry meaning, small, without the commonest endings."""
    return [told for word in _WORDS.findall(text) if (told := _meaning(word))]


@lru_cache(maxsize=1 << 16)
def _meaning(word: str) -> str:
    """The word, small and without its ending; empty for one that carries no meaning."""
    small = word.lower()
    for ending in ("ing", "ed", "es", "s"):
        if len(small) > len(ending) + 3 and small.endswith(ending):
            small = small[: -len(ending)]
            break
    return "" if small in _EMPTY_WORDS else small

"""What tasks with a number share: finding the one number a text decides for."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from roboloop.base.geometry import PictureSize
from roboloop.dialects.base import Dialect
from roboloop.records.answers import Answer, Number
from roboloop.records.record import Record
from roboloop.tasks.base import EXACT, Metric, Parsed, ParseStatus, Task, Truth, unanswered
from roboloop.tasks.final_answer import REFUSAL, after_cue, final_answer, sentences
from roboloop.tasks.numerals import Written, convert, spelled_numbers, written_numbers

NUM_THRESHOLDS = 10
NUMBER_METRICS = (Metric("mean_relative_accuracy", worst=0.0), Metric("exact", worst=0.0))

_RANGE = re.compile(
    r"\s*(?:-|–|—|~|to|or|,?\s*(?:maybe|perhaps|possibly)|到|至|或)\s*", re.IGNORECASE
)
_BETWEEN = re.compile(r"\bbetween\s+$", re.IGNORECASE)
_OPENING = re.compile(r"\W*(?:(?:about|around|approximately|roughly|约|大约)\W*)?", re.IGNORECASE)
_CONCLUSION = re.compile(
    r"(?:\b(?:so|therefore|thus|hence|total|altogether|sum|equals?|actually|correction|wait|answer\s+is)\b|\bno,"
    r"|=|≈|共|所以|因此)",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"±\s*$|(?:\bnot|n['’]t)\s+(?:just\s+|only\s+|about\s+)?$|不是\s*$", re.IGNORECASE
)
_CLAUSE_ENDS = re.compile(r"(?<=[.!?;。])\s+|\n+|,?\s*\b(?:but|however|though)\b|,?\s*但")
_COUNT = re.compile(r"\bhow\s+many\b|\bcount\b|多少[个把张只]|几[个把张只]", re.IGNORECASE)
_LIST_SIGNS = re.compile(r"[\s,;、.\[\]]+")
_SINGLE = re.compile(r"\bsingle\b", re.IGNORECASE)
_LONGEST_DENIAL = 12


class NumberTask(Task):
    """A task whose answer is a number; its children differ in the words."""

    answer_kind = "number"
    metrics = NUMBER_METRICS

    def render(self, answer: Answer, *, dialect: Dialect, size: PictureSize | None) -> str:
        """The number and its unit: `1.9 m`."""
        assert isinstance(answer, Number)
        return f"{answer.value!r}".removesuffix(".0") + (f" {answer.unit}" if answer.unit else "")

    def read(self, text: str, *, record: Record, dialect: Dialect) -> Parsed:
        """The number the text decides for, with its unit where it gives one."""
        question = record.inputs.get("question")
        is_count = isinstance(question, str) and _COUNT.search(question) is not None
        return read_number(text, is_count=is_count)

    def score(self, answer: Answer, *, truth: Answer, size: PictureSize | None) -> dict[str, float]:
        """`mean_relative_accuracy` as in VSI-Bench (arXiv 2412.14171), and equality."""
        assert isinstance(answer, Number) and isinstance(truth, Number)
        value = convert(answer.value, unit=answer.unit, to=truth.unit)
        gap = abs(value - truth.value)
        error = gap / abs(truth.value) if truth.value else float(gap > 0)
        allowed = [(NUM_THRESHOLDS - step) / (2 * NUM_THRESHOLDS) for step in range(NUM_THRESHOLDS)]
        passed = sum(error <= edge + 1e-9 for edge in allowed)
        return {
            "mean_relative_accuracy": passed / NUM_THRESHOLDS,
            "exact": float(error <= 1e-9),
        }

    def best_constant(self, truths: Sequence[Truth]) -> Answer:
        """The median number, with the first truth's unit."""
        found = [truth.answer for truth in truths if isinstance(truth.answer, Number)]
        unit = found[0].unit
        return Number(median(convert(n.value, unit=n.unit, to=unit) for n in found), unit)


def read_number(text: str, *, is_count: bool = False) -> Parsed:
    """The number a text decides for.

    In this order: the one behind the last "so", "total" or "="; the first, when the text begins
    with it; the only one at all, outside brackets, or with a unit; the only one of the last
    sentence that has any. A range or a list is none, and a number behind "not" is not meant.

    Args:
        text: What the model said.
        is_count: Whether things are counted: a number with a unit is then no answer if there are
            others.
    """
    answer = final_answer(text)
    part = after_cue(answer.text)
    found = _affirmed(part, written_numbers(part) or spelled_numbers(part) or _single(part))
    if is_count:
        found = [number for number in found if not number.unit] or found
    if not found:
        refused = REFUSAL.search(part) is not None
        return unanswered(answer, note="a refusal" if refused else "no number in the text")
    decided = _decided(part, found)
    if isinstance(decided, str):
        return Parsed(None, ParseStatus.AMBIGUOUS, decided)
    number, rule = decided
    words = part[number.start : number.end]
    rule = EXACT if text.strip() == words else answer.place or rule
    span = answer.tracked.span_of(words)
    return Parsed(Number(number.value, number.unit), ParseStatus.OK, rule=rule, span=span)


class _Decided(NamedTuple):
    """The number that is meant, and the rule that says so."""

    number: Written
    rule: str


def _decided(text: str, found: Sequence[Written]) -> _Decided | str:
    """The number that is meant; or why none is."""
    if any(_is_range(text, first, second) for first, second in pairwise(found)):
        return "a range, no single number"
    found = _joined(text, found)
    for mark in reversed(list(_CONCLUSION.finditer(text))):
        if mark.end() <= found[-1].start:
            concluded = next(number for number in found if number.start >= mark.end())
            return _Decided(concluded, "conclusion")
    if _is_list(text, found):
        return f"a list of {len(found)} numbers"
    if _OPENING.fullmatch(text[: found[0].start]):
        return _Decided(found[0], "number in front")
    groups = {
        "only number": found,
        "number outside brackets": _outside_brackets(text, found),
        "number with unit": [number for number in found if number.unit],
    }
    for rule, group in groups.items():
        if len({(number.value, number.unit) for number in group}) == 1:
            return _Decided(group[0], rule)
    for sentence in reversed(sentences(text)):
        numbers = written_numbers(sentence) or spelled_numbers(sentence)
        if len(numbers) == 1:
            start = max(0, text.rfind(sentence))
            moved = numbers[0]._replace(start=start + numbers[0].start, end=start + numbers[0].end)
            return _Decided(moved, "last sentence")
        if numbers:
            break
    return f"{len(found)} numbers: which is meant?"


def _affirmed(text: str, found: Sequence[Written]) -> list[Written]:
    """The numbers that are neither denied nor part of a sentence that declines to answer."""
    if not found:
        return []
    starts = [0, *(match.start() for match in _CLAUSE_ENDS.finditer(text))]
    declines = [
        REFUSAL.search(text, start, end) is not None
        for start, end in zip(starts, [*starts[1:], len(text)], strict=True)
    ]
    return [
        number
        for number in found
        if not declines[bisect_right(starts, number.start) - 1]
        and not _DENIED.search(text[max(0, number.start - _LONGEST_DENIAL) : number.start])
    ]


def _single(text: str) -> list[Written]:
    """The one that "a single chair" is."""
    return [Written(1.0, None, *match.span()) for match in _SINGLE.finditer(text)]


def _is_list(text: str, found: Sequence[Written]) -> bool:
    """Whether a text is nothing but different numbers, one after the other."""
    gaps = [text[first.end : second.start] for first, second in pairwise(found)]
    return (
        not _LIST_SIGNS.sub("", text[: found[0].start] + "".join(gaps) + text[found[-1].end :])
        and len({number[:2] for number in found}) > 1
    )


def _outside_brackets(text: str, found: Sequence[Written]) -> list[Written]:
    """The numbers before which as many brackets are closed as opened."""
    outside: list[Written] = []
    depth = end = 0
    for number in found:
        depth += text.count("(", end, number.start) - text.count(")", end, number.start)
        end = number.start
        if depth <= 0:
            outside.append(number)
    return outside


def _joined(text: str, found: Sequence[Written]) -> list[Written]:
    """The numbers with `1 m 90 cm` as one."""
    joined: list[Written] = []
    for number in found:
        last = joined[-1] if joined else None
        if (
            last
            and last.unit
            and number.unit
            and text[last.end : number.start].strip() in ("", "and")
        ):
            part = convert(number.value, unit=number.unit, to=last.unit)
            if number.unit != last.unit and part < 1:
                joined[-1] = Written(last.value + part, last.unit, last.start, number.end)
                continue
        joined.append(number)
    return joined


def _is_range(text: str, first: Written, second: Written) -> bool:
    """Whether two neighbouring numbers are the ends of a range, such as `2-3` or `2 or 3`."""
    gap = text[first.end : second.start]
    if second.value < 0 and not gap.strip():
        return True
    if gap.strip() == "and":
        return _BETWEEN.search(text[: first.start]) is not None
    return _RANGE.fullmatch(gap) is not None

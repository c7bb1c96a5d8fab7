"""The part of a model's text that is its answer: after the thoughts, in the tags, in the fence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

NO_END_OF_THOUGHT = "the thinking never ends, so there is no answer"

LONGEST = 50_000
"""Characters of an answer that are read, the last ones. No answer outside its thoughts is as long;
what is, is a loop or worse, and must not hold up an evaluation."""

_TAG = re.compile(r"[<＜◁]|\[/?think", re.IGNORECASE)
_THOUGHT = r"(?:think(?:ing)?|thoughts?|reasoning)[>＞▷]"
_THOUGHT_START = re.compile(rf"[<＜◁]{_THOUGHT}|\[think\]", re.IGNORECASE)
_THOUGHT_END = re.compile(rf"[<＜◁][/／]{_THOUGHT}|\[/think\]", re.IGNORECASE)
_ANSWER_START = re.compile(r"[<＜]answer[>＞]", re.IGNORECASE)
_ANSWER_END = re.compile(r"[<＜][/／]answer[>＞]", re.IGNORECASE)
_MARKER = re.compile(
    r"\b(?:final\s+)?answer(?:[\s*_]*[:：]|\s+is\b[\s*_]*[:：]?)|答案\s*(?:是|为)?\s*[:：]?"
    r"|\b(?:correction|actually|wait|on\s+second\s+thoughts?)\b[\s*_]*[,:：]?",
    re.IGNORECASE,
)
"""Words before an answer; those of a correction stand before the answer that counts."""
_FENCE = re.compile(r"```[\w-]*\n?(.*?)(?:```|\Z)", re.DOTALL)
_BARE_NUMBER = r"[-+−－]?(?:[\d０-９]+(?:[.．][\d０-９]*)?|[.．][\d０-９]+)(?:\s*[%％])?"
_BARE = re.compile(rf"{_BARE_NUMBER}(?:(?:\s*[,，、]\s*|\s+){_BARE_NUMBER})+(?:\s*[.。])?")
_NAMED_NUMBERS = re.compile(
    rf"(?:\b(?:[xywh][12]?|[xy]_?m(?:in|ax)|left|top|right|bottom|width|height)"
    rf"\s*[:=：＝≈]\s*{_BARE_NUMBER}[\s,，;；、]*(?:and\b|和)?\s*){{2,}}",
    re.IGNORECASE,
)
_AND = re.compile(r"\band\b|和")


def is_bare(text: str) -> bool:
    """Whether the text is nothing but numbers with commas, such as `10, 20, 30, 40`."""
    return _BARE.fullmatch(text.strip()) is not None


class AnswerPart(NamedTuple):
    """What a model tells its reader.

    Attributes:
        text: A piece of the whole text.
        notes: Remarks on what was left out.
        start: Where the piece begins in the whole text.
        tagged: Whether it stood in an `<answer>` tag.
    """

    text: str
    notes: tuple[str, ...] = ()
    start: int = 0
    tagged: bool = False


def answer_part(text: str) -> AnswerPart:
    """The text after the last thought, and of several `<answer>` tags the last.

    A thought that never ends leaves what stands before it; an answer tag that never ends has all.
    Of a part that is longer than `LONGEST` the end is taken.
    """
    part = _after_thoughts(text)
    if (num_over := len(part.text) - LONGEST) <= 0:
        return part
    note = f"only the last {LONGEST:,} of {len(part.text):,} characters are read"
    return AnswerPart(part.text[num_over:], (*part.notes, note), part.start + num_over, part.tagged)


def _after_thoughts(text: str) -> AnswerPart:
    if not _TAG.search(text):
        return AnswerPart(text)
    start = max((end.end() for end in _THOUGHT_END.finditer(text)), default=0)
    thought = _THOUGHT_START.search(text, start)  # the start tag may stand in the prompt
    if thought is not None:
        return AnswerPart(text[start : thought.start()], (NO_END_OF_THOUGHT,), start)
    tags = list(_ANSWER_START.finditer(text, start))
    if not tags:
        return AnswerPart(text[start:], start=start)
    start = tags[-1].end()
    closing = _ANSWER_END.search(text, start)
    return AnswerPart(text[start : closing.start() if closing else None], start=start, tagged=True)


class Candidate(NamedTuple):
    """A part of an answer to look at, and what it is."""

    text: str
    place: str


def candidates(told: str) -> Iterator[Candidate]:
    """The parts of an answer to look at, the surest first; the first with data counts."""
    end = len(told)
    for mark in reversed(list(_MARKER.finditer(told))):
        stated = told[mark.end() : end].strip()
        first_line = stated.partition("\n")[0]
        yield Candidate(first_line if is_bare(first_line) else stated, "answer line")
        end = mark.start()
    if fenced := _FENCE.findall(told):
        yield Candidate("\n".join(fenced), "code fence")
    yield Candidate(told, "whole text")
    for run in _NAMED_NUMBERS.finditer(" ".join(told.split())):
        named = _AND.sub(",", run[0]).replace("≈", "=")
        yield Candidate(f"[{named}]", "named numbers")

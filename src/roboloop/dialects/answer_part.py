"""The part of a model's text that is its answer: after the thoughts, in the tags, in the fence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

NO_END_OF_THOUGHT = "the thinking never ends, so there is no answer"

_THOUGHT_START = re.compile(r"<(?:think|thinking|thought)>", re.IGNORECASE)
_THOUGHT_END = re.compile(r"</(?:think|thinking|thought)>", re.IGNORECASE)
_ANSWER = re.compile(r"<answer>(.*?)(?:</answer>|(?=<answer>)|\Z)", re.DOTALL | re.IGNORECASE)
_MARKER = re.compile(
    r"\b(?:final\s+)?answer(?:\s+is)?[\s*_]*[:：]|答案\s*(?:是|为)?\s*[:：]?", re.IGNORECASE
)
_FENCE = re.compile(r"```[\w-]*\n?(.*?)(?:```|\Z)", re.DOTALL)
_BARE_NUMBER = r"[-+−－]?(?:[\d０-９]+(?:[.．][\d０-９]*)?|[.．][\d０-９]+)(?:\s*[%％])?"
_BARE = re.compile(rf"{_BARE_NUMBER}(?:(?:\s*[,，、]\s*|\s+){_BARE_NUMBER})+(?:\s*[.。])?")
_NAMED_NUMBERS = re.compile(
    rf"(?:\b[xywh][12]?\s*[:=：＝]\s*{_BARE_NUMBER}[\s,，;；、]*(?:and\b|和)?\s*){{2,}}",
    re.IGNORECASE,
)
_AND = re.compile(r"\band\b|和")


def is_bare(text: str) -> bool:
    """Whether the text is nothing but numbers with commas, such as `10, 20, 30, 40`."""
    return _BARE.fullmatch(text.strip()) is not None


class AnswerPart(NamedTuple):
    """What a model tells its reader, and remarks on what was left out."""

    text: str
    notes: tuple[str, ...] = ()


def answer_part(text: str) -> AnswerPart:
    """The text after the last thought, and of several `<answer>` tags the last."""
    if "<" not in text:
        return AnswerPart(text)
    told = _THOUGHT_END.split(text)[-1]  # the start tag may stand in the prompt
    start = _THOUGHT_START.search(told)
    if start is not None:
        return AnswerPart(told[: start.start()], (NO_END_OF_THOUGHT,))
    answers = _ANSWER.findall(told)
    return AnswerPart(answers[-1] if answers else told)


def candidates(told: str) -> Iterator[str]:
    """The parts of an answer to look at, the surest first; the first with data counts."""
    if marks := list(_MARKER.finditer(told)):
        stated = told[marks[-1].end() :].strip()
        first_line = stated.partition("\n")[0]
        yield first_line if is_bare(first_line) else stated
    if fenced := _FENCE.findall(told):
        yield "\n".join(fenced)
    yield told
    for run in _NAMED_NUMBERS.finditer(" ".join(told.split())):
        yield f"[{_AND.sub(',', run[0])}]"

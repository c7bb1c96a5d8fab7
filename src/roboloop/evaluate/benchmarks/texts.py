"""Items whose truth is one text or several that are equally right."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from roboloop.evaluate.benchmarks.base import Benchmark
from roboloop.records.answers import Text
from roboloop.records.media import Media
from roboloop.records.record import Record

REFERENCES = "references"


def text_record(
    benchmark: Benchmark,
    *,
    item: Any,
    media: tuple[Media, ...],
    question: str,
    answers: Sequence[str],
    origin: str,
    subtask: str = "",
) -> Record:
    """A question answered in words; all right answers are kept in `meta.references`."""
    told: dict[str, Any] = {"subtask": subtask} if subtask else {}
    return Record(
        id=f"{benchmark.kind}/{item}",
        task="vqa",
        media=media,
        inputs={"question": question},
        answer=Text(answers[0]),
        source=benchmark.kind,
        split="test",
        licence=benchmark.licence,
        origin=origin,
        meta={**told, REFERENCES: list(answers)},
    )


def references_of(record: Record) -> list[str]:
    """Every right answer, as published."""
    return [str(text) for text in record.meta[REFERENCES]]


def read_list(answer: Any) -> list[str]:
    """The right answers of a cell: a list, a list written as text, or one text."""
    if isinstance(answer, str) and answer.startswith("["):
        try:
            answer = ast.literal_eval(answer)
        except (ValueError, SyntaxError):
            return [answer]
    return [str(item) for item in answer] if isinstance(answer, list) else [str(answer)]

"""The text of an answer as a perfect model would write it, from the facts."""

from __future__ import annotations

import json
from typing import Any

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize
from roboloop.dialects import load_dialect
from roboloop.records.answers import answer_from_json
from roboloop.tasks import load_task

_PLAIN = load_dialect("plain")
RESPONSE_FACTS = ("task", "answer", "typed_answer", "width", "height")
"""The columns that are looked at: facts, and `typed_answer` of the `MORE_COLUMNS`."""


def responses_of(facts: Any) -> list[str]:
    """Each record's answer as text, coordinates in pixels of the original picture.

    So they stand in the questions of the facts, too. Empty without an answer, or where its task
    cannot write it.
    """
    return [_response(row) for row in facts.select(list(RESPONSE_FACTS)).to_pylist()]


def _response(row: dict[str, Any]) -> str:
    if not row["typed_answer"]:
        return ""
    size = PictureSize(row["width"], row["height"]) if row["width"] else None
    try:
        answer = answer_from_json(json.loads(row["typed_answer"]))
        return load_task(row["task"]).render(answer, dialect=_PLAIN, size=size)
    except RoboLoopError:
        return row["answer"]

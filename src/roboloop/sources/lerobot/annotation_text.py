"""RoboInter's annotation of a frame as text columns: one JSON text for each field, "" for none.

Source: the LeRobot export of RoboInterData, whose columns are `annotation.<field>` and
`Q_annotation.<field>`.
"""

from __future__ import annotations

import json
from typing import Any

from roboloop.base.errors import RoboLoopError
from roboloop.records.jsonl import parse_json

PREFIX = "annotation."
QUALITY_PREFIX = "Q_annotation."
WORD_FIELDS = ("instruction_add", "substask", "primitive_skill")
"""Fields whose value is words, written plain or in quotes. `substask` is spelled so."""


def column_text(value: Any) -> str:
    """The text of a field; plain words stay plain, and what is not annotated is empty."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def column_value(field: str, text: str) -> Any:
    """The value of a field, None where nothing is annotated: the inverse of `column_text`.

    Raises:
        RoboLoopError: E-REC-001 or E-REC-010 when the text is no JSON.
    """
    if text == "":
        return None
    if field in WORD_FIELDS and not text.startswith('"'):
        return text
    try:
        return parse_json(text)
    except RoboLoopError as error:
        raise RoboLoopError(error.code, f"{PREFIX}{field}: {error.detail}") from error

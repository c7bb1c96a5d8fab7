"""What a model said, what it is worth, and pairs of a better and a worse answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from roboloop.records.answers import Answer


class PredictionStatus(StrEnum):
    """How asking went. A failed request is not a wrong answer: it makes a run incomplete."""

    ANSWERED = "answered"
    REQUEST_FAILED = "request_failed"


class ScoreStatus(StrEnum):
    """How scoring went.

    `unparsed` scores worst and stays in the denominator; `request_failed` and `truth_missing` make
    the result incomplete, never better.
    """

    SCORED = "scored"
    UNPARSED = "unparsed"
    REQUEST_FAILED = "request_failed"
    TRUTH_MISSING = "truth_missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """The raw answer of a model to one record, stored once and scored as often as one likes.

    Attributes:
        key: Hash of all that made it: weights, prompt, media bytes, decoding, dialect.
        prompt: The question as sent, without the picture.
        text: Only the new text, special tokens removed.
    """

    record_id: str
    model: str
    key: str
    status: PredictionStatus
    prompt: str
    text: str = ""
    num_new_tokens: int = 0
    finish_reason: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The worth of one prediction under its task's metrics.

    Attributes:
        values: Metric name -> value; every metric of the task is there, the worst value when the
            answer could not be parsed.
        answer: The parsed answer, None when there is none.
    """

    record_id: str
    task: str
    model: str
    status: ScoreStatus
    values: Mapping[str, float] = field(default_factory=dict[str, float])
    answer: Answer | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """Two answers to one record's question, the chosen better than the rejected, and why."""

    id: str
    record_id: str
    chosen: str
    rejected: str
    reason: str
    margin: float | None = None
    meta: Mapping[str, Any] = field(default_factory=dict[str, Any])

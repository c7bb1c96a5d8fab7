"""How much each token of an answer counts: from factors of its task, its record and its words."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from roboloop.base.errors import Place, RoboLoopError
from roboloop.models.chat import Spans, Weigh
from roboloop.records.answers import SPATIAL_KINDS
from roboloop.records.record import Record
from roboloop.tasks import load_task
from roboloop.train.loss_config import TargetWeights

NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")
THOUGHT = re.compile(r"\A.*</think(?:ing)?>", re.DOTALL)


class _Part(NamedTuple):
    """Where in an answer a factor holds."""

    pattern: re.Pattern[str]
    factor: float


def weigh_answers(record: Record, *, config: TargetWeights | None) -> Weigh | None:
    """What gives the tokens of a record's answers their weights; None when all count alike.

    Raises:
        RoboLoopError: E-REC-003 when the factor in the record's `meta` is no number from 0 up.
    """
    if config is None:
        return None
    task = load_task(record.task)
    whole = config.tasks.get(task.kind, 1.0) * config.families.get(task.family, 1.0)
    whole *= _own_factor(record, key=config.record_key)
    parts = [_Part(THOUGHT, config.thinking)]
    if record.answer is not None and record.answer.kind in SPATIAL_KINDS:
        parts.append(_Part(NUMBER, config.coordinates))

    def weigh(text: str, spans: Spans) -> NDArray[np.float32]:
        starts, ends = np.array(spans, dtype=np.int64).reshape(-1, 2).T
        weights = np.full(len(starts), whole, dtype=np.float32)
        for pattern, factor in parts:
            if factor == 1.0:
                continue
            inside = np.zeros(len(starts), dtype=bool)
            for found in pattern.finditer(text):
                inside |= (starts < found.end()) & (ends > found.start())
            weights[inside] *= np.float32(factor)
        return weights

    return weigh


def _own_factor(record: Record, *, key: str | None) -> float:
    value = 1.0 if key is None else record.meta.get(key, 1.0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < np.inf:
        raise RoboLoopError(
            "E-REC-003",
            f"meta.{key} is {value!r}; as a weight it is a number from 0 up",
            place=Place(record_id=record.id),
        )
    return float(value)

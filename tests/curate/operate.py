"""One operator on records that were never written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from made_records import SIZE

from roboloop.curate.base import CurateContext, GroupOperator, Judgement, Pairs
from roboloop.curate.facts import facts_of, facts_schema
from roboloop.records.answers import Answer, Text
from roboloop.records.media import FilePicture
from roboloop.records.record import Record, Turn

LONG_ANSWER = (
    "The robot arm moves toward the wooden table and then it takes the cup by its handle while a "
    "plate and a spoon stay where they were near the window of the kitchen"
)


class Operated(NamedTuple):
    """What an operator found."""

    pairs: Pairs
    judgement: Judgement

    def dropped(self) -> list[int]:
        return np.flatnonzero(self.judgement.drop).tolist()


def operate(
    operator: GroupOperator,
    records: Sequence[Record],
    *,
    rank: Sequence[float] | None = None,
    kept: Sequence[bool] | None = None,
    batch_rows: int = 100,
    folder: Path = Path(),
    judged: Mapping[str, Judgement] | None = None,
) -> Operated:
    facts = pa.Table.from_pylist([facts_of(item) for item in records], schema=facts_schema())
    context = CurateContext(folder, folder, 1, judged or {})
    batches: list[Any] = facts.to_batches(max_chunksize=batch_rows) or [
        pa.RecordBatch.from_pylist([], schema=facts_schema())
    ]
    sketches = pa.Table.from_batches([operator.sketch(batch, context) for batch in batches])
    pairs = operator.pairs(sketches, facts, context)
    judgement = operator.judge(
        pairs, facts,
        kept=np.array([True] * len(records) if kept is None else kept, dtype=np.bool_),
        rank=np.zeros(len(records)) if rank is None else np.array(rank, dtype=np.float64),
    )  # fmt: skip
    return Operated(pairs, judgement)


def told(
    answer: str | Answer,
    *,
    question: str = "Describe what is seen here.",
    picture: str = "a.jpg",
    task: str = "vqa",
    name: str = "r",
    meta: Mapping[str, Any] | None = None,
) -> Record:
    """A record in words; without a picture when its name is empty."""
    record = Record(
        id=name,
        task=task,
        media=(FilePicture(path=f"made:{picture}", size=SIZE),) if picture else (),
        turns=(Turn("user", question),),
        answer=Text(answer) if isinstance(answer, str) else answer,
    )
    return replace(record, meta=dict(meta or {}))

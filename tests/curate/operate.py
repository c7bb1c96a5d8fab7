"""One operator on records that were never written."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from made_records import SIZE

from roboloop.curate.base import (
    CurateContext,
    GroupOperator,
    Judgement,
    MapOperator,
    Pairs,
    SelectOperator,
)
from roboloop.curate.facts import MORE_COLUMNS, facts_of, facts_schema, more_facts_of
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
    values: Mapping[str, Any] | None = None,
) -> Operated:
    facts = facts_table(records)
    context = CurateContext(folder, folder, 1, judged or {}, values or {})
    batches: list[Any] = facts.to_batches(max_chunksize=batch_rows) or [
        pa.RecordBatch.from_pylist([], schema=facts.schema)
    ]
    sketches = pa.Table.from_batches([operator.sketch(batch, context) for batch in batches])
    pairs = operator.pairs(sketches, facts, context)
    judgement = operator.judge(
        pairs, facts,
        kept=np.array([True] * len(records) if kept is None else kept, dtype=np.bool_),
        rank=np.zeros(len(records)) if rank is None else np.array(rank, dtype=np.float64),
    )  # fmt: skip
    return Operated(pairs, judgement)


def facts_table(records: Sequence[Record]) -> Any:
    """The facts, and all that operators may ask for."""
    rows = [facts_of(item) | more_facts_of(item) for item in records]
    return pa.Table.from_pylist(rows, schema=facts_schema(*MORE_COLUMNS))


def measured(operator: MapOperator, records: Sequence[Record], *, batch_rows: int = 100) -> Any:
    """What a map operator measures, as the run would keep it."""
    facts = facts_table(records)
    with tempfile.TemporaryDirectory() as folder:
        context = CurateContext(Path(folder), Path(folder), 1)
        operator.prepare(facts, context)
        batches: list[Any] = facts.to_batches(max_chunksize=batch_rows)
        return pa.Table.from_batches([operator.measure(batch, context) for batch in batches])


def judged(
    operator: MapOperator, records: Sequence[Record], *, values: Any, kept: Any = None
) -> Any:
    everything = np.ones(len(records), dtype=np.bool_)
    return operator.judge(values, facts_table(records), kept=everything if kept is None else kept)


def choose(
    operator: SelectOperator,
    records: Sequence[Record],
    *,
    values: Mapping[str, Any],
    kept: Any = None,
    rank: Any = None,
) -> Judgement:
    return operator.choose(
        facts_table(records),
        values,
        kept=np.ones(len(records), dtype=np.bool_) if kept is None else kept,
        rank=np.zeros(len(records)) if rank is None else rank,
        context=CurateContext(Path(), Path(), 1),
    )


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

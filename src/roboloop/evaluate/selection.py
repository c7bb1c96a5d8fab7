"""Which records are asked, and which truths the constant baseline is made of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from roboloop.base.errors import RoboLoopError
from roboloop.base.hashing import hash_bytes
from roboloop.evaluate.config import EvaluateConfig
from roboloop.records.record import Record
from roboloop.records.shards import RecordFolder
from roboloop.tasks.base import Truth

TRAIN = "train"
MAX_TRUTHS = 20_000
"""Training truths per task for the constant: more would not move a median visibly."""


class _Drawn(NamedTuple):
    """A training truth with its place in the lottery."""

    lot: str
    truth: Truth


def records_to_ask(folder: RecordFolder, *, config: EvaluateConfig) -> list[Record]:
    """The records of the splits, sorted by task and id; the choice ignores their order.

    Raises:
        RoboLoopError: E-EVA-001 when the split, or a task that was named, has no records.
    """
    by_task: dict[str, list[Record]] = {}
    for split in dict.fromkeys((config.split, *config.more_splits)):
        for record in folder.records(split):
            if config.tasks is None or record.task in config.tasks:
                by_task.setdefault(record.task, []).append(record)
    missing = [task for task in config.tasks or () if task not in by_task]
    if missing or not by_task:
        wanted = f"of {', '.join(missing)} " if missing else ""
        found = ", ".join(f"{split} {count}" for split, count in folder.counts.items()) or "none"
        raise RoboLoopError(
            "E-EVA-001", f"no record {wanted}is in split {config.split!r}; records found: {found}"
        )
    asked: list[Record] = []
    for _, found in sorted(by_task.items()):
        found.sort(key=lambda record: _lot(record, seed=config.seed))
        asked += sorted(found[: config.max_records_per_task], key=lambda record: record.id)
    return asked


def training_truths(
    records: Iterable[Record], *, tasks: Iterable[str], seed: int
) -> dict[str, list[Truth]]:
    """Task -> truths of its training records, of many a seeded choice that ignores their order."""
    drawn: dict[str, list[_Drawn]] = {task: [] for task in tasks}
    for record in records:
        if record.answer is None or (found := drawn.get(record.task)) is None:
            continue
        truth = Truth(record.answer, record.picture_size)
        found.append(_Drawn(_lot(record, seed=seed), truth))
        if len(found) >= 2 * MAX_TRUTHS:
            _keep_first(found)
    for found in drawn.values():
        _keep_first(found)
    return {task: [item.truth for item in found] for task, found in drawn.items() if found}


def _lot(record: Record, *, seed: int) -> str:
    return hash_bytes(f"{seed} {record.id}".encode())


def _keep_first(found: list[_Drawn]) -> None:
    found.sort(key=lambda item: item.lot)
    del found[MAX_TRUTHS:]

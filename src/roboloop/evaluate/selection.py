"""Which records are asked, and which train the constant baseline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from roboloop.base.errors import RoboLoopError
from roboloop.base.hashing import hash_bytes
from roboloop.evaluate.config import EvaluateConfig
from roboloop.records.record import Record

TRAIN = "train"


class Selection(NamedTuple):
    """Records to ask, sorted by task and id, and the training records of the same tasks."""

    asked: list[Record]
    train: list[Record]


def select_records(records: Iterable[Record], *, config: EvaluateConfig) -> Selection:
    """Sort out the records of a run; what is chosen does not depend on their order.

    Raises:
        RoboLoopError: E-EVA-001 when a task that was asked for, or the split, has no records.
    """
    by_task: dict[str, list[Record]] = {}
    train: list[Record] = []
    splits: Counter[str] = Counter()
    for record in records:
        splits[record.split] += 1
        if config.tasks is not None and record.task not in config.tasks:
            continue
        if record.split == config.split:
            by_task.setdefault(record.task, []).append(record)
        elif record.split == TRAIN:
            train.append(record)
    missing = [task for task in config.tasks or () if task not in by_task]
    if missing or not by_task:
        wanted = f"of {', '.join(missing)} " if missing else ""
        found = ", ".join(f"{split} {count}" for split, count in sorted(splits.items())) or "none"
        raise RoboLoopError(
            "E-EVA-001", f"no record {wanted}is in split {config.split!r}; records found: {found}"
        )
    asked: list[Record] = []
    for _, found in sorted(by_task.items()):
        found.sort(key=lambda record: hash_bytes(f"{config.seed} {record.id}".encode()))
        asked += sorted(found[: config.max_records_per_task], key=lambda record: record.id)
    return Selection(asked, [record for record in train if record.task in by_task])

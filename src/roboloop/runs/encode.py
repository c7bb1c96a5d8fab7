"""A record -> what goes to disk: its line, or why it is left out.

This is the part of a build that needs no knowledge of other records, so workers can do it.
"""

from __future__ import annotations

from typing import NamedTuple

from roboloop.base.errors import Place, RoboLoopError
from roboloop.records.answers import SPATIAL_KINDS
from roboloop.records.record import Record, check_record
from roboloop.records.shard_files import check_split, record_line
from roboloop.runs.part_marks import Drop
from roboloop.tasks import load_task


class Encoded(NamedTuple):
    """A sound record, ready for its shard. Whether its id is taken is not known yet."""

    id: str
    split: str
    origin: str
    line: bytes


class Refused(NamedTuple):
    """Something that is left out.

    Attributes:
        drop: Why.
        is_record: Whether it had become a record, which counts towards the limit of a source.
    """

    drop: Drop
    is_record: bool


def encode_record(record: Record, *, maker: str) -> Encoded | Refused:
    """The line of a record that is sound, or why there is none.

    Args:
        record: What was made.
        maker: Who made it, for the place of a record without origin.
    """
    origin = record.origin or maker
    try:
        check_fit(record)
        return Encoded(record.id, record.split, origin, record_line(record))
    except RoboLoopError as error:
        return Refused(Drop.of(error.located(Place(origin, record_id=record.id))), True)


def refused(error: RoboLoopError, *, record_id: str | None) -> Refused:
    """Something that never became a record."""
    return Refused(Drop.of(error.located(Place(record_id=record_id))), False)


def check_fit(record: Record) -> None:
    """Check a record for itself: coordinates, split, and that its answer is one of its task.

    Raises:
        RoboLoopError: E-REC-003, E-REC-010 to E-REC-013, or E-CFG-006 for an unknown task.
    """
    check_split(record.split)
    task = load_task(record.task)
    kinds = (task.answer_kind, *task.other_truth_kinds)
    if record.answer is not None and record.answer.kind not in kinds:
        raise RoboLoopError(
            "E-REC-013",
            f"task {record.task} answers with {task.answer_kind}, not {record.answer.kind}",
        )
    if task.answer_kind in SPATIAL_KINDS and record.picture_size is None:
        raise RoboLoopError("E-REC-013", "it has coordinates but no picture of known size")
    check_record(record)

"""The records of a run, looked up by id, with what each was made of and what was made of it."""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterator
from pathlib import Path

from roboloop.records.composed import PARENTS_KEY
from roboloop.records.record import Record, record_from_json
from roboloop.records.shards import RecordFolder
from roboloop.runs.folder import MARK

DATA_STAGES = ("compose", "curate", "data")
"""Stages that write records, the last one first."""


def newest_records(run: Path) -> Path | None:
    """The records that a run's last data stage wrote; None when none has finished."""
    for name in DATA_STAGES:
        marks = sorted(
            run.glob(f"stages/{name}-*/{MARK}"), key=lambda path: path.stat().st_mtime_ns
        )
        if marks:
            return marks[-1].parent / "records"
    return None


def has_finished(run: Path, *, stage: str) -> bool:
    """Whether a stage of this name has finished in the run."""
    return any(run.glob(f"stages/{stage}-*/{MARK}"))


def records_about(folder: Path, *, record_id: str) -> Iterator[Record]:
    """The record with this id, and those that name it as a parent, in the order of the shards.

    Lines without the id are not parsed: a million records take a second.

    Args:
        folder: A complete folder of records in JSON Lines.
        record_id: What is looked for.
    """
    wanted = json.dumps(record_id, ensure_ascii=False).encode(errors="surrogatepass")
    for shard in RecordFolder(folder).shards():
        with (
            shard.open("rb") as stream,
            mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data,
        ):
            place = data.find(wanted)
            while place >= 0:
                start, stop = data.rfind(b"\n", 0, place) + 1, data.find(b"\n", place)
                record = record_from_json(json.loads(data[start:stop]))
                if record.id == record_id or record_id in record.meta.get(PARENTS_KEY, ()):
                    yield record
                place = data.find(wanted, stop)

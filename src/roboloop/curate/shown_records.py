"""A few records of a large folder as JSON, found by their row without parsing the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from roboloop.records.jsonl import parse_json
from roboloop.records.read import read_records
from roboloop.records.record import record_to_json
from roboloop.records.shards import RecordFolder


def read_rows(
    folder: RecordFolder, *, shards: Sequence[str], rows: Sequence[int]
) -> dict[int, dict[str, Any]]:
    """Row -> record as JSON.

    Args:
        folder: The records.
        shards: Names of the shards whose records are counted through, in order.
        rows: Ascending.
    """
    sizes = {mark.file: mark.num_records for mark in folder.marks}
    found: dict[int, dict[str, Any]] = {}
    start = 0
    for shard in shards:
        inside = [row - start for row in rows if start <= row < start + sizes[shard]]
        for place, value in _records_at(folder.path / shard, places=inside):
            found[start + place] = value
        start += sizes[shard]
    return found


def _records_at(shard: Path, *, places: Sequence[int]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Records at some places of a shard, counted from 0, ascending."""
    if not places:
        return
    wanted = set(places)
    if shard.suffix == ".parquet":
        for place, item in enumerate(islice(read_records([shard]), places[-1] + 1)):
            if place in wanted:
                yield place, record_to_json(item.record)
        return
    with shard.open("rb") as stream:
        lines = (line for line in stream if line.strip())
        for place, line in enumerate(islice(lines, places[-1] + 1)):
            if place in wanted:
                yield place, parse_json(line.decode())

"""Records in Parquet: one row a record. Simple fields are columns, nested ones JSON text.

So any tool can filter by task, source or split, and nothing is lost on the way back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.hashing import canonical_json
from roboloop.records.jsonl import Broken, JsonLine, parse_json
from roboloop.records.record import RECORD_KEYS, Record, record_to_json

PLAIN_COLUMNS = ("id", "task", "source", "split", "licence", "origin")
"""Written as text; all other keys of a record as JSON text, null when empty."""

LATER_COLUMNS = frozenset({"rejected", "reasoning"})
"""Not in the files of earlier versions."""

_READ_ROWS = 1024


def write_parquet(stream: IO[bytes], *, records: Sequence[Record]) -> None:
    """Write the records to an open binary file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    values = [record_to_json(record) for record in records]
    columns = {
        key: pa.array([_cell(key, row) for row in values], pa.string()) for key in RECORD_KEYS
    }
    pq.write_table(pa.table(columns), stream, compression="zstd", row_group_size=10_000)


def scan_parquet(path: Path) -> Iterator[JsonLine | Broken]:
    """Every row as a record's JSON value; its place counts rows from 1 as lines.

    Raises:
        RoboLoopError: E-DAT-001 when there is no such file, E-REC-014 when it is not a whole
            Parquet file, E-REC-002 when its columns are not those of records.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise RoboLoopError("E-DAT-001", "there is no such file", place=Place(path))
    try:
        with pq.ParquetFile(path) as file:
            if set(file.schema_arrow.names) | LATER_COLUMNS != set(RECORD_KEYS):
                names = ", ".join(file.schema_arrow.names)
                raise RoboLoopError(
                    "E-REC-002", f"its columns are not a record's: {names}", place=Place(path)
                )
            number = 0
            for batch in file.iter_batches(batch_size=_READ_ROWS):
                for row in batch.to_pylist():
                    number += 1
                    yield _row(row, place=Place(path, number))
    except pa.ArrowException as error:
        raise RoboLoopError(
            "E-REC-014", f"not a whole Parquet file: {error}", place=Place(path)
        ) from error


def _cell(key: str, row: dict[str, Any]) -> str | None:
    value = row.get(key)
    if value is None or key in PLAIN_COLUMNS:
        return value
    return canonical_json(value)


def _row(row: dict[str, Any], *, place: Place) -> JsonLine | Broken:
    value: dict[str, Any] = {}
    try:
        for key, cell in row.items():
            if cell is not None:
                value[key] = cell if key in PLAIN_COLUMNS else parse_json(cell)
    except RoboLoopError as error:
        return Broken(error.located(Place(place.file, place.line, record_id=row.get("id"))))
    return JsonLine(value, place)

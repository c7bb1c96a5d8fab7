"""Parquet files in LeRobot's numbering: a new one begins when the one before is full."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from roboloop.base.files import atomic_write_bytes
from roboloop.sources.lerobot.layout import CHUNK_SIZE, filled

MAX_DATA_BYTES = 100 * 2**20


class FilePlace(NamedTuple):
    """Which file: its number within a chunk, and the chunk's."""

    chunk: int
    file: int


def numbered(number: int, *, chunk_size: int = CHUNK_SIZE) -> FilePlace:
    """The place of the file that is `number`-th over all chunks, from 0."""
    return FilePlace(*divmod(number, chunk_size))


def place_path(template: str, place: FilePlace, *, camera: str = "") -> str:
    """The path of a file, relative to the data set."""
    values = {"chunk_index": place.chunk, "file_index": place.file, "video_key": camera}
    return filled(template, values=values)


class TableFiles:
    """Tables written one after the other, each a row group, into files of limited size.

    Ask `next_place` first, then `add`: so what is written about a table names the file that it
    really goes into. A file appears under its name when it is whole.
    """

    def __init__(
        self,
        out: Path,
        *,
        template: str,
        max_bytes: int = MAX_DATA_BYTES,
        chunk_size: int = CHUNK_SIZE,
    ) -> None:
        self._out = out
        self._template = template
        self._max_bytes = max_bytes
        self._chunk_size = chunk_size
        self._number = 0
        self._sink: Any = None
        self._writer: Any = None
        self.schema: Any = None

    def next_place(self) -> FilePlace:
        """The file that the next table goes into."""
        if self._sink is not None and self._sink.tell() >= self._max_bytes:
            self.close()
            self._number += 1
        return numbered(self._number, chunk_size=self._chunk_size)

    def add(self, table: Any) -> None:
        """Append a table; all have the schema of the first."""
        if self.schema is None:
            self.schema = table.schema
        writer: Any = self._writer or self._open()
        writer.write_table(table.cast(self.schema))

    def close(self) -> None:
        """Finish the file that is open and give it its name."""
        if self._writer is None:
            return
        self._writer.close()
        self._sink.close()
        self._temporary.replace(self._path)
        self._writer = self._sink = None

    def _open(self) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as pq

        library: Any = pa
        parquet: Any = pq
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._sink = library.OSFile(str(self._temporary), "wb")
        self._writer = parquet.ParquetWriter(self._sink, self.schema, compression="snappy")
        return self._writer

    @property
    def _path(self) -> Path:
        place = numbered(self._number, chunk_size=self._chunk_size)
        return self._out / place_path(self._template, place)

    @property
    def _temporary(self) -> Path:
        return self._path.with_name(f".{self._path.name}.tmp")


def write_tasks(path: Path, *, tasks: Sequence[str]) -> None:
    """Task number by task text, indexed by the text as pandas would write it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    library: Any = pa
    parquet: Any = pq
    table = library.table({"task_index": list(range(len(tasks))), "task": list(tasks)})
    note = {
        "index_columns": ["task"], "column_indexes": [], "pandas_version": "2.2.0",
        "columns": [
            {"name": "task_index", "field_name": "task_index", "pandas_type": "int64",
             "numpy_type": "int64", "metadata": None},
            {"name": "task", "field_name": "task", "pandas_type": "unicode",
             "numpy_type": "object", "metadata": None},
        ],
    }  # fmt: skip
    sink = library.BufferOutputStream()
    parquet.write_table(table.replace_schema_metadata({"pandas": json.dumps(note)}), sink)
    atomic_write_bytes(path, data=sink.getvalue().to_pybytes())

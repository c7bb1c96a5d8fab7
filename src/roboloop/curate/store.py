"""Where curation keeps what it measured: one Arrow file a piece of a shard, whole or not there.

    <store>/<hash of the records and of the facts' columns>/
        facts/train-00000.0.arrow             the facts of the first piece of a shard
        near-1f2e3d4c/train-00000.0.arrow     values or sketches of one operator
        near-1f2e3d4c/pairs.arrow             pairs of a group operator

A piece is what one worker does at a time, and what is lost when it is killed.

The store belongs to the run, not to one stage: a recipe with another threshold finds every value
that does not depend on it. Files are memory-mapped when read, so tables cost little memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from roboloop.base.files import atomic_writer
from roboloop.base.hashing import hash_value
from roboloop.curate.base import Operator
from roboloop.curate.facts import COLUMNS
from roboloop.records.shard_files import ShardMark

SUFFIX = ".arrow"
SHORT_KEY = 12
PIECE_RECORDS = 5_000


class Piece(NamedTuple):
    """Some consecutive records of a shard.

    Attributes:
        shard: Name of the shard's file, such as `train-00000.jsonl`.
        start, stop: Numbers of its records in the shard, from 0.
    """

    shard: str
    start: int
    stop: int

    @property
    def name(self) -> str:
        """Name without a suffix; unique among the pieces of a folder."""
        return f"{self.shard.rsplit('.', 1)[0]}.{self.start // PIECE_RECORDS}"


def pieces_of(marks: Iterable[ShardMark]) -> tuple[Piece, ...]:
    """The pieces of some shards, in order. They depend on nothing but the shards."""
    return tuple(
        Piece(mark.file, start, min(start + PIECE_RECORDS, mark.num_records))
        for mark in marks
        for start in range(0, mark.num_records, PIECE_RECORDS)
    )


class CurateStore:
    """The files of one set of records.

    Args:
        root: The run's folder for curation.
        records_hash: Content hash of the records.
        marks: Marks of their shards, in order.
    """

    def __init__(self, root: Path, *, records_hash: str, marks: Iterable[ShardMark]) -> None:
        key = hash_value([records_hash, COLUMNS])  # other columns: everything is made anew
        self.path = root / key[:SHORT_KEY]
        self.pieces = pieces_of(marks)

    @property
    def facts_folder(self) -> Path:
        """Where the facts lie."""
        return self.path / "facts"

    def values_folder(self, operator: Operator, *, kept_hash: str = "") -> Path:
        """Where an operator's values lie; one that saw only kept records says which."""
        key = hash_value([operator.fingerprint(), kept_hash])
        return self.path / f"{operator.label}-{key[:SHORT_KEY]}"

    def file(self, folder: Path, *, piece: Piece) -> Path:
        """The file of a piece."""
        return folder / f"{piece.name}{SUFFIX}"

    def missing(self, folder: Path) -> list[Piece]:
        """The pieces that have no file in the folder yet."""
        return [piece for piece in self.pieces if not self.file(folder, piece=piece).exists()]

    def table(self, folder: Path, *, columns: Sequence[str] | None = None) -> Any:
        """All pieces of a folder as one table, mapped into memory."""
        import pyarrow as pa

        tables = [
            read_table(self.file(folder, piece=piece), columns=columns) for piece in self.pieces
        ]
        return pa.concat_tables(tables)


def write_table(path: Path, *, table: Any) -> None:
    """Write an Arrow table, whole or not at all."""
    import pyarrow as pa

    with atomic_writer(path) as stream, pa.ipc.new_file(stream, table.schema) as writer:
        writer.write_table(table)


def read_table(path: Path, *, columns: Sequence[str] | None = None) -> Any:
    """A table, mapped into memory rather than read."""
    import pyarrow as pa

    with pa.memory_map(str(path)) as source:
        table = pa.ipc.open_file(source).read_all()
    return table if columns is None else table.select(list(columns))

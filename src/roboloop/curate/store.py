"""Where curation keeps what it measured: one Arrow file a shard, whole or not there.

    <store>/<hash of the records and of the facts' columns>/
        facts/train-00000.arrow               the facts of a shard
        near-1f2e3d4c/train-00000.arrow       values or sketches of one operator
        near-1f2e3d4c/pairs.arrow             pairs of a group operator

The store belongs to the run, not to one stage: a recipe with another threshold finds every value
that does not depend on it. Files are memory-mapped when read, so tables cost little memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from roboloop.base.files import atomic_writer
from roboloop.base.hashing import hash_value
from roboloop.curate.base import Operator
from roboloop.curate.facts import COLUMNS

SUFFIX = ".arrow"
SHORT_KEY = 12


class CurateStore:
    """The files of one set of records.

    Args:
        root: The run's folder for curation.
        records_hash: Content hash of the records.
        shards: Names of their shards, in order, such as `train-00000.jsonl`.
    """

    def __init__(self, root: Path, *, records_hash: str, shards: Sequence[str]) -> None:
        key = hash_value([records_hash, COLUMNS])  # other columns: everything is made anew
        self.path = root / key[:SHORT_KEY]
        self.shards = tuple(shards)

    @property
    def facts_folder(self) -> Path:
        """Where the facts lie."""
        return self.path / "facts"

    def values_folder(self, operator: Operator, *, kept_hash: str = "") -> Path:
        """Where an operator's values lie; one that saw only kept records says which."""
        key = hash_value([operator.fingerprint(), kept_hash])
        return self.path / f"{operator.label}-{key[:SHORT_KEY]}"

    def file(self, folder: Path, *, shard: str) -> Path:
        """The file of a shard."""
        return folder / f"{shard.rsplit('.', 1)[0]}{SUFFIX}"

    def missing(self, folder: Path) -> list[str]:
        """The shards that have no file in the folder yet."""
        return [shard for shard in self.shards if not self.file(folder, shard=shard).exists()]

    def table(self, folder: Path, *, columns: Sequence[str] | None = None) -> Any:
        """All shards of a folder as one table, mapped into memory."""
        import pyarrow as pa

        tables = [
            read_table(self.file(folder, shard=shard), columns=columns) for shard in self.shards
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

"""What workers do: the facts and an operator's values of a piece, the kept records of a shard.

These are plain functions of jobs that can be pickled; what they leave are files, each whole or not
there. So any executor may run them in any order, twice if need be, with the same bytes.
"""

from __future__ import annotations

import gc
import json
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from itertools import compress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.hashing import hash_bytes
from roboloop.curate.base import CurateContext, Flags, GroupOperator, MapOperator, Operator
from roboloop.curate.facts import facts_schema, facts_table, more_facts_of
from roboloop.curate.store import SUFFIX, Piece, read_table, write_table
from roboloop.records.read import read_part, read_records
from roboloop.records.shard_files import ShardMark, ShardWriter, record_line, verify_shard


class Job(NamedTuple):
    """One file to make.

    Attributes:
        piece: The records it is about.
        out: The file.
        asked: Bool for each record of the piece, which are measured; None for all.
    """

    piece: Piece
    out: Path
    asked: Flags | None

    @property
    def outs(self) -> tuple[Path, ...]:
        """The file to make."""
        return (self.out,)


@contextmanager
def no_collections() -> Generator[None]:
    """Hold the garbage collector back: rows are many and hold no cycles it could free."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def make_facts(job: Job, *, records: Path) -> int:
    """The facts of a piece's records. Gives their number."""
    piece = job.piece
    with no_collections():
        table = facts_table(read_part(records / piece.shard, start=piece.start, stop=piece.stop))
    write_table(job.out, table=table)
    return table.num_rows


class Part(NamedTuple):
    """One operator's part of a shared job, and the file to make."""

    operator: Operator
    out: Path


class SharedJob(NamedTuple):
    """A piece all of whose records are measured by several operators."""

    piece: Piece
    parts: tuple[Part, ...]

    @property
    def outs(self) -> tuple[Path, ...]:
        """The files to make."""
        return tuple(part.out for part in self.parts)


def measure_together(job: SharedJob, *, facts: Path, context: CurateContext) -> int:
    """What `measure` makes, for one operator after the other.

    They see the same columns in memory, so what several find in them is found once (`recent`).
    """
    table = read_table(facts / f"{job.piece.name}{SUFFIX}")
    with no_collections():
        for operator, out in job.parts:
            measure(Job(job.piece, out, None), operator=operator, table=table, context=context)
    return table.num_rows


def measure_piece(job: Job, *, operator: Operator, facts: Path, context: CurateContext) -> int:
    """Measure a piece by itself."""
    table = read_table(facts / f"{job.piece.name}{SUFFIX}")
    return measure(job, operator=operator, table=table, context=context)


def measure(job: Job, *, operator: Operator, table: Any, context: CurateContext) -> int:
    """The values (or sketches) of the facts of a piece; nulls for records not asked for."""
    import pyarrow as pa

    table = _with_more(table, operator=operator, piece=job.piece, records=context.records)
    context = context._replace(memo={})
    if job.asked is not None:
        table = table.filter(pa.array(job.asked))
    parts = job.out.parent / f".{job.piece.name}.parts" if operator.in_this_process else None
    tables: list[Any] = []
    for number, batch in enumerate(_batches(table, num_rows=operator.batch_rows)):
        part = parts / f"{number}{SUFFIX}" if parts else None
        if part and part.exists():
            tables.append(read_table(part))
            continue
        batch_values = _values(operator, batch=batch, context=context)
        tables.append(pa.Table.from_batches([batch_values]))
        if part:
            write_table(part, table=tables[-1])
    values = pa.concat_tables(tables)
    if job.asked is not None:
        places = np.full(len(job.asked), -1, dtype=np.int64)
        places[job.asked] = np.arange(table.num_rows)
        values = values.take(pa.array(places, mask=places < 0))
    write_table(job.out, table=values)
    if parts:
        shutil.rmtree(parts)
    return values.num_rows


class KeepJob(NamedTuple):
    """One shard of kept records to write.

    Attributes:
        mark: The shard they come from.
        number: Of the new shard, within its split.
        kept: Bool for each record of the shard; None for all.
    """

    mark: ShardMark
    number: int
    kept: Flags | None


def write_kept(job: KeepJob, *, records: Path, out: Path) -> ShardMark:
    """Write the kept records of a shard, at least one, as a new shard; give its mark.

    Raises:
        RoboLoopError: E-REC-015 when the shard is not the one that was marked.
    """
    lines = _lines(records / job.mark.file, mark=job.mark)
    with ShardWriter(
        out, split=job.mark.split, first_number=job.number, max_records=job.mark.num_records
    ) as writer:
        for line in lines if job.kept is None else compress(lines, job.kept.tolist()):
            writer.add_line(line)
    [mark] = writer.marks
    return mark


def _lines(shard: Path, *, mark: ShardMark) -> list[bytes]:
    """The canonical lines of a shard: those of a JSON Lines shard are so already."""
    if mark.content_hash != mark.file_hash:
        verify_shard(shard)
        return [record_line(found.record) for found in read_records([shard])]
    data = shard.read_bytes()
    lines = data.splitlines(keepends=True)
    if hash_bytes(data) != mark.file_hash or len(lines) != mark.num_records:
        raise RoboLoopError(
            "E-REC-015", "its records are not those that were marked", place=Place(shard)
        )
    return lines


def _with_more(facts: Any, *, operator: Operator, piece: Piece, records: Path) -> Any:
    """The facts with the columns `meta.<field>` and `MORE_COLUMNS` that the operator asks for."""
    import pyarrow as pa

    if not operator.meta_fields and not operator.more_facts:
        return facts
    found = list(read_part(records / piece.shard, start=piece.start, stop=piece.stop))
    metas = [record.meta for record in found]
    more = [more_facts_of(record) for record in found] if operator.more_facts else []
    for name in operator.more_facts:
        column = pa.array([row[name] for row in more], facts_schema(name).field(name).type)
        facts = facts.append_column(name, column)
    for field in operator.meta_fields:
        texts = [json.dumps(meta[field]) if field in meta else None for meta in metas]
        facts = facts.append_column(f"meta.{field}", pa.array(texts, pa.string()))
    return facts


def _values(operator: Operator, *, batch: Any, context: CurateContext) -> Any:
    if isinstance(operator, MapOperator):
        return operator.measure(batch, context)
    assert isinstance(operator, GroupOperator), operator
    return operator.sketch(batch, context)


def _batches(table: Any, *, num_rows: int) -> list[Any]:
    """Batches of bounded size; one empty batch of an empty table, so that it has a schema."""
    import pyarrow as pa

    batches = table.combine_chunks().to_batches(max_chunksize=num_rows)
    return batches or [pa.RecordBatch.from_pylist([], schema=table.schema)]

"""Run the operators of a recipe over a folder of records, and write what is kept.

Facts are made and operators measure shard by shard, each shard at most once; then every operator
judges in order. The first one that drops a record gives the reason. Counts are conserved:
records in = records kept + records dropped, or the run fails.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from roboloop.base.errors import RoboLoopError
from roboloop.base.hashing import hash_bytes, hash_value
from roboloop.base.progress import progress_bar
from roboloop.curate.base import (
    ArrowTable,
    CurateContext,
    Executor,
    Flags,
    GroupOperator,
    Indices,
    Judgement,
    MapOperator,
    Numbers,
    Operator,
    Pairs,
    SelectOperator,
)
from roboloop.curate.facts import facts_of, facts_schema
from roboloop.curate.store import SHORT_KEY, SUFFIX, CurateStore, read_table, write_table
from roboloop.records.read import read_records


class Verdicts(NamedTuple):
    """The outcome for every record.

    Attributes:
        kept: Bool.
        first: Number of the operator that dropped the record, -1 while it is kept.
        judgements: Of each operator, in order, on all records.
    """

    kept: Flags
    first: Indices
    judgements: tuple[Judgement, ...]


class Earlier(NamedTuple):
    """What the operators before the one that is asked found, by label.

    Attributes:
        judged: Their judgements.
        values: What the map operators among them measured.
        folders: Where those values lie; a folder's name tells what the values depend on.
    """

    judged: dict[str, Judgement]
    values: dict[str, ArrowTable]
    folders: dict[str, Path]


class Curation:
    """The operators of one recipe over one set of records.

    Args:
        operators: In order.
        store: Where values are kept.
        context: Handed to the operators.
        executor: Does the work on shards.
    """

    def __init__(
        self,
        operators: Sequence[Operator],
        *,
        store: CurateStore,
        context: CurateContext,
        executor: Executor,
    ) -> None:
        self.operators = tuple(operators)
        self.store = store
        self.context = context
        self.executor = executor

    def make_facts(self) -> None:
        """Make the facts of the shards that have none yet."""
        folder = self.store.facts_folder
        work = partial(_make_facts, records=self.context.records, store=self.store)
        self._for_each_shard(self.store.missing(folder), work=work, title="facts")

    def facts(self) -> ArrowTable:
        """The facts of all records, one row each."""
        return self.store.table(self.store.facts_folder)

    def verdicts(self) -> Verdicts:
        """Let every operator measure what it has not measured yet, and judge.

        Raises:
            RoboLoopError: What an operator raises, such as E-ENV-001 for a missing package.
        """
        facts = self.facts()
        kept = np.ones(facts.num_rows, dtype=np.bool_)
        first = np.full(facts.num_rows, -1, dtype=np.int64)
        rank = np.zeros(facts.num_rows)
        earlier = Earlier({}, {}, {})
        for number, operator in enumerate(self.operators):
            judgement = self._judged(operator, facts=facts, earlier=earlier, kept=kept, rank=rank)
            if isinstance(operator, MapOperator):
                rank = rank + operator.quality(earlier.values[operator.label])
            earlier.judged[operator.label] = judgement
            newly = judgement.drop & kept
            first[newly] = number
            kept = kept & ~judgement.drop
        return Verdicts(kept, first, tuple(earlier.judged.values()))

    def _judged(
        self, operator: Operator, *, facts: Any, earlier: Earlier, kept: Flags, rank: Numbers
    ) -> Judgement:
        if isinstance(operator, SelectOperator):
            return operator.choose(
                facts, earlier.values, kept=kept, rank=rank, context=self.context
            )
        folder = self._measured(
            operator, facts=facts, asked=kept if operator.on == "kept" else None
        )
        table = self.store.table(folder)
        if isinstance(operator, MapOperator):
            earlier.values[operator.label] = table
            earlier.folders[operator.label] = folder
            return operator.judge(table, facts, kept=kept)
        assert isinstance(operator, GroupOperator), operator
        pairs = self._pairs(operator, folder=folder, sketches=table, facts=facts, earlier=earlier)
        return operator.judge(pairs, facts, kept=kept, rank=rank)

    def _measured(self, operator: Operator, *, facts: Any, asked: Flags | None) -> Path:
        """The folder with the operator's values for every shard."""
        kept_hash = "" if asked is None else hash_value(np.packbits(asked).tobytes().hex())
        folder = self.store.values_folder(operator, kept_hash=kept_hash)
        missing = self.store.missing(folder)
        if missing:
            operator.prepare(facts, self.context)
        work = partial(
            _measure, operator=operator, folder=folder, store=self.store, context=self.context,
            asked=self._asked_by_shard(asked),
        )  # fmt: skip
        self._for_each_shard(
            missing, work=work, title=operator.label, here=operator.in_this_process
        )
        return folder

    def _asked_by_shard(self, asked: Flags | None) -> Mapping[str, Flags] | None:
        if asked is None:
            return None
        parts: dict[str, Flags] = {}
        start = 0
        for shard in self.store.shards:
            path = self.store.file(self.store.facts_folder, shard=shard)
            stop = start + read_table(path, columns=["id"]).num_rows
            parts[shard] = asked[start:stop]
            start = stop
        return parts

    def _pairs(
        self,
        operator: GroupOperator,
        *,
        folder: Path,
        sketches: Any,
        facts: Any,
        earlier: Earlier,
    ) -> Pairs:
        """The operator's pairs, found once for these sketches and what it reads of others."""
        import pyarrow as pa

        name = "pairs"
        if operator.reads:
            read = [
                f"{earlier.folders[label].name if label in earlier.folders else label} "
                f"{hash_bytes(earlier.judged[label].partner.tobytes())}"
                for label in operator.reads
            ]
            name = f"pairs-{hash_value(read)[:SHORT_KEY]}"
        path = folder / f"{name}{SUFFIX}"
        if not path.exists():
            context = self.context._replace(judged=earlier.judged, values=earlier.values)
            found_pairs = operator.pairs(sketches, facts, context)
            write_table(path, table=pa.table(found_pairs._asdict()))
        table = read_table(path)
        return Pairs(*(table[name].to_numpy() for name in Pairs._fields))

    def _for_each_shard(
        self,
        shards: Sequence[str],
        *,
        work: Callable[[str], int],
        title: str,
        here: bool = False,
    ) -> None:
        if not shards:
            return
        with progress_bar(f"{title} (shards)", total=len(shards)) as bar:
            for _ in map(work, shards) if here else self.executor.map(work, shards):
                bar.advance()


def check_conserved(verdicts: Verdicts) -> None:
    """Check that every record is either kept or dropped by exactly one operator.

    Raises:
        RoboLoopError: E-RUN-003.
    """
    num_kept = int(verdicts.kept.sum())
    num_dropped = int((verdicts.first >= 0).sum())
    if num_kept + num_dropped != len(verdicts.kept) or bool(
        (verdicts.first[verdicts.kept] >= 0).any()
    ):
        raise RoboLoopError(
            "E-RUN-003",
            f"{len(verdicts.kept)} records became {num_kept} kept, {num_dropped} dropped",
        )


def _make_facts(shard: str, *, records: Path, store: CurateStore) -> int:
    """The facts of one shard's records."""
    import pyarrow as pa

    rows = [facts_of(found.record) for found in read_records([records / shard])]
    table = pa.Table.from_pylist(rows, schema=facts_schema())
    write_table(store.file(store.facts_folder, shard=shard), table=table)
    return len(rows)


def _measure(
    shard: str,
    *,
    operator: Operator,
    folder: Path,
    store: CurateStore,
    context: CurateContext,
    asked: Mapping[str, Flags] | None,
) -> int:
    """The values (or sketches) of one shard; nulls for rows that were not asked for."""
    import pyarrow as pa

    facts = read_table(store.file(store.facts_folder, shard=shard))
    chosen = None if asked is None else asked[shard]
    if chosen is not None:
        facts = facts.filter(pa.array(chosen))
    measure = operator.measure if isinstance(operator, MapOperator) else operator.sketch  # pyright: ignore[reportAttributeAccessIssue]
    parts = folder / f".{shard}.parts" if operator.in_this_process else None
    tables: list[Any] = []
    for number, batch in enumerate(_batches(facts, num_rows=operator.batch_rows)):
        part = parts / f"{number}{SUFFIX}" if parts else None
        if part and part.exists():
            tables.append(read_table(part))
            continue
        tables.append(pa.Table.from_batches([measure(batch, context)]))
        if part:
            write_table(part, table=tables[-1])
    table = pa.concat_tables(tables)
    if chosen is not None:
        places = np.full(len(chosen), -1, dtype=np.int64)
        places[chosen] = np.arange(facts.num_rows)
        table = table.take(pa.array(places, mask=places < 0))
    write_table(store.file(folder, shard=shard), table=table)
    if parts:
        shutil.rmtree(parts)
    return table.num_rows


def _batches(table: Any, *, num_rows: int) -> Iterable[Any]:
    """Batches of bounded size; one empty batch of an empty table, so that it has a schema."""
    import pyarrow as pa

    whole = table.combine_chunks()
    batches = whole.to_batches(max_chunksize=num_rows)
    return batches or [pa.RecordBatch.from_pylist([], schema=table.schema)]

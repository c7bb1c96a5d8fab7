"""Run the operators of a recipe over a folder of records, and write what is kept.

Facts are made and operators measure shard by shard, each shard at most once; then every operator
judges in order. The first one that drops a record gives the reason. Counts are conserved:
records in = records kept + records dropped, or the run fails.
"""

from __future__ import annotations

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

BATCH_ROWS = 4096


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
        self.labels = tuple(operator.label for operator in operators)
        self.store = store
        self.context = context
        self.executor = executor
        self.values: dict[str, ArrowTable] = {}
        """What each operator measured, by label; there after `verdicts`."""
        self.pairs: dict[str, Pairs] = {}
        """The pairs of each group operator, by label; there after `verdicts`."""
        self.folders: dict[str, Path] = {}
        """Where the values of each operator lie, by label; there after `verdicts`."""

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
        values = self.values = {}
        judgements: list[Judgement] = []
        for number, operator in enumerate(self.operators):
            judged = dict(zip(self.labels, judgements, strict=False))
            judgement = self._judged(
                operator, facts=facts, values=values, judged=judged, kept=kept, rank=rank
            )
            if isinstance(operator, MapOperator):
                rank = rank + operator.quality(values[operator.label])
            judgements.append(judgement)
            newly = judgement.drop & kept
            first[newly] = number
            kept = kept & ~judgement.drop
        return Verdicts(kept, first, tuple(judgements))

    def _judged(
        self,
        operator: Operator,
        *,
        facts: Any,
        values: dict[str, Any],
        judged: Mapping[str, Judgement],
        kept: Flags,
        rank: Numbers,
    ) -> Judgement:
        if isinstance(operator, SelectOperator):
            return operator.choose(facts, values, kept=kept, rank=rank, context=self.context)
        asked = kept if operator.on == "kept" else None
        folder = self.folders[operator.label] = self._measured(operator, asked=asked)
        table = self.store.table(folder)
        if isinstance(operator, MapOperator):
            values[operator.label] = table
            return operator.judge(table, facts, kept=kept)
        assert isinstance(operator, GroupOperator), operator
        pairs = self._pairs(operator, folder=folder, sketches=table, facts=facts, judged=judged)
        self.pairs[operator.label] = pairs
        return operator.judge(pairs, facts, kept=kept, rank=rank)

    def _measured(self, operator: Operator, *, asked: Flags | None) -> Path:
        """The folder with the operator's values for every shard."""
        kept_hash = "" if asked is None else hash_value(np.packbits(asked).tobytes().hex())
        folder = self.store.values_folder(operator, kept_hash=kept_hash)
        missing = self.store.missing(folder)
        if missing:
            operator.prepare(self.context)
        work = partial(
            _measure, operator=operator, folder=folder, store=self.store, context=self.context,
            asked=self._asked_by_shard(asked),
        )  # fmt: skip
        self._for_each_shard(missing, work=work, title=operator.label)
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
        judged: Mapping[str, Judgement],
    ) -> Pairs:
        """The operator's pairs, found once for these sketches and what it reads of others."""
        import pyarrow as pa

        read = {label: judged[label] for label in operator.reads}
        partners = b"".join(judgement.partner.tobytes() for judgement in read.values())
        name = f"pairs-{hash_bytes(partners)[:SHORT_KEY]}" if read else "pairs"
        path = folder / f"{name}{SUFFIX}"
        if not path.exists():
            context = self.context._replace(judged=read)
            found_pairs = operator.pairs(sketches, facts, context)
            write_table(path, table=pa.table(found_pairs._asdict()))
        table = read_table(path)
        return Pairs(*(table[name].to_numpy() for name in Pairs._fields))

    def _for_each_shard(
        self, shards: Sequence[str], *, work: Callable[[str], int], title: str
    ) -> None:
        if not shards:
            return
        with progress_bar(f"{title} (shards)", total=len(shards)) as bar:
            for _ in self.executor.map(work, shards):
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
    batches = [measure(batch, context) for batch in _batches(facts)]
    table = pa.Table.from_batches(batches)
    if chosen is not None:
        places = np.full(len(chosen), -1, dtype=np.int64)
        places[chosen] = np.arange(facts.num_rows)
        table = table.take(pa.array(places, mask=places < 0))
    write_table(store.file(folder, shard=shard), table=table)
    return table.num_rows


def _batches(table: Any) -> Iterable[Any]:
    """Batches of bounded size; one empty batch of an empty table, so that it has a schema."""
    import pyarrow as pa

    whole = table.combine_chunks()
    batches = whole.to_batches(max_chunksize=BATCH_ROWS)
    return batches or [pa.RecordBatch.from_pylist([], schema=table.schema)]

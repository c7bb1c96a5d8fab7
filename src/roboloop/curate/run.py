"""Run the operators of a recipe over a folder of records, and write what is kept.

Facts are made and operators measure piece by piece, each at most once; then every operator judges
in order. The first one that drops a record gives the reason. Counts are conserved:
records in = records kept + records dropped, or the run fails.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

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
from roboloop.curate.store import SHORT_KEY, SUFFIX, CurateStore, Piece, read_table, write_table
from roboloop.curate.work import Job, Part, SharedJob, make_facts, measure_piece, measure_together

AnyJob = TypeVar("AnyJob", Job, SharedJob)


class Verdicts(NamedTuple):
    """The outcome for every record.

    Attributes:
        kept: Bool.
        first: Number of the operator that dropped the record, -1 while it is kept.
        judgements: Of each operator, in order, on all records.
        about: What operators say about themselves (`MapOperator.about`), by label.
    """

    kept: Flags
    first: Indices
    judgements: tuple[Judgement, ...]
    about: Mapping[str, Mapping[str, Any]] = {}  # never changed


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
        executor: Does the work on pieces.
        may_wait: Whether operators that wait for others (`Operator.waits`) may measure.
    """

    def __init__(
        self,
        operators: Sequence[Operator],
        *,
        store: CurateStore,
        context: CurateContext,
        executor: Executor,
        may_wait: bool = True,
    ) -> None:
        self.operators = tuple(
            operator.made_for(operators[place + 1 :]) for place, operator in enumerate(operators)
        )
        self.store = store
        self.context = context
        self.executor = executor
        self.may_wait = may_wait
        self.values: dict[str, ArrowTable] = {}
        """What each operator measured, by label; there after `verdicts`."""
        self.pairs: dict[str, Pairs] = {}
        """The pairs of each group operator, by label; there after `verdicts`."""
        self.folders: dict[str, Path] = {}
        """Where the values of each operator lie, by label; there after `verdicts`."""

    def make_facts(self) -> None:
        """Make the facts of the pieces that have none yet."""
        jobs = self._jobs(self.store.facts_folder, asked=None)
        self._do(jobs, work=partial(make_facts, records=self.context.records), title="facts")

    def facts(self) -> ArrowTable:
        """The facts of all records, one row each."""
        return self.store.table(self.store.facts_folder)

    def verdicts(self) -> Verdicts:
        """Let every operator measure what it has not measured yet, and judge.

        Raises:
            RoboLoopError: What an operator raises, such as E-ENV-001 for a missing package.
        """
        facts = self.facts()
        self._measure_together(facts)
        kept = np.ones(facts.num_rows, dtype=np.bool_)
        first = np.full(facts.num_rows, -1, dtype=np.int64)
        rank = np.zeros(facts.num_rows)
        earlier = Earlier({}, {}, {})
        self.values, self.folders = earlier.values, earlier.folders
        about: dict[str, dict[str, Any]] = {}
        for number, operator in enumerate(self.operators):
            judgement = self._judged(operator, facts=facts, earlier=earlier, kept=kept, rank=rank)
            if isinstance(operator, MapOperator):
                rank = rank + operator.quality(earlier.values[operator.label])
                if told := operator.about(earlier.values[operator.label], facts):
                    about[operator.label] = told
            earlier.judged[operator.label] = judgement
            newly = judgement.drop & kept
            first[newly] = number
            kept = kept & ~judgement.drop
        return Verdicts(kept, first, tuple(earlier.judged.values()), about)

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
        earlier.folders[operator.label] = folder
        table = self.store.table(folder)
        if isinstance(operator, MapOperator):
            earlier.values[operator.label] = table
            return operator.judge(table, facts, kept=kept)
        assert isinstance(operator, GroupOperator), operator
        pairs = self._pairs(operator, folder=folder, sketches=table, facts=facts, earlier=earlier)
        self.pairs[operator.label] = pairs
        return operator.judge(pairs, facts, kept=kept, rank=rank)

    def _measure_together(self, facts: ArrowTable) -> None:
        """Let the operators that measure every record in any process do so, piece by piece."""
        parts: dict[Piece, list[Part]] = {}
        for operator in self.operators:
            here = operator.waits or operator.in_this_process
            if here or operator.on != "all" or isinstance(operator, SelectOperator):
                continue
            folder = self.store.values_folder(operator)
            pieces = self.store.missing(folder)
            if pieces:
                operator.prepare(facts, self.context)
            for piece in pieces:
                part = Part(operator, self.store.file(folder, piece=piece))
                parts.setdefault(piece, []).append(part)
        jobs = [
            SharedJob(piece, tuple(parts[piece])) for piece in self.store.pieces if piece in parts
        ]
        work = partial(measure_together, facts=self.store.facts_folder, context=self.context)
        self._do(jobs, work=work, title="measured")

    def _measured(self, operator: Operator, *, facts: Any, asked: Flags | None) -> Path:
        """The folder with the operator's values for every piece."""
        kept_hash = "" if asked is None else hash_value(np.packbits(asked).tobytes().hex())
        folder = self.store.values_folder(operator, kept_hash=kept_hash)
        work = partial(
            measure_piece, operator=operator, facts=self.store.facts_folder, context=self.context
        )
        jobs = self._jobs(folder, asked=asked)
        if jobs and operator.waits and not self.may_wait:
            raise RoboLoopError(
                "E-CFG-003",
                f"{operator.label} would have to ask its endpoint about more records",
                fix="Run the recipe with these options; what was answered is not paid again.",
            )
        if jobs:
            operator.prepare(facts, self.context)
        here = operator.waits or operator.in_this_process
        self._do(jobs, work=work, title=operator.label, here=here)
        return folder

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

    def _jobs(self, folder: Path, *, asked: Flags | None) -> list[Job]:
        """What is missing in a folder; `asked` says which of all records are measured."""
        missing = set(self.store.missing(folder))
        jobs: list[Job] = []
        start = 0
        for piece in self.store.pieces:
            stop = start + piece.stop - piece.start
            if piece in missing:
                path = self.store.file(folder, piece=piece)
                jobs.append(Job(piece, path, None if asked is None else asked[start:stop]))
            start = stop
        return jobs

    def _do(
        self,
        jobs: Sequence[AnyJob],
        *,
        work: Callable[[AnyJob], int],
        title: str,
        here: bool = False,
    ) -> None:
        """Let the executor do the jobs, or do them `here`; each leaves its file."""
        if not jobs:
            return
        for folder in {out.parent for job in jobs for out in job.outs}:
            for left in folder.glob(".*.tmp"):  # a killed worker was writing them
                left.unlink()
        num_records = sum(job.piece.stop - job.piece.start for job in jobs)
        with progress_bar(f"{title} (records)", total=num_records) as bar:
            for num_done in map(work, jobs) if here else self.executor.map(work, jobs):
                bar.advance(num_done)


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

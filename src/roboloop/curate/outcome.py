"""Write what curation found: verdicts, the records that stay, a ledger line for the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from roboloop.base.errors import Place, RoboLoopError
from roboloop.curate.base import NO_PARTNER, ArrowTable, CurateContext, Flags, Operator
from roboloop.curate.config import CurateConfig
from roboloop.curate.run import Curation, Verdicts, check_conserved
from roboloop.curate.store import CurateStore, write_table
from roboloop.records.read import read_records
from roboloop.records.shard_files import ShardMark, ShardWriter, remove_shards_but
from roboloop.records.shards import RecordFolder, write_folder_mark, write_media_roots

VERDICTS_FILE = "verdicts.arrow"


class DropLedger(Protocol):
    """Where the reasons go; `roboloop.runs.Ledger` is one."""

    def drop(self, error: RoboLoopError, *, record_id: str | None = None, source: str = "") -> None:
        """Record that something was left out because of `error`."""
        ...


class CurateCounts(NamedTuple):
    """What became of the records: `num_records = num_kept + num_dropped`."""

    num_records: int
    num_kept: int
    num_dropped: int
    by_operator: Mapping[str, int]


def curate(
    config: CurateConfig, *, records: Path, store: Path, out: Path, ledger: DropLedger, seed: int
) -> CurateCounts:
    """Run the operators of a recipe over a folder of records.

    Args:
        config: The operators.
        records: A complete folder of records.
        store: Folder for what operators measure; kept between recipes of one run.
        out: Gets `records/` (those that are kept) and `verdicts.arrow`.
        ledger: Gets a line for every record that is dropped.
        seed: Seed of the recipe.

    Raises:
        RoboLoopError: E-RUN-003 when records are lost; what an operator raises.
    """
    folder = RecordFolder(records)
    curation = open_curation(config, records=records, store=store, seed=seed)
    curation.make_facts()
    verdicts = curation.verdicts()
    check_conserved(verdicts)
    return write_outcome(
        config.operators, facts=curation.facts(), verdicts=verdicts, records=folder,
        curated=curation.store.shards, out=out, ledger=ledger,
    )  # fmt: skip


def open_curation(config: CurateConfig, *, records: Path, store: Path, seed: int) -> Curation:
    """The curation of a folder of records, with all that its store holds already."""
    folder = RecordFolder(records)
    shards = [mark.file for mark in folder.marks if mark.split in config.splits]
    kept = CurateStore(store, records_hash=folder.content_hash(), shards=shards)
    return Curation(
        config.operators,
        store=kept,
        context=CurateContext(records, kept.path / "work", seed),
        executor=config.engine.load(),
    )


def verdict_table(operators: Sequence[Operator], *, facts: ArrowTable, verdicts: Verdicts) -> Any:
    """One row a record: whether it stays, and what the first operator that dropped it found.

    Columns `<label>.value`, `<label>.drop` and `<label>.partner` tell what every operator found.
    """
    import pyarrow as pa

    columns: dict[str, Any] = {
        name: facts[name] for name in ("id", "source", "split", "task", "family")
    }
    columns["kept"] = pa.array(verdicts.kept)
    columns["first"] = pa.array(verdicts.first)
    for operator, judgement in zip(operators, verdicts.judgements, strict=True):
        columns[f"{operator.label}.drop"] = pa.array(judgement.drop)
        columns[f"{operator.label}.value"] = pa.array(judgement.value)
        columns[f"{operator.label}.threshold"] = pa.array(judgement.threshold)
        columns[f"{operator.label}.partner"] = pa.array(judgement.partner)
        columns[f"{operator.label}.reason"] = pa.array(judgement.reason).dictionary_encode()
    return pa.table(columns)


def write_outcome(
    operators: Sequence[Operator],
    *,
    facts: ArrowTable,
    verdicts: Verdicts,
    records: RecordFolder,
    curated: Sequence[str],
    out: Path,
    ledger: DropLedger,
) -> CurateCounts:
    """Write the verdicts, the kept records and the ledger; shards not curated are taken whole."""
    write_table(out / VERDICTS_FILE, table=verdict_table(operators, facts=facts, verdicts=verdicts))
    dropped: Counter[str] = Counter()
    ids, sources = facts["id"], facts["source"]
    for index in np.flatnonzero(verdicts.first >= 0):
        number = int(verdicts.first[index])
        dropped[operators[number].label] += 1
        error = _error(operators[number], verdicts=verdicts, number=number, index=index, ids=ids)
        ledger.drop(error, record_id=ids[index].as_py(), source=sources[index].as_py())
    _write_kept(records, kept=verdicts.kept, curated=set(curated), out=out / "records")
    num_kept = int(verdicts.kept.sum())
    return CurateCounts(len(verdicts.kept), num_kept, dropped.total(), dict(dropped))


def _error(
    operator: Operator, *, verdicts: Verdicts, number: int, index: Any, ids: Any
) -> RoboLoopError:
    judgement = verdicts.judgements[number]
    detail = f"{operator.label}: {judgement.reason[index]}"
    if np.isfinite(judgement.value[index]):
        detail += f", {judgement.value[index]:.4g} against {judgement.threshold[index]:.4g}"
    if judgement.partner[index] != NO_PARTNER:
        detail += f"; kept instead: {ids[int(judgement.partner[index])].as_py()!r}"
    return RoboLoopError(operator.code, detail, place=Place(record_id=ids[index].as_py()))


def _write_kept(records: RecordFolder, *, kept: Flags, curated: Set[str], out: Path) -> None:
    """The kept records in their order; each old shard gives at most one new one."""
    out.mkdir(parents=True, exist_ok=True)
    write_media_roots(out, roots=records.media_roots)
    marks: list[ShardMark] = []
    start = 0
    for mark in records.marks:
        writer = ShardWriter(
            out, split=mark.split, first_number=sum(done.split == mark.split for done in marks)
        )
        is_curated = mark.file in curated
        for place, found in enumerate(read_records([records.path / mark.file])):
            if not is_curated or kept[start + place]:
                writer.add(found.record)
        writer.close()
        start += mark.num_records if is_curated else 0
        marks += writer.marks
    remove_shards_but(out, keep=marks)
    write_folder_mark(out, marks=marks)

"""Write what curation found: verdicts, the records that stay, a ledger line for the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.files import atomic_write_json
from roboloop.base.progress import progress_bar
from roboloop.curate.base import (
    NO_PARTNER,
    ArrowTable,
    CurateContext,
    Flags,
    Indices,
    Operator,
)
from roboloop.curate.config import CurateConfig
from roboloop.curate.run import Curation, Verdicts, check_conserved
from roboloop.curate.store import CurateStore, write_table
from roboloop.curate.summary import write_summary
from roboloop.curate.work import KeepJob, write_kept
from roboloop.records.shard_files import ShardMark, remove_shards_but
from roboloop.records.shards import RecordFolder, write_folder_mark, write_media_roots
from roboloop.runs.ledger import Dropped, Ledger

VERDICTS_FILE = "verdicts.arrow"
ABOUT_FILE = "about.json"
LEDGER_ROWS = 50_000
"""Ledger lines made at a time."""


class CurateCounts(NamedTuple):
    """What became of the records: `num_records = num_kept + num_dropped`."""

    num_records: int
    num_kept: int
    num_dropped: int
    by_operator: Mapping[str, int]


def curate(
    config: CurateConfig, *, records: Path, store: Path, out: Path, ledger: Ledger, seed: int
) -> CurateCounts:
    """Run the operators of a recipe over a folder of records.

    Args:
        config: The operators.
        records: A complete folder of records.
        store: Folder for what operators measure; kept between recipes of one run.
        out: Gets `records/` (those that are kept), `verdicts.arrow` and `curation.json`.
        ledger: Gets a line for every record that is dropped.
        seed: Seed of the recipe.

    Raises:
        RoboLoopError: E-RUN-003 when records are lost; what an operator raises.
    """
    curation = open_curation(config, records=records, store=store, seed=seed)
    try:
        curation.make_facts()
        verdicts = curation.verdicts()
        check_conserved(verdicts)
        counts = write_outcome(curation, verdicts=verdicts, out=out, ledger=ledger)
        write_summary(curation, facts=curation.facts(), verdicts=verdicts, out=out)
        return counts
    finally:
        curation.executor.close()


def open_curation(
    config: CurateConfig, *, records: Path, store: Path, seed: int, may_wait: bool = True
) -> Curation:
    """The curation of a folder of records, with all that its store holds already.

    Raises:
        RoboLoopError: E-DAT-003 when there is no record to curate.
    """
    folder = RecordFolder(records)
    marks = [mark for mark in folder.marks if mark.split in config.splits]
    if not any(mark.num_records for mark in marks):
        splits = ", ".join(config.splits)
        raise RoboLoopError(
            "E-DAT-003", f"there is no record to curate in the splits {splits}",
            place=Place(records), fix="Name the splits in `curate.splits`.",
        )  # fmt: skip
    kept = CurateStore(store, records_hash=folder.content_hash(), marks=marks)
    return Curation(
        config.operators,
        store=kept,
        context=CurateContext(records, kept.path / "work", seed),
        executor=config.engine.load(),
        may_wait=may_wait,
    )


def verdict_table(operators: Sequence[Operator], *, facts: ArrowTable, verdicts: Verdicts) -> Any:
    """One row a record: whether it stays, and what the first operator that dropped it found.

    Columns `<label>.value`, `<label>.drop` and `<label>.partner` tell what every operator found.
    """
    import pyarrow as pa

    columns: dict[str, Any] = {"id": facts["id"].combine_chunks()}
    for name in ("source", "split", "task", "family"):  # few different values
        columns[name] = facts[name].dictionary_encode().combine_chunks()
    columns["kept"] = pa.array(verdicts.kept)
    columns["first"] = pa.array(verdicts.first)
    for operator, judgement in zip(operators, verdicts.judgements, strict=True):
        columns[f"{operator.label}.drop"] = pa.array(judgement.drop)
        columns[f"{operator.label}.value"] = pa.array(judgement.value)
        columns[f"{operator.label}.threshold"] = pa.array(judgement.threshold)
        columns[f"{operator.label}.partner"] = pa.array(judgement.partner)
        columns[f"{operator.label}.reason"] = judgement.reason.to_arrow()
    return pa.table(columns)


def write_outcome(
    curation: Curation, *, verdicts: Verdicts, out: Path, ledger: Ledger
) -> CurateCounts:
    """Write the verdicts, the kept records and the ledger; shards not curated are taken whole."""
    operators, facts = curation.operators, curation.facts()
    write_table(out / VERDICTS_FILE, table=verdict_table(operators, facts=facts, verdicts=verdicts))
    if verdicts.about:
        atomic_write_json(out / ABOUT_FILE, value=dict(verdicts.about))
    rows = np.flatnonzero(verdicts.first >= 0)
    for start in range(0, len(rows), LEDGER_ROWS):
        some = rows[start : start + LEDGER_ROWS]
        ledger.drop_many(_dropped(operators, verdicts=verdicts, facts=facts, rows=some))
    _write_kept(curation, kept=verdicts.kept, out=out / "records")
    numbers, counts = np.unique(verdicts.first[rows], return_counts=True)
    by_operator = {
        operators[number].label: count
        for number, count in zip(numbers.tolist(), counts.tolist(), strict=True)
    }
    return CurateCounts(
        len(verdicts.kept), int(verdicts.kept.sum()), sum(by_operator.values()), by_operator
    )


def _dropped(
    operators: Sequence[Operator], *, verdicts: Verdicts, facts: ArrowTable, rows: Indices
) -> Iterator[Dropped]:
    """Why some dropped records went: what the first operator that dropped each found."""
    ids = facts["id"]
    partners = np.full(len(rows), NO_PARTNER, dtype=np.int64)
    details = [""] * len(rows)
    first = verdicts.first[rows]
    for number, judgement in enumerate(verdicts.judgements):
        places = np.flatnonzero(first == number)
        found = rows[places]
        partners[places] = judgement.partner[found]
        texts, codes = judgement.reason.texts, judgement.reason.codes[found].tolist()
        values, thresholds = judgement.value[found].tolist(), judgement.threshold[found].tolist()
        label = operators[number].label
        for place, code, value, threshold in zip(
            places.tolist(), codes, values, thresholds, strict=True
        ):
            measured = f", {value:.4g} against {threshold:.4g}" if isfinite(value) else ""
            details[place] = f"{label}: {texts[code]}{measured}"
    cells = (texts_at(ids, rows), texts_at(facts["source"], rows), texts_at(ids, partners))
    for number, detail, name, source, partner in zip(first.tolist(), details, *cells, strict=True):
        twin = f"; kept instead: {partner!r}" if partner is not None else ""
        yield Dropped(operators[number].code, detail + twin, name, source)


def texts_at(column: Any, rows: Indices) -> list[Any]:
    """Some cells of a column; None for negative rows."""
    import pyarrow as pa

    return column.take(pa.array(rows, mask=rows < 0)).to_pylist()


def _write_kept(curation: Curation, *, kept: Flags, out: Path) -> None:
    """The kept records in their order; each old shard gives at most one new one."""
    records = RecordFolder(curation.context.records)
    out.mkdir(parents=True, exist_ok=True)
    write_media_roots(out, roots=records.media_roots)
    curated = {piece.shard for piece in curation.store.pieces}
    jobs: list[KeepJob] = []
    numbers: Counter[str] = Counter()
    start = 0
    for mark in records.marks:
        flags = None
        if mark.file in curated:
            flags = kept[start : start + mark.num_records]
            start += mark.num_records
        if mark.num_records and (flags is None or flags.any()):
            jobs.append(KeepJob(mark, numbers[mark.split], flags))
            numbers[mark.split] += 1
    work = partial(write_kept, records=records.path, out=out)
    with progress_bar("kept records (shards)", total=len(jobs)) as bar:
        marks: list[ShardMark] = []
        for mark in curation.executor.map(work, jobs):
            marks.append(mark)
            bar.advance()
    remove_shards_but(out, keep=marks)
    write_folder_mark(out, marks=marks)

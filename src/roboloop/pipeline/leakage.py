"""Hold records against benchmarks without a recipe: the same operator, its findings as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from roboloop.base.errors import Place, RoboLoopError
from roboloop.curate.config import CurateConfig
from roboloop.curate.leakage import Leakage
from roboloop.curate.operator_summary import Leaks
from roboloop.curate.outcome import open_curation
from roboloop.curate.summary import CURATION_FILE, write_summary
from roboloop.records.jsonl import Broken
from roboloop.records.read import scan_records
from roboloop.records.shard_files import ShardMark, ShardWriter, remove_shards_but
from roboloop.records.shards import (
    FOLDER_MARK,
    RecordFolder,
    read_media_roots,
    write_folder_mark,
    write_media_roots,
)
from roboloop.report.curation import build_curation_page

TRAINING = "train"


class LeakageCheck(NamedTuple):
    """What a check found.

    Attributes:
        num_records: Records that were checked.
        num_leaked: Records with at least one leak.
        counts: Kind, set and number of records, as JSON.
        unread: What of the sets could not be read, as JSON.
        num_broken: Lines of the records that are no records.
        findings: `leakage.json`, with the pairs.
        page: The page that shows them side by side.
    """

    num_records: int
    num_leaked: int
    counts: Sequence[dict[str, Any]]
    unread: dict[str, Any]
    num_broken: int
    findings: Path
    page: Path


def check_records(records: Path, *, operator: Leakage, out: Path) -> LeakageCheck:
    """Check records and write `leakage.json`, `curation.json` and a page into `out`.

    Args:
        records: A folder of records or a file of them. Of a folder with splits, `train` is checked.
        operator: What to check against.
        out: Gets the findings; what was measured stays in `out/work` for the next time.

    Raises:
        RoboLoopError: E-DAT-001 for a path that is not there, E-DAT-003 when there is no record.
    """
    num_broken = 0
    folder = records
    if not (records / FOLDER_MARK).exists():
        folder = out / "work" / "records"
        num_broken = _copy_as_folder(records, folder=folder)
    splits = _checked_splits(folder, operator=operator)
    config = CurateConfig(splits=splits, operators=(operator,))
    curation = open_curation(config, records=folder, store=out / "work", seed=0)
    try:
        curation.make_facts()
        verdicts, facts = curation.verdicts(), curation.facts()
    finally:
        curation.executor.close()
    write_summary(curation, facts=facts, verdicts=verdicts, out=out)
    evidence = operator.evidence(curation.values[operator.label], curation.context)
    rows: set[int] = set()

    def noted() -> Any:
        for found in evidence:
            rows.add(found.row)
            yield found

    leaks = Leaks.of(noted(), most=0)
    title = f"Leakage of {records.name}"
    headline = f"{len(rows):,} of {facts.num_rows:,} records repeat what they are measured on."
    page = build_curation_page(
        out / CURATION_FILE, out=out / "page", title=title, headline=headline
    )
    return LeakageCheck(
        facts.num_rows, len(rows), leaks.count_table(), dict(operator.unread(curation.context)),
        num_broken, out / f"{operator.label}.json", page,
    )  # fmt: skip


def _checked_splits(folder: Path, *, operator: Leakage) -> tuple[str, ...]:
    there = RecordFolder(folder).splits
    chosen = (TRAINING,) if TRAINING in there else there
    left = tuple(split for split in chosen if split not in operator.splits)
    if not left:
        raise RoboLoopError("E-DAT-003", "no record to check", place=Place(folder))
    return left


def _copy_as_folder(records: Path, *, folder: Path) -> int:
    """Make a folder of records of a file, or of a folder that is not marked as complete."""
    files = [records] if records.is_file() else sorted(records.glob("*.jsonl"))
    if not files:
        raise RoboLoopError("E-DAT-001", "no folder or file of records", place=Place(records))
    folder.mkdir(parents=True, exist_ok=True)
    home = records.parent if records.is_file() else records
    write_media_roots(folder, roots=read_media_roots(home))
    writers: dict[str, ShardWriter] = {}
    num_broken = 0
    for item in scan_records(files):
        if isinstance(item, Broken):
            num_broken += 1
            continue
        split = item.record.split
        writers.setdefault(split, ShardWriter(folder, split=split)).add(item.record)
    marks: list[ShardMark] = []
    for writer in writers.values():
        writer.close()
        marks += writer.marks
    remove_shards_but(folder, keep=marks)
    write_folder_mark(folder, marks=marks)
    return num_broken

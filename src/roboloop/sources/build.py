"""Sources -> shards of records. Every entry ends as a record or as a line of the ledger.

A source is a part of the folder: a build that was killed goes on after the last whole one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from roboloop.base.errors import RoboLoopError
from roboloop.base.progress import console, progress_bar
from roboloop.records.shard_files import MAX_SHARD_RECORDS, ShardFormat
from roboloop.runs.encode import Encoded, Refused, refused
from roboloop.runs.part_marks import Drop
from roboloop.runs.parts import BuildCounts, DropLedger, RecordParts
from roboloop.sources.base import MADE_ROOT, Source, SourceContext
from roboloop.sources.data_set import DataSetSource
from roboloop.sources.encode import encode
from roboloop.sources.parallel import read_parts

ABSENT = "absent"
"""In place of the fingerprint of an optional source that is not there."""


def build_records(
    sources: Sequence[Source],
    *,
    out: Path,
    context: SourceContext,
    ledger: DropLedger,
    strict: bool = False,
    format: ShardFormat = "jsonl",
    max_shard_records: int = MAX_SHARD_RECORDS,
    num_workers: int = 1,
) -> BuildCounts:
    """Read every source in order and write its records to shards in `out`.

    Args:
        sources: What the recipe names.
        out: Folder of the records; complete when `records.done.json` is in it.
        context: Where sources may draw pictures, and the seed.
        ledger: Gets a line for every entry that is left out, also those of an earlier, killed call:
            a ledger that starts afresh is complete.
        strict: Stop at the first entry that is left out.
        format: Of the shards.
        max_shard_records: Records in a shard.
        num_workers: Processes that read the parts of a data set; 1 reads in this process. What is
            written is the same for any number.

    Raises:
        RoboLoopError: E-DAT-* for a source that cannot be read or gives no record, E-CFG-003 when
            two sources use one name for different media folders, E-RUN-003 when entries are lost,
            E-RUN-005 when a worker dies; with `strict` the first error of an entry.
    """
    folder = RecordParts(
        out, marks="sources", roots=_media_roots(sources, made=context.made_folder), ledger=ledger,
        strict=strict, format=format, max_records=max_shard_records,
    )  # fmt: skip
    for source in sources:
        name = source_name(source)
        absent = is_absent(source)
        with progress_bar(f"records from {name}") as bar:
            done = folder.take(
                name,
                inputs=[source_print(source), name, context.seed],
                items=partial(_items, source, name=name, context=context, num_workers=num_workers),
                bar=bar,
            )
        if not done.shards and not absent:
            raise RoboLoopError("E-DAT-003", f"source {name!r}: {_why_empty(source, done.drops)}")
    return folder.finish()


def source_name(source: Source) -> str:
    """The source's own name where it has one, else its kind."""
    return str(getattr(source, "name", "") or source.kind)


def source_print(source: Source) -> str:
    """Hash of all that its records depend on."""
    return ABSENT if is_absent(source) else source.fingerprint()


def is_absent(source: Source) -> bool:
    """Whether it is an optional data set that is not there."""
    return isinstance(source, DataSetSource) and source.is_absent


def _items(
    source: Source, *, name: str, context: SourceContext, num_workers: int
) -> Iterator[Encoded | Refused]:
    """What the source yields, encoded; a data set's parts are read by the workers."""
    if isinstance(source, DataSetSource) and source.is_absent:
        said = f"source {name!r} is left out: nothing lies at {str(source.path)!r}"
        console().print(said, markup=False, soft_wrap=True)
        return iter([refused(RoboLoopError("E-DAT-001", said), record_id=None)])
    if isinstance(source, DataSetSource) and type(source).read is DataSetSource.read:
        return read_parts(source, name=name, context=context, num_workers=num_workers)
    return (encode(item, source=name) for item in source.read(context))


def _why_empty(source: Source, drops: Sequence[Drop]) -> str:
    if not drops and isinstance(source, DataSetSource) and source.rate < 1:
        return f"it has no entry, or its rate of {source.rate:g} draws none of them"
    if not drops:
        return "it has no entry"
    first = drops[0].error()
    return f"all {len(drops):,} entries were left out; the first because of {first.code} ({first})"


def _media_roots(sources: Sequence[Source], *, made: Path) -> dict[str, Path]:
    """One table of all roots; a name may stand for one folder only."""
    table = {MADE_ROOT: made}
    for source in sources:
        if is_absent(source):
            continue
        for name, folder in source.media_roots().items():
            if table.setdefault(name, folder).resolve() != folder.resolve():
                raise RoboLoopError(
                    "E-CFG-003",
                    f"media root {name!r} is {str(table[name])!r} and {str(folder)!r}",
                    fix="Give one of the two sources another `name`.",
                )
    return table

"""Sources -> shards of records. Every entry ends as a record or as a line of the ledger.

The work on one source ends with a mark that lists its shards and what it dropped. A build that was
killed goes on after the last source so marked; the one it was in the middle of is read again and
gives the same shards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.hashing import hash_value
from roboloop.base.progress import ProgressBar, progress_bar
from roboloop.records.ids import IdRegister
from roboloop.records.read import read_records
from roboloop.records.shard_files import (
    MAX_SHARD_RECORDS,
    ShardFormat,
    ShardMark,
    ShardWriter,
    remove_shards_but,
)
from roboloop.records.shards import FOLDER_MARK, write_folder_mark, write_media_roots
from roboloop.sources.base import MADE_ROOT, Source, SourceContext
from roboloop.sources.data_set import DataSetSource
from roboloop.sources.encode import Encoded, Refused, encode
from roboloop.sources.marks import Drop, SourceMark, read_source_mark, write_source_mark
from roboloop.sources.parallel import read_parts


class DropLedger(Protocol):
    """Where the reasons go; `roboloop.runs.Ledger` is one."""

    def drop(self, error: RoboLoopError, *, record_id: str | None = None, source: str = "") -> None:
        """Record that something was left out because of `error`."""
        ...


class BuildCounts(NamedTuple):
    """What became of the entries: `num_entries = num_records + num_dropped`."""

    num_entries: int
    num_records: int
    num_dropped: int
    by_split: Mapping[str, int]
    by_code: Mapping[str, int]


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
    out.mkdir(parents=True, exist_ok=True)
    (out / FOLDER_MARK).unlink(missing_ok=True)
    write_media_roots(out, roots=_media_roots(sources, made=context.made_folder))
    build = _Build(
        out,
        ledger=ledger,
        strict=strict,
        format=format,
        max_records=max_shard_records,
        num_workers=num_workers,
    )
    for number, source in enumerate(sources):
        with progress_bar(f"records from {source_name(source)}") as bar:
            build.take(source, number=number, context=context, bar=bar)
    counts = build.counts()
    if counts.num_entries != counts.num_records + counts.num_dropped:
        raise RoboLoopError("E-RUN-003", str(counts), place=Place(out))
    remove_shards_but(out, keep=build.marks)
    write_folder_mark(out, marks=build.marks)
    return counts


def source_name(source: Source) -> str:
    """The source's own name where it has one, else its kind."""
    return str(getattr(source, "name", "") or source.kind)


class _Build:
    """The state of one build: ids met, shards written, entries dropped."""

    def __init__(
        self,
        out: Path,
        *,
        ledger: DropLedger,
        strict: bool,
        format: ShardFormat,
        max_records: int,
        num_workers: int,
    ) -> None:
        self.marks: list[ShardMark] = []
        self._out = out
        self._ledger = ledger
        self._strict = strict
        self._format: ShardFormat = format
        self._max_records = max_records
        self._num_workers = num_workers
        self._ids = IdRegister()
        self._num_entries = 0
        self._dropped: Counter[str] = Counter()

    def take(
        self, source: Source, *, number: int, context: SourceContext, bar: ProgressBar
    ) -> None:
        """Read one source to the end, or take over what an earlier call left of it."""
        name = source_name(source)
        earlier = [mark.content_hash for mark in self.marks]
        layout = [self._format, self._max_records]
        key = hash_value([source.fingerprint(), name, context.seed, earlier, layout])
        path = self._out / "sources" / f"{number:03d}.done.json"
        done = read_source_mark(path, key=key, folder=self._out)
        if done is None:
            done = self._read(source, name=name, key=key, context=context, bar=bar)
            write_source_mark(path, mark=done)
        else:
            self._take_over(done, name=name, bar=bar)
        self.marks += done.shards
        self._num_entries += done.num_entries

    def counts(self) -> BuildCounts:
        """Records on disk and entries dropped, against entries read."""
        by_split: Counter[str] = Counter()
        for mark in self.marks:
            by_split[mark.split] += mark.num_records
        return BuildCounts(
            self._num_entries,
            by_split.total(),
            self._dropped.total(),
            dict(sorted(by_split.items())),
            dict(sorted(self._dropped.items())),
        )

    def _read(
        self, source: Source, *, name: str, key: str, context: SourceContext, bar: ProgressBar
    ) -> SourceMark:
        """Read every entry; the shards are on disk afterwards."""
        writers: dict[str, ShardWriter] = {}
        drops: list[Drop] = []
        num_entries = 0
        for item in self._items(source, name=name, context=context):
            num_entries += 1
            drop = item.drop if isinstance(item, Refused) else self._taken(item)
            if drop is not None:
                drops.append(drop)
                self._drop(drop, source=name)
            else:
                assert isinstance(item, Encoded)
                if item.split not in writers:
                    writers[item.split] = self._writer(item.split)
                writers[item.split].add_line(item.line)
            bar.advance(note=f"{len(drops):,} dropped" if drops else "")
        for writer in writers.values():
            writer.close()
        shards = tuple(mark for _, writer in sorted(writers.items()) for mark in writer.marks)
        if not shards:
            raise RoboLoopError("E-DAT-003", f"source {name!r}: {_why_empty(drops)}")
        return SourceMark(key=key, num_entries=num_entries, shards=shards, drops=tuple(drops))

    def _items(
        self, source: Source, *, name: str, context: SourceContext
    ) -> Iterator[Encoded | Refused]:
        """What the source yields, encoded; a data set's parts are read by the workers."""
        if isinstance(source, DataSetSource) and type(source).read is DataSetSource.read:
            return read_parts(source, name=name, context=context, num_workers=self._num_workers)
        return (encode(item, source=name) for item in source.read(context))

    def _taken(self, item: Encoded) -> Drop | None:
        """Why the record cannot have its id; None when the id was free and is its own now."""
        try:
            self._ids.add(item.id, place=Place(item.origin, record_id=item.id))
        except RoboLoopError as error:
            return Drop.of(error)
        return None

    def _drop(self, drop: Drop, *, source: str) -> None:
        """Put a line into the ledger, or stop when nothing may be left out."""
        if self._strict:
            raise drop.error()
        self._ledger.drop(drop.error(), record_id=drop.record_id, source=source)
        self._dropped[drop.code] += 1

    def _writer(self, split: str) -> ShardWriter:
        """A writer that numbers its shards after those of earlier sources."""
        return ShardWriter(
            self._out,
            split=split,
            first_number=sum(mark.split == split for mark in self.marks),
            format=self._format,
            max_records=self._max_records,
        )

    def _take_over(self, done: SourceMark, *, name: str, bar: ProgressBar) -> None:
        """Count what is there: its ids, and its drops anew into the ledger."""
        for drop in done.drops:
            self._drop(drop, source=name)
        for record, _ in read_records(self._out / shard.file for shard in done.shards):
            self._ids.add(record.id, place=Place(record.origin or f"source {name}"))
        bar.advance(done.num_entries, note="kept")


def _why_empty(drops: Sequence[Drop]) -> str:
    if not drops:
        return "it has no entry"
    first = drops[0].error()
    return f"all {len(drops):,} entries were left out; the first because of {first.code} ({first})"


def _media_roots(sources: Sequence[Source], *, made: Path) -> dict[str, Path]:
    """One table of all roots; a name may stand for one folder only."""
    table = {MADE_ROOT: made}
    for source in sources:
        for name, folder in source.media_roots().items():
            if table.setdefault(name, folder).resolve() != folder.resolve():
                raise RoboLoopError(
                    "E-CFG-003",
                    f"media root {name!r} is {str(table[name])!r} and {str(folder)!r}",
                    fix="Give one of the two sources another `name`.",
                )
    return table

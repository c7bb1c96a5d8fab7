"""A folder of records that is written part by part: by source, or by composer.

Each part ends with a mark that lists its shards and what it dropped. Work that was killed goes on
after the last part so marked; the one it was in the middle of is made again and gives the same
shards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.hashing import hash_value
from roboloop.base.progress import ProgressBar
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
from roboloop.runs.encode import Encoded, Refused
from roboloop.runs.part_marks import Drop, PartMark, read_part_mark, write_part_mark


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


class RecordParts:
    """A folder of records on its way: ids met, shards written, entries dropped.

    Args:
        out: The folder; complete when `finish` has returned.
        marks: Name of the folder in it for the marks of the parts, such as `sources`.
        roots: Its media roots.
        ledger: Gets a line for every entry that is left out, also those of an earlier, killed call:
            a ledger that starts afresh is complete.
        strict: Stop at the first entry that is left out.
        format: Of the shards.
        max_records: Records in a shard.
    """

    def __init__(
        self,
        out: Path,
        *,
        marks: str,
        roots: Mapping[str, Path],
        ledger: DropLedger,
        strict: bool = False,
        format: ShardFormat = "jsonl",
        max_records: int = MAX_SHARD_RECORDS,
    ) -> None:
        self.parts: list[PartMark] = []
        self._out = out
        self._marks = out / marks
        self._ledger = ledger
        self._strict = strict
        self._format: ShardFormat = format
        self._max_records = max_records
        self._ids = IdRegister()
        self._dropped: Counter[str] = Counter()
        out.mkdir(parents=True, exist_ok=True)
        (out / FOLDER_MARK).unlink(missing_ok=True)
        write_media_roots(out, roots=roots)

    @property
    def shards(self) -> list[ShardMark]:
        """Those of all parts so far."""
        return [shard for part in self.parts for shard in part.shards]

    def take(
        self,
        name: str,
        *,
        inputs: list[Any],
        items: Callable[[], Iterable[Encoded | Refused]],
        bar: ProgressBar,
    ) -> PartMark:
        """Make the next part, or take over what an earlier call left of it.

        Args:
            name: What is said of it in the ledger.
            inputs: All that its items depend on, as JSON.
            items: Makes them, when they have to be made.
            bar: Shows how many there are.

        Raises:
            RoboLoopError: With `strict` the first error of an entry; whatever `items` raises.
        """
        earlier = [shard.content_hash for shard in self.shards]
        key = hash_value([*inputs, earlier, [self._format, self._max_records]])
        path = self._marks / f"{len(self.parts):03d}.done.json"
        done = read_part_mark(path, key=key, folder=self._out)
        if done is None:
            done = self._made(items(), name=name, key=key, bar=bar)
            write_part_mark(path, mark=done)
        else:
            self._take_over(done, name=name, bar=bar)
        self.parts.append(done)
        return done

    def finish(self) -> BuildCounts:
        """Declare the folder complete.

        Raises:
            RoboLoopError: E-RUN-003 when entries are lost.
        """
        shards = self.shards
        by_split: Counter[str] = Counter()
        for shard in shards:
            by_split[shard.split] += shard.num_records
        counts = BuildCounts(
            sum(part.num_entries for part in self.parts),
            by_split.total(),
            self._dropped.total(),
            dict(sorted(by_split.items())),
            dict(sorted(self._dropped.items())),
        )
        if counts.num_entries != counts.num_records + counts.num_dropped:
            raise RoboLoopError("E-RUN-003", str(counts), place=Place(self._out))
        remove_shards_but(self._out, keep=shards)
        write_folder_mark(self._out, marks=shards)
        return counts

    def _made(
        self, items: Iterable[Encoded | Refused], *, name: str, key: str, bar: ProgressBar
    ) -> PartMark:
        """Take every item; the shards are on disk afterwards."""
        writers: dict[str, ShardWriter] = {}
        drops: list[Drop] = []
        num_entries = 0
        for item in items:
            num_entries += 1
            drop = item.drop if isinstance(item, Refused) else self._taken(item)
            if drop is not None:
                drops.append(drop)
                self._drop(drop, name=name)
            else:
                assert isinstance(item, Encoded)
                if item.split not in writers:
                    writers[item.split] = self._writer(item.split)
                writers[item.split].add_line(item.line)
            bar.advance(note=f"{len(drops):,} dropped" if drops else "")
        for writer in writers.values():
            writer.close()
        shards = tuple(mark for _, writer in sorted(writers.items()) for mark in writer.marks)
        return PartMark(key=key, num_entries=num_entries, shards=shards, drops=tuple(drops))

    def _taken(self, item: Encoded) -> Drop | None:
        """Why the record cannot have its id; None when the id was free and is its own now."""
        try:
            self._ids.add(item.id, place=Place(item.origin, record_id=item.id))
        except RoboLoopError as error:
            return Drop.of(error)
        return None

    def _drop(self, drop: Drop, *, name: str) -> None:
        """Put a line into the ledger, or stop when nothing may be left out."""
        if self._strict:
            raise drop.error()
        self._ledger.drop(drop.error(), record_id=drop.record_id, source=name)
        self._dropped[drop.code] += 1

    def _writer(self, split: str) -> ShardWriter:
        """A writer that numbers its shards after those of earlier parts."""
        return ShardWriter(
            self._out,
            split=split,
            first_number=sum(shard.split == split for shard in self.shards),
            format=self._format,
            max_records=self._max_records,
        )

    def _take_over(self, done: PartMark, *, name: str, bar: ProgressBar) -> None:
        """Count what is there: its ids, and its drops anew into the ledger."""
        for drop in done.drops:
            self._drop(drop, name=name)
        for record, _ in read_records(self._out / shard.file for shard in done.shards):
            self._ids.add(record.id, place=Place(record.origin or name))
        bar.advance(done.num_entries, note="kept")

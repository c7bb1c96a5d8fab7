"""Shards: files of records that are either whole and marked so, or not there.

    train-00000.jsonl              records, one a line (or train-00000.parquet)
    train-00000.jsonl.done.json    the completion mark: counts and hashes

The mark is written after the shard, so a killed writer leaves no mark and the shard is made again.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.files import atomic_write_bytes, atomic_write_json
from roboloop.base.hashing import hash_bytes, hash_file
from roboloop.records.jsonl import write_json_line
from roboloop.records.parquet import write_parquet
from roboloop.records.record import Record, record_from_json, record_to_json

ShardFormat = Literal["jsonl", "parquet"]

FORMAT_VERSION = 1
MARK_SUFFIX = ".done.json"
MAX_SHARD_RECORDS = 20_000

_SPLIT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardMark:
    """What a finished shard holds.

    Attributes:
        file: Name of the shard.
        split: Split of its records.
        num_records: How many.
        content_hash: Hash of the records, the same for JSON Lines and Parquet.
        file_hash: Hash of the file's bytes.
        format_version: Of the shard and the mark.
    """

    file: str
    split: str
    num_records: int
    content_hash: str
    file_hash: str
    format_version: int = FORMAT_VERSION


def check_split(split: str) -> None:
    """Check that a split may be the first part of a file name.

    Raises:
        RoboLoopError: E-REC-003.
    """
    if _SPLIT.fullmatch(split) is None:
        raise RoboLoopError("E-REC-003", f"split {split!r} is not made of letters, digits and _.-")


def read_mark(shard: Path) -> ShardMark | None:
    """The completion mark of a shard, None when it has none.

    Raises:
        RoboLoopError: E-REC-015 for a mark that cannot be read or is of another version.
    """
    path = _mark_path(shard)
    try:
        value: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        mark = ShardMark(**value)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise RoboLoopError("E-REC-015", f"not a mark: {error}", place=Place(path)) from error
    if mark.format_version != FORMAT_VERSION:
        raise RoboLoopError(
            "E-REC-015",
            f"format version {mark.format_version}; this RoboLoop reads {FORMAT_VERSION}",
            place=Place(path),
        )
    return mark


def verify_shard(shard: Path) -> ShardMark:
    """The mark of a shard whose bytes are the ones that were written.

    Raises:
        RoboLoopError: E-REC-015 when the mark is missing or the bytes are others.
    """
    mark = read_mark(shard)
    if mark is None:
        raise RoboLoopError("E-REC-015", "it has no completion mark", place=Place(shard))
    if not shard.is_file():
        raise RoboLoopError("E-REC-015", "its mark is there, the file is not", place=Place(shard))
    if mark.file_hash != (found := hash_file(shard)):
        raise RoboLoopError(
            "E-REC-015",
            f"its bytes have hash {found[:12]}, its mark says {mark.file_hash[:12]}",
            place=Place(shard),
        )
    return mark


def record_line(record: Record) -> bytes:
    """The record as one canonical line of JSON.

    Raises:
        RoboLoopError: E-REC-003 or E-REC-010 for a record that JSON cannot hold.
    """
    return write_json_line(record_to_json(record))


class ShardWriter:
    """Writes the records of one split to shards of bounded size. Use it as a context manager.

    A shard that is there already, with these very records, is left as it is.

    Args:
        folder: Where the shards go.
        split: First part of their names.
        first_number: Number of the first shard.
        format: `jsonl` or `parquet`.
        max_records: Records in a shard.

    Raises:
        RoboLoopError: E-REC-003 for a split that cannot be a file name.
    """

    def __init__(
        self,
        folder: Path,
        *,
        split: str,
        first_number: int = 0,
        format: ShardFormat = "jsonl",
        max_records: int = MAX_SHARD_RECORDS,
    ) -> None:
        check_split(split)
        self.folder = folder
        self.split = split
        self.marks: list[ShardMark] = []
        self._first_number = first_number
        self._format: ShardFormat = format
        self._max_records = max_records
        self._lines: list[bytes] = []

    def add(self, record: Record) -> None:
        """Take a record; a full shard goes to disk.

        Raises:
            RoboLoopError: E-REC-003 or E-REC-010 for a record that JSON cannot hold; it is not
                taken. E-ENV-002 when the disk is full.
        """
        assert record.split == self.split, f"{record.id} is of split {record.split}"
        self.add_line(record_line(record))

    def add_line(self, line: bytes) -> None:
        """Take the `record_line` of a record of this split; a full shard goes to disk.

        Raises:
            RoboLoopError: E-ENV-002 when the disk is full.
        """
        self._lines.append(line)
        if len(self._lines) >= self._max_records:
            self._flush()

    def close(self) -> None:
        """Write what is left."""
        if self._lines:
            self._flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()

    def _flush(self) -> None:
        number = self._first_number + len(self.marks)
        shard = self.folder / f"{self.split}-{number:05d}.{self._format}"
        lines = b"".join(self._lines)
        self.marks.append(self._kept(shard, lines=lines) or self._written(shard, lines=lines))
        self._lines = []

    def _kept(self, shard: Path, *, lines: bytes) -> ShardMark | None:
        """The mark of a whole shard that holds these records already."""
        try:
            mark = verify_shard(shard)
        except RoboLoopError:
            return None
        return mark if mark.content_hash == hash_bytes(lines) else None

    def _written(self, shard: Path, *, lines: bytes) -> ShardMark:
        data = lines
        if self._format == "parquet":
            stream = io.BytesIO()
            records = [record_from_json(json.loads(line)) for line in self._lines]
            write_parquet(stream, records=records)
            data = stream.getvalue()
        _mark_path(shard).unlink(missing_ok=True)
        atomic_write_bytes(shard, data=data)
        mark = ShardMark(
            file=shard.name,
            split=self.split,
            num_records=len(self._lines),
            content_hash=hash_bytes(lines),
            file_hash=hash_bytes(data),
        )
        atomic_write_json(_mark_path(shard), value=asdict(mark))
        return mark


def remove_shards_but(folder: Path, *, keep: Iterable[ShardMark]) -> None:
    """Remove marked shards that an earlier build with other sources left in the folder."""
    kept = {mark.file for mark in keep}
    for mark in folder.glob(f"*{MARK_SUFFIX}"):
        shard = mark.with_name(mark.name.removesuffix(MARK_SUFFIX))
        if shard.suffix in (".jsonl", ".parquet") and shard.name not in kept:
            mark.unlink()
            shard.unlink(missing_ok=True)


def _mark_path(shard: Path) -> Path:
    return shard.with_name(shard.name + MARK_SUFFIX)

"""A folder of records: shards, the table of media roots, and the mark that it is complete.

records/
    train-00000.jsonl  train-00000.jsonl.done.json  val-00000.jsonl ...
    media_roots.json      root name -> folder; relative to this folder where it lies below it
    records.done.json     every shard with its hash: the folder is complete
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.files import atomic_write_json
from roboloop.base.hashing import hash_value
from roboloop.records.jsonl import Broken
from roboloop.records.media_open import MediaStore
from roboloop.records.read import Found, read_records, scan_records
from roboloop.records.record import Record
from roboloop.records.shard_files import FORMAT_VERSION, ShardMark, verify_shard

FOLDER_MARK = "records.done.json"
MEDIA_ROOTS = "media_roots.json"


class RecordFolder:
    """A complete folder of records, as a stage leaves it.

    Raises:
        RoboLoopError: E-REC-015 when the folder has no mark of completeness.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.marks = _read_folder_mark(path)

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that have records, sorted."""
        return tuple(sorted({mark.split for mark in self.marks}))

    @property
    def counts(self) -> dict[str, int]:
        """Split -> number of records."""
        return {
            split: sum(mark.num_records for mark in self.marks if mark.split == split)
            for split in self.splits
        }

    def shards(self, split: str | None = None) -> list[Path]:
        """The files of a split, or of all, in order."""
        return [
            self.path / mark.file for mark in self.marks if split is None or mark.split == split
        ]

    def read(self, split: str | None = None) -> Iterator[Found]:
        """Every record of a split, or of all, with its place; shards are verified first.

        Raises:
            RoboLoopError: E-REC-015 for a shard that is not the one that was written; E-REC-*.
        """
        return read_records(self._verified(split))

    def scan(self, split: str | None = None) -> Iterator[Found | Broken]:
        """As `read`, but what is broken comes out in its place and the rest is still read.

        Marks are not looked at: this is for looking into a damaged folder.
        """
        return scan_records(self.shards(split))

    def records(self, split: str | None = None) -> Iterator[Record]:
        """The records of `read` without their places."""
        return (found.record for found in self.read(split))

    @property
    def media_roots(self) -> dict[str, Path]:
        """Root name -> folder."""
        return read_media_roots(self.path)

    def media_store(self) -> MediaStore:
        """Opens the media of these records."""
        return MediaStore(self.media_roots)

    def content_hash(self) -> str:
        """Hash of all records, in order; independent of the folder's place and the file format."""
        return hash_value(
            [[mark.split, mark.num_records, mark.content_hash] for mark in self.marks]
        )

    def _verified(self, split: str | None) -> Iterator[Path]:
        for shard in self.shards(split):
            verify_shard(shard)
            yield shard


def write_folder_mark(folder: Path, *, marks: Iterable[ShardMark]) -> None:
    """Declare the folder complete: it holds these shards and no others."""
    value = {
        "format_version": FORMAT_VERSION,
        "shards": [asdict(mark) for mark in sorted(marks, key=lambda mark: mark.file)],
    }
    atomic_write_json(folder / FOLDER_MARK, value=value)


def write_media_roots(folder: Path, *, roots: Mapping[str, Path]) -> None:
    """Keep the table root name -> folder beside the records.

    A root below the folder or beside it is written relative to it, so that both can be moved.
    """
    home = folder.resolve()
    table: dict[str, str] = {}
    for name, root in sorted(roots.items()):
        target = root.resolve()
        near = target.is_relative_to(home.parent)
        table[name] = Path(os.path.relpath(target, home)).as_posix() if near else str(target)
    atomic_write_json(folder / MEDIA_ROOTS, value=table)


def read_media_roots(folder: Path) -> dict[str, Path]:
    """The table root name -> folder kept beside records; empty when there is none.

    Raises:
        RoboLoopError: E-DAT-002 when it is no such table.
    """
    path = folder / MEDIA_ROOTS
    if not path.exists():
        return {}
    try:
        table: Any = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): (folder / str(root)).resolve() for name, root in table.items()}
    except (ValueError, AttributeError) as error:
        raise RoboLoopError(
            "E-DAT-002", f"not a table of media roots: {error}", place=Place(path)
        ) from error


def _read_folder_mark(folder: Path) -> tuple[ShardMark, ...]:
    path = folder / FOLDER_MARK
    try:
        value: Any = json.loads(path.read_text(encoding="utf-8"))
        return tuple(ShardMark(**mark) for mark in value["shards"])
    except FileNotFoundError:
        raise RoboLoopError(
            "E-REC-015",
            f"there is no {FOLDER_MARK}: the stage that writes this folder did not end",
            place=Place(folder),
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise RoboLoopError("E-REC-015", f"not a mark: {error!r}", place=Place(path)) from error

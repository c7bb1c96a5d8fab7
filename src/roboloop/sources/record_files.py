"""records: RoboLoop's own record files, read again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import Field

from roboloop.base.errors import Place
from roboloop.base.hashing import hash_file, hash_value
from roboloop.records.jsonl import Broken
from roboloop.records.media import Media
from roboloop.records.media_open import with_root
from roboloop.records.read import scan_records
from roboloop.records.record import Record
from roboloop.records.shard_files import read_mark, verify_shard
from roboloop.records.shards import MEDIA_ROOTS, read_media_roots
from roboloop.sources.base import MADE_ROOT, Rejected, Source, SourceContext
from roboloop.sources.file_lists import data_files

SUFFIXES = (".jsonl", ".parquet")


class RecordFilesSource(Source):
    """Record files of RoboLoop, JSON Lines or Parquet: a folder of another run, or your own."""

    kind: Literal["records"] = "records"  # pyright: ignore[reportIncompatibleVariableOverride]
    path: Path
    """A file, or a folder of them. `media_roots.json` beside the files names the media roots."""
    roots: dict[str, Path] = Field(default_factory=dict[str, Path])
    """Media root name -> folder; wins over `media_roots.json`."""
    splits: tuple[str, ...] = ()
    """Only records of these splits; all when left out."""
    limit: int | None = Field(None, ge=1)
    """Stop after so many records."""

    def media_roots(self) -> Mapping[str, Path]:
        """The table beside the files; the root of drawn pictures under a name of its own."""
        table = {**read_media_roots(self._folder), **self.roots}
        return {self._root(name): folder for name, folder in table.items()}

    def read(self, context: SourceContext) -> Iterator[Record | Rejected]:
        """Yield the records, or why a line is none. Shards with a mark are verified first.

        Raises:
            RoboLoopError: E-DAT-001, E-REC-014 for a cut-off Parquet file, E-REC-015 for a shard
                that is not the one that was written.
        """
        del context
        files = data_files(self.path, suffixes=SUFFIXES)
        for file in files:
            if read_mark(file) is not None:
                verify_shard(file)
        num_records = 0
        for item in scan_records(files):
            if num_records == self.limit:
                return
            if isinstance(item, Broken):
                yield Rejected(item.error, item.error.place.record_id)
            elif not self.splits or item.record.split in self.splits:
                num_records += 1
                yield self._adopted(item.record, place=item.place)

    def fingerprint(self) -> str:
        """Hash of the options, the files and their table of media roots."""
        files = [hash_file(file) for file in data_files(self.path, suffixes=SUFFIXES)]
        table = self._folder / MEDIA_ROOTS
        roots = hash_file(table) if table.exists() else ""
        return hash_value([self.model_dump(mode="json"), files, roots])

    @property
    def _folder(self) -> Path:
        return self.path if self.path.is_dir() else self.path.parent

    def _adopted(self, record: Record, *, place: Place) -> Record:
        origin = record.origin or f"{Path(str(place.file)).name}:{place.line}"
        return replace(record, origin=origin, media=tuple(map(self._moved, record.media)))

    def _moved(self, media: Media) -> Media:
        return with_root(media, rename=self._root)

    def _root(self, name: str) -> str:
        """Pictures drawn in another run must not be looked for among those of this one."""
        return f"made-{hash_value(str(self.path))[:8]}" if name == MADE_ROOT else name

"""Data sets that are files of entries, each of which makes one record."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from roboloop.base.errors import RoboLoopError
from roboloop.base.hashing import hash_file, hash_value
from roboloop.records.jsonl import Broken
from roboloop.records.record import Record, check_record
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.data_set import DataSetSource
from roboloop.sources.fields import Entry
from roboloop.sources.file_lists import data_files
from roboloop.sources.json_entries import Piece, entry_pieces, scan_piece
from roboloop.sources.measure import MediaMeter
from roboloop.sources.record_drafts import split_named

SUFFIXES = (".json", ".jsonl")


class EntryFileSource(DataSetSource):
    """JSON lists or lines of entries; a part is a piece of a file."""

    def parts(self, context: SourceContext) -> Iterator[Piece]:
        """Pieces of the files.

        Raises:
            RoboLoopError: E-DAT-001 or E-DAT-002.
        """
        del context
        for file in self.files():
            yield from entry_pieces(file)

    def read_part(self, part: Piece, context: SourceContext) -> Iterator[Record | Rejected]:
        """The entries of a piece."""
        del context
        meter = MediaMeter(self.media_roots(), verify=self.verify_media)
        for item in scan_piece(part):
            if isinstance(item, Broken):
                yield Rejected(item.error, item.error.place.record_id)
                continue
            record_id: str | None = None
            try:
                entry = Entry(item.value)
                record_id = f"{self.name}/{self.entry_key(entry, file=part.file)}"
                base = Record(
                    id=record_id,
                    task="vqa",
                    source=self.name,
                    split=self.split_of(part.file),
                    licence=self.licence,
                    origin=f"{part.file.name}:{item.place.line}",
                )
                record = self.record(entry, base=base, meter=meter)
                check_record(record)
                yield record
            except RoboLoopError as error:
                yield Rejected(error.located(replace(item.place, record_id=record_id)), record_id)

    def fingerprint(self) -> str:
        """Hash of the options and the files; of the pictures as far as `pictures_print` looks."""
        files = [hash_file(file) for file in self.files()]
        return hash_value([self.model_dump(mode="json"), files, self.pictures_print()])

    def files(self) -> Sequence[Path]:
        """The files of entries.

        Raises:
            RoboLoopError: E-DAT-001 when there is none.
        """
        return data_files(self.path, suffixes=SUFFIXES)

    def split_of(self, file: Path) -> str:
        """The split of a file's entries, told by its name."""
        return split_named(file)

    def pictures_print(self) -> str:
        """A hash that changes when pictures do; by default none, for there may be millions."""
        return ""

    @abstractmethod
    def entry_key(self, entry: Entry, *, file: Path) -> str:
        """What tells an entry from all others of the data set, wherever it stands."""

    @abstractmethod
    def record(self, entry: Entry, *, base: Record, meter: MediaMeter) -> Record:
        """The record of an entry.

        Args:
            entry: As published.
            base: Its id, source, split, licence and origin.
            meter: Measures its pictures.

        Raises:
            RoboLoopError: Why it makes none.
        """

"""Entries in JSON files, each with its pictures in a folder beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import Field

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.hashing import hash_file, hash_value
from roboloop.records.jsonl import Broken, JsonLine
from roboloop.records.record import Record
from roboloop.records.shards import read_media_roots
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.conversation_records import EntryReader, EntryRules
from roboloop.sources.entry_source import EntrySource
from roboloop.sources.file_lists import data_files, folder_print
from roboloop.sources.json_entries import entry_pieces, scan_piece

SUFFIXES = (".json", ".jsonl", ".ndjson")


class JsonEntrySource(EntrySource):
    """A `.json` list, a `.jsonl` file, or a folder of them."""

    image_folder: Path | None = None
    """What the pictures' paths are relative to; the folder of `path` when left out."""
    video_frames: int | None = Field(None, ge=1, le=64)
    """How many frames to take of a video, evenly spread; entries with video are left out without
    it."""

    kept_records: bool = False
    """Take the records that `roboloop convert --keep` left in the entries, as they were; their
    media roots stand in `media_roots.json` beside the file."""

    def media_roots(self) -> Mapping[str, Path]:
        """The folder of the pictures under the source's name."""
        roots = {self.name: self.pictures_folder}
        if self.kept_records:
            folder = self.path if self.path.is_dir() else self.path.parent
            return {**roots, **read_media_roots(folder)}
        return roots

    @property
    def pictures_folder(self) -> Path:
        """What the pictures' paths are relative to."""
        if self.image_folder is not None:
            return self.image_folder
        return self.path if self.path.is_dir() else self.path.parent

    def parts(self, context: SourceContext) -> Iterator[Any]:
        """Some megabytes of a file each.

        Raises:
            RoboLoopError: E-DAT-001 or E-DAT-002.
        """
        del context
        if not self.pictures_folder.is_dir():
            raise RoboLoopError(
                "E-DAT-001", "the image folder does not exist", place=Place(self.pictures_folder)
            )
        for file in data_files(self.path, suffixes=SUFFIXES):
            yield from entry_pieces(file)

    def read_part(self, part: Any, context: SourceContext) -> Iterator[Record | Rejected]:
        """A record for each entry, or why it is none.

        Raises:
            RoboLoopError: E-REC-001 and E-REC-014 for a broken list; E-CFG-003 when an answer has
                coordinates and `coordinates` was not given.
        """
        del context
        reader = self.entry_reader()
        for item in scan_piece(part):
            yield read_entry(item, reader=reader)

    def fingerprint(self) -> str:
        """Hash of the options, the JSON files and the names and sizes of the pictures."""
        files = [hash_file(file) for file in data_files(self.path, suffixes=SUFFIXES)]
        folder = self.pictures_folder
        pictures = folder_print(folder) if folder.is_dir() else ""
        return hash_value([self.model_dump(mode="json"), files, pictures])

    def rules(self) -> EntryRules:
        """How entries are read."""
        return replace(
            super().rules(), video_frames=self.video_frames, kept_records=self.kept_records
        )


def read_entry(item: JsonLine | Broken, *, reader: EntryReader) -> Record | Rejected:
    """The record of what was found in a JSON file, or why it is none."""
    if isinstance(item, Broken):
        return Rejected(item.error, item.error.place.record_id)
    return reader.read(item.value, place=item.place)

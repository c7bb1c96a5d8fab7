"""llava_json: conversations about pictures as LLaVA, ShareGPT, Qwen and RoboInter publish them.

The answer is the last turn. It is read by the entry's task in the coordinate convention that the
recipe declares, and kept in pixels of the original picture.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.hashing import hash_file, hash_value
from roboloop.dialects import Dialect, load_dialect
from roboloop.records.answers import SPATIAL_KINDS
from roboloop.records.jsonl import Broken
from roboloop.records.record import Record
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.conversation_records import EntryReader, EntryRules
from roboloop.sources.data_set import DataSetSource
from roboloop.sources.file_lists import data_files, folder_print
from roboloop.sources.json_entries import Piece, entry_pieces, scan_piece
from roboloop.tasks import TASKS, load_task

SUFFIXES = (".json", ".jsonl", ".ndjson")


class LlavaJsonSource(DataSetSource):
    """Conversations about pictures: LLaVA, ShareGPT, chat messages, Qwen and RoboInter JSON.

    `path` is a `.json` list, a `.jsonl` file or a folder of them; `name` its stem when left out.
    """

    kind: Literal["llava_json"] = "llava_json"  # pyright: ignore[reportIncompatibleVariableOverride]
    image_folder: Path | None = None
    """What the pictures' paths are relative to; the folder of `path` when left out."""
    task: str = "auto"
    """The task of all entries; `auto` takes each entry's own `task`, or `vqa` where it has none."""
    coordinates: str | None = None
    """The dialect in which the published answers write coordinates. Never guessed: it must be
    given as soon as an answer has coordinates."""
    coordinate_options: dict[str, Any] = Field(default_factory=dict[str, Any])
    """Options of that dialect, such as `max_pixels`."""
    split: str = Field("train", pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")
    id_prefix: str = ""
    """Put before every id, for sets that number their entries alike."""
    keep_fields: tuple[str, ...] = ()
    """Other fields of an entry to keep in the record's `meta`."""
    video_frames: int | None = Field(None, ge=1, le=64)
    """How many frames to take of a video, evenly spread; entries with video are left out without
    it."""

    @model_validator(mode="before")
    @classmethod
    def _name_after_kind(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("path") and not given.get("name"):
            stem = re.sub(r"[^A-Za-z0-9_.-]", "_", Path(str(given["path"])).stem)
            return {**given, "name": stem}
        return given

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        try:
            if self.task != "auto":
                TASKS.resolve(self.task)
                if self.coordinates is None and load_task(self.task).answer_kind in SPATIAL_KINDS:
                    raise ValueError(
                        f"answers of task {self.task!r} are coordinates: say in `coordinates` "
                        "which dialect they are written in, such as plain"
                    )
            _ = self.dialect
        except RoboLoopError as error:
            raise ValueError(error.detail) from error
        return self

    @cached_property
    def dialect(self) -> Dialect | None:
        """How the published answers write coordinates; None when that was not said."""
        if self.coordinates is None:
            return None
        return load_dialect(self.coordinates, **self.coordinate_options)

    def media_roots(self) -> Mapping[str, Path]:
        """The folder of the pictures under the source's name."""
        return {self.name: self._pictures_folder}

    def parts(self, context: SourceContext) -> Iterator[Piece]:
        """Some megabytes of a file each.

        Raises:
            RoboLoopError: E-DAT-001 or E-DAT-002.
        """
        del context
        if not self._pictures_folder.is_dir():
            raise RoboLoopError(
                "E-DAT-001", "the image folder does not exist", place=Place(self._pictures_folder)
            )
        for file in data_files(self.path, suffixes=SUFFIXES):
            yield from entry_pieces(file)

    def read_part(self, part: Piece, context: SourceContext) -> Iterator[Record | Rejected]:
        """A record for each entry, or why it is none.

        Raises:
            RoboLoopError: E-REC-001 and E-REC-014 for a broken list; E-CFG-003 when an answer has
                coordinates and `coordinates` was not given.
        """
        del context
        reader = EntryReader(self._rules())
        for item in scan_piece(part):
            if isinstance(item, Broken):
                yield Rejected(item.error, item.error.place.record_id)
            else:
                yield reader.read(item.value, place=item.place)

    def fingerprint(self) -> str:
        """Hash of the options, the JSON files and the names and sizes of the pictures."""
        files = [hash_file(file) for file in data_files(self.path, suffixes=SUFFIXES)]
        folder = self._pictures_folder
        pictures = folder_print(folder) if folder.is_dir() else ""
        return hash_value([self.model_dump(mode="json"), files, pictures])

    def _rules(self) -> EntryRules:
        return EntryRules(
            root=self.name,
            folder=self._pictures_folder,
            task=self.task,
            dialect=self.dialect,
            split=self.split,
            licence=self.licence,
            id_prefix=self.id_prefix,
            keep_fields=self.keep_fields,
            verify_media=self.verify_media,
            video_frames=self.video_frames,
        )

    @property
    def _pictures_folder(self) -> Path:
        if self.image_folder is not None:
            return self.image_folder
        return self.path if self.path.is_dir() else self.path.parent

"""What sources of published entries share: the options, and how an answer is read."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from roboloop.base.errors import RoboLoopError
from roboloop.dialects import Dialect, load_dialect
from roboloop.records.answers import SPATIAL_KINDS
from roboloop.sources.conversation_records import EntryReader, EntryRules
from roboloop.sources.conversations import Conversation, read_conversation
from roboloop.sources.data_set import DataSetSource
from roboloop.tasks import TASKS, load_task

SPLIT_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$"


class EntrySource(DataSetSource):
    """Entries that somebody published: a question, an answer in words, and the pictures.

    `name` is the stem of `path` when left out.
    """

    task: str = "auto"
    """The task of all entries; `auto` takes each entry's own `task`, or what its form tells."""
    coordinates: str | None = None
    """The dialect in which the published answers write coordinates. Never guessed: it must be
    given as soon as an answer has coordinates."""
    coordinate_options: dict[str, Any] = Field(default_factory=dict[str, Any])
    """Options of that dialect, such as `max_pixels`."""
    split: str = Field("train", pattern=SPLIT_PATTERN)
    id_prefix: str = ""
    """Put before every id, for sets that number their entries alike."""
    keep_fields: tuple[str, ...] = ()
    """Other fields of an entry to keep in the record's `meta`."""

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

    def conversation(self, entry: Any) -> Conversation:
        """The conversation of an entry.

        Raises:
            RoboLoopError: E-DAT-004 when the entry is of another form.
        """
        return read_conversation(entry)

    def entry_reader(self) -> EntryReader:
        """Makes records of entries, and knows the ids of those it made."""
        return EntryReader(self.rules())

    def rules(self) -> EntryRules:
        """How entries are read."""
        return EntryRules(
            root=self.name,
            folder=self.media_roots()[self.name],
            task=self.task,
            dialect=self.dialect,
            split=self.split,
            licence=self.licence,
            id_prefix=self.id_prefix,
            keep_fields=self.keep_fields,
            verify_media=self.verify_media,
            video_frames=None,
            form=self.conversation,
        )

"""What all published data sets share: the options of the recipe entry, and reading part by part."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from roboloop.base.hashing import seeded_fraction
from roboloop.records.record import Record
from roboloop.sources.base import Rejected, Source, SourceContext

NAME_PATTERN = r"^[A-Za-z0-9_.-]*$"


class DataSetSource(Source):
    """A data set on disk, read part by part.

    A part is a small value that can be pickled (a file, an episode, a range of rows) and names a
    piece of the work. What comes out of a part depends on it and the source alone, so several
    processes can read several parts at once; the records keep the order of the parts.

    Ids are unique over all parts: they hold the episode, or the entry's key.
    """

    path: Path
    """The data set's folder or file."""
    name: str = Field("", pattern=NAME_PATTERN)
    """The name of these records' source and media root; the source's kind when left out."""
    licence: str = ""
    """Written into every record; the data set's own when left out and known."""
    rate: float = Field(1.0, gt=0, le=1, exclude_if=lambda value: value == 1)
    """Take this share of the episodes, or of the records that belong to none: each is drawn by the
    recipe's seed and its own id, so that a file sorted by kind gives of every kind."""
    limit: int | None = Field(None, ge=1)
    """Stop after so many records."""
    optional: bool = Field(False, exclude_if=lambda value: not value)
    """Go on without it, and say so, where nothing lies at `path`."""
    verify_media: bool = True
    """Decode every picture while reading, and keep the hash of its content; otherwise only headers
    are read."""

    @model_validator(mode="before")
    @classmethod
    def _name_after_kind(cls, given: Any) -> Any:
        if isinstance(given, dict) and not given.get("name"):
            return {**given, "name": given.get("kind", cls.model_fields["kind"].default)}
        return given

    @property
    def is_absent(self) -> bool:
        """Whether the recipe goes on without it."""
        return self.optional and not self.path.exists()

    def media_roots(self) -> Mapping[str, Path]:
        """The folder of the data set under the source's name."""
        return {self.name: self.path if self.path.is_dir() else self.path.parent}

    def read(self, context: SourceContext) -> Iterator[Record | Rejected]:
        """Yield every record, or the reason why an entry is none, part after part.

        Raises:
            RoboLoopError: E-DAT-001 or E-DAT-002 when nothing can be read at all.
        """
        return self._limited(
            item for part in self.parts(context) for item in self.drawn(part, context)
        )

    @abstractmethod
    def parts(self, context: SourceContext) -> Iterator[Any]:
        """The pieces of the work, in order: cheap to list, each a small value that can be pickled.

        Raises:
            RoboLoopError: E-DAT-001 or E-DAT-002 when nothing can be read at all.
        """

    @abstractmethod
    def read_part(self, part: Any, context: SourceContext) -> Iterator[Record | Rejected]:
        """Yield the records of one part. Never raises for one bad entry: it yields `Rejected`."""

    def drawn(self, part: Any, context: SourceContext) -> Iterator[Record | Rejected]:
        """What `read_part` yields, without the records that `rate` leaves out."""
        for item in self.read_part(part, context):
            if isinstance(item, Record) and self.rate < 1:
                whole = str(item.meta.get("episode", item.id))
                if seeded_fraction(context.seed, "rate", self.name, whole) >= self.rate:
                    continue
            yield item

    def _limited(self, items: Iterator[Record | Rejected]) -> Iterator[Record | Rejected]:
        """The items up to the last record that `limit` allows."""
        num_records = 0
        for item in items:
            if isinstance(item, Record):
                num_records += 1
            yield item
            if num_records == self.limit:
                return

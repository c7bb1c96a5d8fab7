"""What a source is: a recipe entry that yields records, or the reason why one is left out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from roboloop.base.errors import RoboLoopError
from roboloop.records.record import Record

MADE_ROOT = "made"
"""Name of the media root for pictures that a source draws itself, such as option panels."""


class Rejected(NamedTuple):
    """Something the source could not turn into a record; becomes a line of the ledger."""

    error: RoboLoopError
    record_id: str | None = None


class SourceContext(NamedTuple):
    """What the pipeline hands to a source.

    Attributes:
        made_folder: Where a source may write pictures it draws; referred to as `made:<relative>`.
        seed: Seed of the recipe.
    """

    made_folder: Path
    seed: int


class Source(BaseModel, ABC):
    """One data set, configured by its recipe entry (a pydantic model with a literal `kind`).

    A source is an iterator: records and rejections in a fixed order, for the same recipe the same
    ones, whatever the number of workers. It never raises for one bad entry, it yields `Rejected`.

    Paths in its media references are written `root:relative`, where `root` is a key of
    `media_roots`. The pipeline keeps that table beside the records, so records hold no path of one
    machine and nothing outside the roots is ever opened.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str

    @abstractmethod
    def media_roots(self) -> Mapping[str, Path]:
        """Root name -> folder, for every root its records refer to (without `made`)."""

    @abstractmethod
    def read(self, context: SourceContext) -> Iterator[Record | Rejected]:
        """Yield every record, or the reason why an entry is none.

        Raises:
            RoboLoopError: E-DAT-001 or E-DAT-002 when nothing can be read at all.
        """

    @abstractmethod
    def fingerprint(self) -> str:
        """Content hash of the configuration and the files it reads: names the stage's cache."""

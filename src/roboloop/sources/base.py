"""What a source is: a recipe entry that yields records, or the reason why one is left out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from roboloop.base.errors import RoboLoopError
from roboloop.records.record import Record


class Rejected(NamedTuple):
    """Something the source could not turn into a record; becomes a line of the ledger."""

    error: RoboLoopError
    record_id: str | None = None


class SourceContext(NamedTuple):
    """What the pipeline hands to a source.

    Attributes:
        media_root: Paths in media references are relative to it. Absolute paths of a recipe are
            taken as they are, so the usual root is the folder the recipe names.
        media_folder: Where a source may write pictures it makes itself (option panels).
        seed: Seed of the recipe.
    """

    media_root: Path
    media_folder: Path
    seed: int


class Source(BaseModel, ABC):
    """One data set, configured by its recipe entry (a pydantic model with a literal `kind`).

    A source is an iterator: records and rejections in a fixed order, for the same recipe the same
    ones, whatever the number of workers. It never raises for one bad entry, it yields `Rejected`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str

    @abstractmethod
    def read(self, context: SourceContext) -> Iterator[Record | Rejected]:
        """Yield every record, or the reason why an entry is none.

        Raises:
            RoboLoopError: E-DAT-001 or E-DAT-002 when nothing can be read at all.
        """

    @abstractmethod
    def fingerprint(self) -> str:
        """Content hash of the configuration and the files it reads: names the stage's cache."""

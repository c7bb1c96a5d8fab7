"""What a composer is: a recipe entry that makes new records from those that are there.

Structured reasoning, plans and preference pairs are all records whose answer is derived from what
other records know. A composer names its parents, keeps its evidence, and says why when a parent
gives nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from roboloop.base.errors import RoboLoopError
from roboloop.records.composed import COMPOSER_KEY, EVIDENCE_KEY, PARENTS_KEY
from roboloop.records.record import Record

JUDGE_FILE = "judge.json"
"""In the store of a composer that asks a judge: what was asked, and the judge's own error."""

__all__ = [
    "COMPOSER_KEY", "EVIDENCE_KEY", "JUDGE_FILE", "PARENTS_KEY", "ComposeContext", "Composer",
    "Refusal",
]  # fmt: skip


class Refusal(NamedTuple):
    """Something a composer could not make, or made and then disproved; a line of the ledger."""

    error: RoboLoopError
    parent_id: str | None = None


class ComposeContext(NamedTuple):
    """What the pipeline hands to a composer.

    Attributes:
        seed: Seed of the recipe; draws come from `base.hashing.seeded_generator(seed, label, id)`.
        store: Folder of the composer's own, for answers of models and of judges; survives a kill.
        media_roots: Where the pictures of the parents lie, as `records.media_open` takes it.
    """

    seed: int
    store: Path
    media_roots: Mapping[str, Path] = {}


class Composer(BaseModel, ABC):
    """One way to make records, configured by its recipe entry (a model with a literal `kind`).

    The same parents and the same seed give the same records in the same order. It never raises for
    one bad parent, it yields `Refusal`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str
    name: str = ""
    """Told apart by this where a recipe has two of one kind."""
    splits: tuple[str, ...] = ("train",)
    """Splits whose records may be parents."""

    @property
    def label(self) -> str:
        """Its name, else its kind; stands in `meta.composer` and before the ids it makes."""
        return self.name or self.kind

    def is_called(self, name: str) -> bool:
        """Whether a name means it: its label, its kind, or the family its kind begins with."""
        return name in (self.label, self.kind) or self.kind.startswith(f"{name}_")

    def fingerprint(self) -> str:
        """Content hash of what it reads besides the parents, such as a model; none by itself."""
        return ""

    @abstractmethod
    def compose(
        self, parents: Iterable[Record], context: ComposeContext
    ) -> Iterator[Record | Refusal]:
        """Yield what is made of the parents; those it has no use for are passed over in silence.

        Args:
            parents: Records of `splits`, in the order of their shards; read once.
            context: Seed and store.

        Raises:
            RoboLoopError: When nothing can be made at all, such as a model that is not there.
        """

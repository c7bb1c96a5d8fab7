"""Recipe options of the compose stage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, model_validator

from roboloop.base.errors import RoboLoopError
from roboloop.compose.base import Composer


class ComposeConfig(BaseModel):
    """Which composers make records from those that are there, and what becomes of those."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    composers: tuple[SerializeAsAny[Composer], ...] = Field(min_length=1)
    """In this order; all read the records as they were before the first."""
    keep: Literal["all", "composed"] = "all"
    """`all` writes the records that were there too. `composed` writes them only for splits that
    no composer reads, such as those that are evaluated on."""

    @model_validator(mode="after")
    def _composers_have_own_names(self) -> ComposeConfig:
        labels = [composer.label for composer in self.composers]
        if doubled := sorted({label for label in labels if labels.count(label) > 1}):
            raise ValueError(f"two composers are called {doubled}: give one of them a `name`")
        return self

    def only(self, names: Sequence[str]) -> ComposeConfig:
        """The same with some of the composers.

        Args:
            names: Labels, kinds, or what kinds begin with: `preference` takes `preference_plans`.

        Raises:
            RoboLoopError: E-CFG-006 for a name that takes none.
        """
        chosen = {
            name: {composer.label for composer in self.composers if composer.is_called(name)}
            for name in names
        }
        if unknown := [name for name, labels in chosen.items() if not labels]:
            labels = ", ".join(composer.label for composer in self.composers)
            raise RoboLoopError("E-CFG-006", f"{unknown[0]!r} is none of the composers: {labels}")
        wanted = set[str]().union(*chosen.values())
        kept = tuple(composer for composer in self.composers if composer.label in wanted)
        return self.model_copy(update={"composers": kept})

"""Recipe options of what a phase is trained on. Imports no torch."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from roboloop.base.hashing import canonical_json
from roboloop.records.composed import COMPOSER_KEY
from roboloop.records.record import Record
from roboloop.train.known_tasks import check_tasks

TIER_KEY = "tier"


class Taken(BaseModel):
    """Some of the records: those that fit all that is said, or a share of them.

    The same entry means the same records wherever it stands.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    composed: tuple[str, ...] | None = None
    """Only records that these composers made, by label, kind or what kinds begin with; with `[]`
    only records that none made."""
    sources: tuple[str, ...] = ()
    """Only records of these sources."""
    tasks: tuple[str, ...] = ()
    """Only records of these tasks."""
    tiers: tuple[str, ...] = ()
    """Only records of which the source says that they are of this quality (`meta.tier`)."""
    rate: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of them that is taken, drawn once by seed and record id."""

    @field_validator("tasks")
    @classmethod
    def _tasks_are_known(cls, tasks: tuple[str, ...]) -> tuple[str, ...]:
        check_tasks(tasks)
        return tasks

    def takes(self, record: Record) -> bool:
        """Whether the record is one of those the entry speaks of."""
        composer = record.meta.get(COMPOSER_KEY)
        fits = self.composed is None or (
            composer in self.composed if self.composed else composer is None
        )
        return (
            fits
            and (not self.sources or record.source in self.sources)
            and (not self.tasks or record.task in self.tasks)
            and (not self.tiers or record.meta.get(TIER_KEY) in self.tiers)
        )

    def of_tasks(self, tasks: tuple[str, ...]) -> Self:
        """The same, only of these tasks; all when there is none."""
        if not tasks:
            return self
        both = tuple(task for task in tasks if not self.tasks or task in self.tasks)
        return self.model_copy(update={"tasks": both})

    def summary(self) -> str:
        """A few words, such as `50 % of reason`."""
        words = [", ".join(names) for names in (self.sources, self.tiers, self.tasks) if names]
        if self.composed is not None:
            words.insert(0, ", ".join(self.composed) or "not composed")
        share = "" if self.rate == 1 else f"{self.rate:.0%} of "
        return share + (" / ".join(words) or "all")

    def canonical(self) -> str:
        """The entry as text, to name its draws."""
        return canonical_json(self.model_dump(mode="json"))


class Replay(BaseModel):
    """Records of earlier phases among those of a phase, so that they are not forgotten."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rate: float = Field(gt=0, lt=1)
    """Their share of all that the phase is trained on."""
    of: tuple[tuple[Taken, ...], ...] = ()
    """What each earlier phase took; a recipe fills it in from its phases of fine-tuning."""


def _replay(given: Any) -> Any:
    return {"rate": given} if isinstance(given, (int, float)) else given


ReplayRate = Annotated[Replay, BeforeValidator(_replay)]
"""`replay: 0.2`, or with `rate` and `of`."""

"""The recipe: one YAML file that describes a whole run.

Each stage's options live beside the stage (`train/config.py`, `evaluate/config.py` ...); this file
only puts them together. Sources are resolved through their table, so a third party's source is
configured and checked like our own.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializeAsAny,
    ValidationInfo,
    field_validator,
    model_validator,
)

from roboloop.compose.config import ComposeConfig
from roboloop.curate.config import CurateConfig
from roboloop.evaluate.config import EvaluateConfig
from roboloop.models.config import ModelConfig
from roboloop.pipeline.phase_data import with_known_data
from roboloop.report.config import ReportConfig
from roboloop.sources.base import Source
from roboloop.train.phases import Phase

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=64)]


class DataConfig(BaseModel):
    """Where records come from."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    sources: tuple[SerializeAsAny[Source], ...] = Field(min_length=1)
    strict: bool = False
    """Stop at the first entry that cannot be read, in place of writing it to the ledger."""
    num_workers: int | None = Field(None, ge=1, le=256)
    """Processes that read data sets; one a core, up to eight, when left out. The records are the
    same for any number."""


class Recipe(BaseModel):
    """A whole run: model, data, training phases, evaluation, report."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    schema_version: Literal[1] = Field(1, alias="schema")
    """Version of the recipe format."""
    name: Name
    """Name of the run folder below `runs/`."""
    description: str = ""
    """One sentence for the report."""
    seed: int = Field(0, ge=0)
    """Every random draw of the run derives from it."""
    model: ModelConfig
    """The backbone to start from, and the dialect it speaks."""
    data: DataConfig
    curate: CurateConfig | None = None
    """What of the records is trained on; all of them when left out."""
    compose: ComposeConfig | None = None
    """What is made of the records; nothing when left out."""
    train: tuple[Phase, ...] = ()
    """Training phases in order; each starts from the one before it."""
    evaluate: EvaluateConfig = Field(default_factory=lambda: EvaluateConfig.model_validate({}))
    report: ReportConfig = Field(default_factory=lambda: ReportConfig.model_validate({}))

    @field_validator("train")
    @classmethod
    def _phases_know_what_was_before(
        cls, phases: tuple[Phase, ...], info: ValidationInfo
    ) -> tuple[Phase, ...]:
        return with_known_data(phases, compose=info.data.get("compose"))

    @model_validator(mode="after")
    def _phases_have_own_names(self) -> Self:
        names = [phase.name for phase in self.train]
        if len(set(names)) != len(names):
            raise ValueError(f"two training phases have one name: {names}")
        return self

    def resolved(self) -> dict[str, Any]:
        """Every value with its default, as plain JSON values: the lock."""
        return self.model_dump(mode="json", by_alias=True)

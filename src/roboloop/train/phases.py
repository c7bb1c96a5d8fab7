"""The kinds of training phases, told apart by `kind`. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Tag

from roboloop.models.config import DialectConfig
from roboloop.train.config import SftConfig
from roboloop.train.dpo_config import DpoConfig
from roboloop.train.result import TrainResult

DEFAULT_KIND = "sft"


def kind_of(phase: Any) -> Any:
    """The kind of a phase as it stands in a recipe, or of a checked one."""
    if isinstance(phase, Mapping):
        return phase.get("kind", DEFAULT_KIND)  # pyright: ignore[reportUnknownVariableType]
    return getattr(phase, "kind", DEFAULT_KIND)


Phase = Annotated[
    Annotated[SftConfig, Tag("sft")] | Annotated[DpoConfig, Tag("dpo")], Discriminator(kind_of)
]


class Job(BaseModel):
    """A phase with all it is trained on, as any process can take it up."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    phase: Phase
    model: Path
    """Folder of the model to start from."""
    records: Path
    """A `RecordFolder`."""
    out: Path
    """Folder for what the phase makes."""
    dialect: DialectConfig
    """How the model writes places."""
    seed: int
    """Names every random draw."""


def run_job(job: Job) -> TrainResult:
    """Train a phase of whatever kind in this process; see `run_sft` and `run_dpo`."""
    phase, dialect = job.phase, job.dialect.load()
    if isinstance(phase, DpoConfig):
        from roboloop.train.dpo import run_dpo

        return run_dpo(
            phase, model=job.model, records=job.records, out=job.out, dialect=dialect, seed=job.seed
        )
    from roboloop.train.sft import run_sft

    return run_sft(
        phase, model=job.model, records=job.records, out=job.out, dialect=dialect, seed=job.seed
    )

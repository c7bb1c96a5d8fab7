"""The kinds of training phases, told apart by `kind`. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Discriminator, Tag

from roboloop.dialects.base import Dialect
from roboloop.train.config import SftConfig
from roboloop.train.dpo_config import DpoConfig

if TYPE_CHECKING:
    from roboloop.train.train_model import TrainResult

DEFAULT_KIND = "sft"


def kind_of(phase: Any) -> Any:
    """The kind of a phase as it stands in a recipe, or of a checked one."""
    if isinstance(phase, Mapping):
        return phase.get("kind", DEFAULT_KIND)  # pyright: ignore[reportUnknownVariableType]
    return getattr(phase, "kind", DEFAULT_KIND)


Phase = Annotated[
    Annotated[SftConfig, Tag("sft")] | Annotated[DpoConfig, Tag("dpo")], Discriminator(kind_of)
]


def run_phase(
    phase: SftConfig | DpoConfig,
    *,
    model: Path,
    records: Path,
    out: Path,
    dialect: Dialect,
    seed: int,
) -> TrainResult:
    """Train one phase of whatever kind; see `run_sft` and `run_dpo`."""
    if isinstance(phase, DpoConfig):
        from roboloop.train.dpo import run_dpo

        return run_dpo(phase, model=model, records=records, out=out, dialect=dialect, seed=seed)
    from roboloop.train.sft import run_sft

    return run_sft(phase, model=model, records=records, out=out, dialect=dialect, seed=seed)

"""Recipe options of how a phase is run, whatever it trains. Imports no torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class RunOptions(BaseModel):
    """How a phase is run. What it computes stays the same, up to rounding."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keep_checkpoints: Annotated[int, Field(gt=0)] = 2
    """How many of the newest checkpoints are kept."""
    keep_best_checkpoint: bool = False
    """Also keep the checkpoint with the lowest evaluation loss, or smoothed loss without one."""


RUN_OPTIONS = frozenset(RunOptions.model_fields)
"""Names of options that may change between two attempts at one phase."""

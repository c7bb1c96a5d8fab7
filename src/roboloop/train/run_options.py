"""Recipe options of how a phase is run, whatever it trains. Imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Sharding = Literal["none", "fsdp2", "zero1", "zero2", "zero3"]
DEEPSPEED: tuple[Sharding, ...] = ("zero1", "zero2", "zero3")
Offloaded = Literal["optimizer", "weights"]

TrackerName = Literal["wandb", "tensorboard", "swanlab", "trackio", "mlflow"]


class RunOptions(BaseModel):
    """How a phase is run. What it computes stays the same, up to rounding."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sharding: Sharding = "none"
    """What processes share out. `none` (or `ddp`): nothing, each holds the whole model. `zero1`:
    optimizer states. `zero2`: gradients too. `zero3` and `fsdp2`: weights too. `zero*` need
    DeepSpeed."""
    offload: tuple[Offloaded, ...] = ()
    """What `zero*` keep in the host's memory between its uses: `optimizer`, the states, with the
    step taken there; `weights`, with `zero3`."""
    deepspeed_file: Path | None = None
    """A DeepSpeed JSON file for `zero*`; refused if it brings an optimizer or a schedule."""
    gradient_checkpointing: Literal["off", "selective", "full"] = "off"
    """Compute activations again on the way back: all of a layer's, or only the cheap ones."""
    on_out_of_memory: Literal["stop", "halve", "recompute", "shard"] = "halve"
    """When memory runs out: stop; halve the micro-batches of a step, whose loss stays the same;
    when there is nothing left to halve, also turn on full gradient checkpointing; and when that is
    not enough, also go on from the last checkpoint with `sharding: fsdp2` in place of `none`."""
    hang_timeout_seconds: Annotated[float, Field(ge=0)] = 1800.0
    """A process that makes no move for so long within a step, a checkpoint or a look at held-out
    records is taken to hang: the run names it and ends with status 75. 0 never does."""
    keep_checkpoints: Annotated[int, Field(gt=0)] = 2
    """How many of the newest checkpoints are kept."""
    keep_best_checkpoint: bool = False
    """Also keep the checkpoint with the lowest evaluation loss, or smoothed loss without one."""
    trackers: tuple[TrackerName, ...] = ()
    """Experiment trackers that are fed the log, each by its own package; offline unless the
    environment says otherwise."""

    @field_validator("sharding", mode="before")
    @classmethod
    def _ddp_is_none(cls, sharding: Any) -> Any:
        return "none" if sharding == "ddp" else sharding

    @model_validator(mode="after")
    def _file_is_for_deepspeed(self) -> Self:
        if self.deepspeed_file is not None and self.sharding not in DEEPSPEED:
            raise ValueError(f"deepspeed_file needs sharding: {', '.join(DEEPSPEED)}")
        return self

    @model_validator(mode="after")
    def _offload_fits(self) -> Self:
        if self.offload and self.sharding not in DEEPSPEED:
            raise ValueError(f"offload needs sharding: {', '.join(DEEPSPEED)}")
        if "weights" in self.offload and self.sharding != "zero3":
            raise ValueError("offload of the weights needs sharding: zero3")
        return self


class GuardConfig(BaseModel):
    """What to do when the loss of a step, or its gradient, has gone wrong."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    on_bad_loss: Literal["stop", "skip"] = "stop"
    """Stop, or leave the weights as they are and go on with the next step."""
    spike_factor: Annotated[float, Field(gt=1)] | None = None
    """A loss so many times the smoothed loss is wrong too; left out, only numbers that are not
    finite are."""
    most_skipped_steps: Annotated[int, Field(ge=0)] = 10
    """The run stops when it would skip more."""


RUN_OPTIONS = frozenset(RunOptions.model_fields)
"""Names of options that may change between two attempts at one phase."""

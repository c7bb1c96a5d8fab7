"""What the kinds of training differ in: what a step works on, and the loss it lowers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from accelerate import Accelerator
from torch import nn

from roboloop.base.errors import RoboLoopError
from roboloop.dialects.base import Dialect
from roboloop.models.backbone import Backbone
from roboloop.models.chat import Encoder
from roboloop.models.loaded import LoadedModel
from roboloop.records.shards import RecordFolder
from roboloop.train.batches import BatchMaker
from roboloop.train.log import TrainerLog


@dataclass(frozen=True)
class Setting:
    """What a phase finds.

    Attributes:
        records: The records.
        loaded: The model it starts from, in float32, on its device, with its adapter if it gets
            one.
        dialect: How the model writes places.
        accelerator: Brings processes together.
        out: Folder for what the phase makes.
        seed: Names every random draw.
    """

    records: RecordFolder
    loaded: LoadedModel
    dialect: Dialect
    accelerator: Accelerator
    out: Path
    seed: int

    @property
    def backbone(self) -> Backbone:
        """The model, whose chats and pictures this package writes.

        Raises:
            RoboLoopError: E-ENG-009 for one that is asked through its own processor.
        """
        return own_backbone(self.loaded)

    @cached_property
    def encoder(self) -> Encoder:
        """Writes conversations in the model's tokens. Raises as `backbone`."""
        return Encoder(self.backbone.parts, dialect=self.dialect)


def own_backbone(loaded: LoadedModel) -> Backbone:
    """The model, if it is one whose chats this package writes.

    Raises:
        RoboLoopError: E-ENG-009.
    """
    if isinstance(loaded, Backbone):
        return loaded
    family = loaded.model.config.model_type
    raise RoboLoopError(
        "E-ENG-009",
        f"{family} is trained with `batching: {{kind: padded}}`, without experts, preference "
        "pairs, augmentation and measures on held-out records",
    )


class Work(NamedTuple):
    """What a phase does.

    Attributes:
        batches: Makes the micro-batches of each step.
        objective: Turns one into a loss.
        num_items: What there is to be met: pictures, or pairs.
        items_per_step: How many of them a step meets, over all processes.
        items: What they are called.
        identity: What a checkpoint belongs to besides configuration, records, model and seed.
        log: Makes the log from its path and the number of steps done.
    """

    batches: BatchMaker
    objective: nn.Module
    num_items: int
    items_per_step: int
    items: str
    identity: Any = None
    log: Callable[[Path, int], TrainerLog] = TrainerLog


Prepare = Callable[[Setting], Work]
"""Makes the work of a phase, before anything is trained."""

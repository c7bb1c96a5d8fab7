"""What the kinds of training differ in: what a step works on, and the loss it lowers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from accelerate import Accelerator
from torch import nn

from roboloop.models.backbone import Backbone
from roboloop.models.chat import Encoder
from roboloop.records.shards import RecordFolder
from roboloop.train.batches import BatchMaker
from roboloop.train.log import TrainerLog


class Setting(NamedTuple):
    """What a phase finds.

    Attributes:
        records: The records.
        backbone: The model it starts from, in float32, on its device, with its adapter if it gets
            one.
        encoder: Writes conversations in the model's tokens.
        accelerator: Brings processes together.
        out: Folder for what the phase makes.
        seed: Names every random draw.
    """

    records: RecordFolder
    backbone: Backbone
    encoder: Encoder
    accelerator: Accelerator
    out: Path
    seed: int


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

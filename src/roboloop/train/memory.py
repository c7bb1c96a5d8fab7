"""What is done when a process runs out of memory: smaller micro-batches, then recomputation.

    memory.json    {"num_cuts": 4, "recompute": true}

The file outlives the attempt: one that goes on from a checkpoint does not run out again.
"""

from __future__ import annotations

import gc
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn

from roboloop.base.errors import RestartableError, RoboLoopError
from roboloop.base.files import atomic_write_json
from roboloop.base.progress import console
from roboloop.train.batches import BatchMaker, Cuttable
from roboloop.train.recompute import recompute_activations
from roboloop.train.run_options import RunOptions

MEMORY = "memory.json"
NEXT_REMEDIES = "Set gradient_checkpointing: full, or shard the weights with sharding: fsdp2"


@dataclass(slots=True)
class MemoryState:
    """What has been done so far.

    Attributes:
        num_cuts: Into how many pieces a micro-batch of the recipe is cut.
        recompute: Whether activations are recomputed though the recipe did not ask.
    """

    num_cuts: int = 1
    recompute: bool = False


class MemoryGuard:
    """Makes room after an out-of-memory error.

    Args:
        batches: The micro-batches as the recipe has them.
        network: The model.
        options: Says what may be done.
        folder: Of the phase.
    """

    def __init__(
        self, batches: BatchMaker, *, network: nn.Module, options: RunOptions, folder: Path
    ) -> None:
        self._whole = batches
        self._network = network
        self._options = options
        self._path = folder / MEMORY
        self.state = MemoryState()
        if self._path.exists():
            self.state = MemoryState(**json.loads(self._path.read_text(encoding="utf-8")))
        if self.state.recompute:
            recompute_activations(network, how="full")
        self.batches = self._cut(self.state.num_cuts) or batches

    def make_room(self, *, step: int, writes: bool, goes_on: bool) -> None:
        """Halve the micro-batches; when that is no longer possible, recompute activations.

        Args:
            step: Where memory ran out, counted from 0.
            writes: Whether this process writes the file and the message.
            goes_on: Whether the step can be tried again here; else the run has to be started again.

        Raises:
            RoboLoopError: E-TRN-006 when nothing more may be done.
            RestartableError: E-TRN-007 when it is to be started again.
        """
        done = self._escalate(step)
        if writes:
            atomic_write_json(self._path, value=asdict(self.state))
            said = f"out of memory at step {step + 1}: {done}. To avoid it: {NEXT_REMEDIES}."
            console().print(said, markup=False, soft_wrap=True)
        if not goes_on:
            raise RestartableError("E-TRN-007", f"out of memory at step {step + 1}; next: {done}")
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _escalate(self, step: int) -> str:
        cuts = 2 * self.state.num_cuts
        smaller = self._cut(cuts) if self._options.on_out_of_memory != "stop" else None
        if smaller is not None:
            self.state.num_cuts, self.batches = cuts, smaller
            return f"micro-batches are cut into {cuts}, the step and its loss stay the same"
        may = self._options.on_out_of_memory == "recompute" and not self.state.recompute
        if may and self._options.gradient_checkpointing != "full":
            self.state.recompute = True
            recompute_activations(self._network, how="full")
            return "activations are now recomputed (gradient_checkpointing: full)"
        raise RoboLoopError(
            "E-TRN-006",
            f"step {step + 1}, with micro-batches cut into {self.state.num_cuts}",
            fix=f"{NEXT_REMEDIES}. The last checkpoint is intact.",
        )

    def _cut(self, num_cuts: int) -> BatchMaker | None:
        if num_cuts == 1:
            return self._whole
        return self._whole.cut(num_cuts) if isinstance(self._whole, Cuttable) else None


def ran_out(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on a GPU or a CPU."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)

"""What is done when memory runs out: smaller micro-batches, recomputation, shards of the weights.

    memory.json    {"num_cuts": 4, "recompute": true, "sharding": "fsdp2"}

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
from roboloop.train.choose_strategy import obstacle
from roboloop.train.config import PhaseConfig
from roboloop.train.recompute import recompute_activations
from roboloop.train.run_options import Sharding

MEMORY = "memory.json"
SHARDED: Sharding = "fsdp2"
"""How weights are shared out when nothing else is left: as by ZeRO-3, without another package."""
LEVELS = ("stop", "halve", "recompute", "shard")
"""Of `on_out_of_memory`: what each allows, those before it do too."""


@dataclass(slots=True)
class MemoryState:
    """What has been done so far.

    Attributes:
        num_cuts: Into how many pieces a micro-batch of the recipe is cut.
        recompute: Whether activations are recomputed though the recipe did not ask.
        sharding: How weights are shared out though the recipe did not ask.
    """

    num_cuts: int = 1
    recompute: bool = False
    sharding: Sharding | None = None


def state_in(folder: Path) -> MemoryState:
    """What earlier attempts at the phase of a folder have done."""
    path = folder / MEMORY
    if not path.exists():
        return MemoryState()
    return MemoryState(**json.loads(path.read_text(encoding="utf-8")))


def with_room(config: PhaseConfig, *, folder: Path) -> PhaseConfig:
    """The phase as it can be run, after earlier attempts have run out of memory without shards."""
    sharding = state_in(folder).sharding
    if sharding is None or config.sharding != "none":
        return config
    return config.model_copy(update={"sharding": sharding})


class MemoryGuard:
    """Makes room after an out-of-memory error.

    Args:
        batches: The micro-batches as the recipe has them.
        network: The model.
        config: The phase; says what may be done.
        folder: Of the phase.
        num_ranks: How many processes there are.
    """

    def __init__(
        self,
        batches: BatchMaker,
        *,
        network: nn.Module,
        config: PhaseConfig,
        folder: Path,
        num_ranks: int,
    ) -> None:
        self._whole = batches
        self._network = network
        self._config = config
        self._num_ranks = num_ranks
        self._path = folder / MEMORY
        self.state = state_in(folder)
        if self.state.recompute:
            recompute_activations(network, how="full")
        self.batches = self._cut(self.state.num_cuts) or batches

    def make_room(self, *, step: int, writes: bool, goes_on: bool) -> None:
        """Halve the micro-batches; when that is no longer possible, recompute activations; then

        have the run started again with the weights in shards.

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
            said = f"out of memory at step {step + 1}: {done}. To avoid it: {self._remedies()}."
            console().print(said, markup=False, soft_wrap=True)
        if not goes_on or self.state.sharding not in (None, self._config.sharding):
            raise RestartableError("E-TRN-007", f"out of memory at step {step + 1}; next: {done}")
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _escalate(self, step: int) -> str:
        cuts = 2 * self.state.num_cuts
        smaller = self._cut(cuts) if self._allows("halve") else None
        if smaller is not None:
            self.state.num_cuts, self.batches = cuts, smaller
            return f"micro-batches are cut into {cuts}, the step and its loss stay the same"
        if self._allows("recompute") and not self._recomputes:
            self.state.recompute = True
            recompute_activations(self._network, how="full")
            return "activations are now recomputed (gradient_checkpointing: full)"
        problem = None
        if self._allows("shard") and self._config.sharding == "none":
            problem = obstacle(self._config, sharding=SHARDED, num_ranks=self._num_ranks)
            if problem is None:
                self.state.sharding = SHARDED
                return f"from the last checkpoint on with the weights in shards ({SHARDED})"
        raise RoboLoopError(
            "E-TRN-006",
            f"step {step + 1}, with micro-batches cut into {self.state.num_cuts}"
            + (f"; weights cannot be sharded: {problem}" if problem else ""),
            fix=f"{self._remedies()}. The last checkpoint is intact.",
        )

    @property
    def _recomputes(self) -> bool:
        return self.state.recompute or self._config.gradient_checkpointing == "full"

    def _allows(self, level: str) -> bool:
        return LEVELS.index(self._config.on_out_of_memory) >= LEVELS.index(level)

    def _remedies(self) -> str:
        """What is left to be set in the recipe, the cheapest first."""
        left = [] if self._recomputes else ["gradient_checkpointing: full"]
        if self._config.sharding == "none":
            left.append("sharding: fsdp2 or zero3 on several GPUs")
        elif self._config.sharding != "zero3":
            left.append("sharding: zero3")
        if not self._config.offload:
            left.append("with zero3 also offload: [optimizer, weights]")
        return f"Set {', then '.join(left)}" if left else "Use more GPUs"

    def _cut(self, num_cuts: int) -> BatchMaker | None:
        if num_cuts == 1:
            return self._whole
        return self._whole.cut(num_cuts) if isinstance(self._whole, Cuttable) else None


def ran_out(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on a GPU or a CPU."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)

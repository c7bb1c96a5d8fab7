"""Where weights, gradients and optimizer states lie, and how gradients come together.

Of every way of sharding the loop knows this much: `place` the objective, make the optimizers,
`bind` them; then for each micro-batch `forward` and `backward`, and once a step `reduce`, `clip`
and `step`. The gradient of a step is the sum over processes of what each gives to `backward`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch
from torch import Tensor, distributed, nn

from roboloop.train.ranks import Ranks

STATE = "state.pt"
REPLICATED = "replicated"
"""Layout of a state that lies in one file."""
BUCKET_BYTES = 1 << 28


class Strategy(ABC):
    """A way of sharding.

    Args:
        network: The model.
        ranks: The processes.
    """

    can_agree = False
    """Whether processes talk only in `reduce`: then one that ran out of memory can say so, and all
    go back together. The others have to start again from the last checkpoint."""

    def __init__(self, network: nn.Module, *, ranks: Ranks) -> None:
        self.network = network
        self.ranks = ranks
        self.optimizers: Sequence[torch.optim.Optimizer] = ()
        self.objective: nn.Module

    @property
    @abstractmethod
    def layout(self) -> str:
        """How the state of a checkpoint lies in its files."""

    def can_read(self, layout: str) -> bool:
        """Whether `load` takes a state that lies so."""
        return layout == self.layout

    def place(self, objective: nn.Module) -> None:
        """Lay out the weights that the objective computes with."""
        self.objective = objective

    def bind(self, optimizers: Sequence[torch.optim.Optimizer]) -> None:
        """Take the optimizers of the weights as they lie now."""
        self.optimizers = optimizers

    @property
    def parameters(self) -> list[nn.Parameter]:
        """What is trained."""
        return [p for p in self.network.parameters() if p.requires_grad]

    def forward(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Run the objective."""
        return self.objective(tensors)

    def micro_batch(self, *, is_last: bool) -> AbstractContextManager[None]:
        """Surrounds forward and backward of a micro-batch."""
        del is_last
        return nullcontext()

    @abstractmethod
    def backward(self, loss: Tensor) -> None:
        """Add the gradient of this process's part of the loss of a step."""

    @abstractmethod
    def reduce(self) -> None:
        """Bring the gradients of the processes together, where `backward` has not."""

    @abstractmethod
    def clip(self, max_norm: float) -> float:
        """Shorten the gradient; its norm before that."""

    def step(self) -> float | None:
        """Take the optimizers' step; the norm of the gradient where only that tells it."""
        for optimizer in self.optimizers:
            optimizer.step()
        self.drop_gradients()
        return None

    def drop_gradients(self) -> None:
        """Throw the gradients away."""
        for parameter in self.parameters:
            parameter.grad = None

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write this process's share of the state."""

    @abstractmethod
    def load(self, folder: Path, *, layout: str) -> None:
        """Read a state back that `can_read` says can be."""

    def whole_network(self) -> AbstractContextManager[None]:
        """Surrounds calls of the network itself, without the objective, by all processes."""
        return nullcontext()

    @abstractmethod
    def make_whole(self) -> None:
        """Bring all weights back into the first process's network, to be written; ends training."""


class Replicated(Strategy):
    """Every process holds everything; gradients are summed once a step."""

    can_agree = True

    @property
    def layout(self) -> str:
        """Any number of processes can read it."""
        return REPLICATED

    def backward(self, loss: Tensor) -> None:
        """Gradients stay with the process."""
        loss.backward()

    def reduce(self) -> None:
        """Sum the gradients over the processes, many tensors at a time."""
        if self.ranks.count == 1:
            return
        for bucket in _buckets(self.parameters):
            # One process may have had no picture: what it did not use has no gradient there.
            parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in bucket]
            flat = torch.cat([part.flatten() for part in parts])
            distributed.all_reduce(flat)
            start = 0
            for parameter in bucket:
                end = start + parameter.numel()
                parameter.grad = flat[start:end].view_as(parameter)
                start = end

    def clip(self, max_norm: float) -> float:
        """By the norm over all tensors."""
        return float(nn.utils.clip_grad_norm_(self.parameters, max_norm))

    def save(self, folder: Path) -> None:
        """The first process writes all of it."""
        if self.ranks.is_first:
            state = {
                "network": self.network.state_dict(),
                "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            }
            torch.save(state, folder / STATE)

    def load(self, folder: Path, *, layout: str) -> None:
        """Every process reads all of it."""
        assert layout == REPLICATED
        state = torch.load(folder / STATE, map_location="cpu", weights_only=True)
        self.network.load_state_dict(state["network"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)

    def make_whole(self) -> None:
        """They lie there."""


def keep_whole(
    network: nn.Module, *, gather: Callable[[nn.Parameter], Tensor], keeps: bool
) -> None:
    """Put ordinary parameters in the place of sharded ones, one after the other.

    Args:
        network: The model.
        gather: Brings the shares of a parameter together; called by all processes.
        keeps: Whether this process keeps what comes of it, in the host's memory.
    """
    whole: dict[int, nn.Parameter] = {}
    for module in network.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            if id(parameter) not in whole:
                full = gather(parameter).detach()
                kept = full.to("cpu", copy=True) if keeps else full.new_empty(0)
                whole[id(parameter)] = nn.Parameter(kept, requires_grad=parameter.requires_grad)
            module.register_parameter(name, whole[id(parameter)])


def _buckets(parameters: Sequence[nn.Parameter]) -> list[list[nn.Parameter]]:
    """Tensors of one type, some 256 MB at a time."""
    buckets: list[list[nn.Parameter]] = []
    size = 0
    for parameter in parameters:
        num_bytes = parameter.numel() * parameter.element_size()
        fits = buckets and size + num_bytes <= BUCKET_BYTES
        if fits and buckets[-1][-1].dtype == parameter.dtype:
            buckets[-1].append(parameter)
            size += num_bytes
        else:
            buckets.append([parameter])
            size = num_bytes
    return buckets

"""FSDP2: each process holds a share of every layer's weights, gradients and optimizer states."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor

from roboloop.train.strategies import Strategy


class Fsdp2(Strategy):
    """Shards by PyTorch's `fully_shard`, layer by layer.

    Called directly: accelerate turns FSDP on a CPU into plain data parallelism without a word.
    """

    @property
    def layout(self) -> str:
        """As many processes have to read it as wrote it."""
        return f"fsdp2 on {self.ranks.count} processes"

    def place(self, objective: nn.Module) -> None:
        """Shard every layer, then what is left."""
        mesh = init_device_mesh(self.ranks.device.type, (self.ranks.count,))
        layers: set[str] = set(getattr(self.network, "_no_split_modules", None) or ())
        for module in self.network.modules():
            if type(module).__name__ in layers:
                fully_shard(module, mesh=mesh)
        fully_shard(objective, mesh=mesh)  # changes it in place
        assert isinstance(objective, FSDPModule)
        self.objective = objective
        assert all(isinstance(p, DTensor) for p in self.network.parameters())

    def micro_batch(self, *, is_last: bool) -> AbstractContextManager[None]:
        """Gradients go between processes with the last micro-batch only."""
        assert isinstance(self.objective, FSDPModule)
        self.objective.set_requires_gradient_sync(is_last)
        return nullcontext()

    def backward(self, loss: Tensor) -> None:
        """Gradients are averaged on the way; times the processes makes them the sum."""
        (loss * self.ranks.count).backward()

    def reduce(self) -> None:
        """Done on the way back."""

    def clip(self, max_norm: float) -> float:
        """By the norm over all shares."""
        norm = nn.utils.clip_grad_norm_(self.parameters, max_norm)
        return float(norm.full_tensor() if isinstance(norm, DTensor) else norm)

    def save(self, folder: Path) -> None:
        """Each process writes its share."""
        state = {
            "network": {name: _local(value) for name, value in self._state()},
            "optimizers": [_local(optimizer.state_dict()) for optimizer in self.optimizers],
        }
        torch.save(state, folder / f"shard-{self.ranks.number}.pt")

    def load(self, folder: Path) -> None:
        """Each process reads its share."""
        file = folder / f"shard-{self.ranks.number}.pt"
        state = torch.load(file, map_location="cpu", weights_only=True)
        saved: dict[str, Tensor] = state["network"]
        with torch.no_grad():
            for name, value in self._state():
                _local(value).copy_(saved.pop(name))
        if saved:
            raise KeyError(f"the model has no {sorted(saved)[0]}")
        for optimizer, saved_optimizer in zip(self.optimizers, state["optimizers"], strict=True):
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            for number, states in saved_optimizer["state"].items():
                like = parameters[number]
                for name, value in states.items():
                    if value.ndim:
                        states[name] = DTensor.from_local(
                            value.to(self.ranks.device),
                            like.device_mesh,
                            like.placements,
                            shape=like.shape,
                            stride=like.stride(),
                        )
            optimizer.load_state_dict(saved_optimizer)

    def make_whole(self) -> None:
        """Gather tensor by tensor; the first process keeps them in its own memory."""
        whole: dict[int, nn.Parameter] = {}
        for module in self.network.modules():
            for name, parameter in list(module.named_parameters(recurse=False)):
                if not isinstance(parameter, DTensor):
                    continue
                if id(parameter) not in whole:
                    sharded: Any = parameter.detach()
                    full: Tensor = sharded.full_tensor()
                    kept = full.cpu() if self.ranks.is_first else full[:0]
                    whole[id(parameter)] = nn.Parameter(kept, requires_grad=False)
                module.register_parameter(name, whole[id(parameter)])

    def _state(self) -> Iterator[tuple[str, Tensor]]:
        yield from self.network.state_dict().items()


def _local(value: Any) -> Any:
    """A nested value with this process's share in place of each sharded tensor."""
    if isinstance(value, DTensor):
        return value.to_local().detach()
    if isinstance(value, dict):
        return {key: _local(inner) for key, inner in value.items()}
    return [_local(inner) for inner in value] if isinstance(value, list) else value

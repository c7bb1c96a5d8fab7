"""FSDP2: each process holds a share of every layer's weights, gradients and optimizer states."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from roboloop.train.strategies import REPLICATED, STATE, Strategy, keep_whole


class Fsdp2(Strategy):
    """Shards by PyTorch's `fully_shard`, layer by layer.

    Called directly: accelerate turns FSDP on a CPU into plain data parallelism without a word.
    """

    @property
    def layout(self) -> str:
        """As many processes have to read it as wrote it."""
        return f"fsdp2 on {self.ranks.count} processes"

    def can_read(self, layout: str) -> bool:
        """Its own shares, or a whole state, of which each process takes its share."""
        return layout in (self.layout, REPLICATED)

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

    def load(self, folder: Path, *, layout: str) -> None:
        """Each process reads its share, or takes it from the whole."""
        whole = layout == REPLICATED
        file = folder / (STATE if whole else f"shard-{self.ranks.number}.pt")
        state = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
        saved: dict[str, Tensor] = state["network"]
        with torch.no_grad():
            for name, value in self._state():
                _local(value).copy_(_local(self._share(saved.pop(name), like=value, whole=whole)))
        if saved:
            raise KeyError(f"the model has no {sorted(saved)[0]}")
        for optimizer, saved_optimizer in zip(self.optimizers, state["optimizers"], strict=True):
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            for number, states in saved_optimizer["state"].items():
                for name, value in states.items():
                    if value.ndim:
                        states[name] = self._share(value, like=parameters[number], whole=whole)
            optimizer.load_state_dict(saved_optimizer)

    @contextmanager
    def whole_network(self) -> Generator[None]:
        """What belongs to no layer is gathered too: by itself only the objective does that."""
        assert isinstance(self.objective, FSDPModule)
        self.objective.unshard()
        yield
        self.objective.reshard()

    def make_whole(self) -> None:
        """Gather tensor by tensor; the first process keeps them in its own memory."""

        def gather(parameter: Any) -> Tensor:
            return parameter.detach().full_tensor()

        keep_whole(self.network, gather=gather, keeps=self.ranks.is_first)

    def _share(self, value: Tensor, *, like: Tensor, whole: bool) -> Tensor:
        """A saved tensor, whole or this process's share of it, laid out as another one."""
        if not isinstance(like, DTensor):
            return value
        value = value.to(self.ranks.device)
        if whole:
            return distribute_tensor(value, like.device_mesh, like.placements, src_data_rank=None)
        return DTensor.from_local(
            value, like.device_mesh, like.placements, shape=like.shape, stride=like.stride()
        )

    def _state(self) -> Iterator[tuple[str, Tensor]]:
        yield from self.network.state_dict().items()


def _local(value: Any) -> Any:
    """A nested value with this process's share in place of each sharded tensor."""
    if isinstance(value, DTensor):
        return value.to_local().detach()
    if isinstance(value, dict):
        return {key: _local(inner) for key, inner in value.items()}
    return [_local(inner) for inner in value] if isinstance(value, list) else value

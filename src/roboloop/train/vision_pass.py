"""A pass through the picture encoder on batches without a picture, so that processes agree."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from roboloop.train.batches import LOSS

PICTURES = ("pixel_values", "patches")


class EveryPart(nn.Module):
    """An objective that always goes through the picture encoder.

    A process whose batch has text alone would otherwise not take part when weights or gradients of
    the encoder go between processes, and the others would wait for it. The blank picture comes
    first, where pictures come, and its weight in the loss is zero.

    Args:
        objective: The objective.
        network: Its model, of Hugging Face.
    """

    def __init__(self, objective: nn.Module, *, network: nn.Module) -> None:
        super().__init__()
        self.objective = objective
        self._encoder: list[Any] = [getattr(getattr(network, "model", None), "visual", None)]

    def forward(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """As the objective's."""
        if self._encoder[0] is None or any(name in tensors for name in PICTURES):
            return self.objective(tensors)
        nothing = _blank_picture(self._encoder[0], like=next(iter(tensors.values()))) * 0
        told = self.objective(tensors)
        return {**told, LOSS: told[LOSS] + nothing}


def _blank_picture(encoder: Any, *, like: Tensor) -> Tensor:
    """The sum of the encoder's outputs for one token's worth of grey."""
    config = encoder.config
    side = config.spatial_merge_size
    channels = getattr(config, "in_channels", 3)
    size = channels * config.temporal_patch_size * config.patch_size**2
    pixels = torch.zeros(side * side, size, device=like.device)
    grid = torch.tensor([[1, side, side]], device=like.device)
    outputs = encoder(pixels, grid_thw=grid)
    found = (
        [leaf for leaf in tree_leaves(dict(outputs)) if isinstance(leaf, Tensor)]
        if hasattr(outputs, "keys")
        else [leaf for leaf in tree_leaves(outputs) if isinstance(leaf, Tensor)]
    )
    return torch.stack([leaf.sum() for leaf in found if leaf.is_floating_point()]).sum()

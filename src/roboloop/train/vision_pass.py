"""A pass through the picture encoder on batches without a picture, so that processes agree."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

PICTURES = ("pixel_values", "patches")


class EveryPart(nn.Module):
    """An objective that always goes through the picture encoder.

    A process whose batch has text alone would otherwise not take part when weights or gradients of
    the encoder go between processes, and the others would wait for it. The blank picture is looked
    at where pictures are, after the tokens were looked up, since the processes have to ask for the
    same weights in the same order; it is added to what came of that with the weight zero.

    Args:
        objective: The objective.
        network: Its model, of Hugging Face.
    """

    def __init__(self, objective: nn.Module, *, network: nn.Module) -> None:
        super().__init__()
        self.objective = objective
        encoder: nn.Module | None = getattr(getattr(network, "model", None), "visual", None)
        lookup: Any = getattr(network, "get_input_embeddings", None)
        # In lists, since they are parts of the objective already.
        self._encoder = [] if encoder is None else [encoder]
        self._lookup: list[nn.Module] = [] if encoder is None else [lookup()]

    def forward(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """As the objective's."""
        if not self._encoder or any(name in tensors for name in PICTURES):
            return self.objective(tensors)
        hook = self._lookup[0].register_forward_hook(self._look_at_nothing)
        try:
            return self.objective(tensors)
        finally:
            hook.remove()

    def _look_at_nothing(self, lookup: nn.Module, inputs: Any, looked_up: Tensor) -> Tensor:
        del lookup, inputs
        return looked_up + _blank_picture(self._encoder[0], like=looked_up) * 0


def _blank_picture(encoder: Any, *, like: Tensor) -> Tensor:
    """The sum of what the encoder makes of one token's worth of grey for the language model."""
    config = encoder.config
    side = config.spatial_merge_size
    channels = getattr(config, "in_channels", 3)
    size = channels * config.temporal_patch_size * config.patch_size**2
    pixels = torch.zeros(side * side, size, device=like.device)
    grid = torch.tensor([[1, side, side]], device=like.device)
    outputs = dict(encoder(pixels, grid_thw=grid))
    # It goes nowhere with real pictures either, and processes have to agree on the way back too.
    outputs.pop("last_hidden_state", None)
    return torch.stack([made.sum() for made in tree_leaves(outputs)]).sum()

"""The loss of supervised fine-tuning: cross-entropy of the answers' tokens, and of nothing else."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from roboloop.models.chat import IGNORED
from roboloop.models.pixels import CHANNELS, PixelFormat
from roboloop.train.batches import LOSS
from roboloop.train.last_layer import outputs_at, predicts
from roboloop.train.loss_config import LossConfig

CROSS_ENTROPY, Z_LOSS = "cross_entropy", "z_loss"
OWN = ("labels", "weights", "patches")
"""Tensors of a micro-batch that are not for the network."""


class AnswerLoss(nn.Module):
    """Sum of the cross-entropies of all target tokens of a batch.

    A sum, because the mean is taken over the targets of the whole step: over several batches and
    processes a mean of means would give short answers more weight. Logits are computed at targets
    only, in float32 at least, and not of more than `chunk_tokens` targets at once: what is more is
    taken in turn, and computed again on the way back.

    Args:
        network: A model of Hugging Face with `.model` and `.lm_head`.
        config: Smoothing, z-loss and the size of a chunk.
        pixels: How patches become pixel values; only for micro-batches with `patches`.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        config: LossConfig | None = None,
        pixels: PixelFormat | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.config = config or LossConfig()
        self.pixels = pixels

    def forward(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """The sums for a micro-batch.

        Args:
            tensors: `labels` int64 [B, S], not shifted; `weights` [B, S], the weight of each
                target, 1 when left out; `patches` uint8, normalised here and passed on as
                `pixel_values`; and the arguments of the network.

        Returns:
            `loss`, what is minimised; with smoothing or z-loss also the plain `cross_entropy`, and
            `z_loss` as it stands in the loss.
        """
        network: Any = self.network
        inputs = {name: tensor for name, tensor in tensors.items() if name not in OWN}
        if "patches" in tensors:
            assert self.pixels is not None, "patches need the model's picture format"
            inputs["pixel_values"] = pixel_values(tensors["patches"], pixels=self.pixels)
        hidden = outputs_at(network, inputs, read=predicts(tensors["labels"]))
        return self.told(hidden, tensors=tensors)

    def told(self, hidden: Tensor, *, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """The sums from the last layer's outputs where a target follows, [num_targets, width]."""
        chosen = tensors["labels"][:, 1:] != IGNORED
        targets = tensors["labels"][:, 1:][chosen]
        weights = tensors["weights"][:, 1:][chosen] if "weights" in tensors else None
        sums = self._sums(hidden, targets, weights)
        if not (self.config.label_smoothing or self.config.z_loss):
            return {LOSS: sums[0]}
        told = {LOSS: sums[0], CROSS_ENTROPY: sums[1]}
        return {**told, Z_LOSS: sums[2]} if self.config.z_loss else told

    def _logits(self, hidden: Tensor) -> Tensor:
        network: Any = self.network
        head = network.lm_head
        # Not called as a layer: ZeRO-3 would gather its weights for each chunk, and processes with
        # fewer chunks would leave the others waiting.
        return functional.linear(hidden, head.weight, head.bias)

    def _sums(self, hidden: Tensor, targets: Tensor, weights: Tensor | None) -> Tensor:
        """Loss, cross-entropy and z-loss, [3], over [num_targets] targets, chunk by chunk."""
        size = self.config.chunk_tokens
        if len(targets) <= size:
            return self._chunk(hidden, targets, weights)
        chunks = zip(
            hidden.split(size),
            targets.split(size),
            [None] * len(targets) if weights is None else weights.split(size),
            strict=False,
        )
        kept: dict[str, bool] = {"use_reentrant": False, "preserve_rng_state": False}
        return torch.stack([checkpoint(self._chunk, *chunk, **kept) for chunk in chunks]).sum(0)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType, reportArgumentType]

    def _chunk(self, hidden: Tensor, targets: Tensor, weights: Tensor | None) -> Tensor:
        """As `_sums`, of one chunk."""
        logits = self._logits(hidden)
        if logits.dtype in (torch.float16, torch.bfloat16):
            logits = logits.float()
        plain = _summed(functional.cross_entropy(logits, targets, reduction="none"), weights)
        zero = torch.zeros_like(plain)
        smoothing, factor = self.config.label_smoothing, self.config.z_loss
        loss = plain
        if smoothing:
            smooth = functional.cross_entropy(
                logits, targets, reduction="none", label_smoothing=smoothing
            )
            loss = _summed(smooth, weights)
        # Chowdhery et al. 2022 (PaLM), section 5: the square of log Z, times a factor.
        extra = factor * _summed(logits.logsumexp(-1).square(), weights) if factor else zero
        return torch.stack([loss + extra, plain.detach(), extra.detach()])


class LogitsLoss(AnswerLoss):
    """The same for a model of any family: it computes the logits of every token itself."""

    def forward(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """As `AnswerLoss.forward`."""
        network: Any = self.network
        inputs = {name: tensor for name, tensor in tensors.items() if name not in OWN}
        logits = network(**inputs, use_cache=False).logits
        return self.told(logits[predicts(tensors["labels"])], tensors=tensors)

    def _logits(self, hidden: Tensor) -> Tensor:
        return hidden


def pixel_values(patches: Tensor, *, pixels: PixelFormat) -> Tensor:
    """Bytes [n, 3, p, p] to float32 [n, 3, frames, p, p], on their device.

    Bit for bit what `PixelFormat.normalise` gives; a batch travels at an eighth of the size. The
    frames of a still picture are one memory, seen `frames` times.
    """
    shape = (1, CHANNELS, 1, 1)
    mean = torch.tensor(pixels.mean, dtype=torch.float32, device=patches.device).view(shape)
    std = torch.tensor(pixels.std, dtype=torch.float32, device=patches.device).view(shape)
    values = patches.to(torch.float32)
    if pixels.resize == "torch":
        values.sub_(mean * 255).div_(std * 255)
    else:
        values.div_(255).sub_(mean).div_(std)
    return values[:, :, None].expand(-1, -1, pixels.temporal_patch_size, -1, -1)


def _summed(values: Tensor, weights: Tensor | None) -> Tensor:
    return values.sum() if weights is None else (values * weights).sum()

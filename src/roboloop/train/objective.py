"""The loss of supervised fine-tuning: cross-entropy of the answers' tokens, and of nothing else."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from roboloop.models.chat import IGNORED
from roboloop.train.batches import LOSS


class AnswerLoss(nn.Module):
    """Sum of the cross-entropies of all target tokens of a batch.

    A sum, because the mean is taken over the targets of the whole step: over several batches and
    processes a mean of means would give short answers more weight. Logits are computed at targets
    only, in float32.

    Args:
        network: A model of Hugging Face with `.model` and `.lm_head`.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """The sum for a micro-batch: `labels`, not shifted, and the arguments of the network."""
        network: Any = self.network
        labels = tensors["labels"]
        inputs = {name: tensor for name, tensor in tensors.items() if name != "labels"}
        hidden = network.model(**inputs, use_cache=False).last_hidden_state
        targets = labels[:, 1:]
        chosen = targets != IGNORED
        logits = network.lm_head(hidden[:, :-1][chosen])
        loss = functional.cross_entropy(logits.float(), targets[chosen], reduction="sum")
        return {LOSS: loss}

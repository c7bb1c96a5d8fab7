"""The loss and gradient of a whole step, however it is cut into micro-batches."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from roboloop.models.backbone import Backbone
from roboloop.train.batches import LOSS, MicroBatch
from roboloop.train.objective import AnswerLoss


def loss_and_gradient(backbone: Backbone, micros: Sequence[MicroBatch]) -> torch.Tensor:
    """Mean loss of a step over its weights, and after it its gradient, flat, in float64."""
    backbone.model.double().zero_grad()
    objective = AnswerLoss(backbone.model, pixels=backbone.parts.pixels)
    weight = sum(micro.weight for micro in micros)
    total = torch.zeros((), dtype=torch.float64)
    for micro in micros:
        loss = objective(micro.tensors)[LOSS] / weight
        loss.backward()
        total += loss.detach()
    return flat(backbone, loss=total)


def flat(backbone: Backbone, *, loss: torch.Tensor) -> torch.Tensor:
    """A loss and the gradients the model holds now, in one row."""
    gradients = [p.grad.flatten() for p in backbone.model.parameters() if p.grad is not None]
    return torch.cat([loss[None], *gradients])

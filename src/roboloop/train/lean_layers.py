"""Layers of Hugging Face's models computed with less work; the same numbers up to rounding.

A model's modules stay what they are, under their names and with their weights: only the way in
which two of them compute is exchanged.
"""

from __future__ import annotations

from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

FAMILY = "transformers.models.qwen"
"""Of the modules that are known to compute what is written here."""


def use_lean_layers(model: nn.Module) -> None:
    """Exchange the first layer of the picture encoder, and the norms; of Qwen's models alone."""
    modules = [one for one in model.modules() if type(one).__module__.startswith(FAMILY)]
    for module in modules:
        name = type(module).__name__
        layer = getattr(module, "proj", None)
        if name.endswith("PatchEmbed") and isinstance(layer, nn.Conv3d):
            layer.forward = MethodType(_patches_multiplied, layer)
        elif name.endswith("RMSNorm"):
            module.forward = MethodType(_normed, module)


def _patches_multiplied(layer: nn.Conv3d, patches: Tensor) -> Tensor:
    """A convolution whose window moves by its own size: one product of matrices.

    The frames of a still picture are often one memory (their stride is 0). Then

        sum over frames f of W_f x  =  (sum over f of W_f) x

    is half the work, and the repeated pixels are never written down.

    Args:
        layer: With weights [width, channels, frames, p, p].
        patches: [n, channels, frames, p, p].

    Returns:
        [n, width, 1, 1, 1].
    """
    weight = layer.weight
    if patches.stride(2) == 0:
        weight, patches = weight.sum(2), patches[:, :, 0]
    made = functional.linear(patches.flatten(1), weight.flatten(1), layer.bias)
    return made.view(*made.shape, 1, 1, 1)


def _normed(layer: Any, hidden: Tensor) -> Tensor:
    weight: Tensor = layer.weight
    if hidden.device.type == "cpu" and hidden.dtype == weight.dtype == torch.float32:
        result: Any = _RmsNorm.apply(hidden, weight, layer.variance_epsilon)
        return result
    return type(layer).forward(layer, hidden)


class _RmsNorm(torch.autograd.Function):
    """Division by the root mean square (Zhang and Sennrich 2019, arXiv 1910.07467), on a CPU.

    With r = (mean(x^2) + eps)^(-1/2) and y = r x the result is w y. For its gradient g

        dx = r (w g - y mean(w g y)),    dw = sum over tokens of g y,

    which goes over the memory half as often as autograd's way through the single operations.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        norm = torch.linalg.vector_norm(hidden, dim=-1, keepdim=True)
        inverse = norm.square_().div_(hidden.shape[-1]).add_(epsilon).rsqrt_()
        unit = hidden * inverse
        ctx.save_for_backward(unit, inverse, weight)
        return unit * weight

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor | None, None]:
        (gradient,) = gradients
        unit, inverse, weight = ctx.saved_tensors
        product = gradient * unit
        weight_gradient = product.flatten(0, -2).sum(0) if ctx.needs_input_grad[1] else None
        mean = (product @ weight).div_(len(weight)).unsqueeze_(-1)
        hidden_gradient = torch.mul(gradient, weight, out=product)
        hidden_gradient.addcmul_(unit, mean, value=-1).mul_(inverse)
        return hidden_gradient, weight_gradient, None

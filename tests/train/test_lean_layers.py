"""Layers computed with less work give what Hugging Face's own give, forward and backward."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import (
    Qwen2_5_VisionPatchEmbed,
    Qwen2_5_VLRMSNorm,
)

from roboloop.models.backbone import load_backbone
from roboloop.train.lean_layers import use_lean_layers


class Picture(nn.Module):
    """The first layer, under the name that models have it."""

    def __init__(self) -> None:
        super().__init__()
        self.patch_embed = Qwen2_5_VisionPatchEmbed(patch_size=4, embed_dim=8)


def passed(module: nn.Module, hidden: Tensor, *, compute: Callable[..., Tensor]) -> list[Tensor]:
    """Output and gradients, of the input first."""
    hidden = hidden.detach().requires_grad_()
    module.zero_grad()
    output = compute(hidden)
    (
        output * torch.arange(output.numel(), dtype=output.dtype).view_as(output).cos()
    ).sum().backward()
    return [output.detach(), hidden.grad, *(parameter.grad for parameter in module.parameters())]  # pyright: ignore[reportReturnType]


@pytest.mark.parametrize("still", [True, False])
def test_patches_are_multiplied_as_the_convolution_does(still: bool) -> None:
    torch.manual_seed(0)
    module = Picture().double()
    patches = torch.randn(5, 3, 1 if still else 2, 4, 4, dtype=torch.float64)
    layer = module.patch_embed

    def frames(pixels: Tensor) -> Tensor:
        return pixels.expand(-1, -1, 2, -1, -1)

    wanted = passed(module, patches, compute=lambda pixels: layer(frames(pixels).flatten(1)))
    use_lean_layers(module)
    flat = passed(module, patches, compute=lambda pixels: layer(frames(pixels).flatten(1)))
    viewed = passed(module, patches, compute=lambda pixels: layer(frames(pixels)))
    assert len(wanted) == 3
    for found in (flat, viewed):
        for ours, theirs in zip(found, wanted, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", [(7, 32), (2, 3, 32)])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_norm(shape: tuple[int, ...], scale: float) -> None:
    torch.manual_seed(0)
    module = Qwen2_5_VLRMSNorm(32)
    nn.init.normal_(module.weight)
    hidden = scale * torch.randn(shape)
    wanted = passed(module, hidden, compute=module)
    use_lean_layers(module)
    assert "forward" in vars(module)
    found = passed(module, hidden, compute=module)
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=2e-5, atol=2e-6 * float(theirs.abs().max()))


def test_norm_of_other_types_is_left_alone() -> None:
    module = Qwen2_5_VLRMSNorm(32).to(torch.bfloat16)
    hidden = torch.randn(4, 32).to(torch.bfloat16)
    wanted = module(hidden)
    use_lean_layers(module)
    assert torch.equal(module(hidden), wanted)


def test_frozen_norm() -> None:
    module = Qwen2_5_VLRMSNorm(8)
    use_lean_layers(module)
    module.requires_grad_(False)
    hidden = torch.randn(3, 8, requires_grad=True)
    module(hidden).sum().backward()
    assert module.weight.grad is None and hidden.grad is not None


def test_every_such_layer_of_a_model_is_found(tiny_folder: Path) -> None:
    model: Any = load_backbone(tiny_folder, device="cpu").model
    names = [name for name, module in model.named_modules() if "RMSNorm" in type(module).__name__]
    use_lean_layers(model)
    lean = {name for name, module in model.named_modules() if "forward" in vars(module)}
    assert lean == {*names, "model.visual.patch_embed.proj"}

"""Gradient checkpointing: activations are thrown away and computed again on the way back."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import torch
from torch import nn
from torch.utils.checkpoint import CheckpointPolicy, create_selective_checkpoint_contexts

_ATEN: Any = torch.ops.aten
KEPT = frozenset(
    {
        _ATEN.mm.default,
        _ATEN.bmm.default,
        _ATEN.addmm.default,
        _ATEN._scaled_dot_product_flash_attention.default,
        _ATEN._scaled_dot_product_flash_attention_for_cpu.default,
        _ATEN._scaled_dot_product_efficient_attention.default,
        _ATEN._scaled_dot_product_cudnn_attention.default,
    }
)
"""What is dear to compute and stays in memory: matrix products and attention."""


def recompute_activations(network: nn.Module, *, how: Literal["full", "selective"]) -> None:
    """Keep only the inputs of each layer, or also the results of its matrix products.

    Gradients are the same. `full` costs about a third more time and keeps least; `selective`
    recomputes only norms, activations and the like.

    Args:
        network: A model of Hugging Face.
        how: What is thrown away.
    """
    options: dict[str, Any] = {"use_reentrant": False}
    if how == "selective":
        options["context_fn"] = partial(create_selective_checkpoint_contexts, _policy)
    model: Any = network
    if hasattr(model, "activation_checkpointing_enable"):  # the newer name
        model.activation_checkpointing_enable(activation_checkpointing_kwargs=options)
    else:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs=options)
    layer: Any
    for layer in network.modules():
        # One whose forward pass was replaced (`last_layer`) keeps its results: its way back is the
        # first, so nothing would be saved. transformers 5.17 recomputes it unless told not to.
        if "forward" in vars(layer) and hasattr(layer, "gradient_checkpointing"):
            layer.gradient_checkpointing = False


def _policy(context: Any, operation: Any, *arguments: Any, **options: Any) -> CheckpointPolicy:
    del context, arguments, options
    kept = operation in KEPT
    return CheckpointPolicy.MUST_SAVE if kept else CheckpointPolicy.PREFER_RECOMPUTE

"""A dense model with experts put beside its layers, and experts with their gates folded in."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch

from roboloop.base.errors import RoboLoopError
from roboloop.models.backbone import Backbone
from roboloop.models.moe.modeling_roboloop_moe import (
    MoeMlp,
    RoboLoopMoeConfig,
    RoboLoopMoeForConditionalGeneration,
    moe_layers,
)
from roboloop.models.moe.options import MoeOptions

NEW_TENSORS = ("experts.gate_up_proj", "experts.down_proj", "router.weight", "moe_gate")
"""What a layer with experts has and a dense one has not."""


def add_experts(dense: Backbone, *, options: MoeOptions, seed: int) -> Backbone:
    """The model with experts; until they are trained it computes what the dense one does, exactly.

    Args:
        dense: A Qwen2.5-VL; it is not changed.
        options: How many experts, how wide, where.
        seed: Names their first weights.

    Raises:
        RoboLoopError: E-ENG-001 when the model has experts already, or other tensors are new than
            those of the experts.
    """
    if moe_layers(dense.model):
        raise RoboLoopError("E-ENG-001", "the model has experts already")
    config = moe_config(dense.model.config, options=options)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: Any = RoboLoopMoeForConditionalGeneration(config)
        model.to(dense.model.dtype)
        report = model.load_state_dict(dense.model.state_dict(), strict=False)
        _check_new(model, missing=report.missing_keys, unexpected=report.unexpected_keys)
        if options.init == "slices":
            for layer in moe_layers(model):
                _fill_from_dense(layer, noise=options.noise)
    model.tie_weights()
    model.to(dense.device).eval()
    return Backbone(model, dense.companions, dense.parts)


def moe_config(dense: Any, *, options: MoeOptions) -> RoboLoopMoeConfig:
    """The configuration of a dense Qwen2.5-VL with experts beside its layers."""
    given = deepcopy(dense.to_dict())
    for key in ("model_type", "architectures", "transformers_version", "_name_or_path"):
        given.pop(key, None)
    config = RoboLoopMoeConfig(**given)
    text: Any = config.text_config
    text.num_experts = options.num_experts
    text.num_experts_per_tok = options.num_experts_per_token
    text.moe_intermediate_size = options.expert_width
    text.norm_topk_prob = options.normalize
    text.decoder_sparse_step = options.every_nth_layer
    text.moe_folded = False
    return config


@torch.no_grad()
def fold_gates(backbone: Backbone) -> Backbone:
    """The same model without gates: each is multiplied into its experts' `down_proj`.

    So a server that knows routed experts, but no gates, computes the same.
    """
    config: Any = deepcopy(backbone.model.config)
    config.text_config.moe_folded = True
    model: Any = RoboLoopMoeForConditionalGeneration(config)
    model.to(backbone.model.dtype)
    state = backbone.model.state_dict()
    for name in [name for name in state if name.endswith(".moe_gate")]:
        gate = state.pop(name)
        down = name.replace("moe_gate", "experts.down_proj")
        state[down] = (gate.double().tanh() * state[down].double()).to(state[down].dtype)
    model.load_state_dict(state)
    model.tie_weights()
    model.to(backbone.device).eval()
    return Backbone(model, backbone.companions, backbone.parts)


def _check_new(model: Any, *, missing: list[str], unexpected: list[str]) -> None:
    wanted = {
        f"{name}.{tensor}"
        for name, module in model.named_modules()
        if isinstance(module, MoeMlp)
        for tensor in NEW_TENSORS
    }
    # A head that is tied to the embedding is not a tensor of its own.
    found = {name for name in missing if name != "lm_head.weight"}
    if found != wanted or unexpected:
        odd = sorted(found ^ wanted) + unexpected
        raise RoboLoopError("E-ENG-001", f"tensors that do not fit: {', '.join(odd[:4])}")


@torch.no_grad()
def _fill_from_dense(layer: MoeMlp, *, noise: float) -> None:
    """Each expert from neurons of the dense layer, drawn, with some noise so that they differ."""
    experts = layer.experts
    num_experts, _, width = experts.down_proj.shape
    num_neurons = len(layer.gate_proj.weight)
    for number in range(num_experts):
        drawn = torch.randperm(num_neurons)[:width]
        if len(drawn) < width:
            drawn = torch.randint(num_neurons, (width,))
        pieces = [layer.gate_proj.weight[drawn], layer.up_proj.weight[drawn]]
        experts.gate_up_proj[number] = torch.cat(pieces)
        experts.down_proj[number] = layer.down_proj.weight[:, drawn]
    for stack in (experts.gate_up_proj, experts.down_proj):
        stack += noise * stack.std() * torch.randn_like(stack)

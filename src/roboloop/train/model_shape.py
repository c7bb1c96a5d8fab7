"""Sizes of a model that is not there: built from its configuration without weights, and counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForImageTextToText, PretrainedConfig, Qwen2_5_VLConfig

from roboloop.models.moe.modeling_roboloop_moe import (
    Experts,
    RoboLoopMoeConfig,
    RoboLoopMoeForConditionalGeneration,
    moe_layers,
)
from roboloop.models.moe.options import MoeOptions
from roboloop.models.moe.upcycle import moe_config
from roboloop.models.parts import read_json
from roboloop.train.adapt import adapter_shape
from roboloop.train.config import PhaseConfig
from roboloop.train.optim import choose_trainables, parts_in

Size = Literal["3b", "7b", "32b"]

TEXT_SHAPES: dict[Size, tuple[int, int, int, int, int, int]] = {
    "3b": (2048, 11008, 36, 16, 2, 151936),
    "7b": (3584, 18944, 28, 28, 4, 152064),
    "32b": (5120, 27648, 64, 40, 8, 152064),
}
"""Width, feed-forward width, layers, heads, key heads and vocabulary of Qwen2.5-VL's language
model, from the `config.json` of each size."""
VISION_WIDTHS: dict[Size, int] = {"3b": 3420, "7b": 3420, "32b": 3456}


class Tower(NamedTuple):
    """A stack of equal layers.

    Attributes:
        depth: Its layers.
        width: Of what goes from layer to layer.
        inner_width: Of its feed-forward layers.
        key_width: Of its keys.
    """

    depth: int
    width: int
    inner_width: int
    key_width: int


class ExpertShape(NamedTuple):
    """The experts of a model.

    Attributes:
        num_layers: Layers that have some.
        num_experts: Experts of a layer.
        per_token: How many of them a token goes through.
        width: Neurons of an expert.
        num_weights: Weights of all experts of all layers; routers and gates are not among them.
    """

    num_layers: int
    num_experts: int
    per_token: int
    width: int
    num_weights: int


class Shape(NamedTuple):
    """What memory depends on.

    Attributes:
        num_weights: All weights.
        num_trained: Those with a gradient.
        num_largest: Weights of the largest layer, which sharded training gathers at a time.
        vocabulary: Its tokens.
        text: The language model's layers.
        vision: The picture encoder's; each patch goes through them.
        patches_per_token: Patches of a picture's token.
        trains_vision: Whether a weight of the encoder has a gradient.
        experts: The experts; None without.
    """

    num_weights: int
    num_trained: int
    num_largest: int
    vocabulary: int
    text: Tower
    vision: Tower
    patches_per_token: int
    trains_vision: bool
    experts: ExpertShape | None

    @property
    def num_active(self) -> int:
        """Weights that a token meets: of the experts of a layer, those it is sent to."""
        found = self.experts
        if found is None:
            return self.num_weights
        idle = found.num_weights * (found.num_experts - found.per_token) // found.num_experts
        return self.num_weights - idle


def shape_of_phase(
    config: PhaseConfig, *, model: Path | Size, moe: MoeOptions | None = None
) -> Shape:
    """Build the model of a folder or of a published size without weights, and count.

    Args:
        config: The phase.
        model: A folder, of which `config.json` is read, or a published size.
        moe: Experts that are beside its layers by then.

    Raises:
        RoboLoopError: E-ENG-001 when the folder has no readable `config.json`, E-TRN-001,
            E-TRN-050 and E-TRN-051 as when the phase is run.
    """
    network = _empty_network(model, moe=moe)
    architecture: Any = network.config
    text, vision = architecture.get_text_config(), architecture.vision_config
    layers = [m for m in network.modules() if type(m).__name__.endswith("DecoderLayer")]
    embedding = network.get_parameter("model.language_model.embed_tokens.weight")
    num_trained = _num_trained(network, config=config)
    trains_vision = "vision" in config.trained_parts and config.rate_of("vision") > 0
    head_width = text.hidden_size // text.num_attention_heads
    return Shape(
        num_weights=_num_weights(network),
        num_trained=num_trained,
        num_largest=max(embedding.numel(), *map(_num_weights, layers)),
        vocabulary=len(embedding),
        text=Tower(
            text.num_hidden_layers, text.hidden_size, text.intermediate_size,
            head_width * text.num_key_value_heads,
        ),
        vision=Tower(
            vision.depth, vision.hidden_size, vision.intermediate_size, vision.hidden_size
        ),
        patches_per_token=vision.spatial_merge_size**2,
        trains_vision=trains_vision,
        experts=_expert_shape(network),
    )  # fmt: skip


def config_of_size(size: Size) -> Qwen2_5_VLConfig:
    """The architecture of a published Qwen2.5-VL, without a folder."""
    width, inner, depth, heads, key_heads, vocabulary = TEXT_SHAPES[size]
    tied = size == "3b"
    text: dict[str, Any] = {
        "hidden_size": width,
        "intermediate_size": inner,
        "num_hidden_layers": depth,
        "num_attention_heads": heads,
        "num_key_value_heads": key_heads,
        "vocab_size": vocabulary,
        "tie_word_embeddings": tied,
        "rope_parameters": {
            "rope_type": "default", "rope_theta": 1e6, "mrope_section": [16, 24, 24],
        },
    }  # fmt: skip
    vision: dict[str, Any] = {
        "depth": 32, "hidden_size": 1280, "intermediate_size": VISION_WIDTHS[size],
        "num_heads": 16, "out_hidden_size": width,
    }  # fmt: skip
    return Qwen2_5_VLConfig(text_config=text, vision_config=vision, tie_word_embeddings=tied)


def _empty_network(model: Path | Size, *, moe: MoeOptions | None) -> Any:
    """The network on the meta device, which keeps shapes only."""
    architecture: PretrainedConfig
    if isinstance(model, Path):
        if read_json(model / "config.json").get("model_type") == RoboLoopMoeConfig.model_type:
            architecture = RoboLoopMoeConfig.from_pretrained(model, local_files_only=True)
        else:
            architecture = AutoConfig.from_pretrained(model, local_files_only=True)
    else:
        architecture = config_of_size(model)
    if moe is not None and not isinstance(architecture, RoboLoopMoeConfig):
        architecture = moe_config(architecture, options=moe)
    with torch.device("meta"):
        if isinstance(architecture, RoboLoopMoeConfig):
            return RoboLoopMoeForConditionalGeneration(architecture)
        return AutoModelForImageTextToText.from_config(architecture)


def _expert_shape(network: nn.Module) -> ExpertShape | None:
    layers = moe_layers(network)
    if not layers:
        return None
    num_experts, _, width = layers[0].experts.down_proj.shape
    experts = [module for module in network.modules() if isinstance(module, Experts)]
    return ExpertShape(
        len(layers), num_experts, layers[0].top_k, width, sum(map(_num_weights, experts))
    )


def _num_trained(network: nn.Module, *, config: PhaseConfig) -> int:
    """Weights with a gradient; an adapter's are counted without being made."""
    if config.lora is None:
        return choose_trainables(network, config=config).report()["num_trained"]
    found = adapter_shape(network, config=config)
    layers = {name: network.get_submodule(name).get_parameter("weight") for name in found.ranks}
    adapters = sum(found.ranks[name] * sum(weight.shape) for name, weight in layers.items())
    parts = {part: config.lora.rank_of(part) for part in config.trained_parts}
    had = parts_in(network)
    whole = tuple(part for part in config.trained_parts if part in had and not parts[part])
    full = config.model_copy(update={"lora": None, "parts": whole})
    rest = choose_trainables(network, config=full).report()["num_trained"] if whole else 0
    return adapters + rest


def _num_weights(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())

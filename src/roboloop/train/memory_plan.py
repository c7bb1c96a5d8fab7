"""Memory of one GPU while a phase trains, from the model's shapes alone: no weight is loaded.

Weights are float32 (4 bytes), gradients too, AdamW keeps two numbers a weight (8 bytes), Muon one
(4). In bfloat16 the matrices are cast for the pass and kept for the backward one (2 bytes).

Activations are a band. With h the width, I that of the feed-forward layer, k that of keys and
values, a layer keeps for each token between 6h + 2k + 2I (activation of the feed-forward layer
computed again) and 1.5 x (6h + 2k + 4I) numbers (all kept, norms in float32); with gradient
checkpointing h, and one layer at a time in full.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForImageTextToText, Qwen2_5_VLConfig

from roboloop.models.parts import read_json
from roboloop.train.adapt import adapter_shape
from roboloop.train.config import PhaseConfig
from roboloop.train.optim import choose_trainables, parts_in
from roboloop.train.optimizer_config import MuonConfig

Sharding = Literal["none", "zero1", "zero2", "zero3", "fsdp", "offload"]
SHARDINGS: tuple[Sharding, ...] = ("none", "zero1", "zero2", "zero3", "fsdp", "offload")
Size = Literal["3b", "7b", "32b"]
GIB = 2**30
HALF, FULL = 2, 4
"""Bytes of a bfloat16 and of a float32 number."""

TEXT_SHAPES: dict[Size, tuple[int, int, int, int, int, int]] = {
    "3b": (2048, 11008, 36, 16, 2, 151936),
    "7b": (3584, 18944, 28, 28, 4, 152064),
    "32b": (5120, 27648, 64, 40, 8, 152064),
}
"""Width, feed-forward width, layers, heads, key heads and vocabulary of Qwen2.5-VL's language
model, from the `config.json` of each size."""
VISION_WIDTHS: dict[Size, int] = {"3b": 3420, "7b": 3420, "32b": 3456}


class Shape(NamedTuple):
    """What memory depends on.

    Attributes:
        num_weights: All weights.
        num_trained: Those with a gradient.
        num_largest: Weights of the largest layer, which sharded training gathers at a time.
        width: Of the language model.
        inner_width: Of its feed-forward layers.
        key_width: Of its keys.
        depth: Its layers.
    """

    num_weights: int
    num_trained: int
    num_largest: int
    width: int
    inner_width: int
    key_width: int
    depth: int


class Need(NamedTuple):
    """Memory of one GPU in bytes; activations from a low to a high guess."""

    weights: float
    gradients: float
    states: float
    activations_low: float
    activations_high: float

    @property
    def low(self) -> float:
        """In all, with the low guess."""
        return self.weights + self.gradients + self.states + self.activations_low

    @property
    def high(self) -> float:
        """In all, with the high guess."""
        return self.weights + self.gradients + self.states + self.activations_high


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


def shape_of_phase(config: PhaseConfig, *, model: Path | Size) -> Shape:
    """Build the model of a folder or of a published size without weights, and count.

    Raises:
        RoboLoopError: E-ENG-001 when the folder has no readable `config.json`, E-TRN-001,
            E-TRN-050 and E-TRN-051 as when the phase is run.
    """
    if isinstance(model, Path):
        read_json(model / "config.json")
        architecture: Any = AutoConfig.from_pretrained(model, local_files_only=True)
    else:
        architecture = config_of_size(model)
    with torch.device("meta"):
        network: nn.Module = AutoModelForImageTextToText.from_config(architecture)
    text = architecture.get_text_config()
    head_width = text.hidden_size // text.num_attention_heads
    layers = [m for m in network.modules() if type(m).__name__.endswith("DecoderLayer")]
    embedding = network.get_parameter("model.language_model.embed_tokens.weight")
    return Shape(
        num_weights=sum(parameter.numel() for parameter in network.parameters()),
        num_trained=_num_trained(network, config=config),
        num_largest=max(embedding.numel(), *(_size(layer) for layer in layers)),
        width=text.hidden_size,
        inner_width=text.intermediate_size,
        key_width=head_width * text.num_key_value_heads,
        depth=text.num_hidden_layers,
    )


def memory_need(
    shape: Shape,
    *,
    config: PhaseConfig,
    sharding: Sharding,
    num_gpus: int,
    num_tokens: int,
    checkpointing: bool,
) -> Need:
    """Memory of one of `num_gpus` GPUs, with `num_tokens` tokens passed at a time on each."""
    share = 1 / num_gpus
    state_bytes = FULL if isinstance(config.optimizer, MuonConfig) else 2 * FULL
    weights: float = shape.num_weights * FULL
    gradients: float = shape.num_trained * FULL
    states: float = shape.num_trained * state_bytes
    copies: float = 0 if config.precision == "float32" else shape.num_weights * HALF
    if sharding in ("zero1", "zero2", "zero3", "fsdp"):
        states *= share
    if sharding in ("zero2", "zero3", "fsdp", "offload"):
        gradients *= share
    if sharding in ("zero3", "fsdp"):
        weights *= share
    if sharding == "offload":
        weights = states = 0.0
    if sharding in ("zero3", "fsdp", "offload"):
        copies = shape.num_largest * (FULL + HALF)
    low, high = _activations(shape, num_tokens=num_tokens, checkpointing=checkpointing)
    return Need(weights + copies, gradients, states, low, high)


def _activations(shape: Shape, *, num_tokens: int, checkpointing: bool) -> tuple[float, float]:
    few = HALF * (6 * shape.width + 2 * shape.key_width + 2 * shape.inner_width)
    many = 1.5 * HALF * (6 * shape.width + 2 * shape.key_width + 4 * shape.inner_width)
    if not checkpointing:
        return num_tokens * shape.depth * few, num_tokens * shape.depth * many
    kept = HALF * shape.width * shape.depth
    return num_tokens * (kept + few), num_tokens * (kept + many)


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


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())

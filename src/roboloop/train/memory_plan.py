"""Memory of one GPU while a phase trains, from the model's shapes alone: no weight is loaded.

Weights are float32 (4 bytes), gradients too, AdamW keeps two numbers a weight (8 bytes), Muon one
(4). In bfloat16 the matrices are cast for the pass and kept for the backward one (2 bytes). Experts
count like all weights: a token meets a few of them, memory holds all.

What a layer keeps for the backward pass, of each token, in numbers of the pass's format and, where
the sum of the layers goes through ("+ 4h"), in float32. h is the width, I that of the feed-forward
layer, k that of keys and values; of the K experts a token goes through, each has W neurons:

                           attention and dense layer    experts
    nothing recomputed     7h + 2k + 4I + 4h            K (2h + 4W) + 2h
    selective              4h + 2k + 2I +  h            K (2W + h)
    full                                   h

Of what is recomputed one layer at a time is there in full. A patch in the picture encoder costs the
same with its widths, when the encoder is trained. Beside it stand the logits of the largest chunk
of targets. `tests/train/test_memory_plan.py` counts the tensors that autograd keeps. Allocators
round up and kernels need room: up to a fifth more.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from roboloop.train.config import PhaseConfig
from roboloop.train.model_shape import ExpertShape, Shape, Tower
from roboloop.train.optimizer_config import MuonConfig

Sharding = Literal["none", "zero1", "zero2", "zero3", "fsdp2", "offload"]
SHARDINGS: tuple[Sharding, ...] = ("none", "zero1", "zero2", "zero3", "fsdp2", "offload")
Recompute = Literal["off", "selective", "full"]
HALF, FULL = 2, 4
"""Bytes of a bfloat16 and of a float32 number."""
RESIDUAL = 4
"""Vectors of a layer that stay float32: its input, the sum after attention, and both normed."""
OVERHEAD = 1.2
LOGIT_BYTES = 12
"""Of a logit: in bfloat16 and float32, its softmax, its gradient."""
CHUNK_TOKENS = 2048


class Pass(NamedTuple):
    """What goes through a GPU at a time.

    Attributes:
        num_tokens: Tokens.
        image_fraction: Share of them that are pictures'.
        recompute: What is computed again on the way back.
    """

    num_tokens: int
    image_fraction: float = 0.6
    recompute: Recompute = "off"


class Need(NamedTuple):
    """Memory of one GPU in bytes."""

    weights: float
    gradients: float
    states: float
    activations: float

    @property
    def low(self) -> float:
        """In all."""
        return self.weights + self.gradients + self.states + self.activations

    @property
    def high(self) -> float:
        """In all, with activations as allocators and kernels may have it."""
        return self.low + (OVERHEAD - 1) * self.activations


def memory_need(
    shape: Shape, *, config: PhaseConfig, sharding: Sharding, num_gpus: int, passed: Pass
) -> Need:
    """Memory of one of `num_gpus` GPUs that share a model out."""
    share = 1 / num_gpus
    state_bytes = FULL if isinstance(config.optimizer, MuonConfig) else 2 * FULL
    weights: float = shape.num_weights * FULL
    gradients: float = shape.num_trained * FULL
    states: float = shape.num_trained * state_bytes
    copies: float = 0 if config.precision == "float32" else shape.num_weights * HALF
    if sharding in ("zero1", "zero2", "zero3", "fsdp2"):
        states *= share
    if sharding in ("zero2", "zero3", "fsdp2", "offload"):
        gradients *= share
    if sharding in ("zero3", "fsdp2"):
        weights *= share
    if sharding == "offload":
        weights = states = 0.0
    if sharding in ("zero3", "fsdp2", "offload"):
        copies = shape.num_largest * (FULL + HALF)
    return Need(weights + copies, gradients, states, _activations(shape, config, passed))


def _activations(shape: Shape, config: PhaseConfig, passed: Pass) -> float:
    number = FULL if config.precision == "float32" else HALF
    text = _kept(shape.text, shape.experts, number=number, recompute=passed.recompute)
    total = passed.num_tokens * text
    if shape.trains_vision:
        patches = passed.num_tokens * passed.image_fraction * shape.patches_per_token
        total += patches * _kept(shape.vision, None, number=number, recompute=passed.recompute)
    targets = min(passed.num_tokens, CHUNK_TOKENS)
    return total + targets * shape.vocabulary * LOGIT_BYTES


def _kept(tower: Tower, experts: ExpertShape | None, *, number: int, recompute: Recompute) -> float:
    """Bytes that a tower keeps of a token, with one layer in full where some is recomputed."""
    whole = _layer(tower, number=number, recompute="off")
    total = tower.depth * _layer(tower, number=number, recompute=recompute)
    if experts is not None:
        whole += _experts(tower, experts, number=number, recompute="off")
        total += experts.num_layers * _experts(tower, experts, number=number, recompute=recompute)
    return total if recompute == "off" else total + whole


def _layer(tower: Tower, *, number: int, recompute: Recompute) -> float:
    width, keys, inner = tower.width, tower.key_width, tower.inner_width
    if recompute == "full":
        return FULL * width
    if recompute == "selective":
        return FULL * width + number * (4 * width + 2 * keys + 2 * inner)
    copies = 7 if number == HALF else 4
    return RESIDUAL * FULL * width + number * (copies * width + 2 * keys + 4 * inner)


def _experts(tower: Tower, experts: ExpertShape, *, number: int, recompute: Recompute) -> float:
    if recompute == "full":
        return 0.0
    if recompute == "selective":
        return number * experts.per_token * (2 * experts.width + tower.width)
    routed = experts.per_token * (2 * tower.width + 4 * experts.width)
    return number * (routed + 2 * tower.width) + FULL * experts.num_experts

"""The classes of tiny models, and how a few numbers become their configurations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from transformers import (
    PreTrainedModel,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
)

Family = Literal["qwen2_5_vl", "qwen3_vl"]

HEAD_WIDTH = 32
"""Width of an attention head: the narrowest that vLLM serves on a CPU."""

ROTARY_BASE = 100.0
WEIGHT_SCALE = 0.06
MERGE_SIZE = 2
PLACES_PER_SIDE = 16
"""Learnt places of Qwen3-VL's vision tower along each side; between them it interpolates."""


class TinyShape(NamedTuple):
    """Sizes, as in `build_tiny`."""

    vocab_size: int
    width: int
    depth: int
    vision_width: int
    vision_depth: int
    patch_size: int


def new_model(family: Family, *, shape: TinyShape, special: Mapping[str, int]) -> PreTrainedModel:
    """A model with random weights, drawn from torch's generator.

    Args:
        family: Whose class it is.
        shape: Its sizes.
        special: Text of a special token -> its id.
    """
    common: dict[str, Any] = {
        "image_token_id": special["<|image_pad|>"],
        "video_token_id": special["<|video_pad|>"],
        "vision_start_token_id": special["<|vision_start|>"],
        "vision_end_token_id": special["<|vision_end|>"],
        "tie_word_embeddings": True,
    }
    text, vision = _text(shape, special=special), _vision(shape)
    if family == "qwen3_vl":
        config = Qwen3VLConfig(
            text_config={**text, "head_dim": HEAD_WIDTH, "rope_parameters": _interleaved_rope()},
            vision_config={
                **vision,
                "num_position_embeddings": PLACES_PER_SIDE**2,
                "deepstack_visual_indexes": [0],
            },
            **common,
        )
        return Qwen3VLForConditionalGeneration(config)
    windows = {
        "window_size": 7 * MERGE_SIZE * shape.patch_size,
        "fullatt_block_indexes": list(range(shape.vision_depth)),
    }
    config = Qwen2_5_VLConfig(
        text_config={**text, "rope_parameters": _alternating_rope()},
        vision_config={**vision, **windows},
        **common,
    )
    return Qwen2_5_VLForConditionalGeneration(config)


def _alternating_rope() -> dict[str, Any]:
    """Time, row and column in turn: each axis has high and low frequencies."""
    return {
        "rope_type": "default",
        "rope_theta": ROTARY_BASE,
        "mrope_section": [1] * (HEAD_WIDTH // 2),
    }


def _interleaved_rope() -> dict[str, Any]:
    """The same, as Qwen3-VL itself deals the axes out."""
    third = HEAD_WIDTH // 2 // 3
    return {
        "rope_type": "default",
        "rope_theta": ROTARY_BASE,
        "mrope_interleaved": True,
        "mrope_section": [HEAD_WIDTH // 2 - 2 * third, third, third],
    }


def _text(shape: TinyShape, *, special: Mapping[str, int]) -> dict[str, Any]:
    heads = shape.width // HEAD_WIDTH
    return {
        "dtype": "float32",
        "vocab_size": shape.vocab_size,
        "hidden_size": shape.width,
        "intermediate_size": 3 * shape.width,
        "num_hidden_layers": shape.depth,
        "num_attention_heads": heads,
        "num_key_value_heads": max(1, heads // 2),
        "max_position_embeddings": 8192,
        "initializer_range": WEIGHT_SCALE,
        "tie_word_embeddings": True,
        "bos_token_id": special["<|endoftext|>"],
        "eos_token_id": special["<|im_end|>"],
        "pad_token_id": special["<|endoftext|>"],
    }


def _vision(shape: TinyShape) -> dict[str, Any]:
    return {
        "dtype": "float32",
        "depth": shape.vision_depth,
        "hidden_size": shape.vision_width,
        "intermediate_size": 3 * shape.vision_width,
        "num_heads": shape.vision_width // HEAD_WIDTH,
        "patch_size": shape.patch_size,
        "spatial_merge_size": MERGE_SIZE,
        "out_hidden_size": shape.width,
        "initializer_range": WEIGHT_SCALE,
        "rope_parameters": {"rope_type": "axial", "rope_theta": ROTARY_BASE},
    }

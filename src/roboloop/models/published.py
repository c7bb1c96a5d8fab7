"""Names of the weights in published folders, which vLLM and every transformers read. No torch.

A saved folder is held against them, since loaders differ: names in memory have changed between
versions (`visual.*` is `model.visual.*` there) while published folders have not.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from roboloop.base.errors import Place, RoboLoopError
from roboloop.models.parts import read_json

INDEX = "model.safetensors.index.json"
WEIGHTS = "model.safetensors"
HEADER_BYTES = 8


def check_published(folder: Path) -> int:
    """See that a folder of Qwen2.5-VL or Qwen3-VL holds just what a published one does; count it.

    Raises:
        RoboLoopError: E-ENG-007 when a name is missing or odd, E-ENG-001 when a file is.
    """
    wanted = published_names(read_json(folder / "config.json"))
    found = stored_names(folder)
    if wanted == found:
        return len(found)
    said = [
        f"{len(names)} {what}, such as {min(names)}"
        for what, names in (("missing", wanted - found), ("not known", found - wanted))
        if names
    ]
    raise RoboLoopError("E-ENG-007", "; ".join(said), place=Place(folder))


def published_names(config: dict[str, Any]) -> set[str]:
    """Names of the weights of Qwen2.5-VL or Qwen3-VL, as on their own pages."""
    text = config.get("text_config", config)
    vision = config["vision_config"]
    is_third = config.get("model_type") == "qwen3_vl"
    language, visual = ("model.language_model", "model.visual") if is_third else ("model", "visual")
    names = _below(language, ("embed_tokens.weight", "norm.weight"))
    if not config.get("tie_word_embeddings", text.get("tie_word_embeddings", False)):
        names.add("lm_head.weight")
    for number in range(int(text["num_hidden_layers"])):
        layer = _TEXT_LAYER_3 if is_third else _TEXT_LAYER
        names |= _below(f"{language}.layers.{number}", layer)
    for number in range(int(vision["depth"])):
        block = _VISION_BLOCK_3 if is_third else _VISION_BLOCK
        names |= _below(f"{visual}.blocks.{number}", block)
    if not is_third:
        return names | _below(visual, ("patch_embed.proj.weight", *_MERGER))
    for number in range(len(vision["deepstack_visual_indexes"])):
        names |= _below(f"{visual}.deepstack_merger_list.{number}", _MERGER_3)
    return names | _below(visual, _VISION_3) | _below(f"{visual}.merger", _MERGER_3)


def stored_names(folder: Path) -> set[str]:
    """Names of the tensors in a folder's safetensors files; only their headers are read."""
    if (folder / INDEX).is_file():
        return set(read_json(folder / INDEX)["weight_map"])
    path = folder / WEIGHTS
    try:
        with path.open("rb") as stream:
            size = int.from_bytes(stream.read(HEADER_BYTES), "little")
            header: dict[str, Any] = json.loads(stream.read(size))
    except (OSError, ValueError) as error:
        raise RoboLoopError("E-ENG-001", f"{error}", place=Place(path)) from error
    return set(header) - {"__metadata__"}


def _below(prefix: str, names: Iterable[str]) -> set[str]:
    return {f"{prefix}.{name}" for name in names}


def _linear(*layers: str, bias: bool) -> tuple[str, ...]:
    kinds = ("weight", "bias") if bias else ("weight",)
    return tuple(f"{layer}.{kind}" for layer in layers for kind in kinds)


_MLP = ("mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")
_TEXT_LAYER = (
    "input_layernorm.weight",
    "post_attention_layernorm.weight",
    *_linear("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", bias=True),
    *_linear("self_attn.o_proj", *_MLP, bias=False),
)
_VISION_BLOCK = (
    "norm1.weight",
    "norm2.weight",
    *_linear("attn.qkv", "attn.proj", *_MLP, bias=True),
)
_MERGER = ("merger.ln_q.weight", *_linear("merger.mlp.0", "merger.mlp.2", bias=True))

_TEXT_LAYER_3 = (
    "input_layernorm.weight",
    "post_attention_layernorm.weight",
    "self_attn.q_norm.weight",
    "self_attn.k_norm.weight",
    *_linear(*(f"self_attn.{kind}_proj" for kind in "qkvo"), *_MLP, bias=False),
)
_VISION_BLOCK_3 = _linear(
    "norm1", "norm2", "attn.qkv", "attn.proj", "mlp.linear_fc1", "mlp.linear_fc2", bias=True
)
_MERGER_3 = _linear("norm", "linear_fc1", "linear_fc2", bias=True)
_VISION_3 = ("pos_embed.weight", *_linear("patch_embed.proj", bias=True))

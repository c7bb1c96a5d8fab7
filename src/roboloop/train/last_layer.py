"""The last layer of a language model, computed at the tokens whose outputs something reads.

A loss reads the outputs of the tokens that predict a target: often a fifth of them or fewer. Of all
others the last layer only has to give keys and values; their queries, feed-forward passes and norms
go nowhere. Left out, loss and gradient stay what they are, up to rounding.
"""

from __future__ import annotations

import sys
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from roboloop.models.chat import IGNORED
from roboloop.train.segments import SEGMENTS, segment_sizes

LAYERS = ("Qwen2_5_VLDecoderLayer", "Qwen3VLTextDecoderLayer")
"""Layers that are known to compute what is written here."""
FEED_FORWARDS = ("Qwen2MLP", "Qwen3VLTextMLP")
"""Experts are not among them: their balance is over all tokens."""
ATTENTIONS = ("sdpa", SEGMENTS)


def read_last_layer(model: Any) -> None:
    """Let the last layer take `read_at`; of Qwen's dense models alone."""
    layer = _last_layer(model)
    if layer is not None:
        layer.forward = MethodType(_forward, layer)


def outputs_at(network: Any, inputs: dict[str, Tensor], *, read: Tensor) -> Tensor:
    """The outputs of the language model at some tokens, [num_read, width], row by row.

    Args:
        network: A model of Hugging Face with `.model`.
        inputs: Arguments of its forward pass.
        read: bool [B, S], which tokens.
    """
    if not _takes_places(network):
        return network.model(**inputs, use_cache=False).last_hidden_state[read]
    counts = read.sum(dim=1)
    # Rows in which fewer are read are filled up; a batch that reads nothing reads something unused.
    width = max(1, int(counts.max()))
    read_at = read.to(torch.uint8).argsort(dim=1, descending=True, stable=True)[:, :width]
    outputs = network.model(**inputs, use_cache=False, read_at=read_at).last_hidden_state
    return outputs[torch.arange(width, device=read.device) < counts[:, None]]


def predicts(labels: Tensor) -> Tensor:
    """Which tokens a target follows: bool [B, S] of labels [B, S] that are not shifted."""
    return functional.pad(labels[:, 1:] != IGNORED, (0, 1))


def _takes_places(network: Any) -> bool:
    layer = _last_layer(network)
    if layer is None or "forward" not in vars(layer):
        return False
    return network.config.get_text_config()._attn_implementation in ATTENTIONS


def _last_layer(model: Any) -> Any | None:
    text = getattr(getattr(model, "model", None), "language_model", None)
    if text is None:
        return None
    layer = text.layers[-1]
    joined = getattr(model.config.vision_config, "deepstack_visual_indexes", ())
    known = type(layer).__name__ in LAYERS and type(layer.mlp).__name__ in FEED_FORWARDS
    # Qwen3-VL adds what pictures look like to the outputs of its first layers, at their tokens.
    return layer if known and len(joined) < len(text.layers) else None


def _forward(
    layer: Any, hidden_states: Tensor, *, read_at: Tensor | None = None, **others: Any
) -> Tensor:
    """As the layer's own, whose outputs are [B, S, width]; at `read_at` [B, T], [B, T, width]."""
    if read_at is None:
        return type(layer).forward(layer, hidden_states, **others)
    mixed = layer.input_layernorm(hidden_states)
    attended = _attended(layer.self_attn, mixed, read_at=read_at, **others)
    hidden = _rows(hidden_states, read_at) + attended
    return hidden + layer.mlp(layer.post_attention_layernorm(hidden))


def _attended(
    attention: Any,
    mixed: Tensor,
    *,
    read_at: Tensor,
    position_embeddings: tuple[Tensor, Tensor],
    attention_mask: Tensor | None,
    position_ids: Tensor | None,
    **others: Any,
) -> Tensor:
    """What the tokens at `read_at` attend to, [B, T, width]."""
    del others
    cos, sin = position_embeddings
    query = _heads(attention, "q", _rows(mixed, read_at))
    key = _heads(attention, "k", mixed)
    value = _heads(attention, "v", mixed)
    query = _rotated(attention, query, cos=_rows(cos, read_at), sin=_rows(sin, read_at))
    key = _rotated(attention, key, cos=cos, sin=sin)
    dropout = attention.attention_dropout if attention.training else 0.0

    def attend(query: Tensor, key: Tensor, value: Tensor, *, seen: Tensor) -> Tensor:
        made = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=seen, dropout_p=dropout, scale=attention.scaling,
            enable_gqa=True,
        )  # fmt: skip
        return made.transpose(1, 2)

    sizes = [] if attention_mask is not None else segment_sizes(position_ids)
    if len(sizes) > 1:
        made = _by_segments(attend, query, key, value, read_at=read_at[0], sizes=sizes)
    else:
        made = attend(query, key, value, seen=_seen(attention_mask, read_at=read_at, like=key))
    return attention.o_proj(made.flatten(2))


def _by_segments(
    attend: Any, query: Tensor, key: Tensor, value: Tensor, *, read_at: Tensor, sizes: list[int]
) -> Tensor:
    """Each conversation of a pack by itself; those of which nothing is read are left out.

    Returns:
        [1, T, heads, width of a head].
    """
    ends = torch.tensor(sizes).cumsum(0)
    counts = torch.bincount(
        torch.bucketize(read_at.cpu(), ends, right=True), minlength=len(sizes)
    ).tolist()
    pieces = zip(
        query.split(counts, dim=2),
        key.split(sizes, dim=2),
        value.split(sizes, dim=2),
        (read_at - _starts(sizes, counts, device=read_at.device)).split(counts),
        strict=True,
    )
    made = [
        attend(*piece, seen=torch.arange(piece[1].shape[2], device=at.device) <= at[:, None])
        for *piece, at in pieces
        if len(at)
    ]
    return torch.cat(made, dim=1)


def _starts(sizes: list[int], counts: list[int], *, device: torch.device) -> Tensor:
    """For each token that is read, where its conversation begins."""
    starts = torch.tensor([0, *sizes[:-1]], device=device).cumsum(0)
    return starts.repeat_interleave(torch.tensor(counts, device=device))


def _seen(mask: Tensor | None, *, read_at: Tensor, like: Tensor) -> Tensor:
    """The rows of a mask [B, 1, S, S] at `read_at`, [B, 1, T, S]; without one all before them."""
    if mask is None:
        return torch.arange(like.shape[2], device=like.device) <= read_at[:, None, :, None]
    return mask.take_along_dim(read_at[:, None, :, None], dim=2)


def _heads(attention: Any, name: str, mixed: Tensor) -> Tensor:
    """Queries, keys or values: [B, S, width] to [B, heads, S, width of a head]."""
    made = getattr(attention, f"{name}_proj")(mixed).unflatten(-1, (-1, attention.head_dim))
    norm: nn.Module | None = getattr(attention, f"{name}_norm", None)
    return (made if norm is None else norm(made)).transpose(1, 2)


def _rotated(attention: Any, heads: Tensor, *, cos: Tensor, sin: Tensor) -> Tensor:
    family: Any = sys.modules[type(attention).__module__]
    return heads * cos[:, None] + family.rotate_half(heads) * sin[:, None]


def _rows(values: Tensor, places: Tensor) -> Tensor:
    """[B, S, width] at [B, T]: [B, T, width]."""
    first = torch.arange(len(values), device=values.device)[:, None] * values.shape[1]
    chosen = values.flatten(0, 1).index_select(0, (places + first).flatten())
    return chosen.unflatten(0, places.shape)

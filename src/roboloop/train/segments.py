"""Attention over packs, one conversation at a time.

Stock `sdpa` keeps the conversations of a pack apart by a mask of tokens x tokens, and pays for the
square of the pack. Here every conversation is its own causal attention: the same numbers, at the
price of the conversations alone. In PyTorch only, for machines without a kernel for varying
lengths. Whatever is no pack (padded rows, generation) goes to `sdpa` with its mask.
"""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel

SEGMENTS = "roboloop_segments"
"""Of the attention, in transformers' tables."""


def use_segments(model: PreTrainedModel) -> None:
    """Let the language model attend to packs by segments. Not written into a saved model."""
    AttentionInterface.register(SEGMENTS, _attend)
    AttentionMaskInterface.register(SEGMENTS, _mask)
    config: Any = model.config
    config.get_text_config()._attn_implementation = SEGMENTS


def _mask(*given: Any, **options: Any) -> Tensor | None:
    """None for packs: transformers has no padding then and forbids to rely on plain causality."""
    if options.get("attention_mask") is None and options.get("allow_is_causal_skip") is False:
        return None
    stock: Any = AttentionMaskInterface()["sdpa"]
    return stock(*given, **options)


def _attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    position_ids: Tensor | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """In the form of transformers' attention functions.

    Args:
        module: The layer.
        query: [B, heads, S, width of a head].
        key: [B, key heads, S, width of a head]; so is `value`.
        value: As `key`.
        attention_mask: None for packs.
        dropout: Share of the attention left out.
        scaling: Factor of the products.
        position_ids: [B, S], places in the conversation: a segment begins where they do not go on.
        others: Passed on.

    Returns:
        [B, S, heads, width of a head], and no weights.
    """
    sizes = [] if attention_mask is not None else segment_sizes(position_ids)
    if len(sizes) < 2 or sum(sizes) != key.shape[2]:
        stock: Any = AttentionInterface()["sdpa"]
        return stock(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **others
        )
    pieces = zip(*(part.split(sizes, dim=2) for part in (query, key, value)), strict=True)
    outputs = [
        functional.scaled_dot_product_attention(
            *piece, dropout_p=dropout, is_causal=True, scale=scaling, enable_gqa=True
        )
        for piece in pieces
    ]
    # In the order in which they lie in memory, so that nothing is copied once more.
    return torch.cat([output.transpose(1, 2) for output in outputs], dim=1), None


def segment_sizes(position_ids: Tensor | None) -> list[int]:
    """Tokens of each segment of a pack; none for what is no pack."""
    if position_ids is None or len(position_ids) != 1:
        return []
    places = position_ids[0]
    starts = torch.nonzero(places[1:] != places[:-1] + 1)[:, 0] + 1
    bounds = [0, *starts.tolist(), len(places)]
    return [end - start for start, end in itertools.pairwise(bounds)]

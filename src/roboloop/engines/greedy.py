"""Decoding of a batch: the most likely token, again and again, or one drawn by its probability.

Without draws it gives the tokens of Hugging Face's `generate(do_sample=False)`, which the tests
compare. Written out because it is faster: a picture that several questions share is looked at once,
and rows that are done leave the batch. Settings of a `generation_config.json` that change the most
likely token, such as a repetition penalty, are not applied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from transformers import DynamicCache

from roboloop.base.hashing import hash_bytes, seeded_generator
from roboloop.engines.base import Sampling
from roboloop.models.backbone import Backbone
from roboloop.models.batch import collate, rotary_positions
from roboloop.models.chat import Encoded

SHRINK_FRACTION = 0.75
"""Finished rows are dropped from a batch when at most this fraction of it is left."""


@dataclass(slots=True)
class Continuation:
    """New tokens of one row.

    Attributes:
        ids: With the one that ended it, if any did.
        stopped: Whether a token ended it; else it was cut off.
        finite: False when the model's output was not a finite number; the row ends there.
        log_probability: Of all its tokens together, natural logarithm.
    """

    ids: list[int] = field(default_factory=list[int])
    stopped: bool = False
    finite: bool = True
    log_probability: float = 0.0

    @property
    def is_done(self) -> bool:
        """Whether nothing more is to come."""
        return self.stopped or not self.finite


@torch.inference_mode()
def continue_greedily(
    items: Sequence[Encoded],
    *,
    backbone: Backbone,
    max_new_tokens: int,
    sampling: Sampling | None = None,
) -> list[Continuation]:
    """The model's continuation of each prompt, at most `max_new_tokens` long.

    With `sampling` each token is drawn by its probability instead. A prompt has draws of its own,
    so that its continuation does not depend on the others.
    """
    network: Any = backbone.model
    stops = backbone.parts.special.stops
    embed = network.get_input_embeddings()
    found = [Continuation() for _ in items]
    rows = list(range(len(items)))
    inputs, mask, positions, seen = _prompts(items, backbone=backbone)
    following = positions.amax(dim=(0, 2)) + 1
    draws = None if sampling is None else TokenDraws(items, sampling=sampling)
    cache = DynamicCache(config=network.config.get_text_config())
    for _ in range(max_new_tokens):
        hidden = network.model.language_model(
            inputs_embeds=inputs,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            **seen,
        ).last_hidden_state[:, -1]
        seen = {}
        logits = network.lm_head(hidden).float()
        best = logits.max(dim=-1)
        finite = best.values.isfinite().tolist()
        tokens = best.indices if draws is None else draws.tokens(logits, rows=rows)
        likely = (logits.gather(-1, tokens[:, None])[:, 0] - logits.logsumexp(dim=-1)).tolist()
        for place, token in enumerate(tokens.tolist()):
            row = found[rows[place]]
            if row.is_done:
                continue
            row.finite = finite[place]
            if row.finite:
                row.ids.append(token)
                row.log_probability += likely[place]
                row.stopped = token in stops
        left = [place for place, row in enumerate(rows) if not found[row].is_done]
        if not left:
            break
        if len(left) <= SHRINK_FRACTION * len(rows):
            chosen = torch.tensor(left, device=mask.device)
            cache.batch_select_indices(chosen)
            tokens, mask, following = tokens[chosen], mask[chosen], following[chosen]
            rows = [rows[place] for place in left]
        inputs = embed(tokens[:, None])
        mask = torch.cat([mask, mask.new_ones((len(rows), 1))], dim=1)
        positions = following.expand(3, -1)[..., None]
        following = following + 1
    return found


class TokenDraws:
    """Tokens drawn by their probability, by a generator of each prompt's own."""

    def __init__(self, items: Sequence[Encoded], *, sampling: Sampling) -> None:
        self._temperature = sampling.temperature
        self._generators = [
            seeded_generator("tokens", sampling.seed, hash_bytes(_content(item))) for item in items
        ]

    def tokens(self, logits: torch.Tensor, *, rows: Sequence[int]) -> torch.Tensor:
        """One token of each row [num_rows] of logits [num_rows, num_words]."""
        heights = torch.tensor(
            [[self._generators[row].random()] for row in rows], device=logits.device
        )
        shares = (logits.nan_to_num().double() / self._temperature).softmax(dim=-1).cumsum(dim=-1)
        return torch.searchsorted(shares, heights.double() * shares[:, -1:])[:, 0]


def _content(item: Encoded) -> bytes:
    return item.input_ids.tobytes() + item.patches.tobytes()


class _Prompts(NamedTuple):
    """Prompts filled up at the start.

    Attributes:
        inputs: Embeddings [num_rows, num_tokens, width], pictures in their places.
        mask: int64 [num_rows, num_tokens], 0 where filled up.
        positions: int64 [3, num_rows, num_tokens].
        seen: What Qwen3-VL adds to its first layers at the places of pictures, as arguments of the
            language model; nothing for others.
    """

    inputs: torch.Tensor
    mask: torch.Tensor
    positions: torch.Tensor
    seen: dict[str, Any]


def _prompts(items: Sequence[Encoded], *, backbone: Backbone) -> _Prompts:
    network: Any = backbone.model
    device = backbone.device
    batch = collate(items, parts=backbone.parts, side="left", pixels=False)
    ids = batch["input_ids"].to(device)
    inputs = network.get_input_embeddings()(ids)
    seen: dict[str, Any] = {}
    if any(len(item.grid_thw) for item in items):
        places = ids == backbone.parts.special.image_pad
        features, *deeper = _picture_features(items, backbone=backbone)
        inputs[places] = features.to(inputs.dtype)
        if deeper:
            seen = {"visual_pos_masks": places, "deepstack_visual_embeds": deeper}
    positions = np.zeros((3, *ids.shape), dtype=np.int64)
    for row, item in enumerate(items):
        own = rotary_positions(item, parts=backbone.parts)
        positions[:, row, positions.shape[2] - item.num_tokens :] = own
    return _Prompts(
        inputs, batch["attention_mask"].to(device), torch.from_numpy(positions).to(device), seen
    )


def _picture_features(items: Sequence[Encoded], *, backbone: Backbone) -> list[torch.Tensor]:
    """Features of all pictures in order, [num_image_tokens, width]; equal pictures seen once.

    Those that stand in the pictures' places come first, then those of Qwen3-VL's deeper layers.
    """
    network: Any = backbone.model
    seen: dict[str, int] = {}
    distinct: list[Encoded] = []
    order: list[int] = []
    for item in items:
        name = hash_bytes(item.grid_thw.tobytes() + item.patches.tobytes())
        if name not in seen:
            seen[name] = len(distinct)
            distinct.append(item)
        order.append(seen[name])
    patches = np.concatenate([item.patches for item in distinct])
    pixels = torch.from_numpy(backbone.parts.pixels.normalise(patches)).to(backbone.device)
    grids = np.concatenate([item.grid_thw for item in distinct])
    features = network.get_image_features(pixels, torch.from_numpy(grids).to(backbone.device))
    lengths = [item.num_image_tokens for item in distinct]
    levels = [features.pooler_output, *(getattr(features, "deepstack_features", None) or ())]
    by_item = [_joined(level).split(lengths) for level in levels]
    return [torch.cat([level[place] for place in order]) for level in by_item]


def _joined(level: Any) -> torch.Tensor:
    """Features of all pictures; some versions of transformers give them picture by picture."""
    return level if isinstance(level, torch.Tensor) else torch.cat(list(level))

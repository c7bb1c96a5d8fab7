"""Our greedy loop writes the tokens of Hugging Face's `generate`, one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from roboloop.dialects import Dialect
from roboloop.engines.greedy import continue_greedily
from roboloop.models.backbone import Backbone
from roboloop.models.batch import collate
from roboloop.models.chat import Encoded, Encoder

Noise = Callable[[int, int], Image.Image]
NUM_NEW = 16


@pytest.fixture(scope="module")
def items(backbone: Backbone, dialect: Dialect, noise: Noise) -> list[Encoded]:
    encoder = Encoder(backbone.parts, dialect=dialect)
    shared = noise(64, 64)
    questions = [
        ([shared], "find the red cup"),
        ([shared], "find the blue cup, then look again and find the green one"),
        ([], "no picture here"),
        ([noise(112, 60), shared], "first <image> then <image>"),
        ([noise(33, 90)], ""),
        ([shared, shared], "twice"),
    ]
    return [encoder.prompt(pictures, question=text) for pictures, text in questions]


def generate(items: list[Encoded], *, backbone: Backbone) -> list[list[int]]:
    """Hugging Face's new tokens, cut after the one that ends the answer."""
    batch = collate(items, parts=backbone.parts, side="left")
    batch.pop("labels")
    stops = list(backbone.parts.special.stops)
    with torch.inference_mode():
        found = backbone.model.generate(
            **batch,
            max_new_tokens=NUM_NEW,
            do_sample=False,
            eos_token_id=stops,
            pad_token_id=backbone.parts.pad_id,
        )
    rows = found[:, batch["input_ids"].shape[1] :].tolist()
    ends = [next((i + 1 for i, t in enumerate(row) if t in stops), NUM_NEW) for row in rows]
    return [row[:end] for row, end in zip(rows, ends, strict=True)]


def ours(items: list[Encoded], *, backbone: Backbone) -> list[list[int]]:
    found = continue_greedily(items, backbone=backbone, max_new_tokens=NUM_NEW)
    assert all(c.stopped == (c.ids[-1] in backbone.parts.special.stops) for c in found)
    return [continuation.ids for continuation in found]


def stopping_at(backbone: Backbone, *, token: int) -> Backbone:
    """The same weights with another token that ends an answer."""
    special = replace(backbone.parts.special, end_of_text=token)
    return replace(backbone, parts=replace(backbone.parts, special=special))


def test_a_batch_of_all_kinds(backbone: Backbone, items: list[Encoded]) -> None:
    found = ours(items, backbone=backbone)
    assert found == generate(items, backbone=backbone)
    assert len({tuple(ids) for ids in found}) == len(items), "the model should tell them apart"


def test_probabilities_are_those_of_the_tokens(backbone: Backbone, items: list[Encoded]) -> None:
    """Against one forward pass of transformers over each question and its answer together."""
    network: Any = backbone.model
    found = continue_greedily(items, backbone=backbone, max_new_tokens=NUM_NEW)
    for item, continuation in zip(items, found, strict=True):
        new = np.array(continuation.ids)
        whole = replace(
            item,
            input_ids=np.concatenate([item.input_ids, new]),
            labels=np.concatenate([item.labels, new]),
        )
        batch = collate([whole], parts=backbone.parts)
        if backbone.parts.special.image_pad in continuation.ids:
            continue  # the model wrote a picture's place: transformers would look for the picture
        with torch.inference_mode():
            logits = network(**batch, use_cache=False).logits[0, -len(new) - 1 : -1]
        wanted = logits.log_softmax(-1)[range(len(new)), new].sum()
        assert continuation.log_probability == pytest.approx(float(wanted), abs=1e-3)


def test_one_at_a_time(backbone: Backbone, items: list[Encoded]) -> None:
    together = ours(items, backbone=backbone)
    for item, expected in zip(items, together, strict=True):
        assert ours([item], backbone=backbone) == [expected] == generate([item], backbone=backbone)


def test_rows_end_at_different_times(backbone: Backbone, items: list[Encoded]) -> None:
    free = ours(items, backbone=backbone)
    lengths: set[int] = set()
    places = [(0, 1), (1, 4), (2, 7), (3, 10), (4, 13)]
    said = {free[row][at] for row, at in places if at < len(free[row])}
    # The token that fills rows up is the one that ends them: a picture's place cannot be it.
    for token in said - {backbone.parts.special.image_pad}:
        stopping = stopping_at(backbone, token=token)
        found = ours(items, backbone=stopping)
        assert found == generate(items, backbone=stopping)
        lengths |= {len(ids) for ids in found}
    assert len(lengths) > 4, "rows should leave the batch at several times"


def test_a_limit_of_one_token(backbone: Backbone, items: list[Encoded]) -> None:
    found = continue_greedily(items, backbone=backbone, max_new_tokens=1)
    assert [c.ids for c in found] == [ids[:1] for ids in ours(items, backbone=backbone)]
    assert not any(c.stopped for c in found if c.ids[0] not in backbone.parts.special.stops)


def test_a_damaged_row_does_not_spoil_the_others(backbone: Backbone, items: list[Encoded]) -> None:
    expected = ours(items[:3], backbone=backbone)

    def spoil(module: object, args: object, output: Any) -> None:
        output.pooler_output.fill_(float("nan"))

    hooked = backbone.model.model.visual.register_forward_hook(spoil)
    try:
        found = continue_greedily(items[:3], backbone=backbone, max_new_tokens=NUM_NEW)
    finally:
        hooked.remove()
    assert [c.finite for c in found] == [False, False, True]
    assert found[2].ids == expected[2]

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from roboloop.dialects import Dialect
from roboloop.models.backbone import Backbone
from roboloop.models.batch import Side, collate, rotary_positions
from roboloop.models.chat import IGNORED, Encoded, Encoder
from roboloop.records.record import Turn

Noise = Callable[[int, int], Image.Image]


@pytest.fixture(scope="module")
def encoder(backbone: Backbone, dialect: Dialect) -> Encoder:
    return Encoder(backbone.parts, dialect=dialect)


@pytest.fixture(scope="module")
def items(encoder: Encoder, noise: Noise) -> list[Encoded]:
    def item(question: str, *pictures: Image.Image) -> Encoded:
        return encoder.encode(pictures, turns=[Turn("user", question), Turn("assistant", "[1, 2]")])

    return [
        item("Find the cup.", noise(112, 112)),
        item("No picture, but a long question about the blue block and the red cup."),
        item("Two: <image> and <image>", noise(60, 33), noise(40, 90)),
    ]


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_row_of_a_batch_is_the_row_alone(
    backbone: Backbone, items: list[Encoded], side: Side
) -> None:
    together = collate(items, parts=backbone.parts, side=side)
    with torch.inference_mode():
        logits = backbone.model(**together).logits
        for row, item in enumerate(items):
            alone = collate([item], parts=backbone.parts)
            expected = backbone.model(**alone).logits[0]
            mask = together["attention_mask"][row].bool()
            assert torch.equal(together["input_ids"][row][mask], alone["input_ids"][0])
            assert torch.equal(together["labels"][row][mask], alone["labels"][0])
            assert (together["labels"][row][~mask] == IGNORED).all()
            torch.testing.assert_close(logits[row][mask], expected, rtol=1e-4, atol=1e-4)


def test_padding_is_where_it_is_asked_for(backbone: Backbone, items: list[Encoded]) -> None:
    left = collate(items, parts=backbone.parts, side="left")["attention_mask"]
    right = collate(items, parts=backbone.parts, side="right")["attention_mask"]
    assert (left[:, -1] == 1).all()
    assert (right[:, 0] == 1).all()
    assert torch.equal(left.sum(dim=1), right.sum(dim=1))
    assert not torch.equal(left, right)


def test_a_batch_of_text_has_no_pictures(encoder: Encoder) -> None:
    batch = collate([encoder.prompt([], question="Hi")], parts=encoder.parts)
    assert "pixel_values" not in batch
    assert not batch["mm_token_type_ids"].any()


@settings(max_examples=40, deadline=None)
@given(
    data=st.lists(
        st.tuples(st.text("ab .", max_size=8), st.integers(16, 150), st.integers(16, 150)),
        max_size=3,
    ),
    tail=st.text("ab .", max_size=8),
)
def test_positions_are_those_of_the_model(
    backbone: Backbone, encoder: Encoder, data: list[tuple[str, int, int]], tail: str
) -> None:
    question = "".join(f"{words}<image>" for words, _, _ in data) + tail
    pictures = [Image.new("RGB", (width, height)) for _, width, height in data]
    item = encoder.prompt(pictures, question=question)
    batch = collate([item], parts=backbone.parts)
    theirs, _ = backbone.model.model.get_rope_index(
        batch["input_ids"],
        mm_token_type_ids=batch["mm_token_type_ids"],
        image_grid_thw=batch.get("image_grid_thw"),
        attention_mask=batch["attention_mask"],
    )
    assert np.array_equal(rotary_positions(item, parts=backbone.parts), theirs[:, 0].numpy())

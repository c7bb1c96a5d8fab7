"""Conversations of a pack do not see one another: loss and gradients are those of separate ones.

The oracle is Hugging Face's own forward pass over one conversation at a time, in float64, with its
own positions, masks and loss. The ways to get it wrong are tried too: they differ, without a word
of warning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from roboloop.dialects import Dialect
from roboloop.models.backbone import Backbone, load_backbone
from roboloop.models.batch import collate
from roboloop.models.chat import Encoded, Encoder
from roboloop.records.record import Turn
from roboloop.train.batches import LOSS
from roboloop.train.loss_config import LossConfig
from roboloop.train.objective import AnswerLoss, pixel_values
from roboloop.train.packing import collate_packed
from roboloop.train.segments import use_segments


@pytest.fixture(scope="module")
def items(tiny_folder: Any, dialect: Dialect) -> list[Encoded]:
    """Text alone, pictures of different sizes, several pictures in one, several answers in one."""
    from roboloop.models.parts import load_parts

    encoder = Encoder(load_parts(tiny_folder), dialect=dialect)

    def made(*sizes: tuple[int, int], turns: Sequence[str]) -> Encoded:
        roles = ("user", "assistant")
        spoken = [Turn(roles[place % 2], text) for place, text in enumerate(turns)]
        return encoder.encode([noise(*size) for size in sizes], turns=spoken)

    return [
        made((96, 64), turns=["Gripper box?", '{"gripper_det_bbox": [12, 40, 33, 61]}']),
        made(turns=["Is red a colour?", "yes"]),
        made((64, 96), (128, 48), turns=["First <image> then <image> which?", "[1, 2, 3, 4]"]),
        made((32, 32), turns=["Where?", "[30, 44]", "And then?", "[[5, 60], [6, 61]]"]),
        made(turns=["What is it?", "no"]),
    ]


@pytest.fixture(params=["tiny_folder", "qwen3_folder"])
def exact(request: pytest.FixtureRequest) -> Backbone:
    backbone = load_backbone(request.getfixturevalue(request.param), device="cpu")
    backbone.model.double()
    return backbone


def noise(width: int, height: int) -> Image.Image:
    values = np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def alone(backbone: Backbone, items: Sequence[Encoded]) -> tuple[float, torch.Tensor]:
    """Summed loss and gradient of conversations one at a time, by Hugging Face alone.

    Its loss is taken in float32, so the cross-entropies are taken here, of its float64 logits.
    """
    network: Any = backbone.model
    network.zero_grad()
    total = 0.0
    for item in items:
        batch = collate([item], parts=backbone.parts)
        labels = batch.pop("labels")
        logits = network(**batch, use_cache=False).logits
        assert logits.dtype == torch.float64
        loss = torch.nn.functional.cross_entropy(
            logits[0, :-1], labels[0, 1:], ignore_index=-100, reduction="sum"
        )
        loss.backward()
        total += float(loss.detach())
    return total, gradient(network)


def gradient(network: Any) -> torch.Tensor:
    return torch.cat([parameter.grad.flatten() for parameter in network.parameters()])


def packed(
    backbone: Backbone, items: Sequence[Encoded], **options: Any
) -> tuple[float, torch.Tensor]:
    backbone.model.zero_grad()
    config = LossConfig.model_validate(options)
    objective = AnswerLoss(backbone.model, config=config, pixels=backbone.parts.pixels)
    loss = objective(collate_packed(items, parts=backbone.parts))[LOSS]
    loss.backward()
    return float(loss.detach()), gradient(backbone.model)


@pytest.mark.parametrize("attention", ["stock", "segments"])
@pytest.mark.parametrize("chunk_tokens", [1000, 7])
def test_packed_equals_separate(
    exact: Backbone, items: list[Encoded], chunk_tokens: int, attention: str
) -> None:
    wanted_loss, wanted = alone(exact, items)
    if attention == "segments":
        use_segments(exact.model)
    loss, found = packed(exact, items, chunk_tokens=chunk_tokens)
    assert loss == pytest.approx(wanted_loss, rel=1e-12, abs=0)
    assert float((found - wanted).abs().max() / wanted.abs().max()) < 1e-12
    assert float((found - wanted).norm() / wanted.norm()) < 1e-12


def test_the_order_in_a_pack_does_not_matter(exact: Backbone, items: list[Encoded]) -> None:
    loss, found = packed(exact, items)
    other_loss, other = packed(exact, items[::-1])
    assert loss == pytest.approx(other_loss, rel=1e-12, abs=0)
    assert float((found - other).norm() / found.norm()) < 1e-12


def test_what_is_no_pack_is_attended_to_as_ever(
    exact: Backbone, items: list[Encoded], tmp_path: Path
) -> None:
    """Padded rows and generation from prompts of different lengths, with segments switched on."""
    network: Any = exact.model
    padded = collate(items, parts=exact.parts)
    prompts = collate(items[:2], parts=exact.parts, side="left")
    del prompts["labels"]
    wanted = network(**padded, use_cache=False).loss
    said = network.generate(**prompts, max_new_tokens=5, do_sample=False)
    use_segments(network)
    assert torch.equal(network(**padded, use_cache=False).loss, wanted)
    assert torch.equal(network.generate(**prompts, max_new_tokens=5, do_sample=False), said)
    network.save_pretrained(tmp_path)
    assert "segments" not in (tmp_path / "config.json").read_text()


def test_segments_make_no_mask(
    exact: Backbone, items: list[Encoded], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The attention sees one conversation at a time, and never a mask."""
    seen: list[tuple[int, bool]] = []
    real = functional.scaled_dot_product_attention

    def watched(query: torch.Tensor, *given: Any, **options: Any) -> torch.Tensor:
        seen.append((query.shape[2], options.get("attn_mask") is None))
        return real(query, *given, **options)

    batch = collate_packed(items, parts=exact.parts)
    monkeypatch.setattr(functional, "scaled_dot_product_attention", watched)
    use_segments(exact.model)
    AnswerLoss(exact.model, pixels=exact.parts.pixels)(batch)
    num_layers = exact.model.config.get_text_config().num_hidden_layers
    lengths = [(item.num_tokens, True) for item in items]
    assert seen[-num_layers * len(items) :] == lengths * num_layers


@pytest.mark.parametrize("mistake", ["a cache", "three rows of positions", "no positions"])
def test_each_way_to_get_it_wrong_leaks(
    exact: Backbone, items: list[Encoded], mistake: str
) -> None:
    """Were one of these passed on by mistake, the equality above would notice."""
    network: Any = exact.model
    wanted, _ = alone(exact, items)

    def loss(**changes: Any) -> float:
        batch = collate_packed(items, parts=exact.parts)
        inputs = {name: batch[name] for name in ("input_ids", "position_ids", "image_grid_thw")}
        inputs["pixel_values"] = pixel_values(batch["patches"], pixels=exact.parts.pixels)
        inputs["mm_token_type_ids"] = (inputs["input_ids"] == exact.parts.special.image_pad).long()
        with torch.no_grad():
            logits = network(**(inputs | {"use_cache": False} | changes)).logits
        labels = batch["labels"][0, 1:]
        return float(
            torch.nn.functional.cross_entropy(
                logits[0, :-1], labels, ignore_index=-100, reduction="sum"
            )
        )

    assert loss() == pytest.approx(wanted, rel=1e-12, abs=0)
    positions = collate_packed(items, parts=exact.parts)["position_ids"]
    changes: dict[str, dict[str, Any]] = {
        "a cache": {"use_cache": None},  # what the configuration says: on
        "three rows of positions": {"position_ids": positions[1:]},
        "no positions": {"position_ids": None},
    }
    assert abs(loss(**changes[mistake]) / wanted - 1) > 1e-4


@pytest.mark.parametrize("resize", ["torch", "pillow"])
def test_pixels_are_normalised_as_before(backbone: Backbone, resize: Any) -> None:
    """Bit for bit, for every byte in every channel."""
    pixels = replace(backbone.parts.pixels, resize=resize)
    patches = np.tile(np.arange(256, dtype=np.uint8).reshape(4, 1, 8, 8), (1, 3, 1, 1))
    found = pixel_values(torch.from_numpy(patches), pixels=pixels)
    assert np.array_equal(found.flatten(1).numpy(), pixels.normalise(patches))


def test_a_pack_has_no_filling(backbone: Backbone, items: list[Encoded]) -> None:
    batch = collate_packed(items, parts=backbone.parts)
    num = sum(item.num_tokens for item in items)
    assert batch["input_ids"].shape == batch["labels"].shape == (1, num)
    assert batch["position_ids"].shape == (4, 1, num)
    assert "attention_mask" not in batch and batch["patches"].dtype == torch.uint8

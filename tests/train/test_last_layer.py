"""The last layer at the tokens that the loss reads gives the loss and gradients of the whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from roboloop.dialects import Dialect
from roboloop.models.backbone import Backbone, load_backbone
from roboloop.models.batch import collate
from roboloop.models.chat import IGNORED, Encoded, Encoder
from roboloop.models.moe.options import MoeOptions
from roboloop.models.moe.upcycle import add_experts
from roboloop.records.record import Turn
from roboloop.train.batches import LOSS
from roboloop.train.branches import branch, collate_branched
from roboloop.train.last_layer import outputs_at, predicts, read_last_layer
from roboloop.train.objective import AnswerLoss
from roboloop.train.packing import collate_packed
from roboloop.train.recompute import recompute_activations
from roboloop.train.segments import use_segments

ANSWERS = ("[1, 2, 3, 4]", "yes", '{"gripper_det_bbox": [12, 40, 33, 61]}')


@pytest.fixture(params=["tiny_folder", "qwen3_folder"])
def exact(request: pytest.FixtureRequest) -> Backbone:
    backbone = load_backbone(request.getfixturevalue(request.param), device="cpu")
    backbone.model.double()
    return backbone


@pytest.fixture
def items(exact: Backbone, dialect: Dialect) -> list[Encoded]:
    encoder = Encoder(exact.parts, dialect=dialect)
    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 256, (64, 96, 3), dtype=np.uint8))
    return [
        encoder.encode([picture], turns=[Turn("user", "Where?"), Turn("assistant", answer)])
        for answer in ANSWERS
    ]


def packed(items: Sequence[Encoded], backbone: Backbone) -> dict[str, Tensor]:
    return collate_packed(items, parts=backbone.parts)


def padded(items: Sequence[Encoded], backbone: Backbone) -> dict[str, Tensor]:
    batch = collate(items, parts=backbone.parts)
    return batch | {"pixel_values": batch["pixel_values"].double()}


def branched(items: Sequence[Encoded], backbone: Backbone) -> dict[str, Tensor]:
    """A row of two questions and one of one."""
    rows = [branch(some, parts=backbone.parts)[0] for some in (items[:2], items[2:])]
    batch = collate_branched(rows, parts=backbone.parts)
    pixels = batch.inputs["pixel_values"].double()
    return batch.inputs | {"pixel_values": pixels, "labels": batch.labels}


def loss_and_gradient(backbone: Backbone, batch: dict[str, Tensor]) -> Tensor:
    backbone.model.zero_grad()
    loss = AnswerLoss(backbone.model, pixels=backbone.parts.pixels)(batch)[LOSS]
    loss.backward()
    gradients = [parameter.grad for parameter in backbone.model.parameters()]
    return torch.cat(
        [loss.detach()[None], *(grad.flatten() for grad in gradients if grad is not None)]
    )


def close(found: Tensor, wanted: Tensor) -> bool:
    return float((found - wanted).abs().max() / wanted.abs().max()) < 1e-12


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("segments", [False, True])
@pytest.mark.parametrize("collated", [packed, padded, branched])
def test_equals_the_whole_layer(
    exact: Backbone,
    items: list[Encoded],
    collated: Callable[..., dict[str, Tensor]],
    segments: bool,
    recompute: bool,
) -> None:
    batch = collated(items, exact)
    wanted = loss_and_gradient(exact, batch)
    if segments:
        use_segments(exact.model)
    if recompute:
        recompute_activations(exact.model, how="full")
        exact.model.train()
    read_last_layer(exact.model)
    found = loss_and_gradient(exact, batch)
    assert found.shape == wanted.shape and close(found, wanted)


def test_one_conversation_of_a_pack_without_a_target(exact: Backbone, items: list[Encoded]) -> None:
    batch = packed(items, exact)
    batch["labels"][:, items[0].num_tokens : items[0].num_tokens + items[1].num_tokens] = IGNORED
    wanted = loss_and_gradient(exact, batch)
    use_segments(exact.model)
    read_last_layer(exact.model)
    assert close(loss_and_gradient(exact, batch), wanted)


def test_a_batch_that_teaches_nothing_still_goes_through_every_weight(
    exact: Backbone, items: list[Encoded]
) -> None:
    """As processes that wait for one another need it."""
    batch = packed(items, exact)
    batch["labels"] = torch.full_like(batch["labels"], IGNORED)
    use_segments(exact.model)
    read_last_layer(exact.model)
    found = loss_and_gradient(exact, batch)
    assert float(found.abs().max()) == 0
    assert all(parameter.grad is not None for parameter in exact.model.parameters())


def test_the_feed_forward_layer_sees_no_more(exact: Backbone, items: list[Encoded]) -> None:
    network: Any = exact.model
    read_last_layer(network)
    layers = network.model.language_model.layers
    seen: list[int] = []

    def watch(layer: Any, given: Any, output: Any) -> None:
        del layer, output
        seen.append(given[0].shape[1])

    for layer in (layers[0], layers[-1]):
        layer.mlp.register_forward_hook(watch)
    batch = packed(items, exact)
    read = predicts(batch["labels"])
    AnswerLoss(network, pixels=exact.parts.pixels)(batch)
    assert seen == [read.shape[1], int(read.sum())] and seen[1] < seen[0] / 2


def test_whoever_asks_for_all_outputs_gets_them(exact: Backbone, items: list[Encoded]) -> None:
    network: Any = exact.model
    batch = padded(items, exact)
    prompts = collate(items, parts=exact.parts, side="left")
    del prompts["labels"]
    wanted = network(**batch, use_cache=False).logits
    said = network.generate(**prompts, max_new_tokens=4, do_sample=False)
    read_last_layer(network)
    assert torch.equal(network(**batch, use_cache=False).logits, wanted)
    assert torch.equal(network.generate(**prompts, max_new_tokens=4, do_sample=False), said)


def test_experts_see_all_tokens(tiny_folder: Path, dialect: Dialect) -> None:
    """Their balance is over all of them."""
    options = MoeOptions(num_experts=4, num_experts_per_token=2, expert_width=8)
    backbone = add_experts(load_backbone(tiny_folder, device="cpu"), options=options, seed=0)
    read_last_layer(backbone.model)
    network: Any = backbone.model
    assert "forward" not in vars(network.model.language_model.layers[-1])
    item = Encoder(backbone.parts, dialect=dialect).encode(
        [], turns=[Turn("user", "Where?"), Turn("assistant", "there")]
    )
    batch = collate([item], parts=backbone.parts)
    read = predicts(batch.pop("labels"))
    whole = network.model(**batch, use_cache=False).last_hidden_state
    assert torch.equal(outputs_at(network, batch, read=read), whole[read])

"""The questions of a row do not see one another: loss and gradients are those of separate rows.

The oracle is Hugging Face's own forward pass over ordinary conversations, which computes its own
positions and masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from roboloop.dialects import Dialect
from roboloop.models.backbone import Backbone, load_backbone
from roboloop.models.batch import collate
from roboloop.models.chat import Encoded, Encoder
from roboloop.records.record import Turn
from roboloop.train.batches import LOSS
from roboloop.train.branches import TRUNK, branch, collate_branched
from roboloop.train.objective import AnswerLoss

QUESTIONS = (
    ("Gripper box?", '{"gripper_det_bbox": [12, 40, 33, 61]}'),
    ("red block box?", "[1, 2, 3, 4]"),
    ("Where will it go, and by which way, in the end?", "[[1, 2], [30, 44], [5, 60]]"),
)


@pytest.fixture(params=["tiny_folder", "qwen3_folder"])
def backbone(request: pytest.FixtureRequest) -> Backbone:
    return load_backbone(request.getfixturevalue(request.param), device="cpu")


@pytest.fixture
def encoder(backbone: Backbone, dialect: Dialect) -> Encoder:
    return Encoder(backbone.parts, dialect=dialect)


def noise(seed: int, *, width: int = 96, height: int = 64) -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def conversations(
    encoder: Encoder, *, picture: Image.Image, questions: Sequence[tuple[str, str]]
) -> list[Encoded]:
    return [
        encoder.encode([picture], turns=[Turn("user", question), Turn("assistant", answer)])
        for question, answer in questions
    ]


def reference(backbone: Backbone, *, items: Sequence[Encoded]) -> tuple[float, torch.Tensor]:
    """Summed loss of separate rows, one at a time, and the gradient of all weights."""
    network: Any = backbone.model
    network.zero_grad()
    total = torch.zeros((), dtype=torch.float64)
    for item in items:
        batch = collate([item], parts=backbone.parts)
        batch["pixel_values"] = batch["pixel_values"].double()
        loss = network(**batch, use_cache=False).loss * item.num_target_tokens
        loss.backward()
        total = total + loss.detach()
    return float(total), flat_gradient(network)


def flat_gradient(network: Any) -> torch.Tensor:
    return torch.cat([parameter.grad.flatten() for parameter in network.parameters()])


def test_equals_separate_conversations(backbone: Backbone, encoder: Encoder) -> None:
    backbone.model.double()
    first = conversations(encoder, picture=noise(0), questions=QUESTIONS)
    second = conversations(encoder, picture=noise(1, width=64), questions=QUESTIONS[:2])
    wanted_loss, wanted_gradient = reference(backbone, items=[*first, *second])
    backbone.model.zero_grad()
    rows = [row for items in (first, second) for row in branch(items, parts=backbone.parts)]
    assert len(rows) == 2
    batch = collate_branched(rows, parts=backbone.parts)
    doubled = {"pixel_values": batch.inputs["pixel_values"].double(), "labels": batch.labels}
    objective = AnswerLoss(backbone.model)
    objective.double()
    loss = objective(batch.inputs | doubled)[LOSS]
    loss.backward()
    # Logits are taken in float32, as they are on a GPU in bfloat16.
    assert float(loss.detach()) == pytest.approx(wanted_loss, rel=1e-6)
    found = flat_gradient(backbone.model)
    assert float((found - wanted_gradient).norm() / wanted_gradient.norm()) < 1e-5
    num_targets = sum(item.num_target_tokens for item in [*first, *second])
    assert sum(row.num_targets for row in rows) == num_targets


def test_two_answers_to_one_question_equal_separate_conversations(
    backbone: Backbone, encoder: Encoder
) -> None:
    backbone.model.double()
    asked = [("Gripper box?", "[12, 40, 33, 61]"), ("Gripper box?", "[12, 41, 33, 60]")]
    items = conversations(encoder, picture=noise(0), questions=asked)
    wanted_loss, wanted_gradient = reference(backbone, items=items)
    backbone.model.zero_grad()
    (row,) = branch(items, parts=backbone.parts)
    batch = collate_branched([row], parts=backbone.parts)
    doubled = {"pixel_values": batch.inputs["pixel_values"].double(), "labels": batch.labels}
    objective = AnswerLoss(backbone.model)
    loss = objective(batch.inputs | doubled)[LOSS]
    loss.backward()
    assert float(loss.detach()) == pytest.approx(wanted_loss, rel=1e-6)
    found = flat_gradient(backbone.model)
    assert float((found - wanted_gradient).norm() / wanted_gradient.norm()) < 1e-5


def test_picture_is_there_once(backbone: Backbone, encoder: Encoder) -> None:
    items = conversations(encoder, picture=noise(0), questions=QUESTIONS)
    (row,) = branch(items, parts=backbone.parts)
    assert int((row.input_ids == backbone.parts.special.image_pad).sum()) == 24
    assert row.num_tokens < sum(item.num_tokens for item in items) - 2 * 24
    assert row.num_targets == sum(item.num_target_tokens for item in items)
    assert sorted(set(row.branches.tolist())) == [TRUNK, 1, 2, 3]


def test_later_questions_start_where_the_picture_ends(backbone: Backbone, encoder: Encoder) -> None:
    items = conversations(encoder, picture=noise(0), questions=QUESTIONS[:2])
    (row,) = branch(items, parts=backbone.parts)
    starts = [row.positions[:, row.branches == number][:, 0] for number in (1, 2)]
    assert (starts[0] == starts[1]).all()


def test_one_question_is_the_plain_conversation(backbone: Backbone, encoder: Encoder) -> None:
    [item] = conversations(encoder, picture=noise(0), questions=QUESTIONS[:1])
    (row,) = branch([item], parts=backbone.parts)
    assert (row.input_ids == item.input_ids).all()
    assert (row.labels == item.labels).all()


def test_questions_before_the_picture_get_rows_of_their_own(
    backbone: Backbone, encoder: Encoder
) -> None:
    picture = noise(0)
    asked = ["<image>\nWhere?", "<image>\nWhat colour?", "How many?\n<image>", "Which?\n<image>"]
    items = [
        encoder.encode([picture], turns=[Turn("user", text), Turn("assistant", "4")])
        for text in asked
    ]
    rows = branch(items, parts=backbone.parts)
    assert [len(set(row.branches.tolist()) - {TRUNK}) for row in rows] == [2, 1, 1]
    backbone.model.double()
    wanted_loss, _ = reference(backbone, items=items)
    batch = collate_branched(rows, parts=backbone.parts)
    doubled = {"pixel_values": batch.inputs["pixel_values"].double(), "labels": batch.labels}
    objective = AnswerLoss(backbone.model)
    objective.double()
    assert float(objective(batch.inputs | doubled)[LOSS].detach()) == pytest.approx(
        wanted_loss, rel=1e-6
    )


def test_different_pictures_are_refused(backbone: Backbone, encoder: Encoder) -> None:
    items = [
        *conversations(encoder, picture=noise(0), questions=QUESTIONS[:1]),
        *conversations(encoder, picture=noise(0, width=64), questions=QUESTIONS[:1]),
    ]
    with pytest.raises(AssertionError):
        branch(items, parts=backbone.parts)

"""Losses on pairs: against formulas in float64, against rows of their own, and against TRL."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from transformers.models.qwen2_5_vl import modeling_qwen2_5_vl

from roboloop.dialects import Dialect
from roboloop.models.backbone import Backbone
from roboloop.models.batch import collate
from roboloop.models.chat import IGNORED, Encoder
from roboloop.models.lora import LoraShape, add_adapter
from roboloop.records.media_open import MediaStore
from roboloop.records.record import Turn
from roboloop.records.shards import RecordFolder
from roboloop.train.batches import LOSS
from roboloop.train.dpo_config import DpoConfig
from roboloop.train.mixture import draw_mixture
from roboloop.train.preference_batches import REFERENCE, PairBatches, collate_pairs
from roboloop.train.preference_loss import PreferenceLoss, answer_log_probs
from roboloop.train.preference_pairs import EncodedPair, Pair, PairEncoder, make_pairs
from roboloop.train.record_rows import ViewCache

DpoPhase = Callable[..., DpoConfig]
NUM_PAIRS = 5
LOSSES: list[dict[str, Any]] = [
    {"loss": "sigmoid"},
    {"loss": "sigmoid", "label_smoothing": 0.2, "beta": 0.5},
    {"loss": "ipo", "beta": 0.3},
    {"loss": "hinge", "beta": 0.7},
    {"loss": "sigmoid", "sft_weight": 0.4},
]


@pytest.fixture
def pairs(
    backbone: Backbone, dialect: Dialect, pair_folder: Any, dpo_phase: DpoPhase
) -> list[EncodedPair]:
    folder = RecordFolder(pair_folder)
    found = make_pairs(
        draw_mixture(folder, phase=dpo_phase(), seed=0).records,
        config=dpo_phase(),
        dialect=dialect,
        seed=0,
    )
    encoder = Encoder(backbone.parts, dialect=dialect)
    pictures = ViewCache(folder.media_store(), pixels=backbone.parts.pixels, most_bytes=1 << 20)
    writer = PairEncoder(encoder, pictures=pictures, max_tokens=4096)
    return [writer.encode(pair) for pair in found.kept[:NUM_PAIRS]]


@pytest.fixture
def in_double(backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> Backbone:
    """The model with every operation in float64; its norms would go through float32."""

    def forward(self: Any, hidden: torch.Tensor) -> torch.Tensor:
        variance = hidden.pow(2).mean(-1, keepdim=True)
        return self.weight * hidden * torch.rsqrt(variance + self.variance_epsilon)

    monkeypatch.setattr(modeling_qwen2_5_vl.Qwen2_5_VLRMSNorm, "forward", forward)
    backbone.model.double()
    return backbone


def tensors_of(
    pairs: Sequence[EncodedPair], *, backbone: Backbone, share_prefix: bool
) -> dict[str, torch.Tensor]:
    tensors, _ = collate_pairs(pairs, parts=backbone.parts, share_prefix=share_prefix)
    dtype = next(backbone.model.parameters()).dtype
    tensors["pixel_values"] = tensors["pixel_values"].to(dtype)
    return tensors


def drawn_reference(num_pairs: int) -> torch.Tensor:
    """A reference unlike the model, so that no margin is zero."""
    return torch.from_numpy(np.random.default_rng(1).normal(-40, 3, 2 * num_pairs))


def flat_gradient(network: Any, *, part: str = "model") -> torch.Tensor:
    named = network.named_parameters()
    return torch.cat([p.grad.flatten() for n, p in named if part in n and p.grad is not None])


def by_hand(backbone: Backbone, pairs: Sequence[EncodedPair]) -> list[tuple[float, int]]:
    """Log-probability and length of each answer, one row at a time by Hugging Face's forward."""
    network: Any = backbone.model
    found: list[tuple[float, int]] = []
    for pair in pairs:
        for item in (pair.chosen, pair.rejected):
            batch = collate([item], parts=backbone.parts)
            labels = batch.pop("labels")[0]
            batch["pixel_values"] = batch["pixel_values"].double()
            with torch.no_grad():
                scores = network(**batch, use_cache=False).logits[0].log_softmax(-1)
            places = [at for at in range(1, len(labels)) if labels[at] != IGNORED]
            found.append((sum(float(scores[at - 1, labels[at]]) for at in places), len(places)))
    return found


def log_sigmoid(value: float) -> float:
    return -math.log1p(math.exp(-value))


def loss_by_hand(
    policy: Sequence[tuple[float, int]], reference: Sequence[float], config: DpoConfig
) -> float:
    total = 0.0
    for at in range(0, len(policy), 2):
        (chosen, long), (rejected, short) = policy[at : at + 2]
        better, worse = chosen - reference[at], rejected - reference[at + 1]
        scaled, smoothing = config.beta * (better - worse), config.label_smoothing
        total += {
            "sigmoid": -(1 - smoothing) * log_sigmoid(scaled) - smoothing * log_sigmoid(-scaled),
            "hinge": max(0.0, 1 - scaled),
            "ipo": (better / long - worse / short - 1 / (2 * config.beta)) ** 2,
        }[config.loss]
        total -= config.sft_weight * chosen / long
    return total


@pytest.mark.parametrize("options", LOSSES)
def test_losses_are_those_of_the_formulas(
    in_double: Backbone, pairs: list[EncodedPair], dpo_phase: DpoPhase, options: dict[str, Any]
) -> None:
    config = dpo_phase(**options)
    policy, reference = by_hand(in_double, pairs), drawn_reference(NUM_PAIRS)
    wanted = loss_by_hand(policy, reference.tolist(), config)
    objective = PreferenceLoss(in_double.model, config=config)
    for share_prefix in (True, False):
        tensors = tensors_of(pairs, backbone=in_double, share_prefix=share_prefix)
        told = objective({**tensors, REFERENCE: reference})
        assert float(told[LOSS].detach()) == pytest.approx(wanted, rel=1e-12)
    ratios = [logp - ref for (logp, _), ref in zip(policy, reference.tolist(), strict=True)]
    margins = [a - b for a, b in zip(ratios[::2], ratios[1::2], strict=True)]
    assert float(told["accuracy"]) == sum(margin > 0 for margin in margins)
    assert float(told["reward_margin"]) == pytest.approx(config.beta * sum(margins))
    assert float(told["logp_chosen"]) == pytest.approx(sum(logp for logp, _ in policy[::2]))
    per_token = [ratio / n for ratio, (_, n) in zip(ratios, policy, strict=True)]
    assert float(told["chosen_ratio_per_token"]) == pytest.approx(sum(per_token[::2]))
    kl = sum(math.exp(-value) - 1 + value for value in per_token) / 2
    assert float(told["kl_estimate"]) == pytest.approx(kl)


def test_shared_beginning_changes_nothing_in_float64(
    in_double: Backbone, pairs: list[EncodedPair], dpo_phase: DpoPhase
) -> None:
    losses, gradients = shared_and_not(in_double, pairs, dpo_phase(), part="language_model")
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)
    assert float((gradients[0] - gradients[1]).norm() / gradients[1].norm()) < 1e-12
    # On the way back through the vision tower its rotary positions are applied in float32.
    _, gradients = shared_and_not(in_double, pairs, dpo_phase(), part="visual")
    assert float((gradients[0] - gradients[1]).norm() / gradients[1].norm()) < 1e-8


def test_shared_beginning_changes_nothing_in_float32(
    backbone: Backbone, pairs: list[EncodedPair], dpo_phase: DpoPhase
) -> None:
    losses, gradients = shared_and_not(backbone, pairs, dpo_phase(), part="model")
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    assert float((gradients[0] - gradients[1]).norm() / gradients[1].norm()) < 1e-5


def shared_and_not(
    backbone: Backbone, pairs: list[EncodedPair], config: DpoConfig, *, part: str
) -> tuple[list[float], list[torch.Tensor]]:
    objective = PreferenceLoss(backbone.model, config=config)
    losses: list[float] = []
    gradients: list[torch.Tensor] = []
    for share_prefix in (True, False):
        backbone.model.zero_grad()
        tensors = tensors_of(pairs, backbone=backbone, share_prefix=share_prefix)
        loss = objective({**tensors, REFERENCE: drawn_reference(len(pairs))})[LOSS]
        loss.backward()
        losses.append(float(loss.detach()))
        gradients.append(flat_gradient(backbone.model, part=part))
    return losses, gradients


def test_picture_and_question_are_there_once(backbone: Backbone, pairs: list[EncodedPair]) -> None:
    shared, counts = collate_pairs(pairs, parts=backbone.parts, share_prefix=True)
    apart, both = collate_pairs(pairs, parts=backbone.parts, share_prefix=False)
    assert len(shared["input_ids"]) == NUM_PAIRS and len(apart["input_ids"]) == 2 * NUM_PAIRS
    assert 2 * len(shared["pixel_values"]) == len(apart["pixel_values"])
    assert 2 * counts.image == both.image and counts.target == both.target
    assert counts.real < 0.7 * both.real


def test_step_does_not_depend_on_how_it_is_cut(
    in_double: Backbone, pairs: list[EncodedPair], dpo_phase: DpoPhase
) -> None:
    objective = PreferenceLoss(in_double.model, config=dpo_phase(sft_weight=0.3))
    reference = drawn_reference(NUM_PAIRS)

    def total(*sizes: int) -> float:
        at, value = 0, 0.0
        for size in sizes:
            some = pairs[at : at + size]
            tensors = tensors_of(some, backbone=in_double, share_prefix=True)
            told = objective({**tensors, REFERENCE: reference[2 * at : 2 * (at + size)]})
            value, at = value + float(told[LOSS].detach()), at + size
        return value

    assert total(5) == pytest.approx(total(1, 3, 1), rel=1e-12)


def test_micro_batches_can_be_cut(
    backbone: Backbone, dialect: Dialect, pair_folder: Any, dpo_phase: DpoPhase
) -> None:
    folder, config = RecordFolder(pair_folder), dpo_phase(pairs_per_step=8, pairs_per_micro_batch=4)
    found = make_pairs(
        draw_mixture(folder, phase=config, seed=0).records, config=config, dialect=dialect, seed=0
    ).kept
    pictures = ViewCache(folder.media_store(), pixels=backbone.parts.pixels, most_bytes=1 << 20)
    encoder = Encoder(backbone.parts, dialect=dialect)
    batches = PairBatches(
        found,
        encoder=PairEncoder(encoder, pictures=pictures, max_tokens=4096),
        config=config, seed=0, reference=np.arange(2.0 * len(found)).reshape(-1, 2),
    )  # fmt: skip
    cut = batches.cut(2)
    assert cut is not None and batches.cut(8) is None
    for rank in (0, 1):
        whole = batches.micro_batches(0, rank=rank, num_ranks=2)
        small = cut.micro_batches(0, rank=rank, num_ranks=2)
        assert [micro.weight for micro in whole] == [4] and len(small) == 2
        ids = [name for micro in small for name in micro.record_ids]
        assert tuple(ids) == whole[0].record_ids
        numbers = torch.cat([micro.tensors[REFERENCE] for micro in small])
        assert torch.equal(numbers, whole[0].tensors[REFERENCE])
        assert [found[int(number) // 2].record_id for number in numbers[::2]] == ids


def test_adapter_switched_off_is_the_cached_reference(
    in_double: Backbone, pairs: list[EncodedPair], dpo_phase: DpoPhase
) -> None:
    tensors = tensors_of(pairs, backbone=in_double, share_prefix=True)
    with torch.no_grad():
        start = answer_log_probs(in_double.model, tensors).sums
    layer = "model.language_model.layers.0.self_attn.q_proj"
    add_adapter(in_double.model, shape=LoraShape({layer: 4}, {layer: 8.0}), seed=0)
    in_double.model.double()
    values = dict(in_double.model.named_parameters())
    with torch.no_grad():
        values[f"{layer}.lora_B.default.weight"].normal_(generator=torch.Generator().manual_seed(0))
    objective = PreferenceLoss(in_double.model, config=dpo_phase())
    results: list[tuple[float, torch.Tensor]] = []
    for given in ({REFERENCE: start}, {}):
        in_double.model.zero_grad()
        told = objective({**tensors, **given})
        told[LOSS].backward()
        results.append((float(told[LOSS].detach()), flat_gradient(in_double.model)))
    assert results[0][0] != pytest.approx(NUM_PAIRS * math.log(2), rel=1e-6)
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-12)
    assert torch.equal(results[0][1], results[1][1]) and results[0][1].any()


def test_only_the_last_answer_of_a_conversation_counts(
    backbone: Backbone, dialect: Dialect
) -> None:
    turns = (Turn("user", "Gripper box?"), Turn("assistant", "Which?"), Turn("user", "The left."))
    encoder = Encoder(backbone.parts, dialect=dialect)
    pictures = ViewCache(MediaStore({}), pixels=encoder.parts.pixels, most_bytes=0)
    writer = PairEncoder(encoder, pictures=pictures, max_tokens=4096)
    pair = writer.encode(Pair("a", (), turns, "[1, 2]", "no"))
    for item, said in ((pair.chosen, "[1, 2]"), (pair.rejected, "no")):
        kept = [int(label) for label in item.labels if label != IGNORED]
        assert kept[:-1] == encoder.text_ids(said) and item.num_target_tokens == len(kept)

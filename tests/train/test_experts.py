"""Training experts: their loss by its formula, filling left out, the dense layers untouched."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from roboloop.dialects import Dialect
from roboloop.models.backbone import load_backbone
from roboloop.models.moe.modeling_roboloop_moe import MoeMlp
from roboloop.models.moe.options import MoeLossOptions
from roboloop.train.batches import LOSS
from roboloop.train.config import SftConfig
from roboloop.train.expert_loss import BALANCE, ENTROPY, MOST, ExpertLoss, real_tokens
from roboloop.train.sft import run_sft

Phase = Callable[..., SftConfig]


class Config:
    hidden_size, intermediate_size, hidden_act = 8, 12, "silu"
    num_experts, num_experts_per_tok, moe_intermediate_size = 4, 2, 6
    norm_topk_prob, moe_folded = True, False


class Network(nn.Module):
    """Two layers with experts, and an objective over them: the sum of what comes out."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.layers: Any = nn.ModuleList([MoeMlp(Config()) for _ in range(2)])
        self.embedding = nn.Embedding(50, 8)
        for layer in self.layers:
            nn.init.normal_(layer.router.weight)

    def forward(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        hidden = self.embedding(tensors["input_ids"])
        for layer in self.layers:
            hidden = layer(hidden)
        return {LOSS: hidden.sum() * 0}


def by_formula(network: Network, ids: Tensor) -> tuple[float, float]:
    """Balance and largest load, mean and largest over the layers, expert by expert."""
    hidden, balances, loads = network.embedding(ids), [], []
    for layer in network.layers:
        probabilities = layer.router(hidden).softmax(-1)
        chosen = probabilities.topk(2).indices.tolist()
        counts = [sum(number in pair for pair in chosen) for number in range(4)]
        shares = [count / (2 * len(chosen)) for count in counts]
        means = probabilities.mean(0).tolist()
        balances.append(4 * sum(f * p for f, p in zip(shares, means, strict=True)))
        loads.append(4 * max(shares))
        hidden = layer(hidden)
    return sum(balances) / 2, max(loads)


@torch.no_grad()
def test_losses_are_the_formulas_over_real_tokens_only() -> None:
    network = Network()
    ids = torch.arange(1, 13).view(2, 6)
    mask = torch.ones_like(ids)
    mask[1, 4:] = 0
    labels = torch.where(mask.bool(), ids, -100)
    objective = ExpertLoss(network, network=network, options=MoeLossOptions(balance=0.5))
    told = objective({"input_ids": ids, "attention_mask": mask, "labels": labels})
    num_targets = 5 + 3
    balance, most = by_formula(network, ids[mask.bool()])
    assert float(told[BALANCE]) / num_targets == pytest.approx(balance, rel=1e-5)
    assert float(told[LOSS]) / num_targets == pytest.approx(0.5 * balance, rel=1e-5)
    assert float(told[MOST]) / num_targets == pytest.approx(most, rel=1e-5)
    assert 0 < float(told[ENTROPY]) / num_targets <= 1
    # What stands in the filling changes nothing.
    other = ids.clone()
    other[1, 4:] = 40
    again = objective({"input_ids": other, "attention_mask": mask, "labels": labels})
    assert all(torch.equal(told[name], again[name]) for name in told)


@torch.no_grad()
def test_equal_use_gives_one() -> None:
    network = Network()
    for layer in network.layers:
        nn.init.zeros_(layer.router.weight)
    ids = torch.arange(1, 9).view(1, 8)
    objective = ExpertLoss(network, network=network, options=MoeLossOptions())
    told = objective({"input_ids": ids, "labels": ids})
    assert float(told[BALANCE]) / 7 == pytest.approx(1.0)


def test_masks_of_every_shape_tell_filling() -> None:
    ids = torch.ones(1, 4, dtype=torch.long)
    assert real_tokens({"input_ids": ids}).all()
    flat = torch.tensor([[1, 1, 1, 0]])
    seen = torch.tensor([[[[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 0, 1]]]]).bool()
    for mask in (flat, seen):
        found = real_tokens({"input_ids": ids, "attention_mask": mask})
        assert found.tolist() == [[True, True, True, False]]


def test_experts_alone_are_trained(
    tiny_folder: Path, record_folder: Path, dialect: Dialect, phase: Phase, tmp_path: Path
) -> None:
    config = phase(
        num_steps=40,
        parts=["moe"],
        learning_rate=1e-2,
        gate_learning_rate=0.2,
        optimizer={"kind": "adamw"},
        moe={"num_experts": 4, "num_experts_per_token": 2, "expert_width": 32},
    )
    result = run_sft(
        config, model=tiny_folder, records=record_folder, out=tmp_path, dialect=dialect, seed=3
    )
    lines = [json.loads(line) for line in (tmp_path / "trainer_log.jsonl").read_text().splitlines()]
    assert lines[-1]["loss"] < 0.97 * lines[0]["loss"]
    assert 1 <= lines[-1]["moe_most_load"] <= 4 and 0 < lines[-1]["moe_entropy"] <= 1
    before = load_backbone(tiny_folder, device="cpu").model.state_dict()
    after = load_backbone(result.folder, device="cpu").model.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    gates = [tensor for name, tensor in after.items() if name.endswith("moe_gate")]
    assert len(gates) == 2 and all(float(gate.abs()) > 0.01 for gate in gates)
    report = json.loads((tmp_path / "trainable.json").read_text())
    assert report["num_trained_by_part"].keys() == {"moe"}
    assert report["num_trained"] == sum(
        tensor.numel() for name, tensor in after.items() if name not in before
    )


def test_experts_and_adapters_exclude_each_other(phase: Phase) -> None:
    with pytest.raises(ValueError, match="exclude each other"):
        phase(moe={}, lora={})

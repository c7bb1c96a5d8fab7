"""Which tensors are trained, by which optimizer, at which rate."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from roboloop.base.errors import RoboLoopError
from roboloop.models.backbone import Backbone
from roboloop.train.config import SftConfig
from roboloop.train.muon import Muon
from roboloop.train.optim import (
    choose_trainables,
    group_facts,
    make_optimizers,
    part_of,
)
from roboloop.train.schedule import schedule_factor

Phase = Callable[..., SftConfig]


def test_every_tensor_has_its_part(backbone: Backbone) -> None:
    parts = {name: part_of(name) for name, _ in backbone.model.named_parameters()}
    assert parts["model.visual.patch_embed.proj.weight"] == "vision"
    assert parts["model.visual.merger.mlp.0.weight"] == "projector"
    assert parts["model.language_model.embed_tokens.weight"] == "language"
    assert set(parts.values()) == {"vision", "projector", "language"}


def test_a_frozen_part_does_not_change(backbone: Backbone, phase: Phase) -> None:
    config = phase(parts=("projector",))
    trainables = choose_trainables(backbone.model, config=config)
    report = trainables.report()
    assert set(report["num_trained_by_part"]) == {"projector"}
    assert report["num_trained"] + report["num_frozen"] == backbone.num_parameters
    before = {name: p.detach().clone() for name, p in backbone.model.named_parameters()}
    for parameter in backbone.model.parameters():
        parameter.grad = torch.ones_like(parameter)
    for optimizer in make_optimizers(trainables, config=config):
        optimizer.step()
    changed = {
        name for name, p in backbone.model.named_parameters() if not torch.equal(p, before[name])
    }
    assert changed == {name for name in before if part_of(name) == "projector"}


def test_rates_and_decay_by_part(backbone: Backbone, phase: Phase) -> None:
    config = phase(
        learning_rate=1e-3,
        part_learning_rates={"vision": 2e-4},
        optimizer={"kind": "muon", "weight_decay": 0.1, "matrix_rate_factor": 20},
    )
    trainables = choose_trainables(backbone.model, config=config)
    facts = group_facts(make_optimizers(trainables, config=config))
    assert sum(group["num_weights"] for group in facts) == backbone.num_parameters
    rates = {(g["optimizer"], g["part"]): g["peak_learning_rate"] for g in facts}
    assert rates["AdamW", "vision"] == pytest.approx(2e-4)
    assert rates["Muon", "vision"] == pytest.approx(4e-3)
    assert rates["Muon", "language"] == pytest.approx(2e-2)
    adam, muon = make_optimizers(trainables, config=config)
    assert isinstance(muon, Muon)
    by_matrix = {id(p) for group in muon.param_groups for p in group["params"]}
    names = {t.name for t in trainables.trained if id(t.parameter) in by_matrix}
    assert not any("embed_tokens" in name or "patch_embed" in name for name in names)
    undecayed = {id(p) for g in adam.param_groups if g["weight_decay"] == 0 for p in g["params"]}
    assert undecayed == {id(t.parameter) for t in trainables.trained if t.parameter.ndim == 1}


def test_nothing_to_train_is_an_error(backbone: Backbone, phase: Phase) -> None:
    with pytest.raises(RoboLoopError, match="E-TRN-001"):
        choose_trainables(backbone.model, config=phase(learning_rate=0))


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("model.language_model.layers.3.mlp.experts.gate_up_proj", "moe"),
        ("model.language_model.layers.3.mlp.router.weight", "moe"),
        ("model.language_model.layers.3.mlp.moe_gate", "moe"),
        ("model.language_model.layers.3.mlp.gate_proj.weight", "language"),
        ("model.language_model.layers.3.self_attn.q_proj.lora_A.default.weight", "language"),
        ("model.visual.merger.mlp.0.lora_B.default.weight", "projector"),
        ("model.visual.amplifier.gate", "amplifier"),
        ("lm_head.weight", "language"),
    ],
)
def test_experts_adapters_and_amplifiers_have_their_part(name: str, part: str) -> None:
    assert part_of(name) == part


class WithExperts(torch.nn.Module):
    """The names that a layer with experts has, without the layer."""

    def __init__(self) -> None:
        super().__init__()
        layer, mlp = torch.nn.Module(), torch.nn.Module()
        mlp.moe_gate = torch.nn.Parameter(torch.zeros(1, 1))
        mlp.experts = torch.nn.ParameterDict({"down_proj": torch.nn.Parameter(torch.ones(4, 2, 3))})
        mlp.router = torch.nn.Linear(3, 4, bias=False)
        mlp.up_proj = torch.nn.Linear(3, 3)
        layer.mlp = mlp
        self.layers = torch.nn.ModuleList([layer])


def test_a_gate_has_its_own_rate_and_no_decay(phase: Phase) -> None:
    config = phase(
        parts=("moe", "language"), learning_rate=1e-5, gate_learning_rate=1e-2,
        part_weight_decays={"moe": 0.2}, optimizer={"kind": "adamw", "weight_decay": 0.1},
    )  # fmt: skip
    root = torch.nn.Module()
    root.model = torch.nn.Module()
    root.model.language_model = WithExperts()
    facts = group_facts(make_optimizers(choose_trainables(root, config=config), config=config))
    found = {
        (g["part"], g["num_weights"]): (g["peak_learning_rate"], g["weight_decay"]) for g in facts
    }
    assert found == {
        ("moe", 1): (1e-2, 0.0),
        ("moe", 24 + 12): (1e-5, 0.2),
        ("language", 9): (1e-5, 0.1),
        ("language", 3): (1e-5, 0.0),
    }


@pytest.mark.parametrize(
    "options", [{"parts": ("moe",)}, {"part_learning_rates": {"amplifier": 1e-3}}]
)
def test_a_part_that_the_model_lacks_is_an_error(
    backbone: Backbone, phase: Phase, options: dict[str, object]
) -> None:
    """A dense model with the experts alone to train would train nothing, without a word."""
    with pytest.raises(RoboLoopError, match=r"E-TRN-050.*(moe|amplifier); has vision, projector"):
        choose_trainables(backbone.model, config=phase(**options))


def test_a_part_with_rate_zero_is_frozen(backbone: Backbone, phase: Phase) -> None:
    config = phase(part_learning_rates={"vision": 0})
    trainables = choose_trainables(backbone.model, config=config)
    assert {tensor.part for tensor in trainables.trained} == {"projector", "language"}


@pytest.mark.parametrize("kind", ["cosine", "linear"])
def test_rate_rises_then_falls_to_nothing(phase: Phase, kind: str) -> None:
    config = phase(schedule=kind, warmup_fraction=0.1)
    factors = [schedule_factor(step, num_steps=100, config=config) for step in range(100)]
    peak = factors.index(max(factors))
    assert peak == 10 and factors[peak] == 1
    assert factors[:11] == sorted(factors[:11]) and factors[0] > 0
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert 0 < factors[-1] < 0.02
    assert factors[55] == pytest.approx(0.5)


def test_constant_schedule_stays(phase: Phase) -> None:
    config = phase(schedule="constant", warmup_fraction=0.0)
    assert {schedule_factor(step, num_steps=9, config=config) for step in range(9)} == {1.0}

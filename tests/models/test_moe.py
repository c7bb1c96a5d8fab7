"""Experts: nothing changes until they are trained; sparse equals dense; folders read back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from roboloop.base.errors import RoboLoopError
from roboloop.models.backbone import Backbone, load_backbone, save_backbone
from roboloop.models.export import export_model
from roboloop.models.moe.modeling_roboloop_moe import Experts, MoeMlp, moe_layers
from roboloop.models.moe.options import MoeOptions
from roboloop.models.moe.upcycle import NEW_TENSORS, add_experts, fold_gates

OPTIONS = MoeOptions.model_validate(
    {"num_experts": 8, "num_experts_per_token": 2, "expert_width": 24}
)
IDS = torch.arange(40).view(2, 20) + 20


@pytest.fixture(scope="module")
def experts(backbone: Backbone) -> Backbone:
    return add_experts(backbone, options=OPTIONS, seed=3)


def opened(backbone: Backbone, gate: float = 0.4) -> Backbone:
    """With experts that matter."""
    torch.manual_seed(0)
    for layer in moe_layers(backbone.model):
        assert layer.moe_gate is not None
        layer.moe_gate.data.fill_(gate)
        layer.experts.down_proj.data.normal_(std=0.3)
        layer.experts.gate_up_proj.data.normal_(std=0.3)
    return backbone


@torch.no_grad()
def logits(backbone: Backbone) -> Tensor:
    model: Any = backbone.model
    return model(input_ids=IDS).logits


def test_nothing_changes_before_training(backbone: Backbone, experts: Backbone) -> None:
    assert torch.equal(logits(backbone), logits(experts))
    new = experts.model.state_dict().keys() - backbone.model.state_dict().keys()
    num_layers = backbone.model.config.text_config.num_hidden_layers
    assert len(new) == len(NEW_TENSORS) * num_layers == 4 * len(moe_layers(experts.model))
    again = add_experts(backbone, options=OPTIONS, seed=3)
    assert again.weights_hash() == experts.weights_hash()
    assert add_experts(backbone, options=OPTIONS, seed=4).weights_hash() != again.weights_hash()


def test_first_gradient_opens_the_gate(experts: Backbone) -> None:
    model: Any = experts.model
    model.zero_grad()
    model(input_ids=IDS, labels=IDS).loss.backward()
    for layer in moe_layers(model):
        assert layer.moe_gate is not None and layer.moe_gate.grad is not None
        assert float(layer.moe_gate.grad.abs()) > 0
        assert layer.experts.down_proj.grad is not None
        assert float(layer.experts.down_proj.grad.abs().max()) == 0
    model.zero_grad()


def every_expert(layer: MoeMlp, hidden: Tensor) -> Tensor:
    """The same by the formula: every expert on every token, weighed, in float64."""
    layer, hidden = layer.double(), hidden.double()
    probabilities = layer.router(hidden).softmax(-1)
    kept = probabilities.topk(layer.top_k).indices
    weights = torch.zeros_like(probabilities).scatter(1, kept, probabilities.gather(1, kept))
    if layer.norm_topk_prob:
        weights = weights / weights.sum(-1, keepdim=True)
    total = layer.down_proj(layer.act_fn(layer.gate_proj(hidden)) * layer.up_proj(hidden))
    stacks = zip(layer.experts.gate_up_proj, layer.experts.down_proj, strict=True)
    assert layer.moe_gate is not None
    for number, (gate_up, down) in enumerate(stacks):
        gate, up = (hidden @ gate_up.T).chunk(2, dim=-1)
        out = (nn.functional.silu(gate) * up) @ down.T
        total = total + layer.moe_gate.tanh() * weights[:, number, None] * out
    return total


@pytest.mark.parametrize("normalize", [True, False])
def test_a_layer_equals_every_expert_on_every_token(backbone: Backbone, normalize: bool) -> None:
    options = OPTIONS.model_copy(update={"normalize": normalize})
    layer = moe_layers(opened(add_experts(backbone, options=options, seed=1)).model)[0].double()
    hidden = torch.randn(33, layer.gate_proj.in_features, dtype=torch.float64)
    found, wanted = layer(hidden), every_expert(layer, hidden)
    assert torch.allclose(found, wanted, atol=1e-6)  # the router's softmax is float32
    gradient = torch.autograd.grad(found.square().sum(), layer.experts.down_proj)[0]
    expected = torch.autograd.grad(wanted.square().sum(), layer.experts.down_proj)[0]
    assert torch.allclose(gradient, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.skipif(
    not hasattr(nn.functional, "grouped_mm"), reason="this torch has no grouped multiplication"
)
def test_grouped_multiplication_equals_one_by_one(experts: Backbone) -> None:
    stack: Experts = moe_layers(experts.model)[0].experts
    sizes = [3, 0, 5, 1, 0, 0, 7, 4]
    hidden = torch.randn(sum(sizes), stack.down_proj.shape[1])
    ends = torch.tensor(sizes).cumsum(0).to(torch.int32)
    grouped = stack._grouped(hidden, ends=ends)  # pyright: ignore[reportPrivateUsage]
    one_by_one = stack._one_by_one(hidden, sizes=sizes)  # pyright: ignore[reportPrivateUsage]
    assert torch.allclose(grouped, one_by_one, atol=1e-6)


def test_every_second_layer_and_slices_of_the_dense_one(backbone: Backbone) -> None:
    options = OPTIONS.model_copy(update={"every_nth_layer": 2, "init": "slices", "noise": 0.0})
    model = add_experts(backbone, options=options, seed=3)
    assert len(moe_layers(model.model)) == backbone.model.config.text_config.num_hidden_layers // 2
    layer = moe_layers(model.model)[0]
    neurons = {tuple(row) for row in layer.gate_proj.weight.tolist()}
    gates = layer.experts.gate_up_proj[:, : OPTIONS.expert_width]
    assert {tuple(row) for row in gates.flatten(0, 1).tolist()} <= neurons
    assert torch.equal(logits(backbone), logits(model))


def test_a_saved_folder_reads_back_bit_for_bit_here_and_without_roboloop(
    backbone: Backbone, tmp_path: Path
) -> None:
    model = opened(add_experts(backbone, options=OPTIONS, seed=3))
    wanted = logits(model)
    assert not torch.equal(wanted, logits(backbone))
    save_backbone(model, folder=tmp_path / "moe")
    assert torch.equal(logits(load_backbone(tmp_path / "moe", device="cpu")), wanted)
    torch.save({"ids": IDS, "logits": wanted}, tmp_path / "wanted.pt")
    code = (
        "import sys, torch\n"
        "from transformers import AutoModelForImageTextToText as Auto\n"
        "folder, wanted = sys.argv[1], torch.load(sys.argv[2])\n"
        "model = Auto.from_pretrained(folder, trust_remote_code=True, dtype=torch.float32).eval()\n"
        "assert 'roboloop' not in sys.modules\n"
        "assert torch.equal(model(input_ids=wanted['ids']).logits, wanted['logits'])\n"
    )
    ran = subprocess.run(
        [sys.executable, "-I", "-c", code, tmp_path / "moe", tmp_path / "wanted.pt"],
        env={"HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr


def test_folding_the_gates_changes_nothing_and_is_what_is_exported(
    backbone: Backbone, tmp_path: Path
) -> None:
    model = opened(add_experts(backbone, options=OPTIONS, seed=3))
    wanted = logits(model)
    folded = fold_gates(model)
    assert torch.allclose(logits(folded), wanted, atol=1e-5)
    assert not any("moe_gate" in name for name in folded.model.state_dict())
    save_backbone(model, folder=tmp_path / "moe")
    export_model(tmp_path / "moe", out=tmp_path / "out", dtype="float32")
    assert torch.equal(logits(load_backbone(tmp_path / "out", device="cpu")), logits(folded))
    text = load_backbone(tmp_path / "out", device="cpu").model.config.text_config
    assert (text.num_experts, text.num_experts_per_tok, text.moe_intermediate_size) == (8, 2, 24)


def test_experts_are_added_once(experts: Backbone) -> None:
    with pytest.raises(RoboLoopError, match="has experts already"):
        add_experts(experts, options=OPTIONS, seed=0)


def test_options_that_contradict_each_other() -> None:
    with pytest.raises(ValueError, match="cannot go through 5 of 4"):
        MoeOptions.model_validate({"num_experts": 4, "num_experts_per_token": 5})

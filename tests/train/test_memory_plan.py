"""The memory a phase would take, held against real models and what autograd really keeps."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers import AutoModelForImageTextToText

from roboloop.models.backbone import load_backbone, model_class, save_backbone
from roboloop.models.moe.options import MoeOptions
from roboloop.models.moe.upcycle import add_experts, moe_config
from roboloop.train.config import SftConfig
from roboloop.train.memory_plan import SHARDINGS, Pass, memory_need
from roboloop.train.model_shape import config_of_size, shape_of_phase
from roboloop.train.optim import choose_trainables
from roboloop.train.recompute import recompute_activations

Phase = Callable[..., SftConfig]
GOOD = {"optimizer": {"kind": "adamw"}, "num_steps": 1000, "learning_rate": 1e-5}
MOE = MoeOptions(num_experts=6, num_experts_per_token=2, expert_width=24)


@pytest.mark.parametrize(
    ("size", "num_weights"),
    [("3b", 3_754_622_976), ("7b", 8_292_166_656), ("32b", 33_452_718_336)],
)
def test_published_sizes_have_their_weights(size: str, num_weights: int) -> None:
    """As the sizes of the published safetensors files say."""
    with torch.device("meta"):
        network = AutoModelForImageTextToText.from_config(config_of_size(size))
    assert sum(parameter.numel() for parameter in network.parameters()) == num_weights


@pytest.mark.parametrize(("size", "added"), [("3b", 7.25e9), ("7b", 9.87e9)])
def test_robointers_experts_add_what_they_are_known_to(
    phase: Phase, size: str, added: float
) -> None:
    """16 experts of width 2,048 beside every layer; a token meets a quarter of them."""
    config = phase(**GOOD, parts=("moe",))
    dense = shape_of_phase(phase(**GOOD), model=size)
    routed = shape_of_phase(config, model=size, moe=MoeOptions())
    assert routed.num_weights - dense.num_weights == pytest.approx(added, rel=1e-3)
    assert routed.num_trained == routed.num_weights - dense.num_weights
    assert routed.num_active - dense.num_weights == pytest.approx(added / 4, rel=1e-2)
    assert dense.num_active == dense.num_weights and dense.experts is None


@pytest.mark.parametrize("parts", [None, ("moe",), ("language", "projector")])
def test_a_real_model_with_experts_has_the_weights_that_are_planned(
    phase: Phase, tiny_folder: Path, tmp_path: Path, parts: tuple[str, ...] | None
) -> None:
    config = phase(**GOOD, parts=parts)
    planned = shape_of_phase(config, model=tiny_folder, moe=MOE)
    real = add_experts(load_backbone(tiny_folder, device="cpu"), options=MOE, seed=0)
    assert planned.num_weights == real.num_parameters
    trained = choose_trainables(real.model, config=config).trained
    assert planned.num_trained == sum(tensor.parameter.numel() for tensor in trained)
    idle = sum(p.numel() for n, p in real.model.named_parameters() if ".experts." in n) * 4 // 6
    assert planned.num_active == real.num_parameters - idle
    # Saved, it is counted from its folder, and what a later phase says of experts changes nothing.
    folder = save_backbone(real, folder=tmp_path / "saved")
    assert shape_of_phase(config, model=folder) == planned
    assert shape_of_phase(config, model=folder, moe=MoeOptions()) == planned


def test_memory_falls_with_sharding_and_with_adapters(phase: Phase) -> None:
    whole, adapted = phase(**GOOD), phase(**GOOD, lora={"rank": 16})
    shape = shape_of_phase(whole, model="7b")
    passed = Pass(8192)

    def need(sharding: Any, *, config: SftConfig = whole, passed: Pass = passed) -> float:
        chosen = shape if config is whole else shape_of_phase(config, model="7b")
        return memory_need(chosen, config=config, sharding=sharding, num_gpus=8, passed=passed).low

    assert shape.num_trained == shape.num_weights
    order = [need(sharding) for sharding in SHARDINGS]
    assert order[0] > order[1] > order[2] > order[3] == order[4] > order[5]
    assert need("none", passed=passed._replace(recompute="full")) < need("none")
    # 16 bytes a weight, and 2 for its bfloat16 copy.
    found = memory_need(shape, config=whole, sharding="none", num_gpus=1, passed=passed)
    assert found.low - found.activations == 18 * shape.num_weights
    assert found.high > found.low
    assert need("none", config=adapted) < 0.7 * need("none")


def test_experts_count_under_every_sharding(phase: Phase) -> None:
    """ZeRO-3 and FSDP2 share them out like all weights; one whole layer of them is gathered."""
    config = phase(**GOOD)
    dense = shape_of_phase(config, model="3b")
    routed = shape_of_phase(config, model="3b", moe=MoeOptions())
    added = routed.num_weights - dense.num_weights
    layer = added // 36
    assert routed.num_largest - dense.num_largest > 0.9 * (layer - dense.num_largest)
    for sharding, bytes_each in (("none", 18), ("zero1", 11), ("zero2", 7.5), ("zero3", 2)):
        more = [
            memory_need(shape, config=config, sharding=sharding, num_gpus=8, passed=Pass(2048))
            for shape in (dense, routed)
        ]
        grown = sum(more[1][:3]) - sum(more[0][:3])
        gathered = 6 * (routed.num_largest - dense.num_largest) if sharding == "zero3" else 0
        assert grown - gathered == pytest.approx(bytes_each * added, rel=1e-6)
        assert more[1].activations > more[0].activations
    offloaded = memory_need(
        routed, config=config, sharding="offload", num_gpus=8, passed=Pass(2048)
    )
    assert offloaded.states == 0 and offloaded.weights == 6 * routed.num_largest


def test_an_adapters_weights_are_counted_without_making_them(phase: Phase) -> None:
    """Rank x (inputs + outputs) of q and v in 36 layers of the 3B."""
    config = phase(**GOOD, parts=("language",), lora={"rank": 8, "targets": ["q_proj", "v_proj"]})
    shape = shape_of_phase(config, model="3b")
    assert shape.num_trained == 36 * 8 * ((2048 + 2048) + (2048 + 256))


@pytest.fixture(scope="module", params=[False, True], ids=["dense", "experts"])
def real_model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wide enough for what the formulas leave out to be small, in a folder."""
    config: Any = config_of_size("3b")
    text, vision = config.text_config, config.vision_config
    text.hidden_size, text.intermediate_size, text.num_hidden_layers = 256, 768, 3
    text.num_attention_heads, text.num_key_value_heads, text.vocab_size = 8, 2, 64
    text.layer_types = text.layer_types[:3]
    text.rope_parameters["mrope_section"] = [4, 6, 6]
    text.bos_token_id = text.eos_token_id = None
    vision.depth, vision.hidden_size, vision.intermediate_size = 2, 64, 192
    vision.num_heads, vision.out_hidden_size = 2, 256
    if request.param:
        config = moe_config(
            config, options=MoeOptions(num_experts=8, num_experts_per_token=2, expert_width=96)
        )
    folder = tmp_path_factory.mktemp("wide")
    config.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("recompute", ["off", "selective", "full"])
@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
def test_autograd_keeps_what_is_planned(
    phase: Phase, real_model: Path, precision: str, recompute: Any
) -> None:
    config = phase(**GOOD, parts=("language",), precision=precision)
    shape = shape_of_phase(config, model=real_model)
    num_tokens = 997
    passed = Pass(num_tokens, 0.0, recompute)
    planned = memory_need(shape, config=config, sharding="none", num_gpus=1, passed=passed)
    logits = num_tokens * shape.vocabulary * 12
    layer = planned.activations - logits
    if recompute != "off":  # in full for one layer, which autograd keeps only on the way back
        whole = memory_need(
            shape, config=config, sharding="none", num_gpus=1, passed=Pass(num_tokens, 0.0)
        )
        layer -= (whole.activations - logits) / shape.text.depth
    kept = _kept_bytes(real_model, num_tokens=num_tokens, precision=precision, recompute=recompute)
    last_norm = 2 * 4 * num_tokens * shape.text.width
    assert kept - last_norm == pytest.approx(layer, rel=0.1)


def _kept_bytes(folder: Path, *, num_tokens: int, precision: str, recompute: Any) -> int:
    """Bytes that autograd keeps from a forward pass, weights and their copies left out."""
    gc.collect()
    before = {id(found) for found in gc.get_objects() if type(found) is torch.Tensor}
    torch.manual_seed(0)
    kind = model_class(folder)
    network: Any = kind(kind.config_class.from_pretrained(folder)).train()
    if recompute != "off":
        recompute_activations(network, how=recompute)
    shapes = _weight_shapes(network)
    storages: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        if tuple(tensor.shape) not in shapes and tensor.numel() > 64:
            storage = tensor.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    ids = torch.randint(0, 60, (1, num_tokens))
    places = torch.arange(num_tokens).expand(4, 1, num_tokens)
    with (
        torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor),
        torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"),
    ):
        hidden = network.model(input_ids=ids, position_ids=places, use_cache=False)
    if recompute == "selective":  # keeps them in a table of its own
        for found in gc.get_objects():
            if type(found) is torch.Tensor and id(found) not in before:
                note(found)
    del hidden
    return sum(storages.values())


def _weight_shapes(network: nn.Module) -> set[tuple[int, ...]]:
    shapes = {tuple(parameter.shape) for parameter in network.parameters()}
    shapes |= {shape[1:] for shape in shapes}
    return shapes | {shape[::-1] for shape in shapes}

"""Phases with LoRA: what is trained, peft's own forward as oracle, start, resume and merge."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from stopping import stopped_and_resumed
from transformers import AutoModelForImageTextToText

from roboloop.base.errors import RoboLoopError
from roboloop.dialects import Dialect
from roboloop.models.backbone import Backbone, load_backbone
from roboloop.models.lora import adapter_off, has_adapter, merge_adapter
from roboloop.train.adapt import adapter_shape, prepare_adapter
from roboloop.train.config import SftConfig
from roboloop.train.optim import choose_trainables
from roboloop.train.sft import run_sft
from roboloop.train.train_model import TrainResult

Phase = Callable[..., SftConfig]
Run = Callable[..., TrainResult]
RANKS = {"rank": {"vision": 2, "language": 4}}
ADAM = {"kind": "adamw"}


@pytest.fixture
def run(tiny_folder: Path, record_folder: Path, dialect: Dialect, tmp_path: Path) -> Run:
    def start(config: SftConfig, *, out: str = "out", model: Path = tiny_folder) -> TrainResult:
        given: dict[str, Any] = {"records": record_folder, "dialect": dialect, "seed": 3}
        return run_sft(config, model=model, out=tmp_path / out, **given)

    return start


@pytest.fixture
def adapted(phase: Phase) -> SftConfig:
    return phase(parts=("vision", "language"), lora=RANKS, optimizer=ADAM, learning_rate=5e-3)


def logits(model: Any, backbone: Backbone) -> torch.Tensor:
    """Of a text and a picture of noise."""
    parts = backbone.parts
    ids = torch.tensor([[30, parts.special.image_pad, parts.special.image_pad, 31, 32, 40]])
    values = 3 * 2 * parts.pixels.patch_size**2
    pixels = torch.randn(8, values, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return model(
            input_ids=ids,
            pixel_values=pixels,
            image_grid_thw=torch.tensor([[1, 2, 4]]),
            mm_token_type_ids=(ids == parts.special.image_pad).long(),
        ).logits


def test_ranks_by_part_and_nothing_else_is_trained(backbone: Backbone, adapted: SftConfig) -> None:
    prepare_adapter(backbone.model, config=adapted, seed=0)
    shape = adapter_shape(backbone.model, config=adapted)
    assert shape.ranks["model.visual.blocks.0.attn.qkv"] == 2
    assert shape.ranks["model.language_model.layers.1.mlp.down_proj"] == 4
    assert shape.alphas["model.visual.blocks.0.attn.qkv"] == 4.0
    assert not any("merger" in name or "lm_head" in name for name in shape.ranks)
    report = choose_trainables(backbone.model, config=adapted).report()
    assert all(".lora_" in name for name in report["tensors"])
    linear = {name: backbone.model.get_submodule(name) for name in shape.ranks}
    sizes = {name: layer.in_features + layer.out_features for name, layer in linear.items()}
    assert report["num_trained"] == sum(shape.ranks[name] * sizes[name] for name in sizes)


def test_a_new_adapter_changes_nothing(backbone: Backbone, adapted: SftConfig) -> None:
    before = logits(backbone.model, backbone)
    prepare_adapter(backbone.model, config=adapted, seed=0)
    assert torch.equal(logits(backbone.model, backbone), before)


def test_trained_adapter_equals_pefts_own_forward(
    run: Run, adapted: SftConfig, tiny_folder: Path
) -> None:
    result = run(adapted)
    assert result.folder.name == "adapter" and not (result.folder.parent / "model").exists()
    ours = load_backbone(result.folder, device="cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft asks transformers for a name that is going away
        from peft import PeftModel

        whole = AutoModelForImageTextToText.from_pretrained(tiny_folder, dtype="float32")
        theirs = PeftModel.from_pretrained(whole, str(result.folder)).eval()
    found, expected = logits(ours.model, ours), logits(theirs, ours)
    assert torch.equal(found, expected)
    untrained = logits(load_backbone(tiny_folder, device="cpu").model, ours)
    assert (found - untrained).abs().max() > 1e-3
    with adapter_off(ours.model):
        assert torch.equal(logits(ours.model, ours), untrained)
    assert torch.equal(logits(ours.model, ours), found)
    merge_adapter(ours.model)
    assert not has_adapter(ours.model)
    torch.testing.assert_close(logits(ours.model, ours), found, atol=1e-5, rtol=1e-5)


def test_the_merged_model_is_written_on_request(run: Run, phase: Phase) -> None:
    result = run(phase(lora={"rank": 4, "merge": True}, optimizer=ADAM, learning_rate=5e-3))
    merged = load_backbone(result.folder, device="cpu")
    kept = load_backbone(result.folder.parent / "adapter", device="cpu")
    assert result.folder.name == "model" and not has_adapter(merged.model)
    found, expected = (logits(one.model, one) for one in (merged, kept))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_parts_without_a_rank_are_trained_in_full_and_merged(run: Run, phase: Phase) -> None:
    result = run(phase(parts=("projector", "language"), lora={"rank": {"language": 4}}))
    out = result.folder.parent
    trained = json.loads((out / "trainable.json").read_text())["tensors"]
    assert "model.visual.merger.mlp.0.weight" in trained
    assert not any("language_model" in name and ".lora_" not in name for name in trained)
    assert result.folder.name == "model" and not (out / "adapter").exists()


def test_a_phase_goes_on_with_the_adapter_it_starts_from(
    run: Run, adapted: SftConfig, phase: Phase, tiny_folder: Path
) -> None:
    first = run(adapted, out="first")
    still = adapted.model_copy(update={"name": "second", "num_steps": 1, "learning_rate": 1e-9})
    second = run(still, out="second", model=first.folder)
    old, new = (load_file(r.folder / "adapter_model.safetensors") for r in (first, second))
    assert old.keys() == new.keys()
    assert all(torch.allclose(old[name], new[name], atol=1e-6) for name in old)
    config = json.loads((second.folder / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(tiny_folder)
    with pytest.raises(RoboLoopError, match=r"E-TRN-051.*rank 8.*rank 2 and 4"):
        run(phase(lora={"rank": 8}), out="other", model=first.folder)
    full = run(phase(num_steps=1), out="full", model=first.folder)
    assert not has_adapter(load_backbone(full.folder).model)


def test_stopped_run_with_dropout_goes_on_to_the_same_adapter(run: Run, phase: Phase) -> None:
    config = phase(
        num_steps=6, save_every_steps=2, lora={"rank": 4, "dropout": 0.2}, optimizer=ADAM,
        learning_rate=5e-3,
    )  # fmt: skip
    whole = run(config, out="whole")
    resumed = stopped_and_resumed(run, config, before_step=5)
    stored = [(r.folder / "adapter_model.safetensors").read_bytes() for r in (whole, resumed)]
    assert stored[0] == stored[1] and whole.final_loss == resumed.final_loss


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"targets": ["q_prj"]}, r"q_prj; linear layers are .*q_proj"),
        ({"targets": ["qkv"], "rank": {"language": 4}}, "no layer"),
    ],
)
def test_targets_that_name_nothing_are_errors(
    backbone: Backbone, phase: Phase, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(RoboLoopError, match=f"E-TRN-051.*{message}"):
        prepare_adapter(backbone.model, config=phase(lora=options), seed=0)


def test_targets_choose_layers(backbone: Backbone, phase: Phase) -> None:
    shape = adapter_shape(backbone.model, config=phase(lora={"targets": ["q_proj", "qkv"]}))
    assert {name.rpartition(".")[2] for name in shape.ranks} == {"q_proj", "qkv"}


def test_an_adapter_without_its_model_is_named(run: Run, adapted: SftConfig) -> None:
    folder = run(adapted).folder
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | {"base_model_name_or_path": "/nowhere/to/be/found"}))
    with pytest.raises(RoboLoopError, match=r"E-ENG-006.*/nowhere/to/be/found"):
        load_backbone(folder)


def test_a_damaged_adapter_is_named(run: Run, adapted: SftConfig) -> None:
    weights = run(adapted).folder / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(RoboLoopError, match="E-ENG-006"):
        load_backbone(weights.parent)

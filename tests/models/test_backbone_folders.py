from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from roboloop.base.errors import RoboLoopError
from roboloop.dialects import Dialect
from roboloop.models.backbone import Backbone, load_backbone, save_backbone
from roboloop.models.batch import collate
from roboloop.models.chat import Encoder

Noise = Callable[[int, int], Image.Image]


def test_what_is_saved_is_what_is_loaded(
    backbone: Backbone, dialect: Dialect, tiny_folder: Path, tmp_path: Path, noise: Noise
) -> None:
    trained = load_backbone(tiny_folder, device="cpu")
    with torch.no_grad():
        for parameter in trained.model.parameters():
            parameter += 0.01 * torch.randn(parameter.shape, generator=torch.manual_seed(1))
    saved = save_backbone(trained, folder=tmp_path / "saved")
    again = load_backbone(saved, device="cpu")
    mine, read = trained.model.state_dict(), again.model.state_dict()
    assert list(mine) == list(read)
    assert all(torch.equal(mine[name], read[name]) for name in mine)
    assert again.weights_hash() == trained.weights_hash() != backbone.weights_hash()
    assert again.parts.identity() == trained.parts.identity()
    batch = collate(
        [Encoder(trained.parts, dialect=dialect).prompt([noise(50, 50)], question="Hi")],
        parts=trained.parts,
    )
    with torch.inference_mode():
        assert torch.equal(trained.model(**batch).logits, again.model(**batch).logits)


def test_saving_twice_gives_the_same_bytes(backbone: Backbone, tmp_path: Path) -> None:
    first = save_backbone(backbone, folder=tmp_path / "a")
    second = save_backbone(load_backbone(first, device="cpu"), folder=tmp_path / "b")
    names = sorted(path.name for path in first.iterdir())
    assert names == sorted(path.name for path in second.iterdir())
    assert all((first / name).read_bytes() == (second / name).read_bytes() for name in names)


def test_half_precision_survives(tiny_folder: Path, tmp_path: Path) -> None:
    half = load_backbone(tiny_folder, device="cpu", dtype="bfloat16")
    assert {p.dtype for p in half.model.parameters()} == {torch.bfloat16}
    saved = save_backbone(half, folder=tmp_path / "half")
    again = load_backbone(saved, device="cpu", dtype="bfloat16")
    assert again.weights_hash() == half.weights_hash()
    wide = load_backbone(saved, device="cpu")
    assert {p.dtype for p in wide.model.parameters()} == {torch.float32}


def test_files_carry_the_published_names(tiny_folder: Path) -> None:
    names = set(load_file(tiny_folder / "model.safetensors"))
    in_memory = set(load_backbone(tiny_folder, device="cpu").model.state_dict())
    assert {name.split(".")[0] for name in names} == {"visual", "model"}
    assert not names & in_memory - {"lm_head.weight"}


def test_a_failed_save_leaves_the_old_folder(backbone: Backbone, tmp_path: Path) -> None:
    folder = save_backbone(backbone, folder=tmp_path / "saved")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    broken = replace(backbone, companions={"no/such/../\0file": b""})
    with pytest.raises(ValueError, match="null"):
        save_backbone(broken, folder=folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["saved"]


def test_an_old_folder_is_replaced_whole(backbone: Backbone, tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    folder.mkdir()
    (folder / "old").touch()
    save_backbone(backbone, folder=folder)
    assert not (folder / "old").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["saved"]


def remove_a_weight(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights.pop("visual.merger.mlp.0.weight")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def add_a_weight(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["visual.extra"] = torch.zeros(3)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def reshape_a_weight(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["model.norm.weight"] = torch.zeros(3)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def cut_the_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def change_json(folder: Path, *, file: str, key: str, value: object) -> None:
    content = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps({**content, key: value}))


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "lacks a weight": (remove_a_weight, "1 missing keys, such as"),
    "one weight too many": (add_a_weight, r"1 unexpected keys, such as model\.visual\.extra"),
    "a weight of another shape": (reshape_a_weight, "1 mismatched keys, such as .*norm.weight"),
    "cut off": (cut_the_weights, "E-ENG-001"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "model.safetensors"),
    "no config": (lambda f: (f / "config.json").unlink(), "config.json: the file does not exist"),
    "config is no JSON": (lambda f: (f / "config.json").write_text("{"), "as JSON"),
    "config is a list": (lambda f: (f / "config.json").write_text("[]"), "not a JSON object"),
    "another family": (
        lambda f: change_json(f, file="config.json", key="model_type", value="llava"),
        "model_type is 'llava'; known: qwen2_5_vl",
    ),
    "no tokenizer": (lambda f: (f / "tokenizer.json").unlink(), "save_pretrained"),
    "tokenizer is no tokenizer": (
        lambda f: (f / "tokenizer.json").write_text("{}"),
        "no tokenizer",
    ),
    "another image token": (
        lambda f: change_json(f, file="config.json", key="image_token_id", value=3),
        "different ids",
    ),
    "no picture format": (
        lambda f: (f / "preprocessor_config.json").unlink(),
        "preprocessor_config.json: the file does not exist",
    ),
    "half a picture format": (
        lambda f: (f / "preprocessor_config.json").write_text('{"patch_size": 8}'),
        "picture format is incomplete",
    ),
    "another patch size": (
        lambda f: change_json(f, file="preprocessor_config.json", key="patch_size", value=14),
        r"patch and merge sizes are \(8, 2\)",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_folder_is_named_and_refused(
    damage: str, tiny_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(tiny_folder, folder)
    harm, message = DAMAGES[damage]
    harm(folder)
    with pytest.raises(RoboLoopError, match=message) as caught:
        load_backbone(folder, device="cpu")
    assert caught.value.code == "E-ENG-001"
    assert str(folder) in str(caught.value)


def test_the_newer_layout_of_picture_formats_is_read(tiny_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "newer"
    shutil.copytree(tiny_folder, folder)
    old = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").unlink()
    (folder / "processor_config.json").write_text(json.dumps({"image_processor": old}))
    expected = load_backbone(tiny_folder, device="cpu").parts.pixels
    assert load_backbone(folder, device="cpu").parts.pixels == expected

"""`roboloop export`: folders that others read, as others read them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from roboloop.base.errors import RoboLoopError
from roboloop.cli.main import run_command
from roboloop.models.backbone import load_backbone
from roboloop.models.published import check_published, published_names
from roboloop.pipeline.execute import run_recipe
from roboloop.pipeline.export import export_run
from roboloop.pipeline.load import load_recipe

RECIPE = """\
schema: 1
name: exported
seed: 3
model:
  kind: tiny
  width: 32
  depth: 2
  vision_width: 32
  vision_depth: 1
  dialect: {kind: qwen25_vl, factor: 16, max_pixels: 15360}
data:
  sources:
    - {kind: simulated, max_episodes: 4, tasks: [gripper_det]}
train:
  - {name: first, num_steps: 2, pictures_per_step: 2, learning_rate: 1.0e-3}
  - {name: second, num_steps: 3, pictures_per_step: 2, learning_rate: 1.0e-2, lora: {rank: 4}}
"""

READER = """
import sys, torch
from transformers import AutoModelForImageTextToText
found = []
for folder in sys.argv[2:]:
    model, told = AutoModelForImageTextToText.from_pretrained(folder, output_loading_info=True)
    assert not told["missing_keys"] and not told["unexpected_keys"], told
    with torch.no_grad():
        found.append((model.dtype, model(input_ids=torch.arange(20, 60)[None]).logits))
torch.save(found, sys.argv[1])
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("export")
    (home / "recipe.yaml").write_text(RECIPE)
    run_recipe(load_recipe(home / "recipe.yaml"), out=home / "run", until="train")
    return home / "run"


Read = tuple[torch.dtype, torch.Tensor]


@pytest.fixture(scope="module")
def elsewhere(run: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Read]:
    """Type and logits of two exports in a process that knows transformers alone."""
    out = tmp_path_factory.mktemp("elsewhere")
    given = ["export", str(run), "--to", "hf"]
    assert run_command([*given, "--out", str(out / "merged"), "--dtype", "float32"]) == 0
    assert run_command([*given, "--out", str(out / "whole"), "--phase", "first"]) == 0
    done = subprocess.run(
        [sys.executable, "-c", READER, str(out / "logits.pt"), str(out / "merged"),
         str(out / "whole")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(zip(("merged", "whole"), torch.load(out / "logits.pt"), strict=True))


def stage(run: Path, name: str) -> Path:
    return next((run / "stages").glob(f"train.{name}-*"))


def logits_of(folder: Path, *, dtype: str) -> torch.Tensor:
    model = load_backbone(folder, device="cpu", dtype=dtype).model
    with torch.no_grad():
        return model(input_ids=torch.arange(20, 60)[None]).logits


def test_a_merged_adapter_reads_alike_elsewhere(run: Path, elsewhere: dict[str, Read]) -> None:
    dtype, logits = elsewhere["merged"]
    assert dtype == torch.float32
    expected = logits_of(stage(run, "second") / "adapter", dtype="float32")
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=1e-5)
    first = logits_of(stage(run, "first") / "model", dtype="float32")
    assert not torch.allclose(first, logits)


def test_a_whole_model_reads_equal_elsewhere(run: Path, elsewhere: dict[str, Read]) -> None:
    dtype, logits = elsewhere["whole"]
    assert dtype == torch.bfloat16
    assert torch.equal(logits, logits_of(stage(run, "first") / "model", dtype="bfloat16"))


def test_the_picture_processor_has_the_sizes_of_training(run: Path, tmp_path: Path) -> None:
    """With others vLLM would show the model larger pictures, and its boxes would be shifted."""
    export_run(run, out=tmp_path / "hf")
    processor = Qwen2VLImageProcessorPil.from_pretrained(tmp_path / "hf")
    assert processor.size["longest_edge"] == 15360
    assert (tmp_path / "hf/tokenizer.json").is_file()
    assert (tmp_path / "hf/chat_template.jinja").is_file()


def test_the_adapter_alone(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "adapter"
    assert run_command(["export", str(run), "--adapter", "--out", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == [
        "adapter_config.json", "adapter_model.safetensors",
    ]  # fmt: skip
    with pytest.raises(RoboLoopError, match="E-ENG-006"):
        export_run(run, out=tmp_path / "none", phase="first", adapter=True)


def test_mistakes_are_named(run: Path, tmp_path: Path) -> None:
    with pytest.raises(RoboLoopError, match=r"E-RUN-007.*'third'; finished are: first, second"):
        export_run(run, out=tmp_path / "hf", phase="third")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("do not delete")
    with pytest.raises(RoboLoopError, match="E-REP-002"):
        export_run(run, out=tmp_path / "mine")
    with pytest.raises(RoboLoopError, match="E-RUN-004"):
        export_run(tmp_path / "nowhere", out=tmp_path / "hf")


def test_other_names_than_the_published_are_refused(run: Path, tmp_path: Path) -> None:
    export_run(run, out=tmp_path / "hf")
    path = tmp_path / "hf/config.json"
    config = json.loads(path.read_text())
    config["text_config"]["num_hidden_layers"] = 3
    path.write_text(json.dumps(config))
    with pytest.raises(RoboLoopError, match=r"E-ENG-007.*12 missing, such as model\.layers\.2\."):
        check_published(tmp_path / "hf")


def test_the_published_layout_of_the_7b() -> None:
    """729 tensors, as model.safetensors.index.json on its page has them."""
    names = published_names(
        {
            "num_hidden_layers": 28,
            "tie_word_embeddings": False,
            "vision_config": {"depth": 32},
        }
    )
    assert len(names) == 729
    assert {"visual.merger.mlp.2.bias", "model.layers.27.self_attn.v_proj.bias"} < names
    assert {"visual.blocks.31.mlp.down_proj.bias", "lm_head.weight"} < names

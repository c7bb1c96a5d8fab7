"""Other trainers' configurations: every option mapped or explained, and the recipe loads."""

from __future__ import annotations

from pathlib import Path

import pytest

from roboloop.base.errors import RoboLoopError
from roboloop.cli.main import run_command
from roboloop.pipeline.foreign_options import NOT_NEEDED, NOT_SUPPORTED, USED
from roboloop.pipeline.import_config import import_config
from roboloop.pipeline.load import load_recipe
from roboloop.train.lint import lint_phase

ROOT = Path(__file__).resolve().parents[2]
LLAMA_FACTORY = """\
stage: sft
do_train: true
model_name_or_path: /models/RoboBrain2.0-7B
preprocessing_num_workers: 16
finetuning_type: full
template: qwen2_vl
flash_attn: fa2
dataset_dir: /data/sets
dataset: robobrain_train,more
cutoff_len: 8192
learning_rate: 2e-05
num_train_epochs: 3.0
max_samples: 100000
per_device_train_batch_size: 4
gradient_accumulation_steps: 8
lr_scheduler_type: cosine
max_grad_norm: 1.0
logging_steps: 5
save_steps: 150
warmup_steps: 80
packing: false
enable_thinking: false
report_to: none
output_dir: /out
bf16: true
plot_loss: true
trust_remote_code: true
ddp_timeout: 180000000
include_num_input_tokens_seen: true
optim: adamw_torch
freeze_vision_tower: false
freeze_multi_modal_projector: false
image_max_pixels: 589824
image_min_pixels: 1024
video_max_pixels: 65536
video_min_pixels: 256
val_size: 0.01
eval_strategy: steps
eval_steps: 150
per_device_eval_batch_size: 4
deepspeed: llamaboard_cache/ds_z2_config.json
"""
SCRIPT = """\
#!/bin/bash
# lr=1e-3 is too much
lr=5e-6
batch_size=4
grad_accum_steps=2
datasets=rh20t_vla_current_box_train%65,manipvqa_train
run_name="experiment"
args="
    --deepspeed ./scripts/zero3.json
    --model_name_or_path /models/Qwen2.5-VL-3B-Instruct
    --dataset_use ${datasets}
    --data_flatten True
    --tune_mm_vision False --tune_mm_mlp False --tune_mm_llm False --tune_moe True
    --bf16 --output_dir ./out
    --num_train_epochs 1
    --per_device_train_batch_size ${batch_size}
    --gradient_accumulation_steps $grad_accum_steps
    --max_pixels 12845056 --min_pixels 3136
    --eval_strategy no --save_strategy steps --save_steps 3000 --save_total_limit 2
    --learning_rate ${lr} --vision_tower_lr 1e-6 --mm_projector_lr 5e-6
    --weight_decay 0 --warmup_ratio 0.03 --max_grad_norm 1
    --lr_scheduler_type cosine --logging_steps 1 --model_max_length 8192
    --gradient_checkpointing True --dataloader_num_workers 4
    --run_name ${run_name} --report_to none"
torchrun --nproc_per_node=8 train.py ${args}
"""


@pytest.fixture
def yaml_file(tmp_path: Path) -> Path:
    path = tmp_path / "seed.yaml"
    path.write_text(LLAMA_FACTORY)
    return path


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "sft.sh"
    path.write_text(SCRIPT)
    return path


def test_llama_factory_becomes_a_recipe_that_loads(yaml_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "recipe.yaml"
    given = ["import-config", str(yaml_file), "--num-gpus", "8", "--num-samples", "7900"]
    assert run_command([*given, "--out", str(out)]) == 0
    recipe = load_recipe(out)
    phase = recipe.train[0]
    assert phase.epochs == 3 and phase.learning_rate == 2e-5 and phase.clip_norm == 1
    assert phase.batching.kind == "padded" and phase.items_per_step == 256
    assert phase.warmup_fraction == pytest.approx(80 / 93, abs=1e-4)
    assert phase.parts == ("vision", "projector", "language")
    assert phase.max_tokens == 8192 and phase.optimizer.betas == (0.9, 0.999)
    assert recipe.model.dialect.load().max_pixels == 589824
    (source,) = recipe.data.sources
    assert source.subsets == ("robobrain_train", "more") and source.limit == 100_000
    names = {finding.name for finding in lint_phase(phase, num_items=7900)}
    assert names == {"warmup-too-long", "save-never-reached", "eval-never-reached", "padding"}


def test_the_script_of_robointer_becomes_a_recipe(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBOINTER", str(tmp_path))
    made = import_config(script, num_gpus=8)
    (tmp_path / "recipe.yaml").write_text(made.text())
    phase = load_recipe(tmp_path / "recipe.yaml").train[0]
    assert phase.parts == ("moe",) and phase.learning_rate == 5e-6 and not phase.part_learning_rates
    assert phase.batching.kind == "packed" and phase.items_per_step == 64
    assert phase.epochs == 1 and phase.warmup_fraction == 0.03 and phase.keep_checkpoints == 2
    assert phase.eval_every_steps is None and phase.save_every_steps == 3000
    assert made.recipe["data"]["sources"][0]["mixture"].endswith("manipvqa_train")
    assert any("trains nothing" in note for note in made.notes)
    assert any("vision_tower_lr" in note for note in made.notes)


def test_what_is_guessed_is_said(tmp_path: Path) -> None:
    path = tmp_path / "other.yaml"
    path.write_text("template: llava\nstage: kto\noptim: lion\nwarmup_steps: 10\n")
    notes = import_config(path).notes
    for word in ("template llava", "stage kto", "optim lion", "warmup_steps 10", "for one GPU"):
        assert any(word in note for note in notes)


def test_lora_becomes_lora(tmp_path: Path) -> None:
    path = tmp_path / "lora.yaml"
    path.write_text(
        "finetuning_type: lora\nlora_rank: 32\nlora_dropout: 0.1\nlora_target: q_proj, v_proj\n"
    )
    lora = import_config(path).recipe["train"][0]["lora"]
    assert lora == {"rank": 32, "alpha": 64.0, "dropout": 0.1, "targets": ["q_proj", "v_proj"]}


@pytest.mark.parametrize("name", ["yaml_file", "script"])
def test_no_option_is_dropped_silently(name: str, request: pytest.FixtureRequest) -> None:
    made = import_config(request.getfixturevalue(name))
    assert {line.state for line in made.lines} <= {"mapped", "not needed", "not supported"}
    assert all(line.said and f"# {line.option}: " in made.text() for line in made.lines)
    text = LLAMA_FACTORY if name == "yaml_file" else SCRIPT.partition("args=")[2]
    for line in made.lines:
        assert line.option in text


def test_an_unknown_option_is_listed_and_ends_with_status_1(yaml_file: Path) -> None:
    yaml_file.write_text(LLAMA_FACTORY + "use_badam: true\n")
    line = import_config(yaml_file).lines[-1]
    assert (line.option, line.state) == ("use_badam", "unknown")
    assert run_command(["import-config", str(yaml_file)]) == 1


def test_an_option_is_in_one_table_and_the_page_has_it() -> None:
    tables = (USED, NOT_NEEDED, NOT_SUPPORTED)
    names = [name for table in tables for name in table]
    assert len(set(names)) == len(names)
    page = (ROOT / "docs/import_config.md").read_text()
    for table in tables:
        for name, said in table.items():
            assert f"| `{name}` | {said} |" in page


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.yaml"
    path.write_text("colour: red\n")
    with pytest.raises(RoboLoopError, match="E-CFG-003"):
        import_config(path)
    with pytest.raises(RoboLoopError, match="E-CFG-004"):
        import_config(tmp_path / "none.sh")

"""Whole short runs over packs: they learn, go on after a stop, and are those of padded batches."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from stopping import stopped_and_resumed

from roboloop.dialects import Dialect
from roboloop.models.backbone import load_backbone
from roboloop.models.export import export_model
from roboloop.train.config import SftConfig
from roboloop.train.sft import run_sft
from roboloop.train.train_model import TrainResult

Run = Callable[..., TrainResult]
Phase = Callable[..., SftConfig]

PACKED = {"kind": "packed", "records_per_step": 9, "tokens_per_pack": 500}


@pytest.fixture
def over_records(phase: Phase) -> Phase:
    def make(**options: Any) -> SftConfig:
        given = {
            "pictures_per_step": 8, "questions_per_picture": 4, "max_tokens": 500,
            "batching": PACKED,
        }  # fmt: skip
        return phase(**(given | options))

    return make


@pytest.fixture
def run(tiny_folder: Path, record_folder: Path, dialect: Dialect, tmp_path: Path) -> Run:
    def start(config: SftConfig, *, out: str = "out") -> TrainResult:
        return run_sft(
            config, model=tiny_folder, records=record_folder, out=tmp_path / out,
            dialect=dialect, seed=3,
        )  # fmt: skip

    return start


def log_of(result: TrainResult) -> list[dict[str, float]]:
    path = result.folder.parent / "trainer_log.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_learns_without_filling(run: Run, over_records: Phase) -> None:
    result = run(over_records(num_steps=30, learning_rate=2e-3, log_every_steps=5))
    lines = log_of(result)
    assert lines[-1]["loss"] < 0.75 * lines[0]["loss"]
    assert all(line["padding_fraction"] == 0 for line in lines)
    assert lines[-1]["epoch"] == pytest.approx(30 * 9 / 36)
    assert all(line["data_wait_seconds"] >= 0 for line in lines)
    assert lines[0]["tokens_image"] == 5 * 9 * 24


def test_qwen3_vl_learns_is_loaded_again_and_answers(
    qwen3_folder: Path, record_folder: Path, dialect: Dialect, over_records: Phase, tmp_path: Path
) -> None:
    config = over_records(
        num_steps=12, learning_rate=2e-3, log_every_steps=3,
        parts=["vision", "projector", "language"],
    )  # fmt: skip
    result = run_sft(
        config, model=qwen3_folder, records=record_folder, out=tmp_path / "out",
        dialect=dialect, seed=3,
    )  # fmt: skip
    lines = log_of(result)
    assert lines[-1]["loss"] < lines[0]["loss"]
    trained = json.loads((tmp_path / "out" / "trainable.json").read_text())
    assert set(trained["num_trained_by_part"]) == {"vision", "projector", "language"}
    again = load_backbone(result.folder, device="cpu")
    assert type(again.model).__name__ == "Qwen3VLForConditionalGeneration"
    assert again.parts.system == ""
    exported = export_model(result.folder, out=tmp_path / "exported")
    assert exported.num_tensors == len(again.model.state_dict()) - 1, "the head is tied"


def test_packs_learn_what_padded_batches_learn(run: Run, over_records: Phase) -> None:
    padded = {"kind": "padded", "records_per_step": 9, "records_per_batch": 2}
    first = run(over_records(), out="packed")
    second = run(over_records(batching=padded), out="padded")
    losses = [[line["loss"] for line in log_of(result)] for result in (first, second)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-3)
    assert first.num_tokens == second.num_tokens
    assert log_of(second)[-1]["padding_fraction"] > 0


def test_stopped_run_goes_on_to_the_same_weights(run: Run, over_records: Phase) -> None:
    config = over_records(num_steps=7, save_every_steps=2, augment={"colour": 0.2}, data_workers=2)
    whole = run(config, out="whole")
    resumed = stopped_and_resumed(run, config, before_step=5)
    hashes = {load_backbone(result.folder).weights_hash() for result in (whole, resumed)}
    assert len(hashes) == 1


SCRIPT = """
import sys, torch
from pathlib import Path
from roboloop.dialects import load_dialect
from roboloop.train.config import SftConfig
from roboloop.train.sft import run_sft
torch.set_num_threads(1)
config, model, records, out = sys.argv[1:]
dialect = load_dialect("qwen25_vl", factor=16, min_pixels=4 * 256, max_pixels=100 * 256)
run_sft(SftConfig.model_validate_json(config), model=Path(model), records=Path(records),
        out=Path(out), dialect=dialect, seed=3)
"""


@pytest.mark.slow
def test_two_processes_are_one(
    run: Run, over_records: Phase, tiny_folder: Path, record_folder: Path, tmp_path: Path
) -> None:
    # Five records a step: the processes get different numbers of tokens, and one pack each.
    batching = {"kind": "packed", "records_per_step": 5, "tokens_per_pack": 500}
    options = {"num_steps": 4, "optimizer": {"kind": "adamw", "eps": 1e-3}, "batching": batching}
    config = over_records(**options)
    single = run(config)
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    out = tmp_path / "by-two"
    given = [config.model_dump_json(), str(tiny_folder), str(record_folder), str(out)]
    on_cpu = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*launch, str(script), *given],
        env=os.environ | on_cpu, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [json.loads(line) for line in (out / "trainer_log.jsonl").read_text().splitlines()]
    for mine, theirs in zip(lines, log_of(single), strict=True):
        assert mine["loss"] == pytest.approx(theirs["loss"], abs=2e-4)
        assert mine["total_tokens"] == theirs["total_tokens"]
    one, two = (load_backbone(folder).model for folder in (single.folder, out / "model"))
    for (name, mine), theirs in zip(two.named_parameters(), one.parameters(), strict=True):
        assert torch.allclose(mine, theirs, atol=2e-5), name

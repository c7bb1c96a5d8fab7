"""Whole short runs: they learn, they resume to the bit, they stop when the loss is no number."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from stopping import stopped_and_resumed

from roboloop.base.errors import RoboLoopError
from roboloop.dialects import Dialect
from roboloop.models.backbone import load_backbone, save_backbone
from roboloop.train.config import SftConfig
from roboloop.train.sft import run_sft
from roboloop.train.train_model import TrainResult

Run = Callable[..., TrainResult]
Phase = Callable[..., SftConfig]


@pytest.fixture
def run(tiny_folder: Path, record_folder: Path, dialect: Dialect, tmp_path: Path) -> Run:
    def start(config: SftConfig, *, out: str = "out", model: Path = tiny_folder) -> TrainResult:
        return run_sft(
            config,
            model=model,
            records=record_folder,
            out=tmp_path / out,
            dialect=dialect,
            seed=3,
        )

    return start


def log_of(result: TrainResult) -> list[dict[str, float]]:
    path = result.folder.parent / "trainer_log.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_learns_and_leaves_what_it_promises(run: Run, phase: Phase, tiny_folder: Path) -> None:
    result = run(phase(num_steps=30, learning_rate=2e-3))
    lines = log_of(result)
    assert lines[-1]["loss"] < 0.75 * lines[0]["loss"]
    assert result.num_steps == 30 and lines[-1]["percentage"] == 100
    assert result.num_tokens == lines[-1]["total_tokens"]
    out = result.folder.parent
    trainable = json.loads((out / "trainable.json").read_text())
    assert trainable["num_trained"] == load_backbone(result.folder).num_parameters
    assert (out / "figures/loss.svg").read_text().startswith("<svg")
    assert load_backbone(result.folder).weights_hash() != load_backbone(tiny_folder).weights_hash()


def test_log_has_the_usual_fields(run: Run, phase: Phase) -> None:
    lines = log_of(run(phase(log_every_steps=4)))
    assert [line["current_steps"] for line in lines] == [4, 6]
    usual = {
        "current_steps", "total_steps", "loss", "lr", "epoch", "percentage", "elapsed_time",
        "remaining_time", "throughput", "total_tokens",
    }  # fmt: skip
    assert usual <= lines[0].keys()
    assert lines[1]["epoch"] == pytest.approx(6 * 4 / 12)


def test_same_seed_same_weights(run: Run, phase: Phase) -> None:
    hashes = {load_backbone(run(phase(augment={}), out=out).folder).weights_hash() for out in "ab"}
    assert len(hashes) == 1


def test_stopped_run_goes_on_to_the_same_weights(run: Run, phase: Phase) -> None:
    config = phase(num_steps=8, save_every_steps=3, augment={})
    whole = run(config, out="whole")
    resumed = stopped_and_resumed(run, config, before_step=5)
    assert (
        load_backbone(resumed.folder).weights_hash() == load_backbone(whole.folder).weights_hash()
    )
    losses = [
        [(line["current_steps"], line["loss"]) for line in log_of(r)] for r in (whole, resumed)
    ]
    assert losses[0] == losses[1]
    assert resumed.final_loss == whole.final_loss and resumed.num_tokens == whole.num_tokens


def test_two_checkpoints_are_kept(run: Run, phase: Phase) -> None:
    result = run(phase(save_every_steps=1))
    kept = sorted(path.name for path in (result.folder.parent / "checkpoints").iterdir())
    assert kept == ["step-000005", "step-000006"]


def test_checkpoint_of_another_phase_is_refused(run: Run, phase: Phase) -> None:
    run(phase())
    with pytest.raises(RoboLoopError, match="E-TRN-005"):
        run(phase(learning_rate=5e-4))


def test_loss_that_is_no_number_stops_the_run(
    run: Run, phase: Phase, tiny_folder: Path, tmp_path: Path
) -> None:
    broken = load_backbone(tiny_folder, device="cpu")
    with torch.no_grad():
        broken.model.get_input_embeddings().weight.fill_(float("nan"))
    folder = save_backbone(broken, folder=tmp_path / "broken")
    with pytest.raises(RoboLoopError, match=r"E-TRN-003 step 1 of 'test'.*-\d+") as caught:
        run(phase(), model=folder)
    assert "gripper_det-" in str(caught.value) or "object_box-" in str(caught.value)
    assert not (tmp_path / "out" / "model").exists()


def test_too_long_a_record_is_named(run: Run, phase: Phase) -> None:
    with pytest.raises(RoboLoopError, match=r"E-TRN-002 record '\w+-\d+': \d+ tokens"):
        run(phase(max_tokens=20))


def test_no_records_of_the_task(run: Run, phase: Phase) -> None:
    with pytest.raises(RoboLoopError, match="E-TRN-004"):
        run(phase(tasks={"planning": 1}))


SCRIPT = """
import sys, torch
from pathlib import Path
from roboloop.dialects import load_dialect
from roboloop.train.config import SftConfig
from roboloop.train.sft import run_sft
torch.set_num_threads(1)
config, model, records, out = sys.argv[1:]
dialect = load_dialect("qwen25_vl", factor=16, min_pixels=4 * 256, max_pixels=100 * 256)
result = run_sft(SftConfig.model_validate_json(config), model=Path(model),
                 records=Path(records), out=Path(out), dialect=dialect, seed=3)
print("loss", result.final_loss)
"""


def arguments(config: SftConfig, *, tiny_folder: Path, record_folder: Path, out: Path) -> list[str]:
    return [config.model_dump_json(), str(tiny_folder), str(record_folder), str(out)]


@pytest.mark.slow
def test_two_processes_have_the_loss_of_one(
    phase: Phase, tiny_folder: Path, record_folder: Path, tmp_path: Path
) -> None:
    def losses(num_processes: int) -> list[float]:
        script = tmp_path / "train.py"
        script.write_text(SCRIPT)
        out = tmp_path / f"by-{num_processes}"
        given = arguments(
            phase(num_steps=5), tiny_folder=tiny_folder, record_folder=record_folder, out=out
        )
        # On processors alone, so that a machine with one GPU takes the same path.
        on_cpu = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
        launch = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        done = subprocess.run(
            [*launch, f"--nproc-per-node={num_processes}", str(script), *given],
            env=os.environ | on_cpu, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        lines = (out / "trainer_log.jsonl").read_text().splitlines()
        return [json.loads(line)["loss"] for line in lines]

    assert losses(2) == pytest.approx(losses(1), abs=2e-3)

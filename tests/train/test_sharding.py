"""Two real processes under each way of sharding: the losses of one process, the way asked for."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rank_work import Job, run_processes

from roboloop.base.errors import RoboLoopError
from roboloop.base.hashing import hash_file
from roboloop.models.backbone import load_backbone
from roboloop.train.config import SftConfig
from roboloop.train.deepspeed_file import zero_options
from roboloop.train.run_options import RunOptions

Phase = Callable[..., SftConfig]
needs_deepspeed = pytest.mark.skipif(
    importlib.util.find_spec("deepspeed") is None,
    reason="needs DeepSpeed: pip install 'roboloop[deepspeed]'",
)
ADAMW = {"optimizer": {"kind": "adamw"}, "num_steps": 3, "save_every_steps": 2}


@pytest.fixture
def job(phase: Phase, tiny_folder: Path, record_folder: Path, tmp_path: Path) -> Callable[..., Job]:
    def make(out: str, **options: object) -> Job:
        config = phase(**ADAMW | options).model_dump_json()
        return Job(config, tiny_folder, record_folder, tmp_path / out)

    return make


def losses_of(out: Path) -> list[float]:
    lines = (out / "trainer_log.jsonl").read_text().splitlines()
    return [json.loads(line)["loss"] for line in lines]


def norms_of(out: Path) -> list[float]:
    lines = (out / "trainer_log.jsonl").read_text().splitlines()
    return [json.loads(line)["grad_norm"] for line in lines]


@pytest.mark.parametrize(
    "sharding",
    ["fsdp2", *(pytest.param(f"zero{n}", marks=needs_deepspeed) for n in (1, 2))],
)
def test_shards_have_the_losses_of_one_process(job: Callable[..., Job], sharding: str) -> None:
    one, two = job("one"), job("two", sharding=sharding, pictures_per_micro_batch=1)
    assert run_processes(one) == [0]
    said = two.out / "stderr-0.txt"
    assert run_processes(two, num_ranks=2) == [0, 0], said.read_text()[-3000:]
    assert losses_of(two.out) == pytest.approx(losses_of(one.out), abs=3e-4)
    assert norms_of(two.out) == pytest.approx(norms_of(one.out), rel=1e-3)
    progress = two.out / "checkpoints" / "step-000003" / "progress.json"
    assert json.loads(progress.read_text())["layout"] == f"{sharding} on 2 processes"
    assert load_backbone(two.out / "model", device="cpu").num_parameters
    # Killed and resumed: the same bits.
    broken = two._replace(
        out=two.out.parent / "killed", fault="killed_before_step", argument=(1, 2)
    )
    assert -9 in run_processes(broken, num_ranks=2)
    assert run_processes(broken._replace(fault=""), num_ranks=2) == [0, 0]
    files = [folder / "model" / "model.safetensors" for folder in (two.out, broken.out)]
    assert hash_file(files[0]) == hash_file(files[1])


def test_what_cannot_be_is_refused(job: Callable[..., Job]) -> None:
    alone = job("alone", sharding="fsdp2")
    assert run_processes(alone) == [2]
    assert "E-TRN-009" in (alone.out / "stderr-0.txt").read_text()


def seed_file(tmp_path: Path, **more: object) -> Path:
    """A file as the field's launch scripts bring it."""
    offload = {"device": "cpu", "pin_memory": True}
    file = tmp_path / "zero2.json"
    zero = {
        "stage": 2, "overlap_comm": True, "contiguous_gradients": True, "sub_group_size": 1e9,
        "reduce_bucket_size": "auto",
    }  # fmt: skip
    if more.pop("offload", False):
        zero |= {"offload_optimizer": offload, "offload_param": offload}
    settings = {"bf16": {"enabled": "auto"}, "zero_optimization": zero} | more
    file.write_text(json.dumps(settings))
    return file


def test_a_deepspeed_file_is_taken(tmp_path: Path) -> None:
    section = zero_options(RunOptions(sharding="zero2", deepspeed_file=seed_file(tmp_path)))
    assert section["stage"] == 2 and section["contiguous_gradients"] is True
    assert "reduce_bucket_size" not in section


def test_a_file_with_an_optimizer_of_its_own_is_refused(tmp_path: Path) -> None:
    own = {"type": "AdamW", "params": {"lr": "auto"}}
    file = seed_file(tmp_path, offload=True, optimizer=own)
    with pytest.raises(RoboLoopError, match=r"E-TRN-009 .*'optimizer' would take the place"):
        zero_options(RunOptions(sharding="zero2", deepspeed_file=file))


def test_a_file_of_another_stage_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RoboLoopError, match=r"E-TRN-009 .*stage 2"):
        zero_options(RunOptions(sharding="zero1", deepspeed_file=seed_file(tmp_path)))

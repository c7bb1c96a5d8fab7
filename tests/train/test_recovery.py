"""Runs that are killed, cut off or out of space go on to the weights they would have had."""

from __future__ import annotations

import json
import random
import resource
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rank_work import Job, run_processes

from roboloop.base.errors import RoboLoopError
from roboloop.base.hashing import hash_file
from roboloop.dialects import Dialect
from roboloop.train.checkpoint import Progress
from roboloop.train.config import SftConfig
from roboloop.train.loop import Trainer
from roboloop.train.sft import run_sft

Phase = Callable[..., SftConfig]
NUM_STEPS = 6
KILLED = -signal.SIGKILL


@pytest.fixture
def job(phase: Phase, tiny_folder: Path, record_folder: Path, tmp_path: Path) -> Callable[..., Job]:
    def make(out: str, *, fault: str = "", argument: Any = None, **options: object) -> Job:
        config = phase(**{"num_steps": NUM_STEPS, "save_every_steps": 2, "augment": {}} | options)
        return Job(
            config.model_dump_json(), tiny_folder, record_folder, tmp_path / out, fault, argument
        )

    return make


@pytest.fixture
def run(tiny_folder: Path, record_folder: Path, dialect: Dialect, tmp_path: Path) -> Any:
    def start(config: SftConfig, *, out: str = "out") -> Path:
        run_sft(
            config, model=tiny_folder, records=record_folder, out=tmp_path / out,
            dialect=dialect, seed=3,
        )  # fmt: skip
        return tmp_path / out

    return start


def weights_and_losses(out: Path) -> tuple[str, list[tuple[int, float, float]]]:
    lines = [json.loads(line) for line in (out / "trainer_log.jsonl").read_text().splitlines()]
    losses = [(line["current_steps"], line["loss"], line["grad_norm"]) for line in lines]
    return hash_file(out / "model" / "model.safetensors"), losses


def checkpoints(out: Path) -> list[str]:
    return sorted(path.name for path in (out / "checkpoints").iterdir())


def kill_points() -> list[tuple[str, Any]]:
    draw = random.Random(7)
    steps = [("killed_before_step", (0, draw.randrange(NUM_STEPS)))]
    saves = [
        ("save", draw.choice([1, 3])),  # half a state file, at the first or the second save
        ("sync", 9),  # before the second save is renamed
        ("rmtree", 2),
        ("remove_old", 3),
    ]
    return [*steps, *(("killed_in_save", save) for save in saves)]


def test_killed_at_any_moment_goes_on_to_the_same_bits(job: Callable[..., Job]) -> None:
    whole = job("whole")
    assert run_processes(whole) == [0]
    expected = weights_and_losses(whole.out)
    for number, (fault, argument) in enumerate(kill_points()):
        broken = job(f"killed-{number}", fault=fault, argument=argument)
        assert run_processes(broken) == [KILLED], argument
        assert not (broken.out / "model").exists()
        assert run_processes(broken._replace(fault="")) == [0]
        assert weights_and_losses(broken.out) == expected, argument
        assert checkpoints(broken.out)[-2:] == ["step-000004", "step-000006"], argument


def test_two_processes_one_of_them_killed(job: Callable[..., Job]) -> None:
    whole = job("whole")
    assert run_processes(whole, num_ranks=2) == [0, 0]
    broken = job("killed", fault="killed_before_step", argument=(1, 3))
    assert KILLED in run_processes(broken, num_ranks=2)
    assert checkpoints(broken.out) == ["step-000002"]
    assert run_processes(broken._replace(fault=""), num_ranks=2) == [0, 0]
    assert weights_and_losses(broken.out) == weights_and_losses(whole.out)


@pytest.mark.parametrize("num_bytes", [0, 1000, None])
def test_damaged_checkpoint_gives_way_to_the_one_before(
    run: Any, phase: Phase, num_bytes: int | None, capsys: pytest.CaptureFixture[str]
) -> None:
    out = run(phase())
    expected = weights_and_losses(out)
    state = out / "checkpoints" / "step-000006" / "state.pt"
    content = bytearray(state.read_bytes()[:num_bytes])
    if num_bytes is None:
        content[len(content) // 2] ^= 1  # one bit, that no reader of the format would notice
    state.write_bytes(content)
    assert weights_and_losses(run(phase())) == expected
    assert "step-000006: damaged (state.pt has changed)" in capsys.readouterr().err.replace(
        "\n", ""
    )


def test_nothing_but_damaged_checkpoints_is_an_error(run: Any, phase: Phase) -> None:
    out = run(phase())
    for folder in (out / "checkpoints").iterdir():
        (folder / "random-0.pt").unlink()
    with pytest.raises(RoboLoopError, match=r"E-TRN-005 .*step-000006: none of 2 .*is missing"):
        run(phase())


def test_full_disk_leaves_the_last_checkpoint(
    run: Any, phase: Phase, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = phase(save_every_steps=2)
    whole = weights_and_losses(run(config, out="whole"))
    real = Trainer._step
    free = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fills_up(self: Trainer, step: int, *rest: Any) -> Any:
        if step == 3:
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, free[1]))
        return real(self, step, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_step", fills_up)
        try:
            with pytest.raises(RoboLoopError, match=r"E-ENV-002 .*step-000004: no space left"):
                run(config)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, free)
    out = run(config, out="whole").parent / "out"
    assert checkpoints(out) == ["step-000002"]
    assert weights_and_losses(run(config)) == whole


def test_newest_and_best_are_kept(run: Any, phase: Phase) -> None:
    # A rate that only harms: the first checkpoint has the lowest loss.
    options = {"learning_rate": 0.5, "schedule": "constant", "optimizer": {"kind": "adamw"}}
    config = phase(save_every_steps=1, keep_best_checkpoint=True, keep_checkpoints=1, **options)
    out = run(config)
    losses = {
        name: Progress(**json.loads((out / "checkpoints" / name / "progress.json").read_text()))
        for name in checkpoints(out)
    }
    assert list(losses) == ["step-000001", "step-000006"]
    assert losses["step-000001"].score < losses["step-000006"].score

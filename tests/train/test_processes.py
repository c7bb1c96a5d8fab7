"""Several real processes: one is killed, stopped or asleep, and the others do not wait for ever."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from rank_work import Job as RankJob
from rank_work import run_processes
from safetensors.torch import load_file

from roboloop.base.errors import START_AGAIN, RestartableError, RoboLoopError
from roboloop.base.hashing import hash_file
from roboloop.train.config import PhaseConfig
from roboloop.train.phases import Job
from roboloop.train.processes import Processes, train_on_processes
from roboloop.train.pulse import RANKS, Beat, Pulse, read_beat
from roboloop.train.watchdog import find_guilty

pytestmark = pytest.mark.slow

HANG_SECONDS = 10.0
NUM_STEPS = 14
DIALECT = {"kind": "qwen25_vl", "factor": 16, "min_pixels": 4 * 256, "max_pixels": 100 * 256}
MakeJob = Callable[..., Job]


@pytest.fixture(autouse=True, scope="module")
def _on_cpu() -> Generator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACCELERATE_USE_CPU", "true")
        patch.setenv("CUDA_VISIBLE_DEVICES", "")
        yield


@pytest.fixture(scope="module")
def job(
    tiny_folder: Path, record_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> MakeJob:
    def make(config: PhaseConfig, *, records: Path = record_folder) -> Job:
        out = tmp_path_factory.mktemp("processes") / "phase"
        return Job(
            phase=config, model=tiny_folder, records=records, out=out, seed=3, dialect=DIALECT
        )

    return make


@pytest.fixture(scope="module")
def sft(phase: Callable[..., PhaseConfig]) -> PhaseConfig:
    return phase(
        num_steps=NUM_STEPS, save_every_steps=3, augment={}, hang_timeout_seconds=HANG_SECONDS,
        optimizer={"kind": "adamw", "eps": 1e-3},
    )  # fmt: skip


@pytest.fixture(scope="module")
def whole(job: MakeJob, sft: PhaseConfig, _on_cpu: None) -> Job:
    """Trained by two processes that nothing happened to."""
    undisturbed = job(sft)
    train(undisturbed)
    return undisturbed


def train(job: Job, *, num: int = 2, max_restarts: int = 0) -> None:
    processes = Processes(num, max_restarts=max_restarts)
    train_on_processes(job, processes=processes, logs=job.out / "logs")


def outcome(out: Path) -> tuple[str, list[tuple[int, float, float]]]:
    lines = [json.loads(line) for line in (out / "trainer_log.jsonl").read_text().splitlines()]
    losses = [(line["current_steps"], line["loss"], line["grad_norm"]) for line in lines]
    return hash_file(out / "model" / "model.safetensors"), losses


@contextmanager
def struck(out: Path, *blows: tuple[int, int, signal.Signals]) -> Generator[list[int]]:
    """Send signals to ranks, each when its rank has come to a step; gives the ids of the struck."""
    met: list[int] = []
    over = threading.Event()

    def strike() -> None:
        for rank, step, what in blows:
            while not over.is_set():
                beat = read_beat(out / RANKS, rank=rank)
                if beat is not None and beat.step >= step and beat.pid not in met:
                    os.kill(beat.pid, what)
                    met.append(beat.pid)
                    break
                time.sleep(0.002)

    thread = threading.Thread(target=strike)
    thread.start()
    try:
        yield met
    finally:
        over.set()
        thread.join()


def test_killed_then_stopped_they_start_again_to_the_same_bits(
    job: MakeJob, sft: PhaseConfig, whole: Job, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = job(sft)
    with struck(broken.out, (1, 5, signal.SIGKILL), (0, 8, signal.SIGSTOP)) as met:
        train(broken, max_restarts=2)
    assert len(met) == 2
    assert outcome(broken.out) == outcome(whole.out)
    said = capfd.readouterr().err.replace("\n", " ")
    assert "E-TRN-007 rank 1 was ended by SIGKILL at step" in said
    assert "from step-000003 in" in said
    assert "E-TRN-020 rank 0 (pid" in said and "from step-00000" in said
    logs = [(broken.out / "logs" / f"rank-{rank}.log").read_text() for rank in (0, 1)]
    assert [log.count("=== rank") for log in logs] == [3, 3]
    assert "=== stacks" in logs[0] and "most recent call first" in logs[0]


def test_preference_pairs_start_again_to_the_same_bits(
    job: MakeJob, dpo_phase: Callable[..., PhaseConfig], pair_folder: Path
) -> None:
    config = dpo_phase(num_steps=8, save_every_steps=2)
    whole, broken = (job(config, records=pair_folder) for _ in range(2))
    train(whole)
    with struck(broken.out, (0, 4, signal.SIGKILL)) as met:
        train(broken, max_restarts=1)
    assert met and outcome(broken.out) == outcome(whole.out)


def test_one_process_goes_on_from_two(job: MakeJob, sft: PhaseConfig, whole: Job) -> None:
    fewer = job(sft)
    with struck(fewer.out, (1, 5, signal.SIGKILL)), pytest.raises(RestartableError):
        train(fewer)
    train(fewer, num=1)
    mine, theirs = outcome(fewer.out)[1], outcome(whole.out)[1]
    assert mine[:3] == theirs[:3], "the steps before the checkpoint are those of two processes"
    for one, two in zip(mine, theirs, strict=True):
        assert one == pytest.approx(two, rel=1e-5)
    weights = [load_file(each.out / "model" / "model.safetensors") for each in (fewer, whole)]
    for name, tensor in weights[0].items():
        assert torch.allclose(tensor, weights[1][name], atol=2e-6), name


@pytest.mark.parametrize(
    ("fault", "rank", "num_ranks", "sleeper"),
    [("sleeps_before_step", 1, 2, "sleep_or_step"), ("data_never_come", 0, 1, "make_or_sleep")],
)
def test_sleeping_rank_is_named_with_its_stack_and_its_records(
    sft: PhaseConfig,
    tiny_folder: Path,
    record_folder: Path,
    tmp_path: Path,
    fault: str,
    rank: int,
    num_ranks: int,
    sleeper: str,
) -> None:
    config = sft.model_dump_json()
    asleep = RankJob(config, tiny_folder, record_folder, tmp_path, fault, (rank, 4))
    assert START_AGAIN in run_processes(asleep, num_ranks=num_ranks)
    said = "".join(path.read_text() for path in tmp_path.glob("stderr-*.txt"))
    assert f"E-TRN-020 rank {rank} (pid" in said and "at step 5 of 'test'" in said
    assert "where it makes its micro-batches" in said
    assert "gripper_det-" in said or "object_box-" in said
    threads = (tmp_path / RANKS / f"rank-{rank}.stack.txt").read_text()
    assert 'rank_work.py", line' in threads and f"in {sleeper}" in threads
    assert "innermost call first:\n  File" in said


def test_mistake_and_failure_of_a_rank_are_told_as_one_error(
    job: MakeJob,
    phase: Callable[..., PhaseConfig],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mistaken = job(phase(tasks={"planning": 1}))
    with pytest.raises(RoboLoopError, match="E-TRN-004") as caught:
        train(mistaken, max_restarts=3)
    assert not isinstance(caught.value, RestartableError)
    (tmp_path / "torch.py").write_text("raise ImportError('a broken torch')")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    with pytest.raises(RoboLoopError, match=r"E-TRN-021 .*: a broken torch. .*rank-\d.log$"):
        train(job(phase()), max_restarts=3)


def beat(rank: int, **told: Any) -> Beat:
    return Beat(rank, "elsewhere", 1, 1, **told)


def test_whoever_does_not_wait_is_waited_for() -> None:
    waiting, working = beat(0, moves=9, waits=True), beat(1, moves=9)
    behind = beat(2, moves=8, waits=True)
    assert find_guilty([waiting, working, behind]) == [working]
    assert find_guilty([waiting, behind]) == [behind]


def test_a_shorter_move_leaves_nothing_of_a_longer_one(tmp_path: Path) -> None:
    pulse = Pulse(tmp_path, rank=3)
    pulse.beat("computes", step=7, record_ids=[f"record-{n}" for n in range(50)])
    with pulse.waiting():
        inside = read_beat(tmp_path, rank=3)
    pulse.beat("rests", record_ids=[])
    pulse.close()
    now = read_beat(tmp_path, rank=3)
    assert inside is not None and inside.waits and inside.records.endswith("and 44 more")
    assert now is not None and (now.step, now.doing, now.waits) == (7, "rests", False)
    assert now.moves == inside.moves + 2

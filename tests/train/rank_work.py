"""Real processes for tests of training: what each does, and what is done to it on the way.

They come from a server that has imported torch once, and meet through gloo as torchrun's would.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

Fault = Callable[[int], None]


class Job(NamedTuple):
    """A phase to run.

    Attributes:
        config: The phase as JSON.
        model: Folder to start from.
        records: Folder of records.
        out: Folder for what it makes.
        fault: Name of a function of this module that breaks something, called with the rank.
        argument: For the fault.
    """

    config: str
    model: Path
    records: Path
    out: Path
    fault: str = ""
    argument: Any = None


def run_job(job: Job) -> None:
    from roboloop.dialects import load_dialect
    from roboloop.train.config import SftConfig
    from roboloop.train.dpo import run_dpo
    from roboloop.train.dpo_config import DpoConfig
    from roboloop.train.sft import run_sft

    dialect = load_dialect("qwen25_vl", factor=16, min_pixels=4 * 256, max_pixels=100 * 256)
    given: dict[str, Any] = {
        "model": job.model, "records": job.records, "out": job.out, "dialect": dialect, "seed": 3,
    }  # fmt: skip
    if json.loads(job.config).get("kind") == "dpo":
        run_dpo(DpoConfig.model_validate_json(job.config), **given)
    else:
        run_sft(SftConfig.model_validate_json(job.config), **given)


def run_processes(*jobs: Job, num_ranks: int = 1, timeout_seconds: float = 120) -> list[int]:
    """Run the jobs one after the other on so many processes, which write to the first one's folder.

    Returns:
        The processes' exit codes. When one dies the others are ended.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["roboloop.train.sft"])
    port = _free_port()
    processes = [
        context.Process(target=_enter, args=(jobs, rank, num_ranks, port))
        for rank in range(num_ranks)
    ]
    for process in processes:
        process.start()
    waits = {process.sentinel: process for process in processes}
    while waits:
        ended = multiprocessing.connection.wait(list(waits), timeout=timeout_seconds)
        assert ended, "the processes hang"
        for sentinel in ended:
            if waits.pop(sentinel).exitcode != 0:
                for other in waits.values():
                    other.terminate()
    for process in processes:
        process.join()
    return [process.exitcode or 0 for process in processes]


def _enter(jobs: Sequence[Job], rank: int, num_ranks: int, port: int) -> None:
    import torch

    torch.set_num_threads(1)
    jobs[0].out.mkdir(parents=True, exist_ok=True)
    said = (jobs[0].out / f"stderr-{rank}.txt").open("a")
    os.dup2(said.fileno(), sys.stderr.fileno())
    os.environ |= {"ACCELERATE_USE_CPU": "true", "CUDA_VISIBLE_DEVICES": ""}
    if num_ranks > 1:
        os.environ |= {
            "RANK": f"{rank}",
            "LOCAL_RANK": f"{rank}",
            "WORLD_SIZE": f"{num_ranks}",
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": f"{port}",
        }
    from roboloop.base.errors import RoboLoopError

    try:
        for job in jobs:
            if job.fault:
                globals()[job.fault](rank, job.argument)
            run_job(job)
    except RoboLoopError as error:
        print(error, file=sys.stderr, flush=True)
        sys.exit(2)
    finally:
        if num_ranks > 1 and torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def kill_self() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def killed_before_step(rank: int, argument: tuple[int, int]) -> None:
    """`kill -9` of one rank before a step."""
    from roboloop.train.loop import Trainer

    victim, at = argument
    real = Trainer._step

    def step_or_die(self: Trainer, step: int, *rest: Any) -> Any:
        if rank == victim and step == at:
            kill_self()
        return real(self, step, *rest)

    Trainer._step = step_or_die  # type: ignore[method-assign]


def sleeps_before_step(rank: int, argument: tuple[int, int]) -> None:
    """One rank never takes a step."""
    from roboloop.train.loop import Trainer

    victim, at = argument
    real = Trainer._step

    def sleep_or_step(self: Trainer, step: int, *rest: Any) -> Any:
        if rank == victim and step == at:
            time.sleep(3600)
        return real(self, step, *rest)

    Trainer._step = sleep_or_step  # type: ignore[method-assign]


def data_never_come(rank: int, argument: tuple[int, int]) -> None:
    """One rank's micro-batches of a step are never made."""
    from roboloop.train.batches import PictureBatches

    victim, at = argument
    real = PictureBatches.micro_batches

    def make_or_sleep(self: PictureBatches, step: int, **share: int) -> Any:
        if rank == victim and step == at:
            time.sleep(3600)
        return real(self, step, **share)

    PictureBatches.micro_batches = make_or_sleep  # type: ignore[method-assign]


def killed_in_save(rank: int, argument: tuple[str, int]) -> None:
    """`kill -9` of rank 0 inside a save, right before the so-manieth call of a function."""
    from roboloop.train import checkpoint_files, strategies

    name, at = argument
    places: dict[str, Any] = {
        "sync": checkpoint_files,
        "checksum": checkpoint_files,
        "remove_old": __import__("roboloop.train.checkpoint", fromlist=["remove_old"]),
        "rmtree": checkpoint_files.shutil,
        "save": strategies.torch,
    }
    home = places[name]
    real = getattr(home, name)
    calls = 0

    def call_or_die(*args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if rank == 0 and calls == at:
            if name == "save":  # half a file
                args[1].write_bytes(b"PK" * 500)
            kill_self()
        return real(*args, **options)

    setattr(home, name, call_or_die)


def out_of_memory_on(rank: int, argument: tuple[int, int]) -> None:
    """One rank cannot take more than so many rows at once."""
    import torch

    from roboloop.train.objective import AnswerLoss

    victim, most_rows = argument
    real = AnswerLoss.forward

    def forward(self: AnswerLoss, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        if rank == victim and len(tensors["labels"]) > most_rows:
            raise torch.OutOfMemoryError("injected")
        return real(self, tensors)

    AnswerLoss.forward = forward  # type: ignore[method-assign]


def out_of_memory_unless_sharded(rank: int, argument: None) -> None:
    """One rank cannot go through a batch after the first step while it holds all weights."""
    import torch
    from torch.distributed.fsdp import FSDPModule

    from roboloop.train.loop import Trainer
    from roboloop.train.objective import AnswerLoss

    real_step, real = Trainer._step, AnswerLoss.forward
    is_late = False

    def step(self: Trainer, number: int) -> Any:
        nonlocal is_late
        is_late = number > 0
        return real_step(self, number)

    def forward(self: AnswerLoss, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        is_sharded = any(isinstance(part, FSDPModule) for part in self.network.modules())
        if rank == 1 and is_late and not is_sharded:
            raise torch.OutOfMemoryError("injected")
        return real(self, tensors)

    Trainer._step = step  # type: ignore[method-assign]
    AnswerLoss.forward = forward  # type: ignore[method-assign]


def note_pictures(rank: int, folder: Path) -> None:
    """Write down for each micro-batch whether it has pictures."""
    from roboloop.train.objective import AnswerLoss

    real = AnswerLoss.forward

    def forward(self: AnswerLoss, tensors: dict[str, Any]) -> Any:
        with (folder / f"pictures-{rank}.txt").open("a") as file:
            file.write("pictures\n" if {"patches", "pixel_values"} & tensors.keys() else "text\n")
        return real(self, tensors)

    AnswerLoss.forward = forward  # type: ignore[method-assign]


def note_experts(rank: int, folder: Path) -> None:
    """Write down for each layer and micro-batch which experts are chosen."""
    from roboloop.models.moe.modeling_roboloop_moe import Experts

    real = Experts.forward

    def forward(self: Experts, hidden: Any, chosen: Any, weights: Any) -> Any:
        with (folder / f"experts-{rank}.txt").open("a") as file:
            file.write(f"{sorted(set(chosen.flatten().tolist()))}\n")
        return real(self, hidden, chosen, weights)

    Experts.forward = forward  # type: ignore[method-assign]

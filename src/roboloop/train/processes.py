"""Train a phase on several processes, and start them again when one is lost. Imports no torch.

Each process is started with the environment that torchrun would give it. We start them ourselves
since torchrun tells neither how a process ended nor, in time, that one hangs, and since its own
restarts reuse addresses of the attempt before (docs/design/0014-processes.md).
"""

from __future__ import annotations

import codecs
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from roboloop.base.errors import RestartableError, RoboLoopError
from roboloop.base.files import atomic_write_text
from roboloop.base.progress import console
from roboloop.base.workers import num_cores
from roboloop.train.phases import Job
from roboloop.train.pulse import RANKS, read_beat, read_error, stack_file
from roboloop.train.result import TrainResult, read_result

LOOK_SECONDS = 0.05
PARTING_SECONDS = 5.0
"""How long the others may take to end by themselves once one has ended."""
MOST_PAUSE_SECONDS = 60.0
TAIL_BYTES = 1 << 16


class Processes(NamedTuple):
    """How many processes train a phase, and where.

    Attributes:
        per_node: On each machine.
        num_nodes: Machines.
        node: Which of them this is.
        rendezvous: Where they meet, as host:port of the first machine; left out, a free port of
            this one.
        max_restarts: How often they are started again without a new checkpoint in between; on one
            machine only.
    """

    per_node: int
    num_nodes: int = 1
    node: int = 0
    rendezvous: str | None = None
    max_restarts: int = 0

    @property
    def total(self) -> int:
        """On all machines together."""
        return self.per_node * self.num_nodes


def train_on_processes(job: Job, *, processes: Processes, logs: Path) -> TrainResult:
    """Train a phase; when a process is killed or hangs, all start again from the last checkpoint.

    Args:
        job: The phase.
        processes: How many, and how often they may be started again.
        logs: Folder for what each process prints, `rank-0.log` and so on. The first one's is shown
            as it comes.

    Raises:
        RoboLoopError: What a process raised; E-TRN-021 when one ended by itself.
        RestartableError: E-TRN-007 when one was killed, E-TRN-020 when one hangs, and there are no
            restarts left.
    """
    most = processes.max_restarts if processes.num_nodes == 1 else 0
    num_restarts = 0
    while True:
        before = _newest_checkpoint(job.out)
        error = _Attempt(job, processes=processes, logs=logs).run()
        if error is None:
            return read_result(job.out / RANKS)
        if _newest_checkpoint(job.out) != before:
            num_restarts = 0
        if not isinstance(error, RestartableError) or num_restarts == most:
            raise error
        num_restarts += 1
        pause = min(MOST_PAUSE_SECONDS, 2.0**num_restarts / 2)
        last = _newest_checkpoint(job.out)
        start = "its beginning" if last is None else last.name
        said = console()
        said.print(f"[bold yellow]restart {num_restarts} of {most}[/]")
        said.print(f"{error}\nfrom {start} in {pause:g} s", markup=False, soft_wrap=True)
        time.sleep(pause)


def visible_gpus() -> int:
    """GPUs that a process of ours would find.

    Raises:
        RoboLoopError: E-CFG-003 when there is none.
    """
    import torch

    if not torch.cuda.is_available():
        raise RoboLoopError("E-CFG-003", "--nproc gpu: no GPU is visible", fix="Give a number.")
    return torch.cuda.device_count()


class _Attempt:
    """One start of all processes of this machine."""

    def __init__(self, job: Job, *, processes: Processes, logs: Path) -> None:
        first = processes.node * processes.per_node
        self._job = job
        self._processes = processes
        self._folder = job.out / RANKS
        self._logs = {
            rank: logs / f"rank-{rank}.log" for rank in range(first, first + processes.per_node)
        }
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self._statuses: dict[int, int] = {}

    def run(self) -> RoboLoopError | None:
        """Wait for the end of all; what ended them too early, None when all is well."""
        for rank in self._logs:
            for old in self._folder.glob(f"rank-{rank}.*"):
                old.unlink()
        atomic_write_text(self._job_file, text=self._job.model_dump_json())
        try:
            port = _free_port()
            for rank in self._logs:
                self._running[rank] = self._start(rank, port=port)
            lost = self._wait()
        finally:
            self._end()
        if lost is None:
            return None
        self._keep_stacks()
        return self._cause(lost)

    @property
    def _job_file(self) -> Path:
        return self._folder / f"job-{self._processes.node}.json"

    def _start(self, rank: int, *, port: int) -> subprocess.Popen[bytes]:
        self._logs[rank].parent.mkdir(parents=True, exist_ok=True)
        with self._logs[rank].open("ab") as log:
            log.write(f"=== rank {rank} of {self._processes.total}\n".encode())
            log.flush()
            return subprocess.Popen(
                [sys.executable, "-m", "roboloop.train.rank", str(self._job_file)],
                # The pipe is never written to: it closes when this process ends.
                stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT,
                env=self._environment(rank, port=port), start_new_session=True,
            )  # fmt: skip

    def _environment(self, rank: int, *, port: int) -> dict[str, str]:
        processes = self._processes
        told = {"RANK": f"{rank}", "PYTHONUNBUFFERED": "1"}
        told["OMP_NUM_THREADS"] = os.environ.get(
            "OMP_NUM_THREADS", f"{max(1, num_cores() // processes.per_node)}"
        )
        told["COLUMNS"] = f"{shutil.get_terminal_size().columns}"
        if processes.total > 1:
            meet = processes.rendezvous or f"127.0.0.1:{port}"
            host, _, number = meet.rpartition(":")
            told |= {
                "LOCAL_RANK": f"{rank % processes.per_node}",
                "WORLD_SIZE": f"{processes.total}",
                "LOCAL_WORLD_SIZE": f"{processes.per_node}",
                "MASTER_ADDR": host,
                "MASTER_PORT": number,
            }
        return os.environ | told

    def _wait(self) -> int | None:
        """Until all have ended, or one has failed and the others had time to; its rank."""
        lost: int | None = None
        deadline = float("inf")
        with next(iter(self._logs.values())).open("rb") as log:
            log.seek(0, os.SEEK_END)
            said = codecs.getreader("utf-8")(log, "replace")
            while self._running and time.monotonic() < deadline:
                for rank, process in list(self._running.items()):
                    if (status := process.poll()) is None:
                        continue
                    self._forget(rank)
                    self._statuses[rank] = status
                    if status and lost is None:
                        lost, deadline = rank, time.monotonic() + PARTING_SECONDS
                if lost is None:
                    _show(said)
                time.sleep(LOOK_SECONDS)
        return lost

    def _end(self) -> None:
        """End those that still run."""
        for process in self._running.values():
            process.terminate()
        deadline = time.monotonic() + PARTING_SECONDS
        for rank, process in list(self._running.items()):
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            self._forget(rank)

    def _forget(self, rank: int) -> None:
        leash = self._running.pop(rank).stdin
        assert leash is not None
        leash.close()

    def _keep_stacks(self) -> None:
        """Where the threads of hanging processes stood belongs into their logs, too."""
        for rank, log in self._logs.items():
            path = stack_file(self._folder, rank=rank)
            if path.exists() and path.stat().st_size:
                with log.open("ab") as stream:
                    stream.write(b"=== stacks\n" + path.read_bytes())

    def _cause(self, lost: int) -> RoboLoopError:
        """Of all that went wrong, what the rest follows from."""
        found = [read_error(self._folder, rank=rank) for rank in range(self._processes.total)]
        errors = [error for error in found if error is not None]
        for error in sorted(errors, key=lambda error: isinstance(error, RestartableError)):
            return error
        killed = [rank for rank, status in self._statuses.items() if status < 0]
        if killed:
            return self._killed(killed[0])
        log = self._logs[lost]
        return RoboLoopError(
            "E-TRN-021",
            f"rank {lost} ended with status {self._statuses[lost]}: {_last_line(log)}",
            fix=f"Read its log: {log}",
        )

    def _killed(self, rank: int) -> RestartableError:
        beat = read_beat(self._folder, rank=rank)
        where = "before its first step"
        if beat is not None and beat.step:
            where = (
                f"at step {beat.step} of {self._job.phase.name!r}, where it {beat.doing}; its "
                f"records: {beat.records}"
            )
        name = signal.Signals(-self._statuses[rank]).name
        return RestartableError(
            "E-TRN-007",
            f"rank {rank} was ended by {name} {where}",
            fix=f"Give the same command again. Its log: {self._logs[rank]}",
        )


def _newest_checkpoint(out: Path) -> Path | None:
    return max((out / "checkpoints").glob("step-*"), default=None)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _show(said: codecs.StreamReader) -> None:
    """Pass on what has come since."""
    sys.stderr.write(said.read())
    sys.stderr.flush()


def _last_line(log: Path) -> str:
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - TAIL_BYTES))
        lines = stream.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")

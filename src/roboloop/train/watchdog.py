"""Finds a process that hangs, says where it stands, and ends the job so that it starts again.

Every process looks at the pulse of all of them, from a thread. So one that is stopped, or that
keeps the interpreter to itself, is found by its neighbours, and one that waits for a picture for
ever by itself. Processes that wait for the hanging one are told from it by their pulse.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from roboloop.base.errors import START_AGAIN, RestartableError
from roboloop.train.pulse import Beat, Pulse, beat_file, read_beat, stack_file, write_error

STACK_SIGNAL = signal.SIGUSR2
LOOKS_PER_TIMEOUT = 10
MOST_SECONDS_BETWEEN_LOOKS = 5.0
STACK_SECONDS = 5.0
"""How long the stack of a process is waited for."""
FRAMES_SHOWN = 8
CLAIM = "hang"


@contextmanager
def watched(
    pulse: Pulse, *, folder: Path, rank: int, num_ranks: int, timeout_seconds: float, phase: str
) -> Generator[None]:
    """Watch over all processes while the block runs; closes the pulse.

    Args:
        pulse: This process's.
        folder: Of everybody's pulses.
        rank: Which process this is.
        num_ranks: How many there are.
        timeout_seconds: A process that makes no move for so long hangs; 0 watches nobody.
        phase: Name of the phase, for the message.
    """
    if not timeout_seconds:
        try:
            yield
        finally:
            pulse.close()
        return
    (folder / CLAIM).unlink(missing_ok=True)
    with stack_file(folder, rank=rank).open("w") as stack:
        faulthandler.register(STACK_SIGNAL, file=stack, all_threads=True)
        watch = _Watch(folder, rank=rank, num_ranks=num_ranks, timeout=timeout_seconds, phase=phase)
        watch.start()
        try:
            yield
        finally:
            watch.stop()
            faulthandler.unregister(STACK_SIGNAL)
            pulse.close()
    stack_file(folder, rank=rank).unlink(missing_ok=True)


class _Watch(threading.Thread):
    """Looks at the pulses every so often."""

    def __init__(
        self, folder: Path, *, rank: int, num_ranks: int, timeout: float, phase: str
    ) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._folder = folder
        self._rank = rank
        self._ranks = range(num_ranks)
        self._timeout = timeout
        self._phase = phase
        self._every = min(MOST_SECONDS_BETWEEN_LOOKS, timeout / LOOKS_PER_TIMEOUT)
        self._over = threading.Event()

    def stop(self) -> None:
        """Look no more."""
        self._over.set()
        self.join()

    def run(self) -> None:
        seen: dict[int, bytes] = {}
        since = dict.fromkeys(self._ranks, time.monotonic())
        looked = time.monotonic()
        while not self._over.wait(self._every):
            now = time.monotonic()
            if now - looked > self._timeout / 2:  # it was this process that stood still
                since = dict.fromkeys(self._ranks, now)
            looked = now
            for rank in self._ranks:
                with suppress(OSError):
                    told = beat_file(self._folder, rank=rank).read_bytes()
                    if told != seen.get(rank):
                        seen[rank], since[rank] = told, now
            if any(now - moved > self._timeout for moved in since.values()):
                self._end_job()

    def _end_job(self) -> None:
        """Say who hangs and where, and leave; the first to come here speaks for all."""
        with stack_file(self._folder, rank=self._rank).open("w") as stack:
            faulthandler.dump_traceback(file=stack, all_threads=True)
        try:
            (self._folder / CLAIM).open("x").close()
        except FileExistsError:
            time.sleep(2 * STACK_SECONDS)
            os._exit(START_AGAIN)
        beats = [read_beat(self._folder, rank=rank) for rank in self._ranks]
        guilty = find_guilty([beat for beat in beats if beat is not None])
        self._ask_for_stacks(guilty)
        guilty = [beat for beat in guilty if not self._waits(beat)] or guilty
        error = self._error(guilty)
        write_error(self._folder, rank=self._rank, error=error)
        print(error, file=sys.stderr, flush=True)  # noqa: T201 - the process ends here
        os._exit(START_AGAIN)

    def _ask_for_stacks(self, guilty: Sequence[Beat]) -> None:
        """Have those of this machine that cannot do it themselves write down where they stand."""
        for beat in guilty:
            if beat.host == socket.gethostname() and not self._stack(beat):
                with suppress(ProcessLookupError):
                    os.kill(beat.pid, STACK_SIGNAL)
                    os.kill(beat.pid, signal.SIGCONT)
        deadline = time.monotonic() + STACK_SECONDS
        while time.monotonic() < deadline and not all(map(self._stack, guilty)):
            time.sleep(0.05)

    def _waits(self, beat: Beat) -> bool:
        """Whether it stands in a call of the sharding, which its pulse knows nothing of."""
        frames = main_frames(self._stack(beat), thread=beat.thread)
        return any("torch/distributed/" in frame for frame in frames)

    def _stack(self, beat: Beat) -> str:
        path = stack_file(self._folder, rank=beat.rank)
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def _error(self, guilty: Sequence[Beat]) -> RestartableError:
        first = guilty[0]
        frames = "\n".join(main_frames(self._stack(first), thread=first.thread))
        names = " and ".join(f"rank {beat.rank} (pid {beat.pid} on {beat.host})" for beat in guilty)
        return RestartableError(
            "E-TRN-020",
            f"{names} made no move for {self._timeout:g} s at step {first.step} of "
            f"{self._phase!r}, where it {first.doing}; its records: {first.records}; its stack, "
            f"innermost call first:\n{frames or '  (it gave none)'}\n"
            f"all threads: {stack_file(self._folder, rank=first.rank)}",
        )


def find_guilty(beats: Sequence[Beat]) -> list[Beat]:
    """Those of processes at a standstill that the others wait for.

    One that the system has stopped; else those that are not waiting; else, as when two wait for
    different things, those that have come least far.
    """
    stopped = [beat for beat in beats if _is_stopped(beat)]
    working = [beat for beat in beats if not beat.waits]
    least = min(beat.moves for beat in beats)
    return stopped or working or [beat for beat in beats if beat.moves == least]


def main_frames(stack: str, *, thread: int) -> Iterable[str]:
    """The innermost calls of a thread in what faulthandler wrote."""
    name = f"hread 0x{thread:016x}"
    lines = iter(stack.splitlines())
    for line in lines:
        if name in line:
            break
    for _, line in zip(range(FRAMES_SHOWN), lines, strict=False):
        if not line.startswith("  "):
            return
        yield line


def _is_stopped(beat: Beat) -> bool:
    if beat.host != socket.gethostname():
        return False
    try:
        return psutil.Process(beat.pid).status() == psutil.STATUS_STOPPED
    except psutil.NoSuchProcess:
        return False

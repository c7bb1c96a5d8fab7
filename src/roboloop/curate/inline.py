"""The inline executor: processes on this machine, no other program needed."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from threading import Thread
from typing import Any

from roboloop.base.errors import RoboLoopError

AHEAD_PER_WORKER = 2
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # <malloc.h>
_KEPT_BYTES = 1 << 27
"""Smaller arrays are kept, and so much of the memory that is free."""


class InlineExecutor:
    """Calls a function on items in a pool of processes; with one worker, in this process.

    The processes are started at the first call and kept until `close`.

    Args:
        num_workers: Processes.
    """

    def __init__(self, *, num_workers: int = 1) -> None:
        self.num_workers = num_workers
        self._pool: ProcessPoolExecutor | None = None

    def map(self, function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        """Results in the items' order; a few items are worked on ahead.

        Raises:
            RoboLoopError: E-RUN-005 when a worker process dies; what the function raises.
        """
        if self.num_workers == 1 or len(items) < 2:
            yield from map(function, items)
            return
        pool = self._started()
        waiting: deque[Future[Any]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) >= self.num_workers * AHEAD_PER_WORKER:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool:
            self.close()
            raise RoboLoopError("E-RUN-005", "a process of the pool was killed") from None
        finally:
            for future in waiting:
                future.cancel()

    def close(self) -> None:
        """End the processes."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            # A forked child of a process with threads (Arrow's) may hang.
            self._pool = ProcessPoolExecutor(
                self.num_workers, mp_context=get_context("forkserver"), initializer=_begin_work
            )
        return self._pool


def _begin_work() -> None:
    """In a worker: leave Ctrl-C to the parent, and end when the parent is gone, even by kill -9."""
    _keep_freed_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()


def _keep_freed_memory() -> None:
    """Let glibc reuse the memory of arrays that are gone.

    Else it gives each large one back to the system and asks for it again, page by page, which costs
    a tenth of the time of measuring.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)

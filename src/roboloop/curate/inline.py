"""The inline executor: processes on this machine, no other program needed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from functools import cached_property
from multiprocessing import get_context
from typing import Any

AHEAD_PER_WORKER = 2


class InlineExecutor:
    """Calls a function on items in a pool of processes; with one worker, in this process.

    The processes start with the first call and are kept for later ones, since each imports Arrow
    and the operators anew; they end with the executor.

    Args:
        num_workers: Processes.
    """

    def __init__(self, *, num_workers: int = 1) -> None:
        self.num_workers = num_workers

    @cached_property
    def _pool(self) -> ProcessPoolExecutor:
        # A forked child of a process with threads (Arrow's) may hang.
        return ProcessPoolExecutor(self.num_workers, mp_context=get_context("forkserver"))

    def map(self, function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        """Results in the items' order; a few items are worked on ahead."""
        if self.num_workers == 1 or len(items) < 2:
            yield from map(function, items)
            return
        waiting: deque[Future[Any]] = deque()
        try:
            for item in items:
                waiting.append(self._pool.submit(function, item))
                if len(waiting) >= self.num_workers * AHEAD_PER_WORKER:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

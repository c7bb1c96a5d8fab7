"""The next steps' micro-batches, made in threads while a step runs.

A step's micro-batches follow from its number alone, so it does not matter when or where they are
made: results are those without threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from roboloop.train.batches import BatchMaker, Cuttable, MicroBatch


class _Share(NamedTuple):
    step: int
    rank: int
    num_ranks: int


class PrefetchedBatches:
    """Makes ahead what another maker makes. Its threads end with it.

    Reading and decoding pictures, resizing and tokenizing run beside the interpreter, so threads
    do; nothing has to travel between processes.

    Args:
        maker: Makes the micro-batches; used by several threads at once.
        num_workers: Threads, and steps made ahead; 0 makes each step when it is asked for.
        num_steps: Steps of the phase; none is made beyond.
    """

    def __init__(self, maker: BatchMaker, *, num_workers: int, num_steps: int) -> None:
        self._maker = maker
        self._num_ahead = num_workers
        self._num_steps = num_steps
        self._pool = ThreadPoolExecutor(num_workers, "batches") if num_workers else None
        self._coming: dict[_Share, Future[Sequence[MicroBatch]]] = {}

    def micro_batches(self, step: int, *, rank: int, num_ranks: int) -> Sequence[MicroBatch]:
        """The share of one process in a step; waits where it is not ready.

        Raises:
            RoboLoopError: What the maker raises for this step.
        """
        if self._pool is None:
            return self._maker.micro_batches(step, rank=rank, num_ranks=num_ranks)
        last = min(step + self._num_ahead, self._num_steps - 1)
        wanted = [_Share(number, rank, num_ranks) for number in range(step, max(step, last) + 1)]
        for share in [share for share in self._coming if share not in wanted]:
            self._coming.pop(share).cancel()
        for share in wanted:
            if share not in self._coming:
                self._coming[share] = self._pool.submit(
                    self._maker.micro_batches, share.step, rank=rank, num_ranks=num_ranks
                )
        return self._coming.pop(wanted[0]).result()

    def cut(self, num_cuts: int) -> BatchMaker | None:
        """The maker's, made ahead in the same way. What is on its way here is given up."""
        smaller = self._maker.cut(num_cuts) if isinstance(self._maker, Cuttable) else None
        if smaller is None:
            return None
        for coming in self._coming.values():
            coming.cancel()
        self._coming.clear()
        return PrefetchedBatches(smaller, num_workers=self._num_ahead, num_steps=self._num_steps)

    def record_ids(self, step: int) -> Sequence[str]:
        """As the maker's."""
        return self._maker.record_ids(step)

    def epoch_after(self, num_steps: int) -> float:
        """As the maker's."""
        return self._maker.epoch_after(num_steps)

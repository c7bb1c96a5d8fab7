"""Draw a few records of many in one pass, spread over their tasks."""

from __future__ import annotations

import heapq
from itertools import count

from roboloop.base.hashing import hash_bytes
from roboloop.records.record import Record


class SpreadSample:
    """At most `num` of the records it is shown, of every task as many as of any other.

    Which ones depends on the seed and the ids alone, not on their order. It holds at most `num`
    records of a task at a time.
    """

    def __init__(self, num: int, *, seed: int) -> None:
        self._num = num
        self._seed = seed
        self._kept: dict[str, list[tuple[int, int, int, Record]]] = {}
        self._order = count()

    def add(self, record: Record) -> None:
        """Show it a record."""
        drawn = int(hash_bytes(f"{self._seed}\x1f{record.id}".encode(errors="replace")), 16)
        order = next(self._order)
        kept = self._kept.setdefault(record.task, [])
        if len(kept) < self._num:
            heapq.heappush(kept, (-drawn, order, drawn, record))
        elif -drawn > kept[0][0]:
            heapq.heapreplace(kept, (-drawn, order, drawn, record))

    def records(self) -> list[Record]:
        """The sample, in the order in which it was shown."""
        groups = [sorted(kept, key=lambda item: item[2]) for _, kept in sorted(self._kept.items())]
        chosen: list[tuple[int, int, int, Record]] = []
        for rank in range(self._num):
            chosen += [group[rank] for group in groups if rank < len(group)]
        return [record for *_, record in sorted(chosen[: self._num], key=lambda item: item[1])]

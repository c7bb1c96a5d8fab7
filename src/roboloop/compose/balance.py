"""Pairs whose length and looks do not tell which answer is worse.

A model that is trained on pairs takes the easiest way to tell them apart. If rejected answers are
longer, or their boxes smaller, it learns that, and nothing of the picture. So the pairs of a task
are let through in twos that lean in opposite ways: for each whose chosen answer is so much longer
there is one whose chosen answer is as much shorter, to within a step of `lean_of`.
`balance_facts` measures what is left to see.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Iterator
from typing import NamedTuple

from roboloop.base.errors import Place, RoboLoopError
from roboloop.compose.base import PARENTS_KEY, Refusal
from roboloop.compose.looks import looks_of
from roboloop.records.record import Record

SHARE_STEPS = (0.02, 0.08, 0.2, 0.4)
"""Extents and distances that differ by less than the first are alike."""
SHARES = ("extent", "off middle")

Lean = tuple[tuple[str, int], ...]
"""Feature -> by how much the chosen answer has more of it, in steps that double; none alike."""


class _Key(NamedTuple):
    task: str
    lean: Lean


class _Waiting(NamedTuple):
    pair: Record
    others: Iterator[Record]


class Balancer:
    """Lets pairs through that lean nowhere, and twos that lean in opposite ways."""

    def __init__(self) -> None:
        self._waiting: defaultdict[_Key, deque[_Waiting]] = defaultdict(deque)

    def take(self, pair: Record, *, others: Iterator[Record]) -> list[Record]:
        """The pairs that can go now: none, this one, or one that waited and this one.

        Args:
            pair: Waits for its counterpart where it has none yet.
            others: Pairs that would do in its place, in case its counterpart never comes.
        """
        gone = self._gone(pair)
        if not gone:
            self._waiting[_Key(pair.task, lean_of(pair))].append(_Waiting(pair, others))
        return gone

    def rest(self) -> Iterator[Record | Refusal]:
        """Other pairs in place of those that still wait; E-PRF-002 where none of them can go."""
        for queue in [*self._waiting.values()]:
            for _ in range(len(queue)):
                if not queue:
                    break
                waiting = queue.popleft()
                gone = next(filter(None, map(self._gone, waiting.others)), [])
                yield from gone
                if not gone:
                    queue.append(waiting)
        for queue in self._waiting.values():
            for pair, _ in queue:
                yield Refusal(unbalanced(pair), pair.meta[PARENTS_KEY][0])
        self._waiting.clear()

    def _gone(self, pair: Record) -> list[Record]:
        """The pair, with its counterpart where it leans; empty where it has to wait."""
        lean = lean_of(pair)
        if not lean:
            return [pair]
        if queue := self._waiting.get(_Key(pair.task, opposite(lean))):
            return [queue.popleft().pair, pair]
        return []


def lean_of(pair: Record) -> Lean:
    """What of the chosen answer exceeds the rejected one; empty for two that look alike."""
    assert pair.answer is not None and pair.rejected is not None
    chosen = looks_of(pair, answer=pair.answer)
    rejected = looks_of(pair, answer=pair.rejected)
    steps = {
        name: _steps(chosen.get(name, 0.0) - rejected.get(name, 0.0), is_share=name in SHARES)
        for name in sorted(chosen.keys() | rejected.keys())
    }
    return tuple((name, number) for name, number in steps.items() if number)


def _steps(difference: float, *, is_share: bool) -> int:
    size = abs(difference)
    step = bisect_right(SHARE_STEPS, size) if is_share else math.ceil(math.log2(1 + size))
    return step if difference > 0 else -step


def opposite(lean: Lean) -> Lean:
    """The lean of a pair that balances one of this lean."""
    return tuple((name, -steps) for name, steps in lean)


def unbalanced(pair: Record) -> RoboLoopError:
    """Why a pair is left out that no other balances."""
    leaning = ", ".join(f"{name} {steps:+d}" for name, steps in lean_of(pair))
    return RoboLoopError(
        "E-PRF-002", f"the chosen answer leans to {leaning}", place=Place(record_id=pair.id)
    )

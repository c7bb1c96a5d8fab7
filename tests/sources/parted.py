"""A data set in parts for tests of parallel reading; workers import it by name."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from roboloop.base.errors import Place, RoboLoopError
from roboloop.records import Record, Text
from roboloop.runs.ledger import Ledger
from roboloop.runs.parts import BuildCounts
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.build import build_records
from roboloop.sources.data_set import DataSetSource

NUM_PER_PART = 9


class PartedSource(DataSetSource):
    """Parts 0, 1, 2 ... of nine entries each: records of two splits, a rejected one, a bad one and
    one whose id the part before has."""

    kind: Literal["parted"] = "parted"  # pyright: ignore[reportIncompatibleVariableOverride]
    num_parts: int = 7
    killed_over: int | None = None
    fails_over: int | None = None
    ends_in: int | None = None
    kills: int | None = None

    def parts(self, context: SourceContext) -> Iterator[int]:
        del context
        yield from range(self.num_parts)

    def read_part(self, part: int, context: SourceContext) -> Iterator[Record | Rejected]:
        del context
        if part == self.killed_over:
            os.kill(self.kills or os.getpid(), signal.SIGKILL)
        if part == self.fails_over:
            raise KeyError(f"no key in {part}")
        for number in range(NUM_PER_PART):
            yield self._entry(part, number)
            if part == self.ends_in and number == 5:
                raise RoboLoopError("E-REC-001", "cut off", place=Place("set.json", part))

    def fingerprint(self) -> str:
        return f"parted {self.num_parts} {self.limit}"

    def _entry(self, part: int, number: int) -> Record | Rejected:
        key = f"{part}-{number}"
        given: dict[str, Any] = {"split": "val" if number % 3 == 0 else "train"}
        match number:
            case 2:
                error = RoboLoopError("E-MED-001", "gone", place=Place("set.json", part))
                return Rejected(error, key)
            case 4:
                given["meta"] = {"x": float("nan")}
            case 5:
                key = f"{part - 1}-{number + 1}" if part else key
            case _:
                pass
        return Record(id=key, task="vqa", answer=Text("x"), origin=f"{part}.json:{number}", **given)


def build(folder: Path, *sources: PartedSource, num_workers: int, **options: Any) -> BuildCounts:
    with Ledger(folder / "ledger.jsonl", stage="data") as ledger:
        return build_records(
            sources,
            out=folder / "records",
            context=SourceContext(folder / "made", 0),
            ledger=ledger,
            num_workers=num_workers,
            max_shard_records=10,
            **options,
        )


def build_and_be_killed(folder: Path) -> None:
    """A worker kills the process that builds, which is this one."""
    deadly = PartedSource(path=folder, killed_over=4, kills=os.getpid())
    build(folder / "killed", deadly, num_workers=2)

"""Read the parts of a data set in several processes; what comes out keeps the order of the parts.

Each worker has a pipe of its own and one part at a time, so that the part a worker died over is
known. Workers hand back encoded lines: what crosses the pipe is what goes to disk.
"""

from __future__ import annotations

import multiprocessing
import signal
import traceback
from collections.abc import Iterator
from itertools import chain, islice
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, SpawnContext
from typing import Any, NamedTuple, Self

from roboloop.base.errors import RoboLoopError
from roboloop.runs.encode import Encoded, Refused
from roboloop.runs.part_marks import Drop
from roboloop.sources.base import SourceContext
from roboloop.sources.data_set import DataSetSource
from roboloop.sources.encode import encode

PARTS_AHEAD_PER_WORKER = 2
"""How far workers may run ahead of the part that is written: bounds the memory."""


class PartResult(NamedTuple):
    """What came out of one part.

    Attributes:
        items: In order.
        stopped_by: The error that ended the part, when nothing can be read behind it.
        failed: Our own mistake, which ends the build with its traceback.
    """

    items: list[Encoded | Refused]
    stopped_by: Drop | None = None
    failed: Exception | None = None


def read_parts(
    source: DataSetSource, *, name: str, context: SourceContext, num_workers: int
) -> Iterator[Encoded | Refused]:
    """Every entry of a data set in the order of its parts, up to the source's limit.

    Args:
        source: Sent to every worker once.
        name: What the source is called in messages.
        context: Sent along.
        num_workers: Processes that read; a data set of one part is read in this one.

    Raises:
        RoboLoopError: What the source raises; E-RUN-005 when a worker dies.
    """
    parts = source.parts(context)
    first = list(islice(parts, 2))
    if num_workers == 1 or len(first) < 2:
        yield from _limited(
            (
                encode(item, source=name)
                for part in chain(first, parts)
                for item in source.drawn(part, context)
            ),
            limit=source.limit,
        )
        return
    with _Team(source, name=name, context=context, num_workers=num_workers) as team:
        yield from _limited(team.items(chain(first, parts)), limit=source.limit)


class _Numbered(NamedTuple):
    number: int
    result: PartResult


class _Worker:
    """A process that reads parts, and the part it has."""

    def __init__(self, source: DataSetSource, name: str, context: SourceContext) -> None:
        method = _starting_method(type(source).__module__)
        self.pipe, theirs = method.Pipe()
        self.process = method.Process(
            target=_work, args=(theirs, source, name, context), daemon=True
        )
        self.process.start()
        theirs.close()
        self.number: int | None = None
        self.part: Any = None

    def give(self, number: int, part: Any) -> None:
        """Send it a part."""
        self.number, self.part = number, part
        try:
            self.pipe.send(part)
        except OSError:
            raise self._death() from None

    def take(self) -> _Numbered:
        """Wait for what came out of its part."""
        try:
            result: PartResult = self.pipe.recv()
        except (EOFError, OSError):
            raise self._death() from None
        assert self.number is not None
        taken = _Numbered(self.number, result)
        self.number = self.part = None
        return taken

    def _death(self) -> RoboLoopError:
        self.process.join()
        code = self.process.exitcode or 0
        how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with status {code}"
        return RoboLoopError(
            "E-RUN-005", f"the worker ended {how} over part {self.number}: {self.part!r}"
        )


class _Team:
    """Workers that read one source. Leaving the block ends them."""

    def __init__(
        self, source: DataSetSource, *, name: str, context: SourceContext, num_workers: int
    ) -> None:
        self._workers = [_Worker(source, name, context) for _ in range(num_workers)]
        self._num_given = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join()
            worker.pipe.close()

    def items(self, parts: Iterator[Any]) -> Iterator[Encoded | Refused]:
        """What comes out of the parts, in their order."""
        numbered = enumerate(parts)
        done: dict[int, PartResult] = {}
        wanted = 0
        while self._hand_out(numbered, wanted=wanted) or done:
            while wanted not in done:
                self._collect(done)
            result = done.pop(wanted)
            wanted += 1
            self._hand_out(numbered, wanted=wanted)
            yield from result.items
            if result.stopped_by is not None:
                raise result.stopped_by.error()
            if result.failed is not None:
                raise result.failed

    def _hand_out(self, parts: Iterator[tuple[int, Any]], *, wanted: int) -> bool:
        """Give idle workers a part each; whether any worker is busy afterwards."""
        furthest = wanted + PARTS_AHEAD_PER_WORKER * len(self._workers)
        for worker in self._workers:
            if worker.number is None and self._num_given < furthest:
                following = next(parts, None)
                if following is None:
                    break
                worker.give(*following)
                self._num_given += 1
        return any(worker.number is not None for worker in self._workers)

    def _collect(self, done: dict[int, PartResult]) -> None:
        """Wait until some worker is ready, and take what is there."""
        busy = {worker.pipe: worker for worker in self._workers if worker.number is not None}
        for pipe in wait(list(busy)):
            assert isinstance(pipe, Connection)
            number, result = busy[pipe].take()
            done[number] = result


def _starting_method(module: str) -> SpawnContext | ForkServerContext:
    """How workers start: from a server that has imported what they need, where there is one.

    The second and every later worker then costs milliseconds. Spawned ones, as on Windows, each
    import it anew.

    Args:
        module: Of the source; the server has the modules of the first source it is started for.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    method = multiprocessing.get_context("forkserver")
    method.set_forkserver_preload(["__main__", __name__, module])
    return method


def _work(pipe: Connection, source: DataSetSource, name: str, context: SourceContext) -> None:
    """The life of a worker: a part comes, its result goes, until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that builds ends its workers
    try:
        while True:
            pipe.send(_part_result(source, pipe.recv(), name=name, context=context))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _part_result(
    source: DataSetSource, part: Any, *, name: str, context: SourceContext
) -> PartResult:
    items: list[Encoded | Refused] = []
    try:
        made = (encode(item, source=name) for item in source.drawn(part, context))
        for item in _limited(made, limit=source.limit):
            items.append(item)
    except RoboLoopError as error:
        return PartResult(items, stopped_by=Drop.of(error))
    except Exception as error:
        said = f"over part {part!r}:\n{traceback.format_exc()}"
        # Any other class of error may not survive the pipe.
        return PartResult(items, failed=error if isinstance(error, OSError) else RuntimeError(said))
    return PartResult(items)


def _limited(
    items: Iterator[Encoded | Refused], *, limit: int | None
) -> Iterator[Encoded | Refused]:
    """The items up to the last record that the source's limit allows."""
    num_records = 0
    for item in items:
        yield item
        num_records += isinstance(item, Encoded) or item.is_record
        if num_records == limit:
            return

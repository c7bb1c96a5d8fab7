"""The Daft executor: jobs as rows of a Daft table, on this machine or on a Ray cluster.

Each row holds one pickled job; a pool of Daft actors calls the function on it and gives back its
pickled result. Daft only says who works when: jobs leave whole files, so resuming, order and bytes
are the same as with the inline executor. On a cluster every node needs the same RoboLoop installed,
and the run folder and the media under the same paths (a shared file system).
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal

from roboloop.base.errors import MissingDependencyError, RoboLoopError

PARTITIONS_PER_WORKER = 4
"""On Ray the unit that goes to a worker: more of them even out the load, each costs some
milliseconds."""

Runner = Literal["native", "ray"]


class DaftExecutor:
    """Calls a function on items in a pool of Daft actors.

    Args:
        num_workers: Actors, each a process with one core.
        runner: `native`, on this machine, or `ray`.
        address: Of a Ray cluster, such as `auto` or `ray://head:10001`; a Ray on this machine is
            started when left out.

    Raises:
        RoboLoopError: E-ENV-001 when Daft or Ray is not installed.
    """

    def __init__(
        self, *, num_workers: int, runner: Runner = "native", address: str | None = None
    ) -> None:
        self.num_workers = num_workers
        self.runner: Runner = runner
        self.address = address
        for package in ("daft", "ray") if runner == "ray" else ("daft",):
            if find_spec(package) is None:
                purpose = f"`engine: {{kind: daft, runner: {runner}}}`"
                raise MissingDependencyError(package, purpose=purpose, extra=package)

    def map(self, function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        """Results in the items' order.

        Raises:
            RoboLoopError: E-RUN-005 when an actor dies; what the function raises.
        """
        if not items:
            return
        daft = self._daft()
        table = daft.from_pydict(
            {"number": list(range(len(items))), "job": [pickle.dumps(item) for item in items]}
        )
        num_workers = min(self.num_workers, len(items))
        if self.runner == "ray":
            table = table.into_partitions(min(len(items), num_workers * PARTITIONS_PER_WORKER))
        work = _actors(daft, num_workers=num_workers, own_processes=self.runner == "native")
        done = work(pickle.dumps(function))(table["job"])
        with closing(table.select(table["number"], done.alias("result")).iter_rows()) as rows:
            yield from _in_order(rows)

    def close(self) -> None:
        """Actors end with each `map`; nothing is left to close."""

    def _daft(self) -> Any:
        """Daft, with the runner chosen. A process can choose it only once."""
        os.environ.setdefault("DAFT_PROGRESS_BAR", "0")  # ours is shown
        daft = import_module("daft")
        if daft.get_or_infer_runner_type() == self.runner:
            return daft
        if self.runner == "ray":
            daft.set_runner_ray(self.address, noop_if_initialized=True)
        else:
            daft.set_runner_native(num_threads=self.num_workers)
        return daft


def _actors(daft: Any, *, num_workers: int, own_processes: bool) -> Any:
    """A Daft class whose instances are a pool: made from a pickled function, called on jobs."""

    class Worker:
        def __init__(self, function: bytes) -> None:
            self.function = pickle.loads(function)

        @daft.method.batch(return_dtype=daft.DataType.binary(), batch_size=1)
        def __call__(self, jobs: Any) -> list[bytes]:
            return [_outcome(self.function, pickle.loads(job)) for job in jobs.to_pylist()]

    # On Ray every actor is a process of its own anyway.
    return daft.cls(max_concurrency=num_workers, use_process=own_processes or None)(Worker)


def _outcome(function: Callable[[Any], Any], item: Any) -> bytes:
    """A pickled pair (result, error). Errors travel as values, so that they stay what they are."""
    try:
        return pickle.dumps((function(item), None))
    except RoboLoopError as error:
        return pickle.dumps((None, error))


def _in_order(rows: Iterator[Any]) -> Iterator[Any]:
    """Results by their number; those that come early wait."""
    early: dict[int, Any] = {}
    wanted = 0
    for row in rows:
        early[row["number"]] = pickle.loads(row["result"])
        while wanted in early:
            result, error = early.pop(wanted)
            if error is not None:
                raise error
            yield result
            wanted += 1
    assert not early, f"Daft lost item {wanted}"

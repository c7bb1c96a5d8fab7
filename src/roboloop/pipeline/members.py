"""Processes that take part in a run which another one leads.

They come from torchrun, a process for each GPU, or are `roboloop train` on the second and further
machines. The first does all stages and writes all marks; the others wait for the marks, train when
a phase's turn has come, and leave after the last one, or when the first has stopped. All need to
see the same run folder.
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

from roboloop.base.errors import RestartableError, RoboLoopError
from roboloop.runs.folder import RunFolder, StageFolder
from roboloop.train.processes import Processes

LOOK_SECONDS = 0.2
STOPPED = "stopped"


def member_number(processes: Processes | None) -> int:
    """Which member of a run this process is; 0 leads, and is alone when nothing else is said."""
    if processes is not None:
        return processes.node
    return int(os.environ.get("RANK", "0")) if int(os.environ.get("WORLD_SIZE", "1")) > 1 else 0


class Leader:
    """The first process, seen from another: what it marks, and whether it stops.

    Args:
        run: The run folder of both.
    """

    def __init__(self, run: RunFolder) -> None:
        self._events = run.events_path
        self._read = self._events.stat().st_size if self._events.exists() else 0

    def wait_for(self, stage: StageFolder) -> None:
        """Until it has marked the stage as done.

        Raises:
            RoboLoopError: What stopped it since this one began.
        """
        while stage.mark is None:
            self._raise_what_stopped_it()
            time.sleep(LOOK_SECONDS)

    def _raise_what_stopped_it(self) -> None:
        if not self._events.exists():
            return
        with self._events.open("rb") as stream:
            stream.seek(self._read)
            lines = stream.read().splitlines(keepends=True)
        for line in lines:
            if not line.endswith(b"\n"):
                return
            self._read += len(line)
            told = json.loads(line)
            if told["event"] == STOPPED:
                kind = RestartableError if told["restartable"] else RoboLoopError
                raise kind(told["code"], told["detail"], fix=told["fix"])


def tell_members(run: RunFolder, *, error: RoboLoopError) -> None:
    """Say that the first process stops, and why."""
    restartable = isinstance(error, RestartableError)
    with suppress(OSError):  # the disk may be what is full
        run.event(
            STOPPED, code=error.code, detail=error.detail, fix=error.fix, restartable=restartable
        )


def say_to(log: Path) -> None:
    """From now on what this process and its libraries print goes to a file, not to the screen."""
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    with log.open("ab") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)

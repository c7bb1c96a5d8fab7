"""Processes that take part in a run which another one leads.

They come from torchrun, a process for each GPU, or are `roboloop train` on the second and further
machines. The first does all stages and writes all marks; the others wait for the marks, train when
a phase's turn has come, and leave after the last one. They need to see the same run folder.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from roboloop.runs.folder import StageFolder
from roboloop.train.processes import Processes

LOOK_SECONDS = 0.2


def member_number(processes: Processes | None) -> int:
    """Which member of a run this process is; 0 leads, and is alone when nothing else is said."""
    if processes is not None:
        return processes.node
    return int(os.environ.get("RANK", "0")) if int(os.environ.get("WORLD_SIZE", "1")) > 1 else 0


def wait_for(stage: StageFolder) -> None:
    """Until the stage has its mark.

    When the first process fails, whoever started the members ends this one.
    """
    while stage.mark is None:
        time.sleep(LOOK_SECONDS)


def say_to(log: Path) -> None:
    """From now on what this process and its libraries print goes to a file, not to the screen."""
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    with log.open("ab") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)

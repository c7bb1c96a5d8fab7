"""A page of training curves alone: of a log from elsewhere, or of a run that is still going on.

The page of a run that goes on loads `data/live.js` again every two seconds, since a page opened
from disk may run a script but not fetch a file. Who keeps that file up is `followed`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import roboloop
from roboloop.base.errors import RoboLoopError
from roboloop.base.progress import console
from roboloop.report.build import write_viewer
from roboloop.report.curves import stage_curves, training_curves
from roboloop.report.folder import replaced_folder
from roboloop.report.scripts import write_live
from roboloop.runs.training_log import LogLines

EVERY_SECONDS = 3.0
MOST_TIME_FRACTION = 0.02
"""Of the training's time, for reading its logs, which may be long."""

FindLogs = Callable[[], Mapping[str, Path]]
"""Gives the logs there are by now: stage name -> trainer_log.jsonl."""


def write_training_page(out: Path, *, logs: Mapping[str, LogLines], title: str) -> Path:
    """Write a page that shows the curves of logs.

    Raises:
        RoboLoopError: E-REP-002 when `out` is something else.
    """
    curves = [stage_curves(name, log=log) for name, log in logs.items()]
    with replaced_folder(out) as place:
        summary = {
            "mode": "training", "title": title, "version": roboloop.__version__,
            "training": curves,
        }  # fmt: skip
        write_viewer(place, summary=summary, samples=[], rows=[])
    return out / "index.html"


class LivePage:
    """A page that follows logs.

    Args:
        out: Folder of the page; an older one there is replaced.
        title: Name of the run.

    Raises:
        RoboLoopError: E-REP-002 when `out` is something else.
    """

    def __init__(self, out: Path, *, title: str) -> None:
        self.page = out / "index.html"
        self._out = out
        self._shown: Any = None
        self._is_behind = False
        with replaced_folder(out) as place:
            summary = {
                "mode": "training", "title": title, "version": roboloop.__version__,
                "training": [], "live": True,
            }  # fmt: skip
            write_viewer(place, summary=summary, samples=[], rows=[])
            write_live(place, value={"training": [], "live": True})

    def update(self, logs: Mapping[str, Path], *, goes_on: bool = True) -> None:
        """Show what the logs hold now; a page told that it does not go on looks no more."""
        sizes = {name: path.stat().st_size for name, path in logs.items() if path.exists()}
        if self._shown == (sizes, goes_on):
            return
        there = {name: logs[name] for name in sizes}
        write_live(self._out, value={"training": training_curves(there), "live": goes_on})
        self._shown = (sizes, goes_on)

    def keep_up(self, logs: Mapping[str, Path], *, goes_on: bool = True) -> None:
        """As `update`, but where the page cannot be written say so, once, and try again later."""
        try:
            self.update(logs, goes_on=goes_on)
            self._is_behind = False
        except (OSError, RoboLoopError) as error:
            if not self._is_behind:
                said = f"the page {self.page} could not be written: {error}"
                console().print(said, style="yellow", markup=False, soft_wrap=True)
            self._is_behind = True


@contextmanager
def followed(
    page: LivePage, *, find_logs: FindLogs, is_last: bool, every_seconds: float = EVERY_SECONDS
) -> Generator[None]:
    """Keep a page up while the block runs, from a thread of its own; never disturbs the block.

    Args:
        page: The page.
        find_logs: Asked each time.
        is_last: Whether nothing more is trained after the block.
        every_seconds: Time between two looks, or more where reading long logs takes time.
    """
    stop = threading.Event()

    def follow() -> None:
        pause = every_seconds
        while not stop.wait(pause):
            began = time.monotonic()
            page.keep_up(find_logs())
            pause = max(every_seconds, (time.monotonic() - began) / MOST_TIME_FRACTION)

    page.keep_up(find_logs())
    thread = threading.Thread(target=follow, name="live page", daemon=True)
    thread.start()
    try:
        yield
    except BaseException:
        is_last = True
        raise
    finally:
        stop.set()
        thread.join()
        page.keep_up(find_logs(), goes_on=not is_last)

"""A page of training curves alone: of a log from elsewhere, or of a run that is still going on.

The page of a run that goes on loads `data/live.js` again every two seconds, since a page opened
from disk may run a script but not fetch a file. Who keeps that file up is `followed`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import roboloop
from roboloop.base.progress import console
from roboloop.report.build import write_viewer
from roboloop.report.curves import stage_curves, training_curves
from roboloop.report.folder import replaced_folder
from roboloop.report.scripts import write_live
from roboloop.runs.training_log import LogLines

EVERY_SECONDS = 3.0

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


@contextmanager
def followed(
    page: LivePage, *, find_logs: FindLogs, is_last: bool, every_seconds: float = EVERY_SECONDS
) -> Generator[None]:
    """Keep a page up while the block runs, from a thread of its own.

    Args:
        page: The page.
        find_logs: Asked each time.
        is_last: Whether nothing more is trained after the block.
        every_seconds: Time between two looks.
    """
    stop = threading.Event()

    def follow() -> None:
        while not stop.wait(every_seconds):
            try:
                page.update(find_logs())
            except OSError as error:
                console().print(f"the page {page.page} is no longer kept up: {error}", markup=False)
                return

    page.update(find_logs())
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
        page.update(find_logs(), goes_on=not is_last)

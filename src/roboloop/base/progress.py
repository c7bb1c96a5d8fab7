"""One way to show progress: a bar in a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

Item = TypeVar("Item")

LOG_EVERY_SECONDS = 10.0


def console() -> Console:
    """The console for people: standard error, so that standard output stays for data."""
    return Console(stderr=True, highlight=False)


class ProgressBar:
    """A running count with a text beside it. Made by `progress_bar`."""

    def __init__(self, title: str, *, total: int | None, out: Console, done: int = 0) -> None:
        self.title = title
        self.total = total
        self.done = self._before = done
        self.note = ""
        self._out = out
        self._started = self._said = time.monotonic()
        self._live: Progress | None = None
        if out.is_terminal:
            self._live = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[note]}"),
                console=out,
            )
            self._live.start()
            self._task = self._live.add_task(title, total=total, completed=done, note="")

    def advance(self, num_steps: int = 1, *, note: str | None = None) -> None:
        """Count `num_steps` more and show `note`, such as the loss, beside the bar."""
        self.done += num_steps
        self.note = self.note if note is None else note
        if self._live is not None:
            self._live.update(self._task, completed=self.done, note=self.note)
        elif self.done != self.total and time.monotonic() - self._said >= LOG_EVERY_SECONDS:
            self._said = time.monotonic()
            self._out.print(self._line())

    def close(self) -> None:
        """End the bar and leave one line that says how long it took."""
        if self._live is not None:
            self._live.stop()
        else:
            self._out.print(self._line())

    def _line(self) -> str:
        of_total = "" if self.total is None else f"/{self.total}"
        seconds = time.monotonic() - self._started
        note = f"  {self.note}" if self.note else ""
        return f"{self.title}: {self.done}{of_total} in {seconds:.0f} s{self._left(seconds)}{note}"

    def _left(self, seconds: float) -> str:
        """How long the rest will take, at the speed so far."""
        num_done = self.done - self._before
        if self.total is None or num_done <= 0 or self.done >= self.total:
            return ""
        left = seconds / num_done * (self.total - self.done)
        return f", {timedelta(seconds=round(left))} left"


@contextmanager
def progress_bar(title: str, *, total: int | None = None, done: int = 0) -> Generator[ProgressBar]:
    """Show progress of a block of work; call `advance` on what it gives.

    Args:
        title: What is done.
        total: How much there is; None when that is not known.
        done: How much was done before, by an earlier attempt.
    """
    sys.stderr.flush()
    bar = ProgressBar(title, total=total, out=console(), done=done)
    try:
        yield bar
    finally:
        bar.close()


def track(items: Iterable[Item], *, title: str, total: int | None = None) -> Iterator[Item]:
    """Go through `items` and show how far."""
    if total is None and hasattr(items, "__len__"):
        total = len(items)  # pyright: ignore[reportArgumentType]
    with progress_bar(title, total=total) as bar:
        for item in items:
            yield item
            bar.advance()

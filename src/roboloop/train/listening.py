"""Who is told each line of a phase's log: the figures, and the trackers that it names."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from roboloop.train.config import PhaseConfig
from roboloop.train.figures import FOLDER, LiveFigures
from roboloop.train.log import LogListener, TrainerLog
from roboloop.train.trackers import open_tracker


@contextmanager
def listening(log: TrainerLog | None, *, config: PhaseConfig, out: Path) -> Generator[None]:
    """Tell the listeners of a phase every line of its log; close them at the end, good or bad.

    Args:
        log: The log; None on a process that writes none.
        config: The phase.
        out: Folder of the phase.

    Raises:
        RoboLoopError: E-ENV-001 when a tracker's package is not installed.
    """
    with ExitStack() as stack:
        if log is not None:
            listeners: list[LogListener] = [
                LiveFigures(out / FOLDER, lines=log.lines, title=config.name)
            ]
            for name in dict.fromkeys(config.trackers):
                listeners.append(open_tracker(name, phase=config.name, out=out, warn=log.warn))
                stack.callback(listeners[-1].close)
            stack.callback(listeners[0].close)
            log.listeners.extend(listeners)
        yield

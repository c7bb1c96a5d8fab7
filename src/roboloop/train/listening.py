"""Who is told each line of a phase's log: the figures, and the trackers that it names."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from roboloop.train.config import PhaseConfig
from roboloop.train.figures import FOLDER, LiveFigures
from roboloop.train.log import LogListener, TrainerLog


@contextmanager
def listening(log: TrainerLog | None, *, config: PhaseConfig, out: Path) -> Generator[None]:
    """Tell the listeners of a phase every line of its log; close them at the end, good or bad.

    Args:
        log: The log; None on a process that writes none.
        config: The phase.
        out: Folder of the phase.
    """
    with ExitStack() as stack:
        if log is not None:
            for listener in _listeners(log, config=config, out=out):
                stack.callback(listener.close)
                log.listeners.append(listener)
        yield


def _listeners(log: TrainerLog, *, config: PhaseConfig, out: Path) -> list[LogListener]:
    return [LiveFigures(out / FOLDER, lines=log.lines, title=config.name)]

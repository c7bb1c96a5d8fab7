"""Names of tasks in recipe options. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable

from roboloop.base.errors import RoboLoopError
from roboloop.tasks import load_task


def check_tasks(tasks: Iterable[str]) -> None:
    """Check the names of tasks.

    Raises:
        ValueError: For one that is not known, with the nearest that is.
    """
    for kind in tasks:
        try:
            load_task(kind)
        except RoboLoopError as error:
            raise ValueError(error.detail) from error

"""Question types, one file each. `TASKS` is the whole table; nothing is imported before use."""

from __future__ import annotations

from functools import cache

from roboloop.base.table import Table
from roboloop.tasks.base import Metric, Parsed, ParseStatus, Task, Wording

TASKS = Table(
    "tasks",
    rows={
        "contact_box": "roboloop.tasks.contact_box:ContactBox",
    },
)


@cache
def load_task(kind: str) -> Task:
    """The task of this kind.

    Raises:
        RoboLoopError: E-CFG-006 for an unknown kind, with the nearest known one.
    """
    return TASKS.resolve(kind)()


__all__ = ["TASKS", "Metric", "ParseStatus", "Parsed", "Task", "Wording", "load_task"]

"""A task that a robot may be told: its steps, and the dangers in it. Kept in `Record.meta`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from roboloop.base.errors import RoboLoopError
from roboloop.records.record import Record

HOUSEHOLD_KEY = "household_task"
"""Key of `Record.meta`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseholdTask:
    """A task, dangerous or not.

    Attributes:
        instruction: What the robot is told.
        steps: How it would be done, in sentences; of a dangerous task what must not be done.
        dangers: Names such as `fire`; none when it is safe.
        beside: The instruction of the dangerous task that a safe one was made beside.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    instruction: str
    steps: tuple[str, ...]
    dangers: tuple[str, ...] = ()
    beside: str = ""


@cache
def _adapter() -> TypeAdapter[HouseholdTask]:
    return TypeAdapter(HouseholdTask)


def household_to_json(task: HouseholdTask) -> dict[str, Any]:
    """The task as a JSON object; fields at their default are left out."""
    return _adapter().dump_python(task, mode="json", exclude_defaults=True)


def household_task_of(record: Record) -> HouseholdTask | None:
    """The task that a record carries; None where it carries none.

    Raises:
        RoboLoopError: E-REC-003 when it is malformed.
    """
    given = record.meta.get(HOUSEHOLD_KEY)
    if given is None:
        return None
    try:
        return _adapter().validate_python(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise RoboLoopError("E-REC-003", f"not a task: {where}: {first['msg']}") from None

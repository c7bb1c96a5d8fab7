"""Read the fields of a published entry with their types; boxes of x, y, width and height."""

from __future__ import annotations

import math
from typing import Any, cast

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize, Point
from roboloop.records.answers import Box

MAX_WHOLE = 1 << 53
"""Larger ones are no exact floats, and no count, key or frame of any data set."""


class Entry:
    """A JSON object from outside.

    Args:
        value: What stands there.
        what: How to call it in messages, such as `annotation`.

    Raises:
        RoboLoopError: E-DAT-004 when it is no object, and from each method when a field is missing
            or of another type; E-REC-010 for a number that is not finite.
    """

    def __init__(self, value: Any, *, what: str = "entry") -> None:
        if not isinstance(value, dict):
            raise RoboLoopError("E-DAT-004", f"{what} is no object but {_shown(value)}")
        self.fields = cast("dict[str, Any]", value)
        self._what = what

    def __contains__(self, name: str) -> bool:
        return self.fields.get(name) is not None

    def text(self, *names: str) -> str:
        """The text under the first of the names that is there."""
        name, value = self._first(names)
        if not isinstance(value, str):
            raise self._wrong(name, value, wanted="text")
        return value

    def whole(self, *names: str) -> int:
        """The whole number under the first of the names that is there."""
        name, value = self._first(names)
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) > MAX_WHOLE:
            raise self._wrong(name, value, wanted="a whole number below 2^53")
        return value

    def number(self, *names: str) -> float:
        """The finite number under the first of the names that is there."""
        name, value = self._first(names)
        return finite(value, name=f"{self._what} {name!r}")

    def items(self, *names: str) -> list[Any]:
        """The list under the first of the names that is there."""
        name, value = self._first(names)
        if not isinstance(value, list):
            raise self._wrong(name, value, wanted="a list")
        return cast("list[Any]", value)

    def entry(self, name: str) -> Entry:
        """The object under a name."""
        return Entry(self._first((name,))[1], what=name)

    def texts(self, name: str) -> tuple[str, ...]:
        """The list of texts under a name."""
        values = self.items(name)
        if not all(isinstance(value, str) for value in values):
            raise self._wrong(name, values, wanted="a list of texts")
        return tuple(values)

    def wholes(self, name: str) -> tuple[int, ...]:
        """The list of whole numbers under a name."""
        values = self.items(name)
        if not all(type(value) is int and abs(value) <= MAX_WHOLE for value in values):
            raise self._wrong(name, values, wanted="a list of whole numbers")
        return tuple(values)

    def _first(self, names: tuple[str, ...]) -> tuple[str, Any]:
        for name in names:
            if name in self:
                return name, self.fields[name]
        raise RoboLoopError("E-DAT-004", f"{self._what} has no {' or '.join(map(repr, names))}")

    def _wrong(self, name: str, value: Any, *, wanted: str) -> RoboLoopError:
        return RoboLoopError("E-DAT-004", f"{self._what} {name!r} is {_shown(value)}, not {wanted}")


def finite(value: Any, *, name: str) -> float:
    """A finite number.

    Raises:
        RoboLoopError: E-DAT-004 when it is no number, E-REC-010 when it is not finite.
    """
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise RoboLoopError("E-DAT-004", f"{name} is {_shown(value)}, not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise RoboLoopError("E-REC-010", f"{name} is {number}")
    return number


def point(value: Any, *, name: str) -> Point:
    """A place written as [x, y].

    Raises:
        RoboLoopError: E-DAT-004 or E-REC-010.
    """
    match value:
        case [x, y]:
            return Point(finite(x, name=name), finite(y, name=name))
        case _:
            raise RoboLoopError("E-DAT-004", f"{name} is {_shown(value)}, not [x, y]")


def cornered_box(
    x: float, y: float, *, width: float, height: float, picture: PictureSize, slack_px: float
) -> Box:
    """The box with its upper left corner at (x, y), in pixels.

    Raises:
        RoboLoopError: E-REC-012 without an area; E-REC-011 outside the picture.
    """
    if width <= 0 or height <= 0:
        raise RoboLoopError("E-REC-012", f"a box is {width:g} wide and {height:g} high")
    return kept_inside(Box(x, y, x + width, y + height), picture=picture, slack_px=slack_px)


def kept_inside(box: Box, *, picture: PictureSize, slack_px: float) -> Box:
    """The part of a box inside the picture, where it sticks out by `slack_px` at most.

    So much comes from rounding; more means that the box or its convention is wrong.

    Raises:
        RoboLoopError: E-REC-011 when it sticks out farther.
    """
    over_px = max(-box.x1, -box.y1, box.x2 - picture.width, box.y2 - picture.height)
    if over_px > slack_px:
        shown = ", ".join(f"{value:g}" for value in box.corners_px)
        raise RoboLoopError(
            "E-REC-011",
            f"box [{shown}] sticks out of the {picture.width}x{picture.height} picture "
            f"by {over_px:g} pixels",
        )
    if over_px <= 0:
        return box
    x1, x2 = (min(max(x, 0.0), float(picture.width)) for x in (box.x1, box.x2))
    y1, y2 = (min(max(y, 0.0), float(picture.height)) for y in (box.y1, box.y2))
    return Box(x1, y1, x2, y2, box.label)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."

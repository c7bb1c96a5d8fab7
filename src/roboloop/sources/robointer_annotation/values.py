"""The values of one annotated frame, with their three states.

Every field of an annotation is a value, None (nobody could know it), or `[]` or -1 (its moment has
passed). Whole pixels of a picture of `origin_shape` become float pixels of the stored picture.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, cast

import numpy as np

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize, Point, Scale
from roboloop.records.answers import Box, Points, Trajectory, check_answer

DEFAULT_ORIGIN = PictureSize(224, 224)
"""The size of picture that coordinates speak of when `origin_shape` is not given."""
NUM_POSE_POINTS = 6
MAX_WHOLE_NUMBER = 2**53


class Moment(Enum):
    """What stands in place of a value whose moment has passed."""

    PASSED = "passed"


PASSED = Moment.PASSED
Placed = Box | Points | Trajectory
Noted = Placed | Moment | None
"""A place, `PASSED`, or None when there is no source for it."""


def read_place(field: str, value: Any, *, origin: PictureSize, size: PictureSize) -> Noted:
    """A field of an annotation in pixels of a picture of `size`.

    Args:
        field: One of `PLACE_FIELDS`.
        value: What was unpickled.
        origin: The size of picture the annotated coordinates speak of.
        size: The size of the stored picture.

    Raises:
        RoboLoopError: E-DAT-004 when the value is of no known form, E-REC-010 to E-REC-012 when it
            is no place in the picture.
    """
    plain = as_plain(value)
    if plain is None:
        return None
    if plain == -1 or plain in ([], ()):
        return PASSED
    scale = Scale(size.width / origin.width, size.height / origin.height)
    place = PLACE_FIELDS[field](field, plain, scale)
    try:
        check_answer(place, size=size)
    except RoboLoopError as error:
        raise RoboLoopError(error.code, f"{field}: {error.detail}") from error
    return place


def read_frame_number(field: str, value: Any) -> int | Moment | None:
    """A frame number, such as `contact_frame`: -1 once it has passed.

    Raises:
        RoboLoopError: E-DAT-004 when it is none.
    """
    plain = as_plain(value)
    if plain is None:
        return None
    if plain in ([], ()):
        return PASSED
    if type(plain) is not int:
        raise unknown_form(field, plain, wanted="a frame number")
    return PASSED if plain < 0 else plain


def read_text(field: str, value: Any) -> str | None:
    """A text, None when there is none.

    Raises:
        RoboLoopError: E-DAT-004 when it is something else.
    """
    plain = as_plain(value)
    if plain is None or plain in ([], (), -1):
        return None
    if not isinstance(plain, str):
        raise unknown_form(field, plain, wanted="text")
    return " ".join(plain.split()) or None


def read_origin(value: Any) -> PictureSize:
    """`origin_shape`, (width, height); `DEFAULT_ORIGIN` when it is not given.

    Raises:
        RoboLoopError: E-DAT-004 when it is no size.
    """
    plain = as_plain(value)
    if plain is None:
        return DEFAULT_ORIGIN
    match plain:
        case [int() as width, int() as height] if width > 0 and height > 0:
            return PictureSize(width, height)
        case _:
            raise unknown_form("origin_shape", plain, wanted="[width, height]")


def read_spans(value: Any) -> list[tuple[int, int]]:
    """`time_clip`: first and last frame of each clip, in order.

    A clip may begin with the last frame of the one before it, as published ones do.

    Raises:
        RoboLoopError: E-DAT-004 when it is something else.
    """
    wanted = "[[first, last], ...] in the order of time"
    plain = as_plain(value)
    if not isinstance(plain, list | tuple):
        raise unknown_form("time_clip", value, wanted=wanted)
    spans: list[tuple[int, int]] = []
    for item in cast("list[Any]", plain):
        pair = as_plain(item)
        if not isinstance(pair, list | tuple):
            raise unknown_form("time_clip", value, wanted=wanted)
        ends = [as_plain(end) for end in cast("list[Any]", pair)]
        if len(ends) != 2 or not all(type(end) is int for end in ends):
            raise unknown_form("time_clip", value, wanted=wanted)
        first, last = ends
        if first < 0 or last < first or (spans and first < spans[-1][1]):
            raise unknown_form("time_clip", value, wanted=wanted)
        spans.append((first, last))
    return spans


def as_plain(value: Any) -> Any:
    """Numpy's arrays and numbers as lists and numbers."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return value


def unknown_form(field: str, value: Any, *, wanted: str) -> RoboLoopError:
    """The error of a value that is not what the format says; shows only its beginning."""
    return RoboLoopError("E-DAT-004", f"{field} is {reprlib.repr(value)}, not {wanted}")


def _box(field: str, value: Any, scale: Scale) -> Placed:
    points = _points(field, value, scale, wanted="[[x1, y1], [x2, y2]]")
    if len(points) != 2:
        raise unknown_form(field, value, wanted="[[x1, y1], [x2, y2]]")
    return Box(*points[0], *points[1])


def _contact_points(field: str, value: Any, scale: Scale) -> Placed:
    """Both published shapes: one point [x, y], or the two fingers' [[x, y], [x, y]]."""
    if _is_point(value):
        return Points(_points(field, [value], scale, wanted="[x, y]"))
    points = _points(field, value, scale, wanted="[x, y] or [[x, y], [x, y]]")
    if len(points) > 2:
        raise unknown_form(field, value, wanted="[x, y] or [[x, y], [x, y]]")
    return Points(points)


def _path(field: str, value: Any, scale: Scale) -> Placed:
    points = _points(field, value, scale, wanted="a list of [x, y]")
    if len(points) < 2:
        raise unknown_form(field, value, wanted="a list of [x, y]")
    return Trajectory(points)


def _pose(field: str, value: Any, scale: Scale) -> Placed:
    """Centre, approach, left top, right top, left bottom, right bottom."""
    points = _points(field, value, scale, wanted=f"{NUM_POSE_POINTS} points")
    if len(points) != NUM_POSE_POINTS:
        raise unknown_form(field, value, wanted=f"{NUM_POSE_POINTS} points")
    return Points(points)


def _points(field: str, value: Any, scale: Scale, *, wanted: str) -> tuple[Point, ...]:
    if not isinstance(value, list | tuple):
        raise unknown_form(field, value, wanted=wanted)
    found: list[Point] = []
    for item in cast("list[Any]", value):
        pair = as_plain(item)
        if not _is_point(pair):
            raise unknown_form(field, value, wanted=wanted)
        found.append(Point(float(pair[0]) * scale.x, float(pair[1]) * scale.y))
    return tuple(found)


def _is_point(value: Any) -> bool:
    if not isinstance(value, list | tuple):
        return False
    pair = [as_plain(item) for item in cast("list[Any]", value)]
    return len(pair) == 2 and all(_is_number(item) for item in pair)


def _is_number(value: Any) -> bool:
    """A number that a float can hold; whether it is finite is told with a code of its own."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, float) or abs(value) < MAX_WHOLE_NUMBER


PLACE_FIELDS: Mapping[str, Callable[[str, Any, Scale], Placed]] = MappingProxyType(
    {
        "gripper_box": _box,
        "object_box": _box,
        "placement_proposal": _box,
        "affordance_box": _box,
        "contact_points": _contact_points,
        "trace": _path,
        "grasp_pose": _pose,
    }
)
"""Field -> how its value is read."""

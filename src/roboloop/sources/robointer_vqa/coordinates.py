"""Published answers with coordinates -> typed answers in pixels, in each of the three formats.

Nearly all answers are plain JSON, `{"current_bbox": [[x1, y1], [x2, y2]]}`, and read directly. What
is not goes through the task's own reading, which forgives much and takes a hundred times longer;
tests hold both to the same result.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import orjson

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize, Point
from roboloop.dialects import Dialect, load_dialect
from roboloop.dialects.framed import Frame, FramedDialect
from roboloop.dialects.robointer import CutOffFormat
from roboloop.records.answers import Answer, Box, Points, Trajectory
from roboloop.sources.robointer_vqa.sets import Coordinates

ANSWER_KEYS = {
    "contact_box": "contact_bbox",
    "contact_point": "contact_point",
    "current_box": "current_bbox",
    "final_box": "final_bbox",
    "gripper_det": "gripper_det_bbox",
    "traj": "future_traj",
    "traj_wo_init_pos": "future_traj",
}
"""Kind of task -> the key of its published answer."""

_BOX_TASKS = ("contact_box", "current_box", "final_box", "gripper_det")
_NUMBER_TYPES = (int, float)


@dataclass(frozen=True, kw_only=True)
class ResizedAsStated(CutOffFormat):
    """smart_resize_format where the entry itself states the size after resizing."""

    kind: ClassVar[str] = "robointer_smart_resize"
    title: ClassVar[str] = "RoboInter smart_resize_format, resized as the entry states"
    resized: Frame

    def frame(self, size: PictureSize) -> Frame:
        """The stated size."""
        return self.resized


def stated_size(entry: dict[str, Any], *, width: str, height: str) -> PictureSize | None:
    """The size under two keys of an entry; None when neither is there.

    Raises:
        RoboLoopError: E-REC-003 when they are no whole numbers above 0.
    """
    w, h = entry.get(width), entry.get(height)
    if type(w) is int and type(h) is int and w > 0 and h > 0:
        return PictureSize(w, h)
    if w is None and h is None:
        return None
    raise RoboLoopError("E-REC-003", f"{width!r} and {height!r} are {w!r} and {h!r}")


@lru_cache(maxsize=1024)
def published_dialect(coordinates: Coordinates, *, resized: PictureSize | None) -> FramedDialect:
    """How answers are written in a format, for entries that state this size after resizing."""
    if coordinates == "smart_resize" and resized is not None:
        return ResizedAsStated(resized=Frame(*resized))
    dialect: Dialect = load_dialect(f"robointer_{coordinates}")
    assert isinstance(dialect, FramedDialect)
    return dialect


def plain_answer(text: str, *, task: str, frame: Frame, size: PictureSize) -> Answer | None:
    """The answer in a text that is JSON as it is published; None for any other text.

    Args:
        text: Such as `{"current_bbox": [[69, 95], [184, 167]]}`.
        task: Kind of the task.
        frame: The numbers of the picture's right and bottom border in this format.
        size: Of the picture, in pixels.
    """
    (width, height), (right, bottom) = size, frame
    points: list[Point] = []
    try:
        value = _loaded(text)
        (pairs,) = value.values()
        if ANSWER_KEYS[task] not in value:
            return None
        for x, y in pairs:
            if type(x) not in _NUMBER_TYPES or type(y) not in _NUMBER_TYPES:
                return None
            points.append(Point(x * width / right, y * height / bottom))
    except (ValueError, TypeError, AttributeError):
        return None
    if task in _BOX_TASKS:
        if len(points) != 2:
            return None
        (x1, y1), (x2, y2) = points
        return Box(x1, y1, x2, y2)
    if not points:
        return None
    return Points(tuple(points)) if task == "contact_point" else Trajectory(tuple(points))


def _loaded(text: str) -> Any:
    """The value of a JSON text; NaN, which orjson refuses, is for the record's check to refuse.

    Raises:
        ValueError: For text that is no JSON.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)

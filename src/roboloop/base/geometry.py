"""Plane geometry in pixels: x to the right, y down, origin at the picture's top left corner."""

from __future__ import annotations

from typing import NamedTuple

BoxPx = tuple[float, float, float, float]
"""Corners (x1, y1, x2, y2) in pixels."""
PointPx = tuple[float, float]
"""(x, y) in pixels; a `Point` is one."""


class PictureSize(NamedTuple):
    """Width and height in pixels, in this order."""

    width: int
    height: int


class Point(NamedTuple):
    """A place in a picture, in pixels."""

    x: float
    y: float


class Scale(NamedTuple):
    """Factors by which x and y grow."""

    x: float
    y: float


def scale_between(source: PictureSize, *, target: PictureSize) -> Scale:
    """The factors that carry coordinates of a picture of size `source` to one of size `target`."""
    return Scale(target.width / source.width, target.height / source.height)


def box_area(box_px: tuple[float, float, float, float]) -> float:
    """Area in square pixels of (x1, y1, x2, y2); 0 for an inverted box."""
    x1, y1, x2, y2 = box_px
    return max(0.0, x2 - x1) * max(0.0, y2 - y1)


def box_iou(
    first_px: tuple[float, float, float, float], *, second_px: tuple[float, float, float, float]
) -> float:
    """Intersection over union of two boxes (x1, y1, x2, y2) in one frame, between 0 and 1.

    Boxes are continuous: a box from 10 to 20 is 10 wide. Two equal boxes of area 0 give 1.
    """
    if first_px == second_px:
        return 1.0
    ax1, ay1, ax2, ay2 = first_px
    bx1, by1, bx2, by2 = second_px
    shared = max(0.0, min(ax2, bx2) - max(ax1, bx1)) * max(0.0, min(ay2, by2) - max(ay1, by1))
    union = box_area(first_px) + box_area(second_px) - shared
    return shared / union if union > 0 else 0.0


def distance(first: Point, *, second: Point) -> float:
    """Euclidean distance in pixels."""
    return ((first.x - second.x) ** 2 + (first.y - second.y) ** 2) ** 0.5

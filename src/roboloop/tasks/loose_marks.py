"""Places in an answer to a question of no known task, for drawing."""

from __future__ import annotations

from typing import Literal

from roboloop.base.geometry import PictureSize, Point
from roboloop.dialects.base import Dialect, ReadStatus
from roboloop.tasks.base import Mark

Shape = Literal["box", "points", "path"]


def loose_marks(
    text: str, *, dialect: Dialect, size: PictureSize, shape: Shape | None = None
) -> tuple[Mark, ...]:
    """Boxes, points or the path in a text, in pixels of the original picture.

    Args:
        text: What a model said.
        dialect: How it writes places.
        size: Of the original picture.
        shape: What to look for; boxes, and where there are none points, when left out.
    """
    if shape in ("box", None):
        boxes = dialect.read_boxes(text, size=size)
        if boxes.boxes and (shape == "box" or boxes.status is not ReadStatus.UNREADABLE):
            return tuple(
                Mark("box", (Point(box.x1, box.y1), Point(box.x2, box.y2)), box.label or "")
                for box in boxes.boxes
            )
        if shape == "box":
            return ()
    points = dialect.read_points(text, size=size)
    if not points.points_px:
        return ()
    if shape == "path":
        return (Mark("path", points.points_px),)
    labels = points.labels or ("",) * len(points.points_px)
    return tuple(
        Mark("points", (point,), label)
        for point, label in zip(points.points_px, labels, strict=True)
    )

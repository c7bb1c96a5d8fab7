"""What the drawn questions need to know about a picture, whichever source knows it."""

from __future__ import annotations

from dataclasses import dataclass

from roboloop.base.geometry import BoxPx, PictureSize, Point, PointPx


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One picture, as far as it is known. All coordinates are pixels of the picture.

    Attributes:
        size: Of the picture.
        instruction: What the robot is told.
        object_box_px: The object the instruction speaks of, None when it is not well seen.
        other_boxes_px: Anything else that is not that object.
        contact_points_px: Where the two fingers will touch; None when that has passed or is not
            known.
        is_turned_grasp_wrong: A grasp turned by a right angle would not hold the object.
        path_px: The tool's path from now on, None when it leaves the picture or hardly moves.
    """

    size: PictureSize
    instruction: str
    object_box_px: BoxPx | None = None
    other_boxes_px: tuple[BoxPx, ...] = ()
    contact_points_px: tuple[PointPx, PointPx] | None = None
    is_turned_grasp_wrong: bool = False
    path_px: tuple[Point, ...] | None = None

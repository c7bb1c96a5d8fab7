"""The exact truth of an episode, per frame and view. All coordinates are pixels of that view.

Boxes are (x1, y1, x2, y2) with continuous edges: a pixel in column 7 covers x from 7 to 8.
Three states are kept apart as RoboInter does: a value, "passed" (the moment is over), and
None (it never happens, or cannot be seen).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from roboloop.base.geometry import BoxPx, PointPx

Relation = Literal["left", "right", "front", "behind"]

TRACE_POINTS = 10


@dataclass(frozen=True, slots=True)
class ObjectTruth:
    """One object or destination in one view.

    Attributes:
        name: Colour and noun, unique in the scene: `red mug`. `name_zh` in Chinese.
        kind: Noun alone; `colour` the colour word.
        role: What the instruction makes of it.
        box_px: Box of what is seen of it, or None when nothing is.
        full_box_px: Box of all of it, as if nothing stood before it; may leave the picture.
        visible_fraction: Seen pixels over those of its convex outline, 0 to 1; a whole banana,
            which is bent, reaches about 0.8.
        depth_metres: Distance of its middle along the optical axis.
        position_metres: Its middle in the room.
    """

    name: str
    name_zh: str
    kind: str
    colour: str
    role: Literal["target", "destination", "other"]
    box_px: BoxPx | None
    full_box_px: BoxPx
    visible_fraction: float
    depth_metres: float
    position_metres: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class RelationTruth:
    """`subject` is left of, right of, in front of or behind `reference`, as the viewer sees it."""

    subject: str
    relation: Relation
    reference: str


@dataclass(frozen=True, slots=True)
class FrameTruth:
    """What is true of one picture.

    Attributes:
        frame: Frame number at 15 Hz, from 0; `view` the camera's name.
        phase: Step of the script; `subtask` the sub-task it belongs to, with its `skill`.
        in_contact: Both fingers touch the object now.
        gripper_box_px: Box of what is seen of the gripper, None when nothing is.
        objects: All objects and the destination.
        tool_px: Tool centre point between the fingertips; `tool_metres` the same in the room.
        trace_px: Ten points of the tool's path from now to the next milestone (first touch,
            release, last frame), evenly spaced along the path in the picture; the first is
            `tool_px`.
        depth_range_metres: Nearest and furthest depth in the picture, or None when not drawn.
        free_space: (H / 4, W / 4) bool: table where something could be put down, or None.
        relations: Pairs of things, from the viewer's place.
        gripper_closed_fraction: 0 open, 1 closed.
    """

    frame: int
    view: str
    phase: str
    subtask: str
    subtask_zh: str
    skill: str
    in_contact: bool
    gripper_box_px: BoxPx | None
    objects: tuple[ObjectTruth, ...]
    tool_px: PointPx
    tool_metres: tuple[float, float, float]
    trace_px: tuple[PointPx, ...]
    depth_range_metres: tuple[float, float] | None
    free_space: NDArray[np.bool_] | None
    relations: tuple[RelationTruth, ...]
    gripper_closed_fraction: float

    def thing(self, name: str) -> ObjectTruth:
        """The object or destination of that name."""
        return next(thing for thing in self.objects if thing.name == name)


@dataclass(frozen=True, slots=True)
class ViewTruth:
    """What is true of one view over the whole episode.

    Attributes:
        projection: 3 x 4: homogeneous room coordinates in metres to homogeneous pixels.
        intrinsic: 3 x 3. `extrinsic`: world to camera, 4 x 4, camera axes right, down, forwards.
        contact_box_px: Box of the gripper at the contact frame, None without contact.
        contact_points_px: Where the two fingers touch at the contact frame, the left one in the
            picture first; None without contact.
        final_box_px: Box of the named object in the last frame, None when it is not seen.
    """

    view: str
    width: int
    height: int
    projection: NDArray[np.float64]
    intrinsic: NDArray[np.float64]
    extrinsic: NDArray[np.float64]
    contact_box_px: BoxPx | None
    contact_points_px: tuple[PointPx, PointPx] | None
    final_box_px: BoxPx | None


@dataclass(frozen=True, slots=True)
class EpisodeTruth:
    """What is true of a whole episode.

    Attributes:
        target, destination: Names in the scene; `grasped` the object the arm went for.
        contact_frame, release_frame: None when it never happens.
        success: The named object lies in its destination at the end.
        failure_cause: `missed_grasp`, `wrong_object`, `drop` or `misplaced`; None on success.
        clips: First and last frame of each sub-task, with its words.
    """

    seed: int
    num_frames: int
    instruction: str
    instruction_zh: str
    target: str
    target_zh: str
    destination: str
    destination_zh: str
    grasped: str
    contact_frame: int | None
    release_frame: int | None
    success: bool
    failure_cause: str | None
    clips: tuple[ClipTruth, ...]
    views: tuple[ViewTruth, ...]

    def view(self, name: str) -> ViewTruth:
        """The view of that name."""
        return next(view for view in self.views if view.view == name)


@dataclass(frozen=True, slots=True)
class ClipTruth:
    """A sub-task: frames `first` to `last`, both included."""

    first: int
    last: int
    subtask: str
    subtask_zh: str
    skill: str


def box_of_mask(mask: NDArray[np.bool_]) -> BoxPx | None:
    """Box around the true pixels of an (H, W) mask; None when there is none."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    return (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))


def box_of_points(points_px: NDArray[np.float64]) -> BoxPx:
    """Box around points (N, 2)."""
    (x1, y1), (x2, y2) = points_px.min(axis=0), points_px.max(axis=0)
    return (float(x1), float(y1), float(x2), float(y2))


def hull_area(points_px: NDArray[np.float64], *, width: int, height: int) -> float:
    """Pixels of the picture that the convex hull of the points (N, 2) covers.

    A hull that leaves the picture is counted by the share of its box inside.
    """
    hull = convex_hull(points_px)
    x, y = hull[:, 0], hull[:, 1]
    area = 0.5 * abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))))
    x1, y1, x2, y2 = box_of_points(points_px)
    inside = max(0.0, min(x2, width) - max(x1, 0.0)) * max(0.0, min(y2, height) - max(y1, 0.0))
    return area * inside / max((x2 - x1) * (y2 - y1), 1e-9)


def convex_hull(points_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """Corners of the convex hull in order, (M, 2): Andrew's monotone chain."""
    ordered = sorted({(float(x), float(y)) for x, y in points_px})

    def half(points: list[PointPx]) -> list[PointPx]:
        chain: list[PointPx] = []
        for point in points:
            while len(chain) > 1:
                (ax, ay), (bx, by) = chain[-2], chain[-1]
                if (bx - ax) * (point[1] - ay) > (by - ay) * (point[0] - ax):
                    break
                chain.pop()
            chain.append(point)
        return chain[:-1]

    return np.array(half(ordered) + half(ordered[::-1]))


def resample_path(
    path_px: NDArray[np.float64], *, num_points: int = TRACE_POINTS
) -> tuple[PointPx, ...]:
    """Points spaced evenly along a path (N, 2), the first and last being its ends."""
    steps = np.linalg.norm(np.diff(path_px, axis=0), axis=1)
    length = np.concatenate([[0.0], np.cumsum(steps)])
    if length[-1] <= 0.0:
        point = (float(path_px[0, 0]), float(path_px[0, 1]))
        return (point,) * num_points
    wanted = np.linspace(0.0, length[-1], num_points)
    x = np.interp(wanted, length, path_px[:, 0])
    y = np.interp(wanted, length, path_px[:, 1])
    return tuple((float(a), float(b)) for a, b in zip(x, y, strict=True))

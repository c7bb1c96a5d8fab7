"""Questions about one annotated frame: places in its picture, and what it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from roboloop.base.geometry import BoxPx, Point, PointPx
from roboloop.records.answers import Box, Points, Trajectory, YesNo
from roboloop.records.record import InputValue, Turn
from roboloop.sources.drafts import Draft, clear_path, is_large_enough
from roboloop.sources.drawing.scene import Scene
from roboloop.sources.robointer_annotation.notes import FrameNote

HOLDING_SKILLS = ("pick", "transfer", "pour", "shake")
"""Skills at whose end the object is still in hand: from the touch on, contact lasts."""
LEFT_TIP, RIGHT_TIP = 4, 5
"""Places of the fingertips in `grasp_pose`."""


def _large_box(note: FrameNote, name: str) -> Box | None:
    box = note.place(name, Box)
    return box if box is not None and is_large_enough(box.corners_px) else None


def _asked(note: FrameNote) -> dict[str, InputValue] | None:
    return None if note.instruction is None else {"instruction": note.instruction}


def _gripper_det(note: FrameNote) -> Iterator[Draft]:
    box = _large_box(note, "gripper_box")
    if box is not None:
        yield Draft(box)


def _current_box(note: FrameNote) -> Iterator[Draft]:
    box, asked = _large_box(note, "object_box"), _asked(note)
    if box is not None and asked is not None:
        yield Draft(box, asked)


def _final_box(note: FrameNote) -> Iterator[Draft]:
    box, asked = _large_box(note, "placement_proposal"), _asked(note)
    if box is not None and asked is not None:
        yield Draft(box, asked)


def _contact_box(note: FrameNote) -> Iterator[Draft]:
    box, asked = _large_box(note, "affordance_box"), _asked(note)
    if box is not None and asked is not None and note.before_contact:
        yield Draft(box, asked)


def _contact_point(note: FrameNote) -> Iterator[Draft]:
    points, asked = note.place("contact_points", Points), _asked(note)
    if points is None or asked is None or not note.before_contact:
        return
    if len(points.points_px) == 2:
        yield Draft(points, asked)
        return
    # The task's wordings ask for two points; where one is known, one is asked for.
    question = f"Task: '{note.instruction}'. Give the point where the gripper touches the object."
    yield Draft(points, asked, turns=(Turn("user", question),))


def path_of(note: FrameNote) -> tuple[Point, ...] | None:
    """The gripper's path, None when it leaves the picture or hardly moves."""
    trace = note.place("trace", Trajectory)
    return None if trace is None else clear_path(trace.points_px, size=note.size)


def _traj_wo_init_pos(note: FrameNote) -> Iterator[Draft]:
    path, asked = path_of(note), _asked(note)
    if path is not None and asked is not None:
        yield Draft(Trajectory(path), asked)


def _traj(note: FrameNote) -> Iterator[Draft]:
    path, asked = path_of(note), _asked(note)
    if path is not None and asked is not None:
        yield Draft(Trajectory(path), {**asked, "start": Points(path[:1])})


def _contact_decide(note: FrameNote) -> Iterator[Draft]:
    """No before the first touch of the clip; yes at it, and after it while the object is held."""
    asked, clip = _asked(note), note.clip
    if asked is None or note.contact_frame is None:
        return
    is_held = clip is not None and clip.skill in HOLDING_SKILLS and note.frame <= clip.last
    if note.frame <= note.contact_frame or is_held:
        yield Draft(YesNo(note.frame >= note.contact_frame), asked)


PLACE_QUESTIONS: Mapping[str, Callable[[FrameNote], Iterator[Draft]]] = MappingProxyType(
    {
        "gripper_det": _gripper_det,
        "current_box": _current_box,
        "contact_box": _contact_box,
        "contact_point": _contact_point,
        "final_box": _final_box,
        "traj": _traj,
        "traj_wo_init_pos": _traj_wo_init_pos,
        "contact_decide": _contact_decide,
    }
)
"""Task -> what it asks about one frame."""


def scene_of(note: FrameNote) -> Scene | None:
    """What the drawn questions may ask about the frame; None without an instruction."""
    if note.instruction is None:
        return None
    target = _large_box(note, "object_box")
    others = (_large_box(note, name) for name in ("gripper_box", "placement_proposal"))
    return Scene(
        size=note.size,
        instruction=note.instruction,
        object_box_px=None if target is None else target.corners_px,
        other_boxes_px=tuple(_corners(box) for box in others if box is not None),
        contact_points_px=_fingertips(note) if note.before_contact else None,
        path_px=path_of(note),
    )


def _corners(box: Box) -> BoxPx:
    return box.corners_px


def _fingertips(note: FrameNote) -> tuple[PointPx, PointPx] | None:
    """Where the fingers will touch: the contact points, else the tips of the grasp pose."""
    contact, pose = note.place("contact_points", Points), note.place("grasp_pose", Points)
    if contact is not None and len(contact.points_px) == 2:
        first, second = sorted(contact.points_px)
        return (first, second)
    if pose is not None:
        first, second = sorted((pose.points_px[LEFT_TIP], pose.points_px[RIGHT_TIP]))
        return (first, second)
    return None

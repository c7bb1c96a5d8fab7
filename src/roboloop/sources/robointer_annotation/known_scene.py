"""What RoboInter notes of a frame, as the scene that composers derive reasoning from."""

from __future__ import annotations

from roboloop.base.geometry import BoxPx
from roboloop.records.answers import Box, Points
from roboloop.records.scene import RobotScene, Scene, SceneObject, SceneRelation, SceneStep
from roboloop.records.typed import PlacePx
from roboloop.sources.robointer_annotation.notes import FrameNote
from roboloop.sources.robointer_annotation.place_questions import HOLDING_SKILLS, path_of

TARGET = SceneObject(id="target", name="object being handled", name_zh="被操作的物体")
"""RoboInter draws its box and gives it no name."""
GRIPPER = SceneObject(id="gripper", name="gripper", name_zh="夹爪")
HANDLING = "handle"
"""Action of a step whose skill is not noted."""


def known_scene(note: FrameNote) -> Scene:
    """The gripper, the object being handled, and the sub-task that the frame belongs to."""
    clip = note.clip
    subtask, skill = (None, None) if clip is None else (clip.subtask, clip.skill)
    steps = ()
    if subtask is not None:
        steps = (SceneStep(action=skill or HANDLING, objects=(TARGET.id,), text=subtask),)
    before = note.before_contact
    return Scene(
        objects=tuple(
            thing.model_copy(update={"box_px": _box(note, field)})
            for thing, field in ((TARGET, "object_box"), (GRIPPER, "gripper_box"))
        ),
        relations=_holding(note),
        robot=RobotScene(
            instruction=note.instruction or "",
            subtask=subtask or "",
            skill=skill or "",
            gripper=GRIPPER.id,
            target=TARGET.id,
            steps=steps,
            contact_box_px=_box(note, "affordance_box") if before else None,
            contact_points_px=_places(note, "contact_points") if before else (),
            grasp_pose_px=_places(note, "grasp_pose") if before else (),
            trace_px=path_of(note) or (),
            final_box_px=_box(note, "placement_proposal"),
        ),
    )


def _box(note: FrameNote, field: str) -> BoxPx | None:
    box = note.place(field, Box)
    return None if box is None else box.corners_px


def _places(note: FrameNote, field: str) -> tuple[PlacePx, ...]:
    found = note.place(field, Points)
    return () if found is None else found.points_px


def _holding(note: FrameNote) -> tuple[SceneRelation, ...]:
    """From the touch to the end of a clip in which the object stays in hand."""
    clip, contact = note.clip, note.contact_frame
    if clip is None or contact is None or clip.skill not in HOLDING_SKILLS:
        return ()
    if not contact <= note.frame <= clip.last:
        return ()
    return (SceneRelation(subject=GRIPPER.id, predicate="holds", object=TARGET.id),)

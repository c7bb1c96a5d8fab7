"""The scene: what is known of a record's picture beyond its question, for whoever composes records.

It stands in `meta["scene"]` of the records of sources that were asked for it (`scenes: true`).
Reasoning is derived from it and checked against it; nothing else knows what is in the picture.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from roboloop.records.record import Record
from roboloop.records.typed import BoxCorners, PlacePx, Typed, Word

SCENE_KEY = "scene"
"""Key of `Record.meta`."""


class SceneObject(Typed):
    """A thing in the scene.

    Attributes:
        id: Unique in the scene; the data set's own key where it has one.
        name: As the source calls it, in English; `name_zh` in Chinese where the source knows it.
        box_px: Where it is seen. None for a thing that is there but hidden, or hardly seen.
        attributes: Such as its colour.
    """

    id: Word
    name: Word
    name_zh: str = ""
    box_px: BoxCorners | None = None
    attributes: tuple[str, ...] = ()


class SceneRelation(Typed):
    """`subject` `predicate` `object`, such as mug, left of, tray. The ends are ids of objects.

    Attributes:
        source: `annotated` when a person or a simulator says so, `geometric` when it follows from
            the boxes.
        id: The data set's own key.
    """

    subject: Word
    predicate: Word
    object: Word
    source: Literal["annotated", "geometric"] = "annotated"
    id: str = ""


class SceneStep(Typed):
    """A step that the robot is going to do.

    Attributes:
        action: One word for what is done, such as `lift`.
        objects: Ids of the things it is done with.
        text: In English; `text_zh` in Chinese where it is known.
    """

    action: Word
    objects: tuple[str, ...] = ()
    text: Word
    text_zh: str = ""


class RobotScene(Typed):
    """What the robot is told, does, and will have done.

    Attributes:
        instruction: The whole task; `subtask` the part under way, with its `skill`.
        gripper, target, destination: Ids of objects; empty where there is none.
        placing: How the target is to stand to its destination: `in` or `on`.
        steps: What is still to come, in order; none where that is not known.
        contact_box_px: Box of the gripper at first contact; `contact_points_px` of its fingers.
        grasp_pose_px: RoboInter's six places: centre, approach, left and right top, left and right
            bottom.
        trace_px: Path of the gripper from now on.
        final_box_px: Where the target is at the end.
        succeeds: Whether the target ends at its destination; None where that is not known.
    """

    instruction: str = ""
    instruction_zh: str = ""
    subtask: str = ""
    subtask_zh: str = ""
    skill: str = ""
    gripper: str = ""
    target: str = ""
    destination: str = ""
    placing: str = ""
    steps: tuple[SceneStep, ...] = ()
    contact_box_px: BoxCorners | None = None
    contact_points_px: tuple[PlacePx, ...] = ()
    grasp_pose_px: tuple[PlacePx, ...] = ()
    trace_px: tuple[PlacePx, ...] = ()
    final_box_px: BoxCorners | None = None
    succeeds: bool | None = None


class Scene(Typed):
    """What is known of one picture.

    Attributes:
        objects: All things that are known.
        relations: Between them, as annotated.
        not_there: Names that were looked for and not found. Only of these "no" is true.
        not_exhaustive: Names of which more may be there than are listed: they are not counted.
        is_complete: Every thing that is there is listed, so that what is not listed is not there.
        about: Ids of the things that the record's question speaks of.
        about_relation: Id of the relation between them that it asks about.
        asked_name: The name that the question counts or looks for.
        picture: Which of the record's pictures it is, from 0.
        robot: The robot's part, where there is a robot.
    """

    objects: tuple[SceneObject, ...] = ()
    relations: tuple[SceneRelation, ...] = ()
    not_there: tuple[str, ...] = ()
    not_exhaustive: tuple[str, ...] = ()
    is_complete: bool = False
    about: tuple[str, ...] = ()
    about_relation: str = ""
    asked_name: str = ""
    picture: Annotated[int, Field(ge=0)] = 0
    robot: RobotScene | None = None

    @model_validator(mode="after")
    def _ids_are_known(self) -> Self:
        known = [thing.id for thing in self.objects]
        if len(set(known)) < len(known):
            twice = next(name for name in known if known.count(name) > 1)
            raise ValueError(f"two objects have the id {twice!r}")
        for name in self._named_ids():
            if name and name not in known:
                raise ValueError(f"there is no object {name!r}")
        return self

    def _named_ids(self) -> list[str]:
        names = [*self.about]
        for relation in self.relations:
            names += [relation.subject, relation.object]
        if self.robot is not None:
            names += [self.robot.gripper, self.robot.target, self.robot.destination]
            names += [name for step in self.robot.steps for name in step.objects]
        return names

    def thing(self, name: str) -> SceneObject | None:
        """The object of this id; None where there is none."""
        return next((thing for thing in self.objects if thing.id == name), None)

    def named(self, name: str) -> tuple[SceneObject, ...]:
        """All objects of this name."""
        return tuple(thing for thing in self.objects if thing.name == name)

    def can_count(self, name: str) -> bool:
        """Whether all things of this name are known, each with its box."""
        if name in self.not_exhaustive:
            return False
        return all(thing.box_px is not None for thing in self.named(name))

    def is_absent(self, name: str) -> bool:
        """Whether it is known that there is none of this name."""
        if self.named(name):
            return False
        return name in self.not_there or self.is_complete


def scene_of(record: Record) -> Scene | None:
    """The scene that a record carries; None where it carries none.

    Raises:
        RoboLoopError: E-REC-002 or E-REC-003 when it is no scene.
    """
    value = record.meta.get(SCENE_KEY)
    return None if value is None else Scene.from_json(value)

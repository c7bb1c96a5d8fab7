"""planner: RoboInter's planner output before the answer, for records of robots.

    compose:
      composers:
        - {kind: planner, parts: [subtask, skill, object_box, trace]}

RoboInter's planner tells its executor an ordered list of which any part may be missing: sub-task,
primitive skill, gripper box, object box, contact points, grasp pose, trace; as text, or drawn on
the picture (`tasks.reasoning_marks.overlay`). The numbers are written in the model's dialect, whose
name and picture size stand in front.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from pydantic import Field, field_validator

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.geometry import PictureSize
from roboloop.base.hashing import seeded_generator
from roboloop.compose.base import (
    COMPOSER_KEY,
    EVIDENCE_KEY,
    PARENTS_KEY,
    ComposeContext,
    Composer,
    Refusal,
)
from roboloop.compose.reason_check import Fault
from roboloop.compose.reason_chinese import in_chinese
from roboloop.records.reasoning import Language, PlannerOutput, check_reasoning
from roboloop.records.record import Record, check_record
from roboloop.records.scene import RobotScene, Scene, scene_of
from roboloop.tasks import TASKS

Part = Literal[
    "subtask", "skill", "gripper_box", "object_box", "contact_points", "grasp_pose", "trace"
]
PARTS: tuple[Part, ...] = get_args(Part)
"""In RoboInter's order."""


class _Told(NamedTuple):
    """A part of a plan: the field it stands in, its value and what proves it."""

    field: str
    value: Any
    evidence: str


class Planner(Composer):
    """What RoboInter's planner would tell, before answers to questions about an instruction.

    Attributes:
        tasks: Whose questions; of all that quote an instruction when left out.
        parts: Which parts, where they are known; always written in RoboInter's order.
        min_parts: A scene that knows fewer gives no record.
        languages, is_asked_for: As of `reason`.
        thinks: In think tags before the answer; else before an answer tag.
    """

    kind: Literal["planner"] = "planner"  # pyright: ignore[reportIncompatibleVariableOverride]
    tasks: tuple[str, ...] | None = None
    parts: tuple[Part, ...] = Field(PARTS, min_length=1)
    min_parts: int = Field(2, ge=1)
    languages: tuple[Language, ...] = Field(("en",), min_length=1)
    thinks: bool = True
    is_asked_for: bool = True

    @field_validator("tasks")
    @classmethod
    def _known_tasks(cls, tasks: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for task in tasks or ():
            if task not in TASKS.rows:
                raise ValueError(f"there is no task {task!r}")
        return tasks

    def compose(
        self, parents: Iterable[Record], context: ComposeContext
    ) -> Iterator[Record | Refusal]:
        """A record for each parent with an instruction that the robot of its scene follows."""
        for parent in parents:
            if (self.tasks and parent.task not in self.tasks) or parent.answer is None:
                continue
            try:
                scene = scene_of(parent) if "instruction" in parent.inputs else None
                if scene is not None and scene.robot is not None:
                    draw = seeded_generator(context.seed, self.label, parent.id)
                    yield self._planned(parent, scene=scene, draw=draw)
            except RoboLoopError as error:
                yield Refusal(error.located(Place(record_id=parent.id)), parent.id)

    def _planned(self, parent: Record, *, scene: Scene, draw: np.random.Generator) -> Record:
        assert scene.robot is not None
        if scene.robot.succeeds is False:
            raise RoboLoopError("E-CMP-010", "the episode fails, so it shows no plan")
        language = self.languages[int(draw.integers(len(self.languages)))]
        asked = in_chinese(parent, scene=scene) if language == "zh" else None
        plan = planner_output(
            scene, parts=self.parts, language="en" if asked is None else "zh",
            size=parent.picture_size,
        )  # fmt: skip
        num_parts = 0 if plan is None else len(plan.evidence)
        if plan is None or num_parts < self.min_parts:
            raise RoboLoopError("E-CMP-010", f"it knows {num_parts} parts of a plan")
        told = plan.model_copy(update={"thinks": self.thinks, "is_asked_for": self.is_asked_for})
        record = replace(
            asked or parent,
            id=f"{parent.id}/{self.label}/plan",
            rejected=None,
            reasoning=told,
            meta={
                **parent.meta,
                PARENTS_KEY: [parent.id],
                COMPOSER_KEY: self.label,
                EVIDENCE_KEY: list(told.evidence),
            },
        )
        check_record(record)
        return record


def planner_output(
    scene: Scene, *, parts: Iterable[Part], language: Language, size: PictureSize | None
) -> PlannerOutput | None:
    """The parts that the scene knows and that lie in the picture; None where it knows none."""
    robot = scene.robot
    assert robot is not None, "a plan is a robot's"
    known: list[_Told] = []
    for part in PARTS:
        told = _told(part, scene=scene, robot=robot, language=language)
        if part in parts and told.value and _is_inside(told, size=size):
            known.append(told)
    if not known:
        return None
    return PlannerOutput(
        language=language,
        picture=scene.picture,
        evidence=tuple(told.evidence for told in known),
        **{told.field: told.value for told in known},
    )


class PlannerFinding(NamedTuple):
    """A part of a plan that is not what the scene says."""

    part: Part
    fault: Fault
    why: str


def check_plan(plan: PlannerOutput, *, scene: Scene) -> tuple[PlannerFinding, ...]:
    """Derive every part of a plan again."""
    findings: list[PlannerFinding] = []
    for part in PARTS:
        robot = scene.robot or RobotScene()
        told = _told(part, scene=scene, robot=robot, language=plan.language)
        said = getattr(plan, told.field)
        if said is None:
            continue
        if not told.value:
            findings.append(PlannerFinding(part, Fault.UNSUPPORTED, "the scene does not know it"))
        elif said != told.value:
            findings.append(PlannerFinding(part, Fault.CONTRADICTED, f"it is {told.value}"))
    return tuple(findings)


def _told(part: Part, *, scene: Scene, robot: RobotScene, language: Language) -> _Told:
    match part:
        case "subtask":
            words = robot.subtask_zh if language == "zh" else robot.subtask
            return _Told("subtask", words or None, "robot:subtask")
        case "skill":
            return _Told("skill", robot.skill or None, "robot:skill")
        case "gripper_box" | "object_box":
            key = robot.gripper if part == "gripper_box" else robot.target
            thing = scene.thing(key)
            return _Told(f"{part}_px", thing and thing.box_px, f"object:{key}")
        case "contact_points" | "grasp_pose" | "trace":
            field = f"{part}_px"
            return _Told(field, getattr(robot, field), f"robot:{field}")


def _is_inside(told: _Told, *, size: PictureSize | None) -> bool:
    """Whether its places lie in the picture; a part that leaves it is left out."""
    alone = PlannerOutput.model_validate({told.field: told.value, "evidence": (told.evidence,)})
    try:
        check_reasoning(alone, size=size)
    except RoboLoopError:
        return False
    return True

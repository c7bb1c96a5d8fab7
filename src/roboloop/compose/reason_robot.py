"""What a robot sees, does next and will have done."""

from __future__ import annotations

from roboloop.base.errors import RoboLoopError
from roboloop.compose.reason_question import Question, from_left
from roboloop.records.scene import RobotScene, SceneRelation

PATHS = ("traj", "traj_wo_init_pos")
STOP = "stop"
"""Action of the step that is left when a task is done."""


def robot(question: Question) -> None:
    """What a robot sees and does next, and how it ends."""
    claims, scene = question.claims, question.scene
    told = scene.robot
    if told is None or not told.steps or told.succeeds is False:
        raise RoboLoopError("E-CMP-010", "no steps that are known to succeed")
    if question.record.task in PATHS and told.steps[0].action == STOP:
        raise RoboLoopError("E-CMP-010", "the gripper still moves where there is only to stop")
    parts = (scene.thing(key) for key in (told.target, told.destination, told.gripper) if key)
    things = [thing for thing in parts if thing is not None and thing.box_px is not None]
    if not any(thing.id != told.gripper for thing in things):
        raise RoboLoopError("E-CMP-010", "the object and its destination are hidden")
    for thing in from_left(things):
        claims.see(thing)
    seen = [
        found
        for found in scene.relations
        if claims.sees(found.subject) and claims.sees(found.object)
    ]
    for relation in _one_way(seen, first=told.target)[: question.limits.num_relations]:
        claims.relate(relation)
    for number in range(min(question.limits.num_steps, len(told.steps))):
        claims.act(number)
    _expect_end(question, told=told)


def _expect_end(question: Question, *, told: RobotScene) -> None:
    """That the target arrives, and where; not where, when that is the answer itself."""
    scene, final_px = question.scene, told.final_box_px
    target, goal = scene.thing(told.target), scene.thing(told.destination)
    if question.record.task == "final_box":
        final_px = None
    where_to = [] if final_px is None else ["robot:final_box_px"]
    if target is not None and goal is not None and told.placing and told.succeeds:
        question.claims.expect(
            f"ends {told.placing}",
            [target, goal],
            evidence=["robot:succeeds", *where_to],
            box_px=final_px,
        )
    elif target is not None and final_px is not None:
        question.claims.expect("ends at", [target], evidence=where_to, box_px=final_px)


def _one_way(relations: list[SceneRelation], *, first: str) -> list[SceneRelation]:
    """Of relations that are told both ways round, the one that begins with `first`."""
    chosen: dict[frozenset[str], SceneRelation] = {}
    for found in relations:
        ends = frozenset((found.subject, found.object))
        if ends not in chosen or found.subject == first:
            chosen[ends] = found
    return list(chosen.values())

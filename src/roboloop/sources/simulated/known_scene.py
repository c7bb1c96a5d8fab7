"""What the simulator knows of a picture, as the scene that composers derive reasoning from."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from roboloop.records.scene import RobotScene, Scene, SceneObject, SceneRelation, SceneStep
from roboloop.sources.drafts import Draft
from roboloop.sources.simulated.objects import DESTINATIONS
from roboloop.sources.simulated.questions import Sight, is_asked_for, path_in_picture
from roboloop.sources.simulated.scene_questions import NEXT_STEP, seen_relations
from roboloop.sources.simulated.truth import ObjectTruth

GRIPPER = "gripper"
"""Id and name of the gripper among the objects of a scene."""
PREDICATES: Mapping[str, str] = MappingProxyType(
    {"left": "left of", "right": "right of", "front": "in front of", "behind": "behind"}
)
NEXT_STEP_ZH: Mapping[str, str] = MappingProxyType(
    {
        "settle": "移动到{target}上方",
        "reach": "将夹爪下降到{target}处",
        "descend": "用夹爪夹住{target}",
        "grasp": "提起{target}",
        "lift": "将{target}移到{goal}上方",
        "transport": "将{target}下放到{goal}处",
        "lower": "张开夹爪",
        "release": "移开夹爪",
    }
)
"""`NEXT_STEP` in Chinese."""
ACTIONS: Mapping[str, str] = MappingProxyType(
    {
        "settle": "reach", "reach": "lower", "descend": "grasp", "grasp": "lift",
        "lift": "carry", "transport": "place", "lower": "open", "release": "retreat",
    }
)  # fmt: skip
"""Phase -> one word for the step that follows it."""
STOP = SceneStep(action="stop", text="stop, it is done", text_zh="停止，任务已完成")
"""What is left to do when the gripper has moved away."""


def known_scene(sight: Sight, *, draft: Draft) -> Scene:
    """All things of the picture with the question's own; those hardly seen are without a box."""
    return Scene(
        objects=(*map(_thing, sight.truth.objects), *_gripper(sight)),
        relations=tuple(
            SceneRelation(
                subject=_key(found.subject),
                predicate=PREDICATES[found.relation],
                object=_key(found.reference),
            )
            for found in seen_relations(sight)
        )
        + _holding(sight),
        is_complete=True,
        about=tuple(map(_key, draft.about)),
        asked_name=draft.asked_name,
        robot=_robot(sight),
    )


def _key(name: str) -> str:
    return name.replace(" ", "-")


def _thing(thing: ObjectTruth) -> SceneObject:
    return SceneObject(
        id=_key(thing.name),
        name=thing.name,
        name_zh=thing.name_zh,
        box_px=thing.box_px if is_asked_for(thing) else None,
        attributes=(thing.colour,),
    )


def _gripper(sight: Sight) -> tuple[SceneObject, ...]:
    return (
        SceneObject(id=GRIPPER, name=GRIPPER, name_zh="夹爪", box_px=sight.truth.gripper_box_px),
    )


def _holding(sight: Sight) -> tuple[SceneRelation, ...]:
    if not sight.truth.in_contact:
        return ()
    held = _key(sight.story.grasped)
    return (SceneRelation(subject=GRIPPER, predicate="holds", object=held),)


def _robot(sight: Sight) -> RobotScene:
    story, view, truth = sight.story, sight.view, sight.truth
    release = story.release_frame
    is_under_way = release is not None and truth.frame < release
    points = view.contact_points_px
    return RobotScene(
        instruction=story.instruction,
        instruction_zh=story.instruction_zh,
        subtask=truth.subtask,
        subtask_zh=truth.subtask_zh,
        skill=truth.skill,
        gripper=GRIPPER,
        target=_key(story.target),
        destination=_key(story.destination),
        placing=DESTINATIONS[truth.thing(story.destination).kind].preposition,
        steps=_steps(sight) if story.success else (),
        contact_box_px=view.contact_box_px if sight.before_contact else None,
        contact_points_px=points if sight.before_contact and points is not None else (),
        trace_px=path_in_picture(sight) or (),
        final_box_px=view.final_box_px if story.success and is_under_way else None,
        succeeds=story.success,
    )


def _steps(sight: Sight) -> tuple[SceneStep, ...]:
    """The steps still to come as the script does them."""
    story = sight.story
    phases = list(NEXT_STEP)
    if sight.truth.phase not in phases:
        return (STOP,)
    objects = {"{target}": _key(story.target), "{goal}": _key(story.destination)}
    names = {"target": story.target, "goal": story.destination}
    names_zh = {"target": story.target_zh, "goal": story.destination_zh}
    return tuple(
        SceneStep(
            action=ACTIONS[phase],
            objects=tuple(key for word, key in objects.items() if word in NEXT_STEP[phase]),
            text=NEXT_STEP[phase].format(**names),
            text_zh=NEXT_STEP_ZH[phase].format(**names_zh),
        )
        for phase in phases[phases.index(sight.truth.phase) :]
    )

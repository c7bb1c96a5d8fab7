"""What is seen, done and expected for a question, by the kind of the question.

Each function takes a record whose scene is known and puts claims together, or says with E-CMP-010
why the scene does not carry any. Things are listed from left to right, so that the order in which
they stand tells nothing of the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import box_iou, distance
from roboloop.compose.geometric import OPPOSITE, geometric_predicate
from roboloop.compose.reason_claims import Claims, relation_evidence
from roboloop.compose.reason_phrases import ALL_THINGS
from roboloop.compose.reason_question import Question, from_left
from roboloop.compose.reason_robot import robot
from roboloop.records.answers import Box, Number, YesNo
from roboloop.records.scene import Scene, SceneObject, SceneRelation
from roboloop.tasks.reasoning_words import can_say

SAME_IOU = 0.7
"""Two boxes that overlap so much may be one thing with two names."""


def where(question: Question) -> None:
    """Where a thing is: it and what stands around it, how they stand together.

    Expected is that it is alone, where every thing of its name is known; else how it stands to the
    nearest other thing.
    """
    claims, scene = question.claims, question.scene
    target = question.about(0)
    neighbours = _neighbours(target, question=question)[: question.limits.num_objects - 1]
    is_alone = scene.can_count(target.name) and len(scene.named(target.name)) == 1
    if not (is_alone or neighbours):
        raise RoboLoopError("E-CMP-010", f"nothing tells {target.name!r} from others")
    for thing in from_left([target, *(each.thing for each in neighbours)]):
        claims.see(thing)
    for each in neighbours[0 if is_alone else 1 :][: question.limits.num_relations]:
        claims.relate(each.relation)
    claims.look("find", target)
    if is_alone:
        claims.expect("only", [target], evidence=[f"count:{target.name}"])
    else:
        thing, relation = neighbours[0]
        evidence = [relation_evidence(relation)]
        claims.expect(relation.predicate, [target, thing], evidence=evidence)


def compare(question: Question) -> None:
    """How two things stand together."""
    claims, scene = question.claims, question.scene
    first, second = question.about(0), question.about(1)
    relation = _relation_of(first, second, scene=scene)
    for thing in from_left({first.id: first, second.id: second}.values()):
        claims.see(thing)
    claims.look("compare" if relation.predicate in OPPOSITE else "relate", first, second)
    ends = [first, second] if relation.subject == first.id else [second, first]
    claims.expect(relation.predicate, ends, evidence=[relation_evidence(relation)])


def _relation_of(first: SceneObject, second: SceneObject, *, scene: Scene) -> SceneRelation:
    """The relation that the question is about, else that of the first to the second thing."""
    both = {first.id, second.id}
    known = [found for found in scene.relations if {found.subject, found.object} == both]
    if not known:
        raise RoboLoopError("E-CMP-010", f"no relation of {first.name!r} and {second.name!r}")
    asked = [found for found in known if found.id and found.id == scene.about_relation]
    return (asked or [found for found in known if found.subject == first.id] or known)[0]


def whether_there(question: Question) -> None:
    """Whether there is a thing of a name; a relation of two things where the question has two."""
    claims, scene, record = question.claims, question.scene, question.record
    if scene.about:
        compare(question)
        return
    name = scene.asked_name
    if not name:
        raise RoboLoopError("E-CMP-010", "the scene does not say what the question is about")
    asked = [thing for thing in scene.named(name) if thing.box_px is not None]
    is_there = isinstance(record.answer, YesNo) and record.answer.value
    if is_there != bool(asked) or not (asked or scene.is_absent(name)):
        raise RoboLoopError("E-CMP-010", f"nothing proves whether there is {name!r}")
    for thing in _some(question, first=asked[:1]):
        claims.see(thing)
    words = _words(name, claims=claims)
    claims.look("look_for", name=words)
    if asked:
        claims.expect("present", asked[:1], evidence=[f"object:{asked[0].id}"])
    else:
        claims.expect("absent", words=[words], evidence=[f"not_there:{name}"])


def how_many(question: Question) -> None:
    """How many of a name, or of the things that the question speaks of, there are."""
    claims, scene, record = question.claims, question.scene, question.record
    name = scene.asked_name
    if name and not scene.can_count(name):
        raise RoboLoopError("E-CMP-010", f"there may be more of {name!r} than are annotated")
    things = list(scene.named(name)) if name else _those_about(scene)
    if len(things) > question.limits.num_counted:
        raise RoboLoopError("E-CMP-010", f"{len(things)} things are too many to list")
    if not isinstance(record.answer, Number) or record.answer.value != len(things):
        raise RoboLoopError("E-CMP-010", f"the scene has {len(things)}, which is not the answer")
    for thing in from_left(things):
        claims.see(thing)
    claims.look("count", *from_left(things))
    counted = _words(name, claims=claims) if name else ALL_THINGS[claims.language]
    evidence = [f"count:{name}"] if name else [f"object:{thing.id}" for thing in things]
    claims.expect("count", things, words=[counted, str(len(things))], evidence=evidence)


def what_like(question: Question) -> None:
    """What a thing is like; how it stands to another where the question has two."""
    claims = question.claims
    if len(question.scene.about) > 1:
        compare(question)
        return
    thing = question.about(0)
    if not thing.attributes:
        raise RoboLoopError("E-CMP-010", f"nothing is known of what {thing.name!r} is like")
    claims.see(thing, with_attributes=True)
    claims.look("inspect", thing)
    words = [claims.called(thing), ", ".join(thing.attributes)]
    claims.expect("attribute", [thing], words=words, evidence=[f"object:{thing.id}"])


QUESTIONS: Mapping[str, Callable[[Question], None]] = MappingProxyType(
    {
        "object_box": where,
        "pointing": where,
        "choice_vqa": compare,
        "yes_no_vqa": whether_there,
        "number_vqa": how_many,
        "vqa": what_like,
        **dict.fromkeys(
            (
                "current_box", "contact_box", "contact_point", "contact_decide", "final_box",
                "traj", "traj_wo_init_pos", "planning", "planning_choice", "planning_decide",
                "plan_steps",
            ),
            robot,
        ),
    }
)  # fmt: skip
"""Task -> how its questions are reasoned about. What a list of all boxes needs is the list."""


class _Neighbour(NamedTuple):
    thing: SceneObject
    relation: SceneRelation


def _neighbours(target: SceneObject, *, question: Question) -> list[_Neighbour]:
    """Things in a known or clear relation to the target, the nearest first.

    A relation without words in the language of the reasoning is passed over.
    """
    scene, language = question.scene, question.claims.language
    annotated: dict[str, SceneRelation] = {}
    for found in scene.relations:
        if found.subject == target.id and found.object != target.id:
            annotated.setdefault(found.object, found)
    near: list[tuple[float, _Neighbour]] = []
    for thing in scene.objects:
        if thing.id == target.id or thing.box_px is None or target.box_px is None:
            continue
        relation = annotated.get(thing.id)
        if relation is None and not scene.relations:
            predicate = geometric_predicate(target.box_px, other_px=thing.box_px)
            if predicate is not None:
                relation = SceneRelation(
                    subject=target.id, predicate=predicate, object=thing.id, source="geometric"
                )
        if relation is not None and can_say(relation.predicate, language=language):
            near.append((_apart(target, thing), _Neighbour(thing, relation)))
    near.sort(key=lambda item: item[0])
    chosen: list[_Neighbour] = []
    for _, neighbour in near:  # one thing is often annotated under two names, or in two parts
        if not any(
            _are_one(neighbour.thing, each) for each in (target, *(c.thing for c in chosen))
        ):
            chosen.append(neighbour)
    return chosen


def _are_one(first: SceneObject, second: SceneObject) -> bool:
    assert first.box_px is not None and second.box_px is not None
    overlap = box_iou(first.box_px, second_px=second.box_px)
    return first.name == second.name or overlap >= SAME_IOU


def _apart(first: SceneObject, second: SceneObject) -> float:
    """Distance of their middles in pixels."""
    assert first.box_px is not None and second.box_px is not None
    return distance(Box(*first.box_px).center_px, second=Box(*second.box_px).center_px)


def _some(question: Question, *, first: list[SceneObject]) -> list[SceneObject]:
    """Those of `first` and drawn others, from left to right."""
    robot_scene = question.scene.robot
    gripper = "" if robot_scene is None else robot_scene.gripper
    others = [
        thing
        for thing in question.scene.objects
        if thing not in first and thing.box_px is not None and thing.id != gripper
    ]
    count = max(0, min(len(others), question.limits.num_objects - len(first)))
    drawn = [others[int(place)] for place in question.draw.permutation(len(others))[:count]]
    return from_left([*first, *drawn])


def _those_about(scene: Scene) -> list[SceneObject]:
    return [thing for thing in scene.objects if thing.id in scene.about]


def _words(name: str, *, claims: Claims) -> str:
    return claims.called(SceneObject(id=name, name=name))

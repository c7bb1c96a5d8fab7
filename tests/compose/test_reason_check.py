"""The consistency of reasoning: gold passes whole, every planted fault is found and named."""

from __future__ import annotations

from collections import Counter

import pytest

from roboloop.compose.geometric import OPPOSITE, geometric_predicate
from roboloop.compose.reason_check import Fault, check_claims, claims_of
from roboloop.records.reasoning import Expectation, SeeDoExpect, SeenObject, SeenRelation
from roboloop.records.scene import Scene, SceneRelation

SCENE = Scene.from_json(
    {
        "objects": [
            {"id": "m", "name": "red mug", "box_px": [10, 50, 40, 80], "attributes": ["red"]},
            {"id": "t", "name": "tray", "box_px": [100, 50, 180, 90]},
            {"id": "s", "name": "spoon", "box_px": [60, 100, 80, 110]},
            {"id": "s2", "name": "spoon", "box_px": [60, 130, 80, 140]},
            {"id": "h", "name": "hidden cup"},
            {"id": "g", "name": "gripper", "box_px": [20, 0, 50, 40]},
        ],
        "relations": [
            {"subject": "m", "predicate": "left of", "object": "t"},
            {"subject": "g", "predicate": "holds", "object": "m"},
        ],
        "not_there": ["fork"],
        "not_exhaustive": ["plate"],
        "robot": {
            "gripper": "g", "target": "m", "destination": "t", "placing": "in", "succeeds": True,
            "final_box_px": [120, 55, 150, 85],
            "steps": [
                {"action": "lift", "objects": ["m"], "text": "lift the red mug"},
                {"action": "place", "objects": ["m", "t"], "text": "lower it to the tray"},
            ],
        },
    }
)  # fmt: skip
GOLD = SeeDoExpect.from_json(
    {
        "see": {
            "objects": [
                {"id": number, "name": name, "box_px": box_px, "evidence": [f"object:{key}"]}
                for number, name, box_px, key in (
                    ("1", "red mug", [10, 50, 40, 80], "m"),
                    ("2", "tray", [100, 50, 180, 90], "t"),
                    ("3", "spoon", [60, 100, 80, 110], "s"),
                    ("4", "spoon", [60, 130, 80, 140], "s2"),
                )
            ],
            "relations": [
                {
                    "subject": "1", "predicate": "left of", "object": "2",
                    "evidence": ["relation:m|left of|t"],
                },
                {"subject": "3", "predicate": "above", "object": "4", "evidence": ["boxes:s|s2"]},
            ],
        },
        "do": [
            {"action": "lift", "objects": ["1"], "text": "lift the red mug",
             "evidence": ["robot:steps.0"]},
            {"action": "place", "objects": ["1", "2"], "text": "lower it to the tray",
             "evidence": ["robot:steps.1"]},
        ],
        "expect": [
            {"fact": "ends in", "objects": ["1", "2"], "text": "the red mug is in the tray",
             "box_px": [120, 55, 150, 85], "evidence": ["robot:succeeds", "robot:final_box_px"]},
            {"fact": "count", "objects": ["3", "4"], "text": "number of spoon: 2",
             "evidence": ["count:spoon"]},
            {"fact": "absent", "text": "there is no fork", "evidence": ["not_there:fork"]},
        ],
    }
)  # fmt: skip


def faults(reasoning: SeeDoExpect, scene: Scene = SCENE) -> Counter[Fault]:
    return Counter(found.fault for found in check_claims(reasoning, scene=scene).findings)


def with_object(number: int, **changes: object) -> SeeDoExpect:
    objects = list(GOLD.see.objects)
    objects[number] = objects[number].model_copy(update=changes)
    return GOLD.model_copy(update={"see": GOLD.see.model_copy(update={"objects": objects})})


def with_relation(*more: SeenRelation) -> SeeDoExpect:
    relations = (*GOLD.see.relations, *more)
    return GOLD.model_copy(update={"see": GOLD.see.model_copy(update={"relations": relations})})


def with_fact(**changes: object) -> SeeDoExpect:
    first = GOLD.expect[0].model_copy(update=changes)
    return GOLD.model_copy(update={"expect": (first, *GOLD.expect[1:])})


def related(subject: str, predicate: str, other: str, evidence: str) -> SeenRelation:
    return SeenRelation(subject=subject, predicate=predicate, object=other, evidence=(evidence,))


def test_gold_is_consistent() -> None:
    checked = check_claims(GOLD, scene=SCENE)
    assert checked.findings == () and checked.reasoning is GOLD


@pytest.mark.parametrize(
    ("planted", "fault"),
    [
        (with_object(2, box_px=(65, 100, 95, 110)), Fault.CONTRADICTED),
        (with_object(2, name="knife"), Fault.CONTRADICTED),
        (with_object(2, attributes=("silver",)), Fault.UNSUPPORTED),
        (with_relation(related("3", "left of", "2", "relation:s|left of|t")), Fault.UNSUPPORTED),
        (with_relation(related("3", "near", "4", "boxes:s|s2")), Fault.UNSUPPORTED),
        (with_relation(related("1", "right of", "2", "boxes:m|t")), Fault.CONTRADICTED),
        (with_relation(related("2", "left of", "1", "boxes:t|m")), Fault.CONTRADICTED),
        (with_relation(related("1", "left of", "2", "boxes:m|t")), Fault.DOUBLED),
        (with_relation(related("2", "right of", "1", "boxes:t|m")), Fault.REDUNDANT),
        (with_relation(related("9", "left of", "1", "boxes:x|m")), Fault.UNSUPPORTED),
        (GOLD.model_copy(update={"do": GOLD.do[::-1]}), Fault.CONTRADICTED),
        (GOLD.model_copy(update={"do": (*GOLD.do, GOLD.do[1])}), Fault.DOUBLED),
        (with_fact(fact="ends on", text="the red mug is on the tray"), Fault.CONTRADICTED),
        (with_fact(text="the tray is in the red mug"), Fault.CONTRADICTED),
        (with_fact(box_px=(0, 0, 9, 9)), Fault.CONTRADICTED),
        (with_fact(fact="is heavier than", text="x"), Fault.UNSUPPORTED),
    ],
)  # fmt: skip
def test_each_planted_fault_is_found(planted: SeeDoExpect, fault: Fault) -> None:
    assert fault in faults(planted)


@pytest.mark.parametrize(
    ("fact", "objects", "text", "evidence", "fault"),
    [
        ("absent", (), "there is no spoon", "not_there:spoon", Fault.CONTRADICTED),
        ("absent", (), "there is no plate", "not_there:plate", Fault.UNSUPPORTED),
        ("absent", (), "there is no hidden cup", "not_there:hidden cup", Fault.CONTRADICTED),
        ("count", ("3",), "number of spoon: 1", "count:spoon", Fault.CONTRADICTED),
        ("count", ("1",), "number of plate: 1", "count:plate", Fault.UNSUPPORTED),
        ("only", ("3",), "there is no other spoon", "count:spoon", Fault.CONTRADICTED),
        ("present", (), "there is a red mug", "object:m", Fault.UNSUPPORTED),
        ("attribute", ("1",), "the red mug is blue", "object:m", Fault.CONTRADICTED),
        ("attribute", ("2",), "the tray is blue", "object:t", Fault.UNSUPPORTED),
    ],
)  # fmt: skip
def test_what_the_annotators_do_not_promise_is_not_said(
    fact: str, objects: tuple[str, ...], text: str, evidence: str, fault: Fault
) -> None:
    claim = Expectation(fact=fact, objects=objects, text=text, evidence=(evidence,))
    assert faults(GOLD.model_copy(update={"expect": (*GOLD.expect, claim)}))[fault] == 1


def test_claims_that_rest_on_a_dropped_one_go_too() -> None:
    checked = check_claims(with_object(2, box_px=(0, 0, 5, 5)), scene=SCENE)
    assert checked.reasoning is not None
    left = [claim for claim in claims_of(checked.reasoning) if isinstance(claim, SeenObject)]
    assert [seen.id for seen in left] == ["1", "2", "4"]
    assert [found.predicate for found in checked.reasoning.see.relations] == ["left of"]
    assert [fact.fact for fact in checked.reasoning.expect] == ["ends in", "absent"]


def test_nothing_is_left_when_a_part_is_empty() -> None:
    lost = Scene(objects=SCENE.objects, relations=SCENE.relations)
    checked = check_claims(GOLD, scene=lost)
    assert checked.reasoning is None
    assert Fault.UNSUPPORTED in {found.fault for found in checked.findings}


def test_annotations_that_disagree_are_told() -> None:
    """The data set says left of, its boxes say right of; or it says both."""
    wrong = SceneRelation(subject="t", predicate="left of", object="m")
    scene = SCENE.model_copy(update={"relations": (wrong, *SCENE.relations)})
    claim = related("2", "left of", "1", "relation:t|left of|m")
    found = check_claims(with_relation(claim), scene=scene).findings
    assert [(item.claim, item.fault) for item in found if item.claim == claim] == [
        (claim, Fault.CONTRADICTED)
    ]


def test_boxes_say_only_what_is_clear() -> None:
    a = (0.0, 0.0, 10.0, 10.0)
    assert geometric_predicate(a, other_px=(10, 0, 20, 10)) == "left of"
    assert geometric_predicate(a, other_px=(9, 0, 20, 10)) is None, "they overlap"
    assert geometric_predicate(a, other_px=(12, 12, 20, 20)) is None, "neither way is clearer"
    assert geometric_predicate(a, other_px=(30, 12, 40, 20)) is None, "no part of them is level"
    assert geometric_predicate(a, other_px=(0, 12, 10, 20)) == "above"
    for other in ((10.0, 0.0, 20.0, 10.0), (0.0, 12.0, 10.0, 20.0)):
        there, back = geometric_predicate(a, other_px=other), geometric_predicate(other, other_px=a)
        assert there is not None and OPPOSITE[there] == back


def test_what_wears_or_holds_touches() -> None:
    relations = tuple(
        SceneRelation(subject=subject, predicate="holding", object=other)
        for subject, other in (("m", "g"), ("t", "s"), ("t", "m"))
    )
    scene = SCENE.model_copy(update={"relations": relations})
    far = related("2", "holding", "1", "relation:t|holding|m")
    near = related("2", "holding", "3", "relation:t|holding|s")
    found = check_claims(with_relation(far, near), scene=scene).findings
    assert {item.fault for item in found if item.claim == far} == {Fault.CONTRADICTED}
    assert not [item for item in found if item.claim == near]


def test_ids_of_a_scene_are_known_and_single() -> None:
    with pytest.raises(ValueError, match="there is no object 'x'"):
        Scene.from_json({"about": ["x"]})
    with pytest.raises(ValueError, match="two objects have the id 'a'"):
        Scene.from_json({"objects": [{"id": "a", "name": "b"}, {"id": "a", "name": "c"}]})
    with pytest.raises(ValueError, match=r"E-REC-003 .*objects\.0\.box_px\.2"):
        Scene.from_json({"objects": [{"id": "a", "name": "b", "box_px": [1, 2, "3", 4]}]})

"""thor_events: a log of the simulator becomes an episode, its refusals become failures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from roboloop.compose.base import ComposeContext
from roboloop.compose.plan import PlanComposer
from roboloop.compose.plan_checker import find_violation
from roboloop.records import Plan, Record, Text
from roboloop.records.episode import Episode, episode_of
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.thor_events import ThorEventsSource

MUG, FRIDGE, TABLE = "Mug|-01.2|+00.9|+00.4", "Fridge|+02.0|+00.0|-01.0", "DiningTable|0|0|0"
OBJECTS = [
    {"objectId": MUG, "objectType": "Mug", "parentReceptacles": ["Floor|0|0|0", TABLE]},
    {"objectId": FRIDGE, "objectType": "Fridge", "parentReceptacles": ["Floor|0|0|0"]},
]
TASK = {
    "instruction": "Put the mug in the fridge.",
    "goal": [{"predicate": "at", "object": "mug", "place": "fridge", "inside": True}],
    "success": True,
}


def event(action: str, target: str | None = None, *, error: str = "", **more: Any) -> Any:
    sent = {"action": action} | ({} if target is None else {"objectId": target})
    metadata = {
        "sceneName": "Procedural", "objects": OBJECTS, "lastAction": action,
        "lastActionSuccess": not error, "errorMessage": error,
    }  # fmt: skip
    return {"action": sent, "metadata": metadata, **more}


LOG = [
    {"task": TASK}, event("Initialize"), event("MoveAhead"),
    event("PickupObject", FRIDGE, error="Fridge must have the property CanPickup to be picked up."),
    event("PickupObject", MUG), event("RotateRight"), event("MoveAhead"),
    event("OpenObject", FRIDGE), event("PutObject", FRIDGE), event("CloseObject", FRIDGE),
]  # fmt: skip


def read(folder: Path, log: Sequence[Any]) -> Record | Rejected:
    (folder / "house_7.jsonl").write_text("".join(json.dumps(line) + "\n" for line in log))
    (item,) = ThorEventsSource(path=folder).read(SourceContext(folder / "made", 0))
    return item


def episode(folder: Path, log: Sequence[Any]) -> tuple[Record, Episode]:
    record = read(folder, log)
    assert isinstance(record, Record), record
    found = episode_of(record)
    assert found is not None
    return record, found


def test_a_log_is_an_episode(tmp_path: Path) -> None:
    record, found = episode(tmp_path, LOG)
    done = [step for step in found.steps if not step.failure]
    assert [step.text for step in done] == [
        "go to the dining table", "pick up the mug", "go to the fridge", "open the fridge",
        "put the mug in the fridge", "close the fridge",
    ]  # fmt: skip
    assert record.answer == Plan(tuple(step.text for step in done))
    (failed,) = [step for step in found.steps if step.failure]
    assert failed.object == "fridge" and failed.failure.startswith("Fridge must have the property")
    assert {(thing.object, thing.place) for thing in found.standing} == {("mug", "dining table")}
    assert (found.scene, found.success, record.split) == ("Procedural", True, "train")


def test_it_makes_plans_as_other_episodes_do(tmp_path: Path) -> None:
    record, found = episode(tmp_path, LOG)
    assert find_violation(found, [step for step in found.steps if not step.failure]) is None
    made = list(PlanComposer(questions=("plan", "next_step")).compose(
        [record], ComposeContext(0, tmp_path)))  # fmt: skip
    plan, following = made
    assert isinstance(plan, Record) and isinstance(following, Record)
    assert plan.answer == Plan(
        ("pick up the mug", "open the fridge", "put the mug in the fridge", "close the fridge")
    )
    assert isinstance(following.answer, Text)


def test_each_step_begins_with_the_picture_before_it(tmp_path: Path) -> None:
    for name in ("0.png", "1.png"):
        Image.new("RGB", (30, 20)).save(tmp_path / name)
    log = [LOG[0], event("Initialize", picture="0.png"),
           event("PickupObject", MUG, picture="1.png"), event("PutObject", TABLE)]  # fmt: skip
    record, found = episode(tmp_path, log)
    assert [step.media and step.media["path"] for step in found.steps] == [
        "thor_events:0.png", "thor_events:1.png",
    ]  # fmt: skip
    assert record.picture_size == (30, 20)


@pytest.mark.parametrize(
    ("log", "code"),
    [
        (LOG[1:], "E-DAT-004"),
        (LOG[:1], "E-DAT-004"),
        (LOG[:3], "E-DAT-004"),
        ([LOG[0], event("Fly")], "E-DAT-004"),
        ([LOG[0], event("PickupObject")], "E-DAT-004"),
        ([{"task": {"instruction": ""}}, *LOG[1:]], "E-DAT-004"),
        ([LOG[0], {"metadata": {}}], "E-DAT-004"),
        ([LOG[0], event("PickupObject", MUG, picture="none.png")], "E-MED-001"),
    ],
)
def test_a_bad_log_costs_itself(tmp_path: Path, log: Sequence[Any], code: str) -> None:
    item = read(tmp_path, log)
    assert isinstance(item, Rejected) and item.error.code == code
    assert item.record_id == "thor_events/house_7"

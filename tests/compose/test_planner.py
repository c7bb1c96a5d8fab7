"""RoboInter's planner output before an answer: order, missing parts, text, overlay, consistency."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from roboloop.compose.base import ComposeContext, Refusal
from roboloop.compose.planner import PARTS, Planner, check_plan
from roboloop.compose.reason_check import Fault
from roboloop.dialects import load_dialect
from roboloop.records.reasoning import PlannerOutput
from roboloop.records.record import Record, record_from_json, record_to_json
from roboloop.records.scene import scene_of
from roboloop.tasks import load_task
from roboloop.tasks.reasoning_marks import overlay, reasoning_marks


@pytest.fixture
def planned(simulated: list[Record], context: ComposeContext) -> list[Record]:
    found = list(Planner().compose(simulated, context))
    return [item for item in found if isinstance(item, Record)]


def plan_of(record: Record) -> PlannerOutput:
    assert isinstance(record.reasoning, PlannerOutput)
    return record.reasoning


def test_parts_stand_in_order_and_in_the_declared_space(planned: list[Record]) -> None:
    assert {record.task for record in planned} >= {"contact_box", "traj", "planning"}
    seen = set[str]()
    for dialect in (load_dialect("qwen25_vl", factor=16, max_pixels=15360), load_dialect("llava")):
        for record in planned[::3]:
            written = load_task(record.task).target(record, dialect=dialect)
            told = json.loads(written.removeprefix("<think>").partition("</think>")[0])
            assert record.picture_size is not None
            assert told.pop("space") == dialect.kind
            assert told.pop("image_size") == list(dialect.view_size(record.picture_size))
            assert list(told) == [part for part in PARTS if part in told]
            seen |= told.keys()
            parsed = load_task(record.task).parse(written, record=record, dialect=dialect)
            alone = load_task(record.task).render(
                record.answer,
                dialect=dialect,
                size=record.picture_size,  # type: ignore[arg-type]
            )
            again = load_task(record.task).parse(alone, record=record, dialect=dialect)
            assert parsed.answer == again.answer
    assert seen == set(PARTS) - {"grasp_pose"}, "the simulator draws no grasp pose"


def test_a_recipe_chooses_parts_but_not_their_order(
    simulated: list[Record], context: ComposeContext
) -> None:
    composer = Planner(parts=("trace", "subtask"), thinks=False, languages=("zh",))
    record = next(r for r in composer.compose(simulated, context) if isinstance(r, Record))
    dialect = load_dialect("qwen3_vl")
    text, _, answer = load_task(record.task).target(record, dialect=dialect).partition("\n")
    told = json.loads(text)
    assert list(told) == ["space", "image_size", "subtask", "trace"]
    assert answer.startswith("<answer>") and any("一" <= sign <= "鿿" for sign in told["subtask"])
    assert record_from_json(json.loads(json.dumps(record_to_json(record)))) == record


def test_plans_are_derived_again(planned: list[Record]) -> None:
    for record in planned:
        scene = scene_of(record)
        assert scene is not None and check_plan(plan_of(record), scene=scene) == ()
    plan = next(plan_of(r) for r in planned if plan_of(r).gripper_box_px and plan_of(r).skill)
    scene = next(scene_of(r) for r in planned if plan_of(r) == plan)
    assert scene is not None
    wrong = plan.model_copy(
        update={
            "skill": "pour",
            "gripper_box_px": (0.0, 0.0, 5.0, 5.0),
            "grasp_pose_px": ((1.0, 2.0),) * 6,
        }
    )
    found = check_plan(wrong, scene=scene)
    assert [(item.part, item.fault) for item in found] == [
        ("skill", Fault.CONTRADICTED),
        ("gripper_box", Fault.CONTRADICTED),
        ("grasp_pose", Fault.UNSUPPORTED),
    ]


def test_an_episode_that_fails_shows_no_plan(
    simulated: list[Record], context: ComposeContext
) -> None:
    parent = next(record for record in simulated if record.task == "current_box")
    scene = scene_of(parent)
    assert scene is not None and scene.robot is not None
    failed = scene.model_copy(update={"robot": scene.robot.model_copy(update={"succeeds": False})})
    parent = replace(parent, meta={**parent.meta, "scene": failed.to_json()})
    (refusal,) = Planner().compose([parent], context)
    assert isinstance(refusal, Refusal) and refusal.error.code == "E-CMP-010"


def test_overlay_draws_every_part_where_it_is(planned: list[Record]) -> None:
    plan = next(
        plan_of(r) for r in planned if plan_of(r).contact_points_px and not plan_of(r).picture
    )
    shapes = [mark.shape for mark in reasoning_marks(plan)]
    assert shapes == ["box", "box", "points", "path"]
    drawn = np.asarray(overlay(Image.new("RGB", (320, 180)), reasoning=plan), dtype=int)
    assert plan.object_box_px is not None and plan.trace_px is not None
    x1, y1, x2, y2 = (round(side) for side in plan.object_box_px)
    end_x, end_y = (round(side) for side in plan.trace_px[-1])
    for x, y in ((x1, (y1 + y2) // 2), ((x1 + x2) // 2, y1), (end_x, end_y)):
        assert drawn[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].max() > 100

"""Reasoning before the answers of simulated records: derived, written, read back, trained on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from roboloop.base.geometry import Point
from roboloop.compose.base import ComposeContext, Refusal
from roboloop.compose.reason import Reason
from roboloop.dialects import DIALECTS, load_dialect
from roboloop.records.answers import Box
from roboloop.records.reasoning import SeeDoExpect, reasoning_from_json, schema_page
from roboloop.records.record import Record, check_record, record_from_json, record_to_json
from roboloop.records.scene import Scene, scene_of
from roboloop.tasks import load_task
from roboloop.train.augment import Warp

ALL_STYLES = {"json": 1, "prose": 1, "think": 1, "think_prose": 1, "answer": 1}
TINY = load_dialect("qwen25_vl", factor=16, max_pixels=15360)


def composed(
    parents: list[Record], *, context: ComposeContext, **options: object
) -> tuple[list[Record], list[Refusal]]:
    composer = Reason.model_validate({"kind": "reason", **options})
    found = list(composer.compose(parents, context))
    records = [item for item in found if isinstance(item, Record)]
    return records, [item for item in found if isinstance(item, Refusal)]


@pytest.fixture
def reasoned(simulated: list[Record], context: ComposeContext) -> list[Record]:
    records, _ = composed(simulated, context=context, styles=ALL_STYLES, languages=["en", "zh"])
    return records


def test_every_answer_survives_its_reasoning(reasoned: list[Record]) -> None:
    """Whatever stands before it, in any dialect, the task's own parser finds the same answer."""
    for kind in DIALECTS.rows:
        dialect = load_dialect(kind)
        for record in reasoned[:: 3 if kind == "qwen25_vl" else 17]:
            task = load_task(record.task)
            assert record.answer is not None
            alone = task.render(record.answer, dialect=dialect, size=record.picture_size)
            written = task.target(record, dialect=dialect)
            is_chinese = record.reasoning is not None and record.reasoning.language == "zh"
            said = task.in_language(alone, language="zh") if is_chinese else alone
            assert written.count(said) >= 1
            if is_chinese and record.answer.kind == "yes_no":
                assert said in ("是", "否")
            assert (record.reasoning is None) == (written == alone)
            told = task.parse(written, record=record, dialect=dialect).answer
            assert told == task.parse(alone, record=record, dialect=dialect).answer


def test_records_name_parents_and_evidence_and_keep_the_rest(
    simulated: list[Record], reasoned: list[Record]
) -> None:
    parents = {record.id: record for record in simulated}
    for record in reasoned:
        check_record(record)
        (parent,) = (parents[name] for name in record.meta["parents"])
        assert record.id.startswith(f"{parent.id}/reason/")
        assert record.meta["composer"] == "reason"
        assert (record.media, record.split, record.licence) == (
            parent.media, parent.split, parent.licence,
        )  # fmt: skip
        if record.reasoning is not None:
            assert record.meta["evidence"]
        assert record_from_json(json.loads(json.dumps(record_to_json(record)))) == record
    assert len({record.id for record in reasoned}) == len(reasoned)


def test_boxes_in_the_text_are_the_dialects(reasoned: list[Record]) -> None:
    """The numbers of a box read back, in the frame of each model, as the box of the scene."""
    record = next(
        r for r in reasoned if r.task == "final_box" and r.id.endswith("/think") and r.reasoning
    )
    assert isinstance(record.reasoning, SeeDoExpect) and record.picture_size is not None
    keys = ("see", "objects", "name", "box")
    if record.reasoning.language == "zh":
        keys = ("看", "物体", "名称", "框")
    for dialect in (TINY, load_dialect("qwen3_vl"), load_dialect("llava")):
        text = load_task("final_box").target(record, dialect=dialect)
        thought = json.loads(text.removeprefix("<think>").partition("</think>")[0])
        slack = dialect.resolution_px(record.picture_size)
        for said, seen in zip(thought[keys[0]][keys[1]], record.reasoning.see.objects, strict=True):
            assert said[keys[2]] == seen.name
            x, y = said[keys[3]][:2]
            place = dialect.point(x, y, size=record.picture_size)
            assert abs(place.x - seen.box_px[0]) <= slack.x + 1e-6
            assert abs(place.y - seen.box_px[1]) <= slack.y + 1e-6


def test_claims_are_true_of_the_simulation(simulated: list[Record], reasoned: list[Record]) -> None:
    for record in reasoned:
        scene, reasoning = scene_of(record), record.reasoning
        if reasoning is None:
            continue
        assert scene is not None and scene.robot is not None and isinstance(reasoning, SeeDoExpect)
        boxes = {thing.box_px for thing in scene.objects}
        assert {seen.box_px for seen in reasoning.see.objects} <= boxes
        if record.task == "number_vqa":
            assert f"{record.answer.value:g}" in reasoning.expect[0].text  # type: ignore[union-attr]
        if record.task == "final_box":
            assert isinstance(record.answer, Box)
            assert record.answer.corners_px == scene.robot.final_box_px
            assert reasoning.expect[0].box_px is None, "the answer is not told twice"


def test_yes_and_no_are_reasoned_about_alike(reasoned: list[Record]) -> None:
    """Neither the steps nor the number of things seen gives the answer away."""
    asked = [r for r in reasoned if r.task == "yes_no_vqa" and "presence" in r.id and r.reasoning]
    steps = {r.reasoning.do[0].action for r in asked if isinstance(r.reasoning, SeeDoExpect)}
    assert steps == {"look_for"}
    assert {r.answer.value for r in asked} == {True, False}  # type: ignore[union-attr]


def test_chinese_is_asked_reasoned_and_answered_in_chinese(reasoned: list[Record]) -> None:
    chinese = [r for r in reasoned if r.reasoning is not None and r.reasoning.language == "zh"]
    assert {"planning", "object_box", "contact_decide"} <= {r.task for r in chinese}
    for record in chinese:
        task = load_task(record.task)
        question = task.question(record, dialect=TINY)
        latin = [c for c in question.replace("JSON", "") if c.isascii() and c.isalpha()]
        assert not latin, question
        if record.task in ("planning", "plan_steps"):
            assert not any("a" <= c <= "z" for c in task.target(record, dialect=TINY)
                           .replace("think", "").replace("answer", ""))  # fmt: skip


def test_same_parents_and_seed_give_the_same_records(
    simulated: list[Record], context: ComposeContext
) -> None:
    options = {"styles": ALL_STYLES, "languages": ["en", "zh"]}
    first, _ = composed(simulated, context=context, **options)
    again, _ = composed(simulated, context=context, **options)
    other, _ = composed(simulated, context=context._replace(seed=1), **options)
    assert first == again
    assert [record.id for record in first] != [record.id for record in other]


def test_what_cannot_be_reasoned_about_says_why(
    simulated: list[Record], context: ComposeContext
) -> None:
    parents = [record for record in simulated if record.task in ("object_box", "planning")]
    broken = [
        replace(parents[0], meta={**parents[0].meta, "scene": {"objects": [{"id": "a"}]}}),
        replace(parents[1], meta={**parents[1].meta, "scene": {"about": ["nobody"]}}),
        replace(parents[2], meta={**parents[2].meta, "scene": {"colour": "red"}}),
        replace(parents[3], meta={}),
    ]
    records, refusals = composed([*broken, *parents[4:6]], context=context)
    assert [refusal.parent_id for refusal in refusals] == [record.id for record in broken[:3]]
    assert [refusal.error.code for refusal in refusals] == ["E-REC-002", "E-REC-003", "E-REC-002"]
    assert "objects.0.name" in refusals[0].error.detail
    assert [record.meta["parents"] for record in records] == [[r.id] for r in parents[4:6]]


def test_a_failed_episode_promises_nothing(
    simulated: list[Record], context: ComposeContext
) -> None:
    parent = next(record for record in simulated if record.task == "current_box")
    scene = scene_of(parent)
    assert scene is not None and scene.robot is not None
    failed = scene.model_copy(update={"robot": scene.robot.model_copy(update={"succeeds": False})})
    parent = replace(parent, meta={**parent.meta, "scene": failed.to_json()})
    records, refusals = composed([parent], context=context)
    assert not records and refusals[0].error.code == "E-CMP-010"


def test_reasoning_moves_with_the_picture(reasoned: list[Record]) -> None:
    record = next(r for r in reasoned if r.task == "contact_box" and r.reasoning is not None)
    size = record.picture_size
    assert size is not None and isinstance(record.reasoning, SeeDoExpect)
    warp = Warp(left=0.1, top=0.2, width=0.8, height=0.5)
    moved = warp.record(record)
    assert isinstance(moved.reasoning, SeeDoExpect)
    for before, after in zip(
        record.reasoning.see.objects, moved.reasoning.see.objects, strict=True
    ):
        corner = warp.point(Point(*before.box_px[:2]), size=size)
        assert after.box_px[:2] == pytest.approx(corner)


def test_the_schema_refuses_claims_without_evidence(reasoned: list[Record]) -> None:
    record = next(r for r in reasoned if r.reasoning is not None)
    value = record_to_json(record)["reasoning"]
    assert reasoning_from_json(value) == record.reasoning
    value["see"]["objects"][0]["evidence"] = []
    with pytest.raises(ValueError, match=r"E-REC-003 .*see\.objects\.0\.evidence"):
        reasoning_from_json(value)


def test_the_written_schema_is_the_one_values_are_held_to() -> None:
    page = Path(__file__).parents[2] / "docs" / "reasoning.schema.json"
    assert page.read_text(encoding="utf-8") == schema_page(), (
        "run python tools/write_reasoning_schema.py"
    )


def test_scene_round_trip(simulated: list[Record]) -> None:
    for record in simulated:
        scene = scene_of(record)
        if scene is not None:
            assert Scene.from_json(json.loads(json.dumps(scene.to_json()))) == scene

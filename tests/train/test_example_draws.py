"""Which pictures and questions a step meets: all pictures in turn, fixed by the seed alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from roboloop.dialects import Dialect
from roboloop.models.backbone import Backbone
from roboloop.models.chat import Encoder
from roboloop.records.record import Record
from roboloop.records.shards import RecordFolder
from roboloop.train.config import SftConfig
from roboloop.train.examples import (
    ExampleMaker,
    PictureCache,
    Schedule,
    Visit,
    draw_records,
    load_groups,
)

Phase = Callable[..., SftConfig]
Maker = Callable[..., ExampleMaker]


@pytest.fixture
def maker(record_folder: Path, backbone: Backbone, dialect: Dialect) -> Maker:
    def make(config: SftConfig, *, seed: int = 0) -> ExampleMaker:
        folder = RecordFolder(record_folder)
        encoder = Encoder(backbone.parts, dialect=dialect)
        return ExampleMaker(
            load_groups(folder, config=config),
            encoder=encoder,
            pictures=PictureCache(folder.media_store(), encoder=encoder),
            config=config,
            seed=seed,
        )

    return make


def test_records_are_gathered_by_picture(record_folder: Path, phase: Phase) -> None:
    groups = load_groups(RecordFolder(record_folder), config=phase())
    assert len(groups) == 12
    assert all({r.media for r in group.records} == {group.media} for group in groups)
    assert all(len(group.records) == 3 for group in groups)
    only = load_groups(RecordFolder(record_folder), config=phase(tasks={"object_box": 1}))
    assert {r.task for group in only for r in group.records} == {"object_box"}


def test_every_picture_once_before_any_comes_again() -> None:
    schedule = Schedule(10, pictures_per_step=4, seed=1)
    visits = [visit for step in range(5) for visit in schedule.visits(step)]
    assert sorted(v.group for v in visits[:10]) == list(range(10))
    assert sorted(v.group for v in visits[10:]) == list(range(10))
    assert [v.epoch for v in visits] == [0] * 10 + [1] * 10
    assert [v.group for v in visits[:10]] != [v.group for v in visits[10:]]


def test_order_follows_from_the_seed_and_the_step_alone() -> None:
    forwards = Schedule(50, pictures_per_step=8, seed=1)
    backwards = Schedule(50, pictures_per_step=8, seed=1)
    wanted = [forwards.visits(step) for step in range(30)]
    assert [backwards.visits(step) for step in reversed(range(30))] == wanted[::-1]
    assert Schedule(50, pictures_per_step=8, seed=2).visits(0) != wanted[0]


def test_weights_say_how_often_a_task_is_drawn(records: list[Record]) -> None:
    weights = {"gripper_det": 3.0, "object_box": 1.0, "traj_wo_init_pos": 1.0}
    rng = np.random.default_rng(0)
    drawn = Counter(
        record.task
        for _ in range(4000)
        for record in draw_records(rng, records=records[:3], weights=weights, most=1)
    )
    assert drawn["gripper_det"] / 4000 == pytest.approx(0.6, abs=0.03)
    assert drawn["object_box"] / 4000 == pytest.approx(0.2, abs=0.03)


def test_no_question_is_drawn_twice(records: list[Record]) -> None:
    rng = np.random.default_rng(0)
    drawn = draw_records(rng, records=records[:3], weights={}, most=9)
    assert sorted(r.id for r in drawn) == sorted(r.id for r in records[:3])


def test_an_example_does_not_depend_on_what_was_made_before(maker: Maker, phase: Phase) -> None:
    config = phase(augment={"colour": 0.2})
    first, second = maker(config), maker(config)
    for place in range(3):
        second.make(Visit(place, 0))
    one, other = first.make(Visit(5, 2)), second.make(Visit(5, 2))
    assert one.record_ids == other.record_ids
    for mine, theirs in zip(one.rows, other.rows, strict=True):
        assert (mine.input_ids == theirs.input_ids).all()
        assert (mine.patches == theirs.patches).all()
    again = first.make(Visit(5, 3))
    assert not np.array_equal(again.rows[0].patches, one.rows[0].patches)


def test_the_answer_is_the_task_s_own_text(maker: Maker, phase: Phase, dialect: Dialect) -> None:
    made = maker(phase(tasks={"gripper_det": 1}, reword=False))
    example = made.make(Visit(0, 0))
    [row] = example.rows
    target = row.input_ids[row.labels != -100]
    text = made.encoder.parts.tokenizer.decode(target.tolist(), skip_special_tokens=True)
    [record] = made.groups[0].records
    from roboloop.tasks import load_task

    assert record.answer is not None
    wanted = load_task("gripper_det").render(
        record.answer, dialect=dialect, size=record.picture_size
    )
    assert text == wanted


def test_wordings_vary_only_when_asked(maker: Maker, phase: Phase) -> None:
    def questions(reword: bool) -> set[bytes]:
        made = maker(phase(tasks={"gripper_det": 1}, reword=reword))
        rows = [made.make(Visit(0, epoch)).rows[0] for epoch in range(12)]
        return {row.input_ids[row.labels == -100].tobytes() for row in rows}

    assert len(questions(reword=False)) == 1
    assert len(questions(reword=True)) > 1

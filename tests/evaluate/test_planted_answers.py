"""Perfect answers get the best value of every metric; every planted mistake makes them all fall."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted_engine import (
    PLAIN,
    SIZE,
    WORDS,
    ScriptedEngine,
    evaluate,
    perfect_texts,
    records_of,
    write_records,
)

from roboloop.base.geometry import Point
from roboloop.records import (
    Answer,
    Box,
    Boxes,
    Choice,
    Number,
    Plan,
    Points,
    Text,
    Trajectory,
    YesNo,
)
from roboloop.tasks import TASKS, load_task
from roboloop.tasks.base import Metric

TASK_KINDS = sorted(TASKS.rows)
PATHS = [kind for kind in TASK_KINDS if load_task(kind).answer_kind == "trajectory"]
GARBAGE = "###"


def shifted(answer: Answer) -> Answer:
    """A mistake that keeps the form: moved far, another word, twice the number."""

    def far(point: Point) -> Point:
        return Point(SIZE.width - point.x / 4, SIZE.height - point.y / 4)

    match answer:
        case Box(x1, y1, x2, y2):
            return Box(319 - x2 / 4, 239 - y2 / 4, 319 - x1 / 4, 239 - y1 / 4)
        case Boxes(items):
            moved = [shifted(box) for box in items]
            return Boxes(tuple(box for box in moved if isinstance(box, Box)))
        case Points(points):
            return Points(tuple(map(far, points)))
        case Trajectory(points):
            return Trajectory(tuple(map(far, points)))
        case Choice(letter, options):
            return Choice("ABCD"[("ABCD".index(letter) + 1) % 4], options)
        case YesNo(value):
            return YesNo(not value)
        case Number(value, unit):
            return Number(3 * value, unit)
        case Plan(steps):
            return Plan(("open a window",) * len(steps))
        case Text():
            return Text("sing quietly")


def score_texts(folder: Path, out: Path, texts: dict[str, str], task: str) -> dict[str, Any]:
    result = evaluate(
        folder, out=out, engines={"model": ScriptedEngine(texts.__getitem__)}, baselines=[]
    )
    (entry,) = result.report["tasks"]
    assert entry["task"] == task
    return entry["results"][0]


def is_worse(value: float, *, than: float, metric: Metric) -> bool:
    return value < than if metric.higher_is_better else value > than


@pytest.fixture(params=TASK_KINDS)
def task(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def folder(task: str, tmp_path: Path) -> Path:
    return write_records(tmp_path / "records", records=records_of([task]))


def val_texts(task: str) -> dict[str, str]:
    return perfect_texts(record for record in records_of([task]) if record.split == "val")


def test_perfect_answers_are_best(task: str, folder: Path, tmp_path: Path) -> None:
    result = score_texts(folder, tmp_path / "out", val_texts(task), task)
    for metric in load_task(task).metrics:
        best = 1.0 if metric.higher_is_better else 0.0
        assert result["metrics"][metric.name]["value"] == pytest.approx(best, abs=1e-9), metric
    assert result["validity"]["value"] == 1.0
    assert result["complete"] and result["coverage"] == 1.0


def wrong(texts: dict[str, str], change: Callable[[str], str]) -> dict[str, str]:
    """Every other answer changed."""
    return {
        record_id: change(record_id) if number % 2 else text
        for number, (record_id, text) in enumerate(sorted(texts.items()))
    }


@pytest.mark.parametrize("mistake", ["shifted", "empty", "garbage", "neighbour"])
def test_every_metric_falls_with_planted_mistakes(
    mistake: str, task: str, folder: Path, tmp_path: Path
) -> None:
    truths = {record.id: record.answer for record in records_of([task])}
    perfect = val_texts(task)
    ids = sorted(perfect)

    def change(record_id: str) -> str:
        if mistake == "empty":
            return "   "
        if mistake == "garbage":
            return GARBAGE
        if mistake == "neighbour":
            return perfect[ids[(ids.index(record_id) + 5) % len(ids)]]
        answer = truths[record_id]
        assert answer is not None
        return load_task(task).render(shifted(answer), dialect=PLAIN, size=SIZE)

    half = score_texts(folder, tmp_path / "half", wrong(perfect, change), task)
    none = score_texts(folder, tmp_path / "none", {key: change(key) for key in perfect}, task)
    for metric in load_task(task).metrics:
        best = 1.0 if metric.higher_is_better else 0.0
        fallen = half["metrics"][metric.name]["value"]
        assert is_worse(fallen, than=best, metric=metric), (mistake, metric)
        assert is_worse(none["metrics"][metric.name]["value"], than=fallen, metric=metric)
        if mistake in ("empty", "garbage") and none["num_unparsed"]:
            assert none["metrics"][metric.name]["value"] == metric.worst


@pytest.mark.parametrize(
    "task", [t for t in TASK_KINDS if load_task(t).answer_kind == "trajectory"]
)
def test_a_path_walked_backwards_is_wrong(task: str, tmp_path: Path) -> None:
    folder = write_records(tmp_path / "records", records=records_of([task]))
    texts: dict[str, str] = {}
    for record in records_of([task]):
        assert isinstance(record.answer, Trajectory)
        backwards = Trajectory(record.answer.points_px[::-1])
        texts[record.id] = load_task(task).render(backwards, dialect=PLAIN, size=SIZE)
    result = score_texts(folder, tmp_path / "out", texts, task)
    for metric in load_task(task).metrics:
        best = 1.0 if metric.higher_is_better else 0.0
        assert is_worse(result["metrics"][metric.name]["value"], than=best, metric=metric), metric


def test_an_unreadable_answer_is_never_better_than_a_wrong_one(
    task: str, folder: Path, tmp_path: Path
) -> None:
    """Refusing to answer must not pay."""
    loaded = load_task(task)
    texts = {
        record.id: loaded.render(shifted(record.answer), dialect=PLAIN, size=SIZE)
        for record in records_of([task])
        if record.answer is not None
    }
    shown = score_texts(folder, tmp_path / "wrong", texts, task)
    refused = score_texts(folder, tmp_path / "empty", dict.fromkeys(texts, ""), task)
    assert refused["validity"]["value"] == 0.0
    for metric in loaded.metrics:
        empty = refused["metrics"][metric.name]["value"]
        assert not is_worse(shown["metrics"][metric.name]["value"], than=empty, metric=metric), (
            metric
        )


def test_words_are_distinct() -> None:
    assert len(set(WORDS)) == len(WORDS)

"""Perfect answers get the best value of every metric; every planted mistake makes them all fall."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from scripted_engine import PLAIN, SIZE, ScriptedEngine, evaluate, records_of, write_records

from roboloop.base.geometry import Point
from roboloop.records import (
    Answer,
    Box,
    Boxes,
    Choice,
    Number,
    Plan,
    Points,
    Record,
    Text,
    Trajectory,
    YesNo,
)
from roboloop.tasks import TASKS, load_task
from roboloop.tasks.base import Metric

TASK_KINDS = sorted(TASKS.rows)
PATHS = [kind for kind in TASK_KINDS if load_task(kind).answer_kind == "trajectory"]


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


def said(mistake: str, record: Record, *, neighbour: Record) -> str:
    """What a model that makes this mistake says to the record."""
    task = load_task(record.task)
    assert record.answer is not None and neighbour.answer is not None
    match mistake:
        case "none":
            answer = record.answer
        case "shifted":
            answer = shifted(record.answer)
        case "neighbour":
            answer = neighbour.answer
        case "backwards":
            assert isinstance(record.answer, Trajectory)
            answer = Trajectory(record.answer.points_px[::-1])
        case "empty":
            return "   "
        case _:
            return "###"
    return task.render(answer, dialect=PLAIN, size=SIZE)


class Planter:
    """Runs the real evaluation of every task with one mistake planted, once for each mistake."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.records = [r for r in records_of(TASK_KINDS) if r.split == "val"]
        self.folder = write_records(place / "records", records=self.records)
        self.reports: dict[tuple[str, int], Any] = {}

    def result(self, mistake: str, *, every: int, task: str) -> dict[str, Any]:
        """The task's result when every so-manyth answer makes the mistake and the rest is right."""
        if (mistake, every) not in self.reports:
            self.reports[mistake, every] = self._report(mistake, every)
        (entry,) = [e for e in self.reports[mistake, every]["tasks"] if e["task"] == task]
        return entry["results"][0]

    def _report(self, mistake: str, every: int) -> Any:
        texts: dict[str, str] = {}
        for number, record in enumerate(self.records):
            if mistake == "backwards" and record.task not in PATHS:
                continue
            neighbour = self.records[number - 3 if number % 16 >= 3 else number + 13]
            chosen = mistake if number % every == 0 else "none"
            texts[record.id] = said(chosen, record, neighbour=neighbour)
        engine = ScriptedEngine(lambda record_id: texts.get(record_id, ""), opens_pictures=False)
        out = self.place / f"{mistake}-{every}"
        engines = {"model": engine}
        return evaluate(self.folder, out=out, engines=engines, baselines=[], batch_size=64).report


@pytest.fixture(scope="module")
def planter(tmp_path_factory: pytest.TempPathFactory) -> Planter:
    return Planter(tmp_path_factory.mktemp("planted"))


def best(metric: Metric) -> float:
    return 1.0 if metric.higher_is_better else 0.0


def is_worse(value: float, *, than: float, metric: Metric) -> bool:
    return value < than if metric.higher_is_better else value > than


@pytest.mark.parametrize("task", TASK_KINDS)
def test_perfect_answers_are_best(task: str, planter: Planter) -> None:
    result = planter.result("none", every=1, task=task)
    for metric in load_task(task).metrics:
        value = result["metrics"][metric.name]["value"]
        assert value == pytest.approx(best(metric), abs=1e-9), metric
    assert result["validity"]["value"] == 1.0
    assert result["complete"] and result["coverage"] == 1.0


@pytest.mark.parametrize("mistake", ["shifted", "neighbour", "empty", "garbage"])
@pytest.mark.parametrize("task", TASK_KINDS)
def test_every_metric_falls_with_planted_mistakes(
    mistake: str, task: str, planter: Planter
) -> None:
    """Half of the answers wrong is worse than none; all wrong is worse than half."""
    half = planter.result(mistake, every=2, task=task)
    every = planter.result(mistake, every=1, task=task)
    for metric in load_task(task).metrics:
        fallen = half["metrics"][metric.name]["value"]
        deepest = every["metrics"][metric.name]["value"]
        assert is_worse(fallen, than=best(metric), metric=metric), metric
        assert is_worse(deepest, than=fallen, metric=metric), metric
        if mistake == "empty":
            worst = mean_worst(planter, task=task)[metric.name]
            assert deepest == pytest.approx(worst)
            if metric.worst is not None:
                assert fallen == pytest.approx((worst + best(metric)) / 2)


def mean_worst(planter: Planter, *, task: str) -> dict[str, float]:
    """Each metric's worst value, over the records of the task."""
    values = [
        load_task(task).worst(record.answer, size=SIZE)
        for record in planter.records
        if record.task == task and record.answer is not None
    ]
    return {name: sum(v[name] for v in values) / len(values) for name in values[0]}


@pytest.mark.parametrize("task", PATHS)
def test_a_path_walked_backwards_is_wrong(task: str, planter: Planter) -> None:
    result = planter.result("backwards", every=1, task=task)
    for metric in load_task(task).metrics:
        if metric.name == "hausdorff_diagonals":  # the same places, whatever their order
            continue
        value = result["metrics"][metric.name]["value"]
        assert is_worse(value, than=best(metric), metric=metric), metric


@pytest.mark.parametrize("task", TASK_KINDS)
def test_an_unreadable_answer_is_never_better_than_a_wrong_one(task: str, planter: Planter) -> None:
    """Refusing to answer must not pay."""
    wrong = planter.result("shifted", every=1, task=task)
    empty = planter.result("empty", every=1, task=task)
    assert empty["validity"]["value"] == 0.0 and empty["num_unparsed"] == 16
    for metric in load_task(task).metrics:
        value = wrong["metrics"][metric.name]["value"]
        assert not is_worse(value, than=empty["metrics"][metric.name]["value"], metric=metric)


def test_every_task_of_the_table_is_here(planter: Planter) -> None:
    assert {record.task for record in planter.records} == set(TASKS.rows)

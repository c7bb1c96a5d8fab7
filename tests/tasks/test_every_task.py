"""What holds for every row of the table of tasks: words, round trips, planted faults."""

from __future__ import annotations

from dataclasses import replace
from math import hypot
from pathlib import Path

import pytest
import sample_answers as samples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_examples import CodeExample, EvalExample, find_examples

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize, Point
from roboloop.dialects import DIALECTS, load_dialect
from roboloop.dialects.base import Dialect
from roboloop.records.answers import (
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
from roboloop.records.record import Turn
from roboloop.tasks import TASKS, load_task
from roboloop.tasks.base import ParseStatus, Task, Truth, scale_answer, unit_answer

ROOT = Path(__file__).resolve().parents[2]

KINDS = tuple(TASKS.rows)
FAMILIES = {
    "generation": {
        "traj", "traj_wo_init_pos", "gripper_det", "contact_point", "contact_box", "current_box",
        "final_box",
    },
    "understanding": {
        "contact_decide", "grasppose_choice", "grounding_choice", "traj_choice", "trajlang_choice",
        "traj_direction_choice",
    },
    "planning": {"planning", "planning_choice", "planning_decide", "plan_steps", "short_plan"},
    "general": {
        "vqa", "choice_vqa", "yes_no_vqa", "number_vqa", "object_box", "detect_objects", "pointing",
    },
}  # fmt: skip
ROBOINTER_KEYS = {
    "traj": "future_traj",
    "traj_wo_init_pos": "future_traj",
    "gripper_det": "gripper_det_bbox",
    "contact_point": "contact_point",
    "contact_box": "contact_bbox",
    "current_box": "current_bbox",
    "final_box": "final_bbox",
}
SPATIAL = ("box", "boxes", "points", "trajectory")
ROUND_TRIPS = [
    (kind, dialect_kind)
    for kind in KINDS
    for dialect_kind in DIALECTS.rows
    # Answers in words do not pass through the dialect.
    if load_task(kind).answer_kind in SPATIAL or dialect_kind == "plain"
]
SIZE = PictureSize(320, 180)
PLAIN = load_dialect("plain", decimals=2)


def error_bound(dialect: Dialect, size: PictureSize) -> float:
    """How far writing and reading back may move a place, in diagonals."""
    return hypot(*dialect.resolution_px(size)) / hypot(*size) + 1e-9


def overlap_bound(box: Box, dialect: Dialect, size: PictureSize) -> float:
    """The smallest overlap of a box with itself after writing and reading back."""
    share = 1.0
    spans = ((box.x1, box.x2), (box.y1, box.y2))
    for (low, high), error in zip(spans, dialect.resolution_px(size), strict=True):
        share *= max(0.0, high - low - 2 * error) / (high - low + 2 * error)
    return share - 1e-9


def allowed_loss(task: Task, truth: Answer, dialect: Dialect, size: PictureSize) -> float:
    """How far from best a metric may be after a round trip, for answers that are places."""
    match truth:
        case Box():
            return 1 - overlap_bound(truth, dialect, size)
        case Boxes(items):
            return 1 - min(overlap_bound(box, dialect, size) for box in items)
        case Trajectory(points_px):
            # Errors add up along the way when the path is spread evenly over its length.
            return (2 * len(points_px) + 1) * error_bound(dialect, size)
        case Points():
            return error_bound(dialect, size)
        case _:
            return 0.0


@pytest.mark.parametrize(("kind", "dialect_kind"), ROUND_TRIPS)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_what_is_written_is_read_back_and_scores_best(
    kind: str, dialect_kind: str, data: st.DataObject
) -> None:
    task, dialect = load_task(kind), load_dialect(dialect_kind)
    size = data.draw(samples.sizes)
    truth = data.draw(samples.answers_of(task.answer_kind, size))
    record = samples.record_for(task, answer=truth, size=size)
    text = task.render(truth, dialect=dialect, size=size)
    parsed = task.parse(text, record=record, dialect=dialect)
    assert parsed.status is ParseStatus.OK and parsed.is_exact, (text, parsed)
    assert parsed.span == (0, len(text))
    assert parsed.answer is not None
    assert parsed.answer.kind == task.answer_kind
    values = task.score(parsed.answer, truth=truth, size=size)
    loss = allowed_loss(task, truth, dialect, size)
    for metric in task.metrics:
        best = 1.0 if metric.higher_is_better else 0.0
        if "@" in metric.name:
            step = float(metric.name.partition("@")[2])
            reached = 1 - loss >= step if task.answer_kind in ("box", "boxes") else loss <= step
            assert not reached or values[metric.name] == best, (metric.name, text, parsed)
        elif metric.name == "hit":
            assert loss > 0.05 or values["hit"] == best
        else:
            if metric.name == "dtw_px":  # as many pixels for every waypoint
                loss = loss * task.worst(truth, size=size)["dtw_px"]
            assert values[metric.name] == pytest.approx(best, abs=loss + 1e-9), (text, parsed)


def planted_fault(truth: Answer) -> Answer:
    """A wrong answer of the same kind."""
    match truth:
        case Box(x1, y1, x2, y2, label):
            width = x2 - x1
            return Box(x1 + width, y1, x2 + width, y2, label)
        case Boxes(items):
            moved = tuple(planted_fault(box) for box in items)
            return Boxes(tuple(box for box in moved if isinstance(box, Box)))
        case Points(points_px):
            return Points(tuple(Point(p.x + 60, p.y) for p in points_px))
        case Trajectory(points_px):
            return Trajectory(points_px[::-1])
        case Choice(letter, options):
            return Choice("B" if letter == "A" else "A", options)
        case YesNo(value):
            return YesNo(not value)
        case Number(value, unit):
            return Number(2 * value + 1, unit)
        case Plan(steps):
            return Plan(steps[::-1])
        case Text():
            return Text("a wrong answer")


GOOD: dict[str, Answer] = {
    "box": Box(100, 40, 150, 90),
    "boxes": Boxes((Box(10, 10, 60, 60, "red cup"), Box(200, 20, 260, 80, "plate"))),
    "points": Points((Point(40, 60), Point(120, 60))),
    "trajectory": Trajectory(tuple(Point(20 + 30.0 * i, 20 + 10.0 * i) for i in range(10))),
    "choice": Choice("C", samples.OPTIONS),
    "yes_no": YesNo(True),
    "number": Number(7.0, "m"),
    "plan": Plan(("move to the cup", "grasp the cup", "place the cup")),
    "text": Text("pick up the red cup"),
}


BLIND_TO_ORDER = {("plan", "bleu1"), ("trajectory", "hausdorff_diagonals")}
"""The planted fault of these answers is their order."""


@pytest.mark.parametrize("kind", KINDS)
def test_planted_faults_lower_every_metric(kind: str) -> None:
    task = load_task(kind)
    truth = GOOD[task.answer_kind]
    best = task.score(truth, truth=truth, size=SIZE)
    fault = task.score(planted_fault(truth), truth=truth, size=SIZE)
    worst = task.worst(truth, size=SIZE)
    assert set(best) == set(fault) == set(worst) == {metric.name for metric in task.metrics}
    for metric in task.metrics:
        sign = 1 if metric.higher_is_better else -1
        assert best[metric.name] == (1.0 if metric.higher_is_better else 0.0)
        if (task.answer_kind, metric.name) in BLIND_TO_ORDER:
            assert fault[metric.name] == best[metric.name]
        else:
            assert sign * fault[metric.name] < sign * best[metric.name], metric.name
        assert sign * worst[metric.name] <= sign * fault[metric.name], metric.name


@pytest.mark.parametrize("text", ["", "  \n "])
@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_text_is_no_answer(kind: str, text: str) -> None:
    task = load_task(kind)
    record = samples.record_for(task, answer=GOOD[task.answer_kind])
    assert task.parse(text, record=record, dialect=PLAIN)[:2] == (None, ParseStatus.NO_ANSWER)


@pytest.mark.parametrize("text", ["<think>I see a cup", "<think>[10, 20, 30, 40] B yes 7"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_thought_that_never_ends_is_no_answer(kind: str, text: str) -> None:
    task = load_task(kind)
    record = samples.record_for(task, answer=GOOD[task.answer_kind])
    parsed = task.parse(text, record=record, dialect=PLAIN)
    assert (parsed.answer, parsed.status) == (None, ParseStatus.TRUNCATED)
    assert "never ends" in parsed.note


@pytest.mark.parametrize("kind", KINDS)
def test_the_message_of_a_failed_request_is_no_answer(kind: str) -> None:
    task = load_task(kind)
    record = samples.record_for(task, answer=GOOD[task.answer_kind])
    for text in ("Error code 500 - A", "Failed to obtain answer via API. ", "Request timed out."):
        parsed = task.parse(text, record=record, dialect=PLAIN)
        assert (parsed.answer, parsed.status) == (None, ParseStatus.INFRA_ERROR)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if load_task(kind).family != "general"])
def test_the_truth_in_thoughts_and_tags_is_found(kind: str) -> None:
    task = load_task(kind)
    truth = GOOD[task.answer_kind]
    record = samples.record_for(task, answer=truth)
    text = task.render(truth, dialect=PLAIN, size=SIZE)
    for around in ("<think>Not B, [1, 2, 3, 4], no.</think>{}", "<answer>{}</answer>"):
        answer = task.parse(around.format(text), record=record, dialect=PLAIN).answer
        assert answer == truth, around


@pytest.mark.parametrize("kind", KINDS)
def test_words_of_a_task(kind: str) -> None:
    task = load_task(kind)
    assert task.kind == kind and task.title
    assert kind in FAMILIES[task.family]
    by_language = {language: [] for language in ("en", "zh")}
    for wording in task.wordings:
        by_language[wording.language].append(wording.template)
        assert wording.names <= samples.INPUTS.keys()
    assert len(set(by_language["en"])) >= 3 and len(set(by_language["zh"])) >= 2
    assert task.wordings[0].language == "en"
    own = [w.template for w in task.wordings if w.language == "en" and "question" not in w.names]
    if own and "question" not in task.wordings[0].names:
        assert task.wordings[0].template == min(own, key=len), "the first wording is the shortest"
    for metric in task.metrics:
        depends = metric.name == "dtw_px"
        assert metric.worst == (None if depends else 0.0 if metric.higher_is_better else 1.0)
    assert task.metrics[0].worst is not None


def test_the_table_holds_just_the_tasks_that_were_agreed() -> None:
    assert set(KINDS) == set().union(*FAMILIES.values())


@pytest.mark.parametrize("kind", KINDS)
def test_every_wording_becomes_a_question(kind: str) -> None:
    task = load_task(kind)
    record = samples.record_for(task)
    for wording in task.wordings:
        question = task.question(record, dialect=PLAIN, wording=wording)
        assert "{" not in question and question == question.strip()
        if "start" in wording.names:
            assert "[40.00, 30.00]" in question
        if "options" in wording.names:
            assert "B. open the drawer\nC. push the button" in question


def test_wordings_are_drawn_by_seed_and_id_alone() -> None:
    task = load_task("contact_box")
    record = samples.record_for(task)
    records = [replace(record, id=str(number)) for number in range(60)]
    drawn = [task.choose_wording(r, languages=("en", "zh"), seed=3) for r in records]
    assert drawn == [task.choose_wording(r, languages=("en", "zh"), seed=3) for r in records]
    assert set(drawn) == set(task.wordings)
    assert drawn != [task.choose_wording(r, languages=("en", "zh"), seed=4) for r in records]
    assert task.choose_wording(record) == task.wordings[0]


def test_wordings_that_the_inputs_do_not_fill_are_left_out() -> None:
    task = load_task("traj_direction_choice")
    record = samples.record_for(task)
    coloured = replace(record, inputs={k: v for k, v in record.inputs.items() if k != "letters"})
    for number in range(30):
        chosen = task.choose_wording(replace(coloured, id=str(number)), seed=1)
        assert "letters" not in chosen.names
    with pytest.raises(RoboLoopError, match=r"E-REC-002.*instruction, letters") as caught:
        task.choose_wording(replace(record, inputs={}))
    assert record.id in str(caught.value)


@pytest.mark.parametrize("kind", ["planning", "planning_choice", "planning_decide"])
def test_a_records_own_question_is_never_set_aside(kind: str) -> None:
    task = load_task(kind)
    record = samples.record_for(task)
    for number in range(20):
        chosen = task.choose_wording(replace(record, id=str(number)), seed=5)
        assert "question" in chosen.names
    goal_only = replace(record, inputs={k: v for k, v in record.inputs.items() if k != "question"})
    assert task.choose_wording(goal_only) == task.wordings[0]


def test_a_published_question_is_asked_word_for_word() -> None:
    task = load_task("contact_box")
    turns = (Turn("user", "<image>\nWhere to grasp? {keep}"), Turn("assistant", "there"))
    record = replace(samples.record_for(task), turns=turns)
    assert task.question(record, dialect=PLAIN) == "Where to grasp? {keep}"


@pytest.mark.parametrize(("kind", "key"), ROBOINTER_KEYS.items())
def test_answers_carry_the_keys_that_robointer_publishes(kind: str, key: str) -> None:
    task = load_task(kind)
    text = task.render(GOOD[task.answer_kind], dialect=PLAIN, size=SIZE)
    assert text.startswith(f'{{"{key}": [')


@pytest.mark.parametrize("kind", KINDS)
def test_marks_lie_where_the_answer_does(kind: str) -> None:
    task = load_task(kind)
    marks = task.marks(GOOD[task.answer_kind])
    match GOOD[task.answer_kind]:
        case Box(x1, y1, x2, y2):
            assert [m.points_px for m in marks] == [((x1, y1), (x2, y2))]
            assert {m.shape for m in marks} == {"box"}
        case Boxes(items):
            assert [(m.shape, m.label) for m in marks] == [("box", b.label) for b in items]
        case Points(points_px):
            assert [(m.shape, m.points_px) for m in marks] == [("points", points_px)]
        case Trajectory(points_px):
            assert [(m.shape, m.points_px) for m in marks] == [("path", points_px)]
        case _:
            assert marks == ()


@pytest.mark.parametrize("kind", KINDS)
def test_the_best_constant_is_a_valid_answer_of_the_kind(kind: str) -> None:
    task = load_task(kind)
    truths = [Truth(GOOD[task.answer_kind], SIZE)] * 3 + [
        Truth(planted_fault(GOOD[task.answer_kind]), SIZE)
    ]
    constant = scale_answer(task.best_constant(truths), size=SIZE)
    assert constant.kind == task.answer_kind
    record = samples.record_for(task, answer=truths[0].answer)
    text = task.render(constant, dialect=PLAIN, size=SIZE)
    answer = task.parse(text, record=record, dialect=PLAIN).answer
    assert answer is not None
    values = task.score(answer, truth=truths[0].answer, size=SIZE)
    first = task.metrics[0]
    assert values[first.name] == pytest.approx(1.0 if first.higher_is_better else 0.0, abs=1e-3)


@settings(deadline=None)
@given(data=st.data(), kind=st.sampled_from(SPATIAL))
def test_scaling_to_and_from_fractions_is_exact(data: st.DataObject, kind: str) -> None:
    size = data.draw(samples.sizes)
    answer = data.draw(samples.answers_of(kind, size))
    unit = unit_answer(answer, size=size)
    back = scale_answer(unit, size=size)
    assert back.kind == answer.kind
    assert repr_places(back) == pytest.approx(repr_places(answer))
    assert all(0 <= value <= 1 + 1e-9 for value in repr_places(unit))


def repr_places(answer: Answer) -> list[float]:
    match answer:
        case Box():
            return list(answer.corners_px)
        case Boxes(items):
            return [value for box in items for value in box.corners_px]
        case Points() | Trajectory():
            return [value for point in answer.points_px for value in point]
        case _:
            raise AssertionError(answer)


@pytest.mark.parametrize("kind", KINDS)
def test_the_manual_has_a_row_for_every_task(kind: str) -> None:
    page = (ROOT / "docs/tasks.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith(f"| `{kind}` |")]
    assert len(rows) == 1
    for metric in load_task(kind).metrics:
        assert f"`{metric.name}`" in page
    if kind in ROBOINTER_KEYS:
        assert f"`{ROBOINTER_KEYS[kind]}`" in rows[0]


@pytest.mark.parametrize("example", tuple(find_examples(str(ROOT / "docs/tasks.md"))), ids=str)
def test_the_manual_prints_what_it_says(example: CodeExample, eval_example: EvalExample) -> None:
    if "python" in example.prefix_tags():
        eval_example.run_print_check(example)

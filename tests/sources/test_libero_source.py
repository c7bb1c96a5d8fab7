"""libero: the 130 tasks as published, and every way a task file can be wrong."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roboloop.base.errors import RoboLoopError
from roboloop.dialects import load_dialect
from roboloop.records import Plan, Record, Text, YesNo
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.bddl import MAX_DEPTH, Expression, read_expression, read_problem
from roboloop.sources.libero import LiberoSource
from roboloop.tasks import load_task

DATA = Path(__file__).resolve().parents[2] / "../shared/data"
CONTEXT = SourceContext(Path("made"), 0)

TASK = """
(define (problem LIBERO_Kitchen)  ; a comment with (brackets
  (:domain robosuite)
  (:language put the bowl in the top drawer)
  (:regions
    (plate_right_region (:target kitchen_table) (:ranges ((0 1 2 3))))
    (top_region (:target wooden_cabinet_1)))
  (:fixtures kitchen_table - kitchen_table wooden_cabinet_1 - wooden_cabinet)
  (:objects akita_black_bowl_1 akita_black_bowl_2 - akita_black_bowl plate_1 - plate
    butter_1 - butter)
  (:obj_of_interest akita_black_bowl_1 wooden_cabinet_1_top_region)
  (:init (On plate_1 kitchen_table_plate_right_region))
  (:goal (And (In akita_black_bowl_1 wooden_cabinet_1_top_region)))
)
"""


def split_up(source: LiberoSource) -> tuple[list[Record], list[Rejected]]:
    items = list(source.read(CONTEXT))
    return (
        [item for item in items if isinstance(item, Record)],
        [item for item in items if isinstance(item, Rejected)],
    )


def read_task(folder: Path, text: str) -> tuple[dict[str, Record], list[Rejected]]:
    (folder / "task.bddl").write_text(text)
    records, rejected = split_up(LiberoSource(path=folder))
    return {record.id.removeprefix("task/"): record for record in records}, rejected


# --- the published tasks --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def published() -> dict[str, Record]:
    path = (DATA / "libero_bddl").resolve()
    if not path.exists():
        pytest.skip("the real sample libero_bddl is not there")
    records, rejected = split_up(LiberoSource(path=path))
    assert not rejected
    return {"/".join(Path(record.id).parts[-3:]): record for record in records}


def test_all_130_tasks_are_read(published: dict[str, Record]) -> None:
    by_question = Counter(record_id.rpartition("/")[2] for record_id in published)
    assert (by_question["goal"], by_question["objects"]) == (130, 130)
    assert by_question["plan"] == 116  # the others are a single step
    assert Counter(record.meta["suite"] for record in published.values()).keys() == {
        "libero_10", "libero_90", "libero_goal", "libero_object", "libero_spatial",
    }  # fmt: skip
    dialect = load_dialect("plain")
    for record in published.values():
        assert load_task(record.task).question(record, dialect=dialect)


@pytest.mark.parametrize(
    ("task", "steps"),
    [
        (
            "libero_10/KITCHEN_SCENE4_put_the_black_bowl_in_the_bottom_drawer_of_the_cabinet_and_"
            "close_it",
            ("pick up the black bowl",
             "put the black bowl in the bottom drawer of the white cabinet",
             "close the bottom drawer of the white cabinet"),
        ),  # the file names the closing first
        (
            "libero_10/KITCHEN_SCENE8_put_both_moka_pots_on_the_stove",
            ("pick up the moka pot", "put the moka pot on the stove", "pick up the other moka pot",
             "put the other moka pot on the stove", "turn on the stove"),
        ),
        (
            "libero_goal/open_the_top_drawer_and_put_the_bowl_inside",
            ("open the top drawer of the wooden cabinet", "pick up the black bowl",
             "put the black bowl in the top drawer of the wooden cabinet"),
        ),  # nothing says that the drawer is open
        (
            "libero_90/KITCHEN_SCENE7_put_the_white_bowl_to_the_right_of_the_plate",
            ("pick up the white bowl", "put the white bowl to the right of the plate"),
        ),
    ],
)  # fmt: skip
def test_plans(published: dict[str, Record], task: str, steps: tuple[str, ...]) -> None:
    assert published[f"{task}/plan"].answer == Plan(steps)


def test_only_tasks_that_say_so_open_something(published: dict[str, Record]) -> None:
    for record in published.values():
        if isinstance(record.answer, Plan):
            opens = any(step.startswith("open ") for step in record.answer.steps)
            assert opens == ("open" in record.meta["instruction"].casefold()), record.id


def test_pushing_is_one_step_and_no_plan(published: dict[str, Record]) -> None:
    task = "libero_goal/push_the_plate_to_the_front_of_the_stove"
    assert f"{task}/plan" not in published
    assert published[f"{task}/goal"].answer == Text("the plate is in front of the stove")
    assert published[f"{task}/objects"].answer == Text("plate, stove")


# --- one task -------------------------------------------------------------------------------------


def test_a_task_becomes_four_records(tmp_path: Path) -> None:
    records, rejected = read_task(tmp_path, TASK)
    assert not rejected and list(records) == ["plan", "goal", "objects", "needed"]
    plan = records["plan"]
    assert plan.answer == Plan(
        ("open the top drawer of the wooden cabinet", "pick up the black bowl",
         "put the black bowl in the top drawer of the wooden cabinet")
    )  # fmt: skip
    assert plan.inputs == {"instruction": "put the bowl in the top drawer"}
    assert (plan.licence, plan.origin, plan.split) == ("MIT", "task.bddl", "train")
    assert plan.meta["goal"] == ["(In akita_black_bowl_1 wooden_cabinet_1_top_region)"]
    assert records["objects"].answer == Text("black bowl, wooden cabinet")
    question = str(records["needed"].inputs["question"])
    is_needed = any(words in question for words in ("Is the black bowl", "Is the wooden cabinet"))
    assert records["needed"].answer == YesNo(is_needed)


def test_a_drawer_that_is_open_is_not_opened(tmp_path: Path) -> None:
    text = TASK.replace("(:init", "(:init (Open wooden_cabinet_1_top_region)")
    records, _ = read_task(tmp_path, text)
    assert isinstance(plan := records["plan"].answer, Plan) and len(plan.steps) == 2


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "line", "detail"),
    [
        ("(:domain robosuite)", "(:domain robosuite", 2, "'\\(' is not closed"),
        ("region)))\n)", "region)))\n))", 14, "closes nothing"),
        ("region)))\n)", "region)))\n) (more)", 14, "something follows"),
        ("\n(define", "\nword (define", 2, "stands outside"),
        ("(define", "(" * (MAX_DEPTH + 1) + "(define", 2, "nested deeper"),
        ("(:goal", "(:gaol", None, "no section \\(:goal"),
        ("(And (In akita_black_bowl_1", "(And (In akita_black_bowl_9", None, "neither an object"),
        ("(And (In", "(And (Throw", None, "none of LIBERO's"),
        ("(And (In akita_black_bowl_1", "(And (In", None, "none of LIBERO's"),
        ("(And (In", "(And (Not (In)) (In", None, "no predicate"),
        ("put the bowl in the top drawer", "", None, "language is empty"),
        ("butter_1 - butter", "butter_1", None, "gives butter_1 no class"),
        ("butter_1 - butter", "butter_1 -", None, "'-' without a class"),
        ("(top_region (:target wooden_cabinet_1))", "(top_region)", None, "no region"),
    ],
)
def test_a_broken_task_is_one_rejection_with_its_line(
    tmp_path: Path, old: str, new: str, line: int | None, detail: str
) -> None:
    assert old in TASK
    (tmp_path / "good.bddl").write_text(TASK)
    records, rejected = read_task(tmp_path, TASK.replace(old, new))
    assert len([name for name in records if name.startswith("good/")]) == 4
    (item,) = rejected
    assert item.error.code == "E-DAT-004" and item.record_id == "task"
    assert item.error.place.file == tmp_path / "task.bddl"
    assert item.error.place.line == line
    with pytest.raises(RoboLoopError, match=detail):
        raise item.error


def test_empty_and_undecodable_files_and_none(tmp_path: Path) -> None:
    with pytest.raises(RoboLoopError, match="E-DAT-001"):
        split_up(LiberoSource(path=tmp_path))
    (tmp_path / "a.bddl").write_bytes(b"")
    (tmp_path / "b.bddl").write_bytes(b"(define \xff)")
    (tmp_path / "c.bddl").write_bytes(b"( " * 3_000_000)
    codes = [item.error.code for item in split_up(LiberoSource(path=tmp_path))[1]]
    assert codes == ["E-DAT-004", "E-REC-001", "E-DAT-004"]


def _written(expression: Expression) -> str:
    if isinstance(expression, str):
        return expression
    return f"({' '.join(map(_written, expression))})"


WORDS = st.sampled_from(("define", ":goal", "plate_1", "-", "0.25", "o'clock"))


@given(st.lists(st.recursive(WORDS, lambda inner: st.lists(inner, max_size=3), max_leaves=8)))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_what_is_written_is_read_back(expression: list[Expression]) -> None:
    assert read_expression(_written(expression)) == expression


@given(st.text("() ;\nab:-", max_size=60))
def test_any_text_is_a_task_or_an_error(text: str) -> None:
    try:
        read_problem(text)
    except RoboLoopError as error:
        assert error.code == "E-DAT-004"

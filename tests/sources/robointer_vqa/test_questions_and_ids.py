"""What is found in questions and ids; and that no prompt ever holds the answer an id tells."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_hub import EPISODE, read, word_entry, write_picture, write_set

from roboloop.dialects import load_dialect
from roboloop.records import Choice, Record, Text, YesNo
from roboloop.sources.robointer_vqa.questions import (
    PLANNING_TASKS,
    EntryName,
    Numbers,
    find_instruction,
    find_options,
    find_start,
    neutral_id,
    read_name,
)
from roboloop.tasks import load_task

TELLING = re.compile("negative|positive", re.IGNORECASE)
MANIPVQA = "Task_planning/train/manipvqa"


@pytest.mark.parametrize(
    ("question", "instruction"),
    [
        ("<image>\nTask: 'stack the blue cup'. Give the box.", "stack the blue cup"),
        ("Task: 'put the dog's bowl, then stop'. Where?", "put the dog's bowl, then stop"),
        ("Task: 'move the dogs' bowl'. Where?", "move the dogs' bowl"),
        ("Task: 'stack the cups'. Mark the robots' hand.", "stack the cups"),
        ("The 'gripper' is told: 'pick up the can, gently'.", "pick up the can, gently"),
        ("Find 'current_bbox' for the task 'pour'.", "pour"),
        ("Answer as {'future_traj': [[x1, y1], ...]}. Task: 'wipe it'!", "wipe it"),
        ('The goal is "tidy the desk, it\'s messy". What next?', "tidy the desk, it's messy"),
        ("The goal is “tidy the desk”.", "tidy the desk"),
        ("The goal is ‘tidy the desk’.", "tidy the desk"),
        ("'open the drawer': where?", "open the drawer"),
        ("It isn't known what the robot's aim is.", None),
        ("Is it 'open the drawer' or 'close the drawer'?", None),
        ("Use the 'gripper'.", None),
        ("Task: 'no end", None),
        ("Task: 'a line\nb'", None),
        ("", None),
    ],
)
def test_instructions(question: str, instruction: str | None) -> None:
    assert find_instruction(question) == instruction


WORDS = st.lists(
    st.sampled_from(["pick", "the", "dog's", "cup", "bowls", "up,", "it", "cups'", "don't", "7"]),
    min_size=1,
    max_size=7,
).filter(lambda words: not words[-1].endswith(("'", "s")))


@given(WORDS)
def test_apostrophes_and_commas_belong_to_the_instruction(words: list[str]) -> None:
    told = " ".join(words)
    question = f"<image>\nTask: '{told}'. Give the box as {{'current_bbox': [[x1, y1], ...]}}."
    assert find_instruction(question) == told


@given(st.text("ab '\"’‘“\n.,:([s", max_size=60))
def test_no_text_breaks_the_search(text: str) -> None:
    found = find_instruction(text)
    assert found is None or found in text
    find_start(text)
    find_options(text)


@pytest.mark.parametrize(
    ("question", "start"),
    [
        ("The gripper starts at [110, 66].", Numbers(110, 66)),
        ("The starting position is (0.34,0.37), go on.", Numbers(0.34, 0.37)),
        ("From [110, 66], as [[1, 2], [3, 4]].", Numbers(110, 66)),
        ("Between [1, 2] and [3, 4], start at [5, 6]", Numbers(5, 6)),
        ("Points [1, 2] and [3, 4].", None),
        ("Write [[x1, y1], ...] with 10 points.", None),
        ("Write [[1, 2], [3, 4]].", None),
        ("", None),
    ],
)
def test_start_points(question: str, start: Numbers | None) -> None:
    assert find_start(question) == start


def test_options_stand_on_lines_of_their_own() -> None:
    assert find_options("Which?\nA. push it\n(B) pull it\nC: lift") == (
        "push it",
        "pull it",
        "lift",
    )
    assert find_options("Which?\nB. pull it\nC. lift") == ()
    assert find_options("Which? A. push B. pull") == ()
    assert find_options("Which?\nA. alone") == ()


@pytest.mark.parametrize(
    ("published_id", "name"),
    [
        (f"{EPISODE}#57_current_box", EntryName(EPISODE, 57)),
        (
            "12345_exterior_image_1_left#88_traj_choice",
            EntryName("12345_exterior_image_1_left", 88),
        ),
        (
            "987_exterior_image_2_left_Future_Prediction_Task_3",
            EntryName("987_exterior_image_2_left", None, "Future_Prediction_Task"),
        ),
        ("9_Success_(Negative)_Task_1", EntryName("9", None, "Success_Negative_Task")),
        ("9#12_Planning_with_Context_Task", EntryName("9", 12, "Planning_with_Context_Task")),
        ("Success_Positive_Task_9", EntryName("", None, "Success_Positive_Task")),
        ("7", EntryName("")),
    ],
)
def test_names(published_id: str, name: EntryName) -> None:
    assert read_name(published_id) == name


def test_all_sixteen_names_are_told_apart() -> None:
    assert len(PLANNING_TASKS) == 16
    for name in PLANNING_TASKS:
        assert read_name(f"987_exterior_image_2_left_{name}_3").question == name


def planning_records(tmp_path: Path, *, question: str) -> list[Record]:
    answers = {"planning": "lift the cup", "planning_choice": "B", "planning_decide": "No"}
    entries = [
        word_entry(f"987_exterior_image_2_left_{name}_{n}", answers[task], images=["a.png"] * 8,
                   question=question)
        for name, task in PLANNING_TASKS.items()
        for n in range(2)
    ]  # fmt: skip
    write_set(tmp_path, MANIPVQA, entries)
    write_picture(tmp_path, MANIPVQA, "a.png")
    records, rejected = read(tmp_path)
    assert not rejected
    return records


def test_the_answer_in_an_id_reaches_no_prompt(tmp_path: Path) -> None:
    """Neither the published question nor any wording of the task, nor the record's own id."""
    question = "<image>\nThe goal is 'tidy the desk'. What?\nA. lift\nB. drop"
    records = planning_records(tmp_path, question=question)
    assert len({record.id for record in records}) == 32
    dialect = load_dialect("plain")
    for record in records:
        task = load_task(record.task)
        assert record.task == PLANNING_TASKS[record.meta["question_name"]]
        assert record.meta["question_name"] in record.meta["published_id"]
        assert record.meta["episode"] == "987_exterior_image_2_left"
        unworded = replace(record, turns=())
        prompts = [
            task.question(record, dialect=dialect),
            *(
                task.question(unworded, dialect=dialect, wording=wording)
                for wording in task.wordings
                if wording.names <= record.inputs.keys()
            ),
        ]
        assert len(prompts) > 2
        shown = [*prompts, record.id, *map(str, record.inputs.values()), record.origin]
        shown += [turn.text for turn in record.turns]
        for text in shown:
            assert not TELLING.search(text), text
            assert record.meta["question_name"] not in text


@pytest.mark.parametrize("name", ["Success_Negative_Task", "Success_(Negative)_Task"])
def test_a_question_that_names_its_own_answer_is_left_out(tmp_path: Path, name: str) -> None:
    entry = word_entry(f"9_{name}_1", "No", images="a.png", question=f"<image>{name}: well?")
    write_set(tmp_path, MANIPVQA, [entry])
    write_picture(tmp_path, MANIPVQA, "a.png")
    _, (rejected,) = read(tmp_path)
    assert rejected.error.code == "E-DAT-004"
    assert not TELLING.search(str(rejected.record_id))


@given(st.text(), st.text(max_size=3))
def test_neutral_ids_depend_on_the_whole_published_id(published_id: str, more: str) -> None:
    same = neutral_id(published_id, episode="e") == neutral_id(published_id + more, episode="e")
    assert same == (more == "")


def test_ids_without_a_question_name_follow_the_form_of_their_answer(tmp_path: Path) -> None:
    answers = ("Yes", "C", "lift the cup")
    entries = [
        word_entry(f"id-{n}", answer, images="a.png", question="<image>\nWhat?")
        for n, answer in enumerate(answers)
    ]
    write_set(tmp_path, MANIPVQA, entries)
    write_set(tmp_path, "Task_planning/val/choice", entries[1:2])
    for name in (MANIPVQA, "Task_planning/val/choice"):
        write_picture(tmp_path, name, "a.png")
    records, rejected = read(tmp_path)
    assert not rejected
    assert [(record.task, record.answer) for record in records] == [
        ("planning_decide", YesNo(True)),
        ("planning_choice", Choice("C")),
        ("planning", Text("lift the cup")),
        ("planning_choice", Choice("C")),
    ]

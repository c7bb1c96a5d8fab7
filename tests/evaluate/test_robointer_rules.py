"""RoboInter's formulas with their quirks: each case was found by running its own code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from scripted_engine import ScriptedEngine, evaluate, records_of, write_records

from roboloop.base.geometry import PictureSize, Point
from roboloop.cli.main import run_command
from roboloop.dialects import load_dialect
from roboloop.evaluate.rules.robointer import Convention, Measured, assumed_size, measure
from roboloop.records.answers import Answer, Box, Choice, Text, Trajectory, YesNo
from roboloop.tasks import load_task

SIZE = PictureSize(320, 180)
BOX = Box(72, 102, 192, 179)
"""The published example: [[69, 95], [184, 167]] in the resized picture."""


def worth(
    text: str, truth: Answer, *, task: str = "", convention: Convention = "qwen25"
) -> Measured:
    return measure(text, truth=truth, task=task, convention=convention, true_size=SIZE, size=SIZE)


def iou(text: str, convention: Convention = "qwen25") -> float:
    found = worth(text, BOX, convention=convention).iou
    assert found is not None
    return found


def test_a_perfect_box_in_whole_numbers_is_cut_off_and_not_perfect() -> None:
    """The answer is cut off to (71, 101, 191, 178), the truth is not."""
    truth = (69 * 320 / 308, 95 * 180 / 168, 184 * 320 / 308, 167 * 180 / 168)
    shared = (191 - truth[0]) * (178 - truth[1])
    area = (truth[2] - truth[0]) * (truth[3] - truth[1])
    expected = shared / (120 * 77 + area - shared)
    assert iou('{"contact_bbox": [[69, 95], [184, 167]]}') == pytest.approx(expected)
    assert 0.96 < expected < 0.99
    assert iou("[69, 95, 184, 167]") == pytest.approx(1.0), "four in a row are not cut off"


def test_each_kind_of_model_has_its_numbers() -> None:
    assert iou("[[0.22, 0.57], [0.60, 0.99]]", "llava") == pytest.approx(1.0)
    assert iou("[225, 567, 600, 994]", "intern") == pytest.approx(1.0, abs=0.01)
    assert iou("[72, 102, 192, 179]", "api") == pytest.approx(1.0, abs=0.02)
    assert iou("[225, 567, 600, 994]", "api") == 0.0, "read as original pixels, whatever it wrote"


def test_numbers_of_a_sentence_become_a_box_and_none_is_zeros() -> None:
    assert iou("from 69 and 95, which is left, to 184 and 167") == pytest.approx(1.0)
    assert worth("I cannot see it", BOX) == Measured(0.0, 0.0)


def test_failed_paths_and_perfect_ones_leave_the_mean() -> None:
    truth = Trajectory((Point(80, 90), Point(160, 90)))
    assert worth("no path", truth, convention="api").column is None
    written = load_dialect("robointer_smart_resize").write(truth, size=SIZE, key="future_traj")
    assert worth(written, truth).column is None
    moved = worth("[[77, 84], [154, 112]]", truth).column
    assert moved == pytest.approx(30.0), "28 of 168 rows lower: 30 of 180"


@pytest.mark.parametrize(
    ("text", "truth", "task", "right"),
    [
        ("", Choice("C"), "grounding_choice", True),
        ("It is one of A, B, C, D", Choice("C"), "grounding_choice", True),
        ("c", Choice("C"), "grounding_choice", False),
        ("C" + " " * 100, Choice("C"), "grounding_choice", False),
        ("Not sure", YesNo(False), "contact_decide", True),
        ("the answer is b", Choice("A"), "planning_choice", True),
        ("A\nfinally: D", Choice("D"), "planning_choice", True),
        ("nothing", YesNo(False), "planning_decide", True),
        ("yes, not no", YesNo(True), "planning_decide", True),
        ("", YesNo(False), "planning_decide", False),
    ],
)
def test_what_counts_as_right(text: str, truth: Answer, task: str, right: bool) -> None:
    assert worth(text, truth, task=task).column == float(right)


def test_planning_reads_the_last_line() -> None:
    truth = Text("place the pen in the holder")
    assert worth("I think:\nPlace the pen in the holder", truth, task="planning").column == 1.0


def test_sizes_taken_for_granted() -> None:
    assert assumed_size("RH20T_cfg3_task_0042#57_traj") == (640, 480)
    assert assumed_size("12345_exterior_image_1_left#88") == (320, 180)


def test_the_table_stands_beside_our_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Answers in resized pixels; half of the choices says nothing, which RoboInter counts right."""
    tasks = ["current_box", "traj", "grounding_choice", "planning"]
    records = [record for record in records_of(tasks) if record.split == "val"]
    dialect = load_dialect("qwen25_vl")
    texts = {
        record.id: load_task(record.task).render(
            record.answer, dialect=dialect, size=record.picture_size
        )
        for record in records
        if record.answer is not None
    }
    silent = [record.id for record in records if record.task == "grounding_choice"][::2]
    engine = ScriptedEngine((texts | dict.fromkeys(silent, "")).__getitem__)
    folder = write_records(tmp_path / "records", records=records)
    evaluate(folder, out=tmp_path / "run", engines={"model": engine}, dialect=dialect, baselines=[])
    out = tmp_path / "scored.jsonl"
    call = ["score", str(tmp_path / "run"), "--out", str(out), "--rules", "robointer"]
    assert run_command(call) == 2
    assert "--convention" in capsys.readouterr().err
    assert run_command([*call, "--convention", "qwen25", "--recorded-sizes"]) == 0
    table = [line.split() for line in capsys.readouterr().out.splitlines()]
    head, theirs, ours = table[0], table[2], table[4]
    assert theirs[:2] == ["model", "robointer"] and ours[:2] == ["model", "ours"]
    column = {name: place for place, name in enumerate(head)}
    assert theirs[column["Obj"]] == ours[column["Obj"]] == "100.0"
    assert (theirs[column["GroundCh"]], ours[column["GroundCh"]]) == ("100.0", "50.0")
    assert theirs[column["PlanGen"]] == ours[column["PlanGen"]] == "100.0"
    assert theirs[column["Gripper"]] == "-"
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(lines) == len(records)

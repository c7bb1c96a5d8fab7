"""RoboInter's annotation columns of a LeRobot set give the questions its annotation store gives."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from lerobot_files import CAMERA, WRIST, Plan, write_v2

from roboloop.base.errors import RoboLoopError
from roboloop.records import Box, Points, Record, Text, Trajectory, YesNo
from roboloop.records import Plan as PlanAnswer
from roboloop.sources.base import Rejected
from roboloop.sources.lerobot.source import LerobotSource

Read = Callable[..., tuple[list[Record], list[Rejected]]]
NUM_FRAMES, CONTACT = 12, 3
CLIPS = [[0, 5], [6, 11]]
TASKS = ["tidy the desk"]
TRACE = [[10 + 4 * step, 20] for step in range(10)]


def note(frame: int) -> dict[str, Any]:
    """A frame as RoboInter's store holds it; coordinates are of a picture of 32 x 24."""
    is_past = frame > CONTACT
    return {
        "time_clip": CLIPS,
        "instruction_add": "tidy the desk",
        "substask": "pick the pen" if frame < 6 else "place the pen",
        "primitive_skill": "pick" if frame < 6 else "place",
        "segmentation": None,
        "object_box": [[0, 4 + frame % 3], [10, 12]],
        "placement_proposal": [[20, 14], [30, 24]],
        "trace": [[x // 2, y // 2] for x, y in TRACE],
        "gripper_box": None if frame == 1 else [[5, 1], [15, 9]],
        "contact_frame": -1 if is_past else CONTACT,
        "state_affordance": [] if is_past else [0.1] * 6,
        "affordance_box": [] if is_past else [[4, 3], [14, 11]],
        "contact_points": [] if is_past else [[6, 8], [10, 8]],
        "origin_shape": [32, 24],
    }


def columns(notes: Sequence[dict[str, Any]], **changed: Sequence[str]) -> dict[str, list[str]]:
    """As RoboInter's export writes them: JSON text, "" for none, words plain."""
    texts: dict[str, list[str]] = {}
    for field in notes[0]:
        values = [each[field] for each in notes]
        texts[f"annotation.{field}"] = [
            "" if value is None else value if isinstance(value, str) else json.dumps(value)
            for value in values
        ]
    return texts | {name.replace("__", "."): list(value) for name, value in changed.items()}


def write(folder: Path, *, cameras: Sequence[str] = (CAMERA, WRIST), **changed: Any) -> Path:
    """Two episodes; the annotation of the first one may be changed."""
    notes = [note(frame) for frame in range(NUM_FRAMES)]
    plans = [Plan([0] * NUM_FRAMES, columns(notes, **each)) for each in (changed, {})]
    write_v2(folder, plans=plans, tasks=TASKS, cameras=cameras)
    return folder


def of(records: Sequence[Record], *, task: str, episode: int = 0) -> dict[int, Any]:
    """Frame -> answer."""
    key = f"episode_{episode:06d}"
    return {
        record.meta["frame"]: record.answer
        for record in records
        if record.task == task and record.meta["episode"] == key
    }


def test_every_frame_gives_what_its_annotation_supports(tmp_path: Path, read: Read) -> None:
    records, rejected = read(LerobotSource(path=write(tmp_path / "set"), frames_per_clip=None))
    assert not rejected
    boxes = of(records, task="current_box")
    # 32 x 24 is half of 64 x 48; the box touches the border.
    assert boxes == {f: Box(0, 8 + 2 * (f % 3), 20, 24) for f in range(NUM_FRAMES)}
    assert set(of(records, task="gripper_det")) == set(range(NUM_FRAMES)) - {1}
    assert of(records, task="final_box")[8] == Box(40, 28, 60, 48)
    # The gripper's box at contact is asked only before it.
    assert of(records, task="contact_box") == {f: Box(8, 6, 28, 22) for f in range(CONTACT)}
    assert of(records, task="contact_point") == {
        f: Points(((12, 16), (20, 16))) for f in range(CONTACT)
    }
    assert of(records, task="traj")[0] == Trajectory(tuple(map(tuple, TRACE)))
    decided = of(records, task="contact_decide")
    assert decided == {f: YesNo(f >= CONTACT) for f in range(6)}
    record = next(r for r in records if r.task == "traj" and r.meta["frame"] == 7)
    assert record.id == "lerobot/episode_000000/primary/0007/traj"
    assert record.inputs == {"instruction": "place the pen", "start": Points(((10, 20),))}
    assert (record.meta["clip"], record.meta["skill"]) == ([6, 11], "place")
    assert record.media[0].size == (64, 48)


def test_clips_give_the_planning_questions_of_every_camera(tmp_path: Path, read: Read) -> None:
    source = LerobotSource(path=write(tmp_path / "set"), tasks=("planning", "plan_steps"))
    records, _ = read(source)
    assert Counter((r.meta["camera"], r.task) for r in records) == {
        ("primary", "planning"): 8, ("wrist", "planning"): 8,
        ("primary", "plan_steps"): 2, ("wrist", "plan_steps"): 2,
    }  # fmt: skip
    plan = next(record for record in records if record.task == "plan_steps")
    assert plan.answer == PlanAnswer(("pick the pen", "place the pen"))
    asked = next(record for record in records if record.id.endswith("next-0006"))
    assert asked.answer == Text("place the pen") and asked.meta["frames"] == [0, 1, 2, 3, 4, 5]


def test_drawn_questions_are_pictures_of_their_own(tmp_path: Path, read: Read) -> None:
    tasks = ("grounding_choice", "traj_choice")
    records, rejected = read(LerobotSource(path=write(tmp_path / "set"), tasks=tasks))
    assert records and not rejected
    for record in records:
        assert record.media[0].path.startswith("made:lerobot/0/episode_00000")  # type: ignore[union-attr]
        assert (tmp_path / "made" / record.media[0].path.removeprefix("made:")).is_file()  # type: ignore[union-attr]


def test_quality_stands_beside_each_frame_and_not_only_in_the_first(
    tmp_path: Path, read: Read
) -> None:
    quality = ["", "Primary", "Secondary", "Primary"] + ["Secondary"] * 8
    folder = write(tmp_path / "set", Q_annotation__object_box=quality)
    base = {"path": folder, "tasks": ("current_box",), "frames_per_clip": None}
    assert len(of(read(LerobotSource(**base))[0], task="current_box")) == 12
    secondary, _ = read(LerobotSource(**base, min_quality="Secondary"))
    assert set(of(secondary, task="current_box")) == set(range(1, 12))
    primary, _ = read(LerobotSource(**base, min_quality="Primary"))
    assert set(of(primary, task="current_box")) == {1, 3}


BOX = json.dumps([[0, 4], [10, 12]])
BAD = {
    "not JSON": ("[[0, 4], [10", "E-REC-001"),
    "not a number": ("[[NaN, 4], [10, 12]]", "E-REC-010"),
    "inside out": ("[[10, 4], [0, 12]]", "E-REC-012"),
    "outside": ("[[0, 4], [40, 12]]", "E-REC-011"),
    "other form": ('{"x": 1}', "E-DAT-004"),
}


@pytest.mark.parametrize("how", BAD)
def test_a_bad_text_costs_one_field_of_one_frame(tmp_path: Path, read: Read, how: str) -> None:
    text, code = BAD[how]
    texts = [BOX] * 4 + [text] + [BOX] * 7
    folder = write(tmp_path / "set", annotation__object_box=texts)
    source = LerobotSource(path=folder, tasks=("current_box", "gripper_det"), frames_per_clip=None)
    records, rejected = read(source)
    assert [item.error.code for item in rejected] == [code]
    assert "0004/object_box" in (rejected[0].record_id or "")
    assert set(of(records, task="current_box")) == set(range(12)) - {4}
    assert 4 in of(records, task="gripper_det")


def test_the_camera_of_the_annotation_is_not_guessed(tmp_path: Path, read: Read) -> None:
    cameras = ("observation.images.left", "observation.images.right")
    folder = write(tmp_path / "set", cameras=cameras)
    with pytest.raises(RoboLoopError, match="annotated_camera"):
        read(LerobotSource(path=folder))
    records, _ = read(LerobotSource(path=folder, annotated_camera="right", tasks=("traj",)))
    assert {record.meta["camera"] for record in records} == {"right"}


def test_columns_without_any_annotation_leave_the_words(tmp_path: Path, read: Read) -> None:
    empty = {name.replace(".", "__"): [""] * 12 for name in columns([note(0)] * 12)}
    records, rejected = read(LerobotSource(path=write(tmp_path / "set", **empty)))
    first = [record for record in records if record.meta["episode"] == "episode_000000"]
    assert {record.task for record in first} == {"planning"} and not rejected
    assert {record.answer for record in first} == {Text("tidy the desk")}

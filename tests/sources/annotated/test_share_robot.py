"""share_robot: the three kinds of entries as published and as on the hub, and dirty ones."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import Point
from roboloop.records import Box, Text, Trajectory, Turn, YesNo
from roboloop.records.episode import episode_of
from roboloop.sources.planning_names import PLANNING_NAMES, planning_name
from roboloop.sources.share_robot import ShareRobotSource
from roboloop.tasks.base import unit_answer

Write = Callable[[Path, Any], Path]
EPISODE = "/mnt/of/authors/rt_frames_success/rtx_frames_success_42/62_robo_set#episode_1570"
FOLDER = "rtx_frames_success_42/62_robo_set#episode_1570"


def planning(task: str, question: str, answer: str, *, frames: int = 4, **more: Any) -> Any:
    return {
        "id": EPISODE,
        "task": task,
        "selected_step": 3,
        "conversations": [
            {"from": "human", "value": "<image> " * frames + f"\n{question}"},
            {"from": "gpt", "value": answer},
        ],
        "image": [f"{EPISODE}/frame_{number}.png" for number in range(frames)],
        **more,
    }


ABOUT = {"original_dataset": "bridge", "original_width": 64, "original_height": 48}
AREA = {"x": 35.25, "y": 18.5, "width": 19.25, "height": 14.5}
AFFORDANCE = {"id": 2486, "meta_data": ABOUT, "instruction": "place the fork", "affordance": AREA}
POINTS = [[26.5, 12.0], [27.5, 16.25], [28.0, 21.5]]
PATH = {"id": 456, "meta_data": ABOUT, "instruction": "reach for the carrot", "points": POINTS}
HUB_PATH = {
    "id": 0,
    "image_path": f"{FOLDER}/frame_0.png",
    "meta_data": ABOUT,
    "instruction": "reach for the cloth",
    "trajectory": POINTS,
}


@pytest.fixture
def folder(tmp_path: Path, picture: Any) -> Path:
    for number in range(30):
        picture(tmp_path / FOLDER / f"frame_{number}.png")
    picture(tmp_path / "affordance/images/2486.jpg")
    picture(tmp_path / "trajectory/images/456.png")
    return tmp_path


def test_places_are_pixels_of_the_original_picture(
    folder: Path, read: Any, write_json: Write
) -> None:
    write_json(folder / "affordance/affordance.json", [AFFORDANCE])
    write_json(folder / "trajectory/trajectory.json", [PATH, HUB_PATH])
    found = read(ShareRobotSource(path=folder))
    assert not found.rejected
    area = found.one("share_robot/affordance/2486")
    assert area.answer == Box(35.25, 18.5, 54.5, 33)
    assert (area.task, area.inputs) == (
        "object_box",
        {"object": "area to touch for 'place the fork'"},
    )
    assert area.media[0].path == "share_robot:affordance/images/2486.jpg"
    path = found.one("share_robot/trajectory/456")
    assert path.answer == Trajectory(tuple(Point(x, y) for x, y in POINTS))
    assert path.inputs == {"instruction": "reach for the carrot"}
    hub = found.one("share_robot/trajectory/0")
    assert hub.media[0].path == f"share_robot:{FOLDER}/frame_0.png"
    assert hub.media[0].content_hash and hub.task == "traj_wo_init_pos"
    (other,) = read(ShareRobotSource(path=folder, affordance_task="contact_box")).of("contact_box")
    assert other.inputs == {"instruction": "place the fork"} and other.answer == area.answer


def test_places_follow_a_picture_that_was_scaled(
    folder: Path, read: Any, write_json: Write, picture: Any
) -> None:
    picture(folder / "affordance/images/2486.jpg", (32, 24))
    picture(folder / "trajectory/images/456.png", (64, 64))
    write_json(folder / "affordance/affordance.json", [AFFORDANCE])
    write_json(folder / "trajectory/trajectory.json", [PATH])
    found = read(ShareRobotSource(path=folder))
    (area,) = found.records
    assert area.answer == Box(17.625, 9.25, 27.25, 16.5)
    assert found.codes == ["E-MED-004"] and found.rejected[0].record_id.endswith("/456")


def test_planning_questions(folder: Path, read: Any, write_json: Write) -> None:
    write_json(
        folder / "planning/train/a.json",
        [
            planning("Future_Prediction_Task", "After <open it>, what next?", "<take the mug>"),
            planning("Future_Prediction_Task", "After <open it>, what then?", "<take the mug>"),
            planning("Success_(Negative)_Task", "Was <open it> done?", "no"),
            planning("Success_(Positive)_Task", "Was <open it> done?", "Yes."),
            planning(
                "Planning_Remaining_Steps_Task", "Steps?", "1-<open it>, 2-<close it>", frames=30
            ),
        ],
    )
    write_json(folder / "planning/test/b.json", [planning("Planning_Task", "Now?", "<wait>")])
    write_json(folder / "planning/jsons/b.json", ["a repetition that is not read"])
    found = read(ShareRobotSource(path=folder))
    assert not found.rejected
    assert [(r.task, r.split) for r in found.records] == [
        *[("planning", "train")] * 2,
        *[("planning_decide", "train")] * 2,
        *[("planning", "train"), ("planning", "test")],
    ]
    first = found.records[0]
    assert re.fullmatch(rf"share_robot/{FOLDER}/Future_Prediction_Task/3/[0-9a-f]{{8}}", first.id)
    assert first.turns == (Turn("user", "After <open it>, what next?"),)
    assert first.answer == Text("take the mug")
    assert [medium.path for medium in first.media] == [
        f"share_robot:{FOLDER}/frame_{number}.png" for number in range(4)
    ]
    decided = found.of("planning_decide")
    assert [record.answer for record in decided] == [YesNo(False), YesNo(True)]
    (steps,) = [r for r in found.records if "Remaining" in r.id]
    assert steps.answer == Text("1-open it, 2-close it")
    assert [medium.path.rsplit("_", 1)[1] for medium in steps.media] == [
        f"{number}.png" for number in (0, 4, 8, 12, 17, 21, 25, 29)
    ]


def test_the_steps_that_an_answer_lists_are_an_episode(
    folder: Path, read: Any, write_json: Write
) -> None:
    answer = "1-<open it>, 2-<take the mug>, 3-<close it>"
    listed = planning("Planning_Remaining_Steps_Task", "Steps?", answer)
    other = planning("Future_Prediction_Task", "What next?", "<take the mug>")
    write_json(folder / "planning/train/a.json", [listed, other])
    found = read(ShareRobotSource(path=folder, episodes=True))
    episode, none = (episode_of(record) for record in found.records)
    assert none is None and episode is not None and episode.form == "plain"
    assert [step.text for step in episode.steps] == ["open it", "take the mug", "close it"]


def test_the_word_that_is_the_answer_is_in_no_id_and_no_question(
    folder: Path, read: Any, write_json: Write
) -> None:
    names = [
        f"{kind}_({sign})_Task"
        for kind in ("Success", "Discriminative_Affordance")
        for sign in ("Positive", "Negative")
    ]
    entries = [planning(name, "Done?", "yes" if "Pos" in name else "no") for name in names]
    write_json(folder / "planning/train/a.json", entries)
    found = read(ShareRobotSource(path=folder))
    assert len(found.records) == 4
    for record in found.records:
        told = f"{record.id} {record.turns} {record.inputs} {[m.path for m in record.media]}"
        assert "ositive" not in told and "egative" not in told


BAD = [
    (planning("Success_(Negative)_Task", "Done?", "yes"), "E-REC-013"),
    (planning("Success_(Negative)_Task", "Done?", "perhaps"), "E-REC-013"),
    (planning("Planning_Task", "Success_(Negative)_Task: done?", "no"), "E-DAT-004"),
    (planning("Dancing_Task", "Done?", "yes"), "E-DAT-004"),
    (planning("Planning_Task", "Next?", ""), "E-DAT-004"),
    (planning("Planning_Task", "Next?", "x", id=None), "E-REC-003"),
    (planning("Planning_Task", "Next?", "x", image=["/path/to/image_0-25"]), "E-MED-001"),
    (planning("Planning_Task", "Next?", "x", image=["../x.png"]), "E-MED-005"),
    ({**AFFORDANCE, "affordance": {**AREA, "x": 60}}, "E-REC-011"),
    ({**AFFORDANCE, "affordance": {**AREA, "width": -1}}, "E-REC-012"),
    ({**AFFORDANCE, "affordance": {**AREA, "y": "12"}}, "E-DAT-004"),
    ({**AFFORDANCE, "id": 1}, "E-MED-001"),
    ({**PATH, "points": POINTS[:1]}, "E-REC-013"),
    ({**PATH, "points": [[1, 2], [1, 99]]}, "E-REC-011"),
    ({**PATH, "points": [[1, 2], [float("nan"), 9]]}, "E-REC-010"),
    ({**PATH, "points": [[1, 2], [1]]}, "E-DAT-004"),
    ({"id": 3}, "E-DAT-004"),
    (7, "E-DAT-004"),
]


@pytest.mark.parametrize(("bad", "code"), BAD, ids=lambda value: str(value)[-50:])
def test_bad_entry_costs_itself(
    folder: Path, read: Any, write_json: Write, bad: Any, code: str
) -> None:
    write_json(folder / "all.json", [bad, HUB_PATH])
    found = read(ShareRobotSource(path=folder))
    assert found.codes == [code]
    assert len(found.records) == 1 and found.rejected[0].error.place.line


def test_nothing_to_read(tmp_path: Path, read: Any) -> None:
    with pytest.raises(RoboLoopError) as caught:
        read(ShareRobotSource(path=tmp_path))
    assert caught.value.code == "E-DAT-001"


def test_names_of_planning_questions() -> None:
    assert len(PLANNING_NAMES) == 16
    for known in PLANNING_NAMES:
        assert planning_name(f"987_exterior_image_2_left_{known.name}_3") == known
        bracketed = known.name.replace("Negative", "(Negative)").replace("Positive", "(Positive)")
        assert planning_name(bracketed) == known
        assert (known.verdict is not None) == (known.task == "planning_decide")
        assert "Negative" not in known.neutral and "Positive" not in known.neutral
    assert planning_name("nothing of the kind") is None


# --- real pictures --------------------------------------------------------------------------------

DEMO = re.compile(
    r'task is \\"(?P<task>.*?)\\".*?image = "\./(?P<path>\S+)".*?Prediction: (?P<answer>\[.*?\])\n',
    re.DOTALL,
)


def test_places_of_the_published_demo_on_its_pictures(
    real: Any, read: Any, write_json: Write, tmp_path: Path
) -> None:
    """RoboBrain's demo shows ShareRobot's tasks on real pictures, in fractions of each."""
    folder = real("robobrain1_demo")
    entries: list[dict[str, Any]] = []
    told: list[tuple[Any, tuple[int, int]]] = []
    for found in DEMO.finditer((folder / "README.md").read_text(encoding="utf-8")):
        if "demo/affordance" not in found["path"] and "demo/trajectory" not in found["path"]:
            continue
        with Image.open(folder / found["path"]) as shown:
            width, height = shown.size
        answer = json.loads(found["answer"])
        entry: dict[str, Any] = {
            "id": len(entries),
            "image_path": found["path"],
            "instruction": found["task"],
            "meta_data": {"original_width": width, "original_height": height},
        }
        if isinstance(answer[0], list):
            entry["points"] = [[x * width, y * height] for x, y in answer]
        else:
            x1, y1, x2, y2 = answer
            area = {"x": x1 * width, "y": y1 * height}
            entry["affordance"] = {
                **area, "width": (x2 - x1) * width, "height": (y2 - y1) * height
            }  # fmt: skip
        entries.append(entry)
        told.append((answer, (width, height)))
    assert len(entries) == 4
    path = write_json(tmp_path / "all.json", entries)
    source = ShareRobotSource(path=path, image_folder=folder)
    records = read(source).records
    for record, (answer, size) in zip(records, told, strict=True):
        assert record.media[0].size == size and record.media[0].content_hash
        unit = unit_answer(record.answer, size=record.media[0].size)
        if isinstance(unit, Box):
            assert unit.corners_px == pytest.approx(answer)
        else:
            assert isinstance(unit, Trajectory)
            assert np.asarray(unit.points_px) == pytest.approx(np.asarray(answer))
    assert records[0].inputs["object"] == "area to touch for 'pick_up the suitcase'"
    assert records[2].inputs["instruction"] == "pick up the knife"

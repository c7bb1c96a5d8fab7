"""egoplan: the published forms, frames or none, and dirty entries."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from roboloop.records import Choice, Text
from roboloop.records.episode import episode_of
from roboloop.sources.action_questions import egoplan_question
from roboloop.sources.egoplan import EgoPlanSource

Write = Callable[[Path, Any], Path]


def progress(*texts: str) -> list[dict[str, Any]]:
    return [
        {"narration_text": text, "start_frame": 10 * n + 1, "stop_frame": 10 * n + 8}
        for n, text in enumerate(texts)
    ]


def entry(**changed: Any) -> dict[str, Any]:
    """The form of EgoPlan-Val."""
    given = {
        "sample_id": 115,
        "video_source": "EpicKitchens",
        "video_id": "P01_13",
        "task_goal": "store cereal",
        "question": egoplan_question("store cereal"),
        "choice_a": "put box into cupboard",
        "choice_b": "take bag",
        "choice_c": "open cupboard",
        "choice_d": "put bag into box",
        "golden_choice_idx": "A",
        "answer": "put box into cupboard",
        "current_observation_frame": 30,
        "task_progress_metadata": progress("take bag", "fold bag", "open cupboard"),
        **changed,
    }
    return {name: value for name, value in given.items() if value is not None}


def trained(**changed: Any) -> dict[str, Any]:
    """The form of EgoPlan-IT."""
    choices = dict.fromkeys(("choice_a", "choice_b", "choice_c", "choice_d", "golden_choice_idx"))
    wrong = ["open drawer", "grab knife"]
    return entry(**{**choices, "sample_id": 39, "negative_answers": wrong, **changed})


OPTIONS = ("put box into cupboard", "take bag", "open cupboard", "put bag into box")


def test_validation_asks_with_choices(tmp_path: Path, read: Any, write_json: Write) -> None:
    path = write_json(tmp_path / "EgoPlan_validation.json", [entry()])
    (record,) = read(EgoPlanSource(path=path)).records
    assert (record.id, record.task, record.split) == (
        "egoplan/EgoPlan_validation/115",
        "planning_choice",
        "val",
    )
    assert record.answer == Choice("A", OPTIONS) and record.inputs["options"] == OPTIONS
    assert record.inputs["question"] == (
        "So far I have done this:\n1. take bag\n2. fold bag\n3. open cupboard\n"
        "Considering the progress shown in the video and my current observation in the last "
        "frame, what action should I take next in order to store cereal?"
    )
    assert record.licence == "CC-BY-NC-4.0" and not record.media


def test_the_actions_so_far_and_the_next_one_are_an_episode(
    tmp_path: Path, read: Any, write_json: Write
) -> None:
    path = write_json(tmp_path / "EgoPlan_IT.json", [trained()])
    (record,) = read(EgoPlanSource(path=path, episodes=True)).records
    episode = episode_of(record)
    assert episode is not None
    assert (episode.form, episode.instruction) == ("plain", "store cereal")
    assert [step.text for step in episode.steps] == [
        "take bag", "fold bag", "open cupboard", "put box into cupboard",
    ]  # fmt: skip
    (silent,) = read(EgoPlanSource(path=path)).records
    assert episode_of(silent) is None


def test_the_test_set_has_no_answers(tmp_path: Path, read: Any, write_json: Write) -> None:
    path = write_json(
        tmp_path / "EgoPlan_test.json", [entry(golden_choice_idx=None, answer=None)]
    )  # fmt: skip
    (record,) = read(EgoPlanSource(path=path)).records
    assert record.answer is None and record.split == "test"


def test_training_set_keeps_its_wrong_answers(tmp_path: Path, read: Any, write_json: Write) -> None:
    path = write_json(tmp_path / "EgoPlan_IT.json", [trained()])
    (record,) = read(EgoPlanSource(path=path)).records
    assert (record.task, record.split) == ("planning", "train")
    assert record.answer == Text("put box into cupboard")
    assert record.meta["negative_answers"] == ["open drawer", "grab knife"]


def test_frames_end_with_the_present_one(
    tmp_path: Path, read: Any, write_json: Write, picture: Any
) -> None:
    for frame in range(1, 31):
        picture(tmp_path / f"epic/P01/rgb_frames/P01_13/frame_{frame:010d}.jpg")
    path = write_json(
        tmp_path / "EgoPlan_IT.json",
        [
            trained(),
            trained(sample_id=40, video_source="Ego4D"),
            trained(sample_id=41, video_id="P9"),
        ],
    )
    found = read(EgoPlanSource(path=path, epic_folder=tmp_path / "epic", num_frames=4))
    shown = found.one("egoplan/EgoPlan_IT/39")
    assert [medium.path[-14:-4] for medium in shown.media] == [
        f"{frame:010d}" for frame in (1, 11, 20, 30)
    ]
    assert shown.media[0].path.startswith("egoplan-epic:P01/rgb_frames/P01_13/")
    assert shown.inputs["question"] == egoplan_question("store cereal")
    assert not found.one("egoplan/EgoPlan_IT/40").media  # its folder was not given
    assert found.one("egoplan/EgoPlan_IT/40").licence == "Ego4D licence agreement"
    assert found.codes == ["E-MED-001"]
    with_film = EgoPlanSource(path=path, ego4d_folder=tmp_path)
    assert "E-MED-001" in read(with_film).codes


def test_what_comes_after_the_present_is_not_told(
    tmp_path: Path, read: Any, write_json: Write
) -> None:
    path = write_json(tmp_path / "EgoPlan_IT.json", [trained(current_observation_frame=15)])
    (record,) = read(EgoPlanSource(path=path)).records
    assert record.meta["actions_before"] == ["take bag", "fold bag"]
    assert "open cupboard" not in record.inputs["question"]


BAD = [
    (entry(golden_choice_idx="E"), "E-REC-013"),
    (entry(golden_choice_idx="B"), "E-REC-013"),
    (entry(choice_d=4), "E-DAT-004"),
    (entry(video_source="YouTube"), "E-DAT-004"),
    (entry(task_progress_metadata=[{"narration_text": "x"}]), "E-DAT-004"),
    (entry(question=None), "E-DAT-004"),
    (trained(answer=""), "E-DAT-004"),
    (trained(negative_answers="none"), "E-DAT-004"),
    (entry(sample_id="first"), "E-DAT-004"),
    (entry(current_observation_frame=float("nan")), "E-REC-010"),
    ([], "E-DAT-004"),
]


@pytest.mark.parametrize(("bad", "code"), BAD, ids=lambda value: str(value)[-40:])
def test_bad_entry_costs_itself(
    tmp_path: Path, read: Any, write_json: Write, bad: Any, code: str
) -> None:
    path = write_json(tmp_path / "EgoPlan_validation.json", [bad, entry(sample_id=1)])
    found = read(EgoPlanSource(path=path))
    assert found.codes == [code] and len(found.records) == 1

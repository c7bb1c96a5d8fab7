"""An annotation by itself: which clip a frame belongs to, and what its values mean."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize
from roboloop.records.answers import Box, Points, Trajectory
from roboloop.records.media import LmdbPicture
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.robointer_annotation.notes import EpisodeNotes, FrameNote
from roboloop.sources.robointer_annotation.place_questions import PLACE_QUESTIONS, scene_of
from roboloop.sources.robointer_annotation.planning import evenly
from roboloop.sources.robointer_annotation.raw_episode import frames_of_raw, is_raw
from roboloop.sources.robointer_annotation.records import RobointerAnnotationSource
from roboloop.sources.robointer_annotation.values import (
    DEFAULT_ORIGIN,
    PASSED,
    read_origin,
    read_place,
    read_spans,
    read_text,
)

SIZE = PictureSize(224, 224)


def place(field: str, value: Any) -> Any:
    return read_place(field, value, origin=SIZE, size=SIZE)


def note(episode: EpisodeNotes, frame: int) -> FrameNote:
    medium = LmdbPicture(store="m:", episode="e", frame=frame)
    return episode.note(frame, medium=medium, size=SIZE)


def test_three_states_and_the_shapes_of_values() -> None:
    for field in ("object_box", "trace", "contact_points", "grasp_pose"):
        assert place(field, None) is None
        for passed in ([], (), -1, np.array([]), np.int64(-1)):
            assert place(field, passed) is PASSED
    box = Box(0, 0, 224, 224)
    for value in ([[0, 0], [224, 224]], ((0, 0), (224, 224)), np.array([[0, 0], [224, 224]])):
        assert place("object_box", value) == box
    assert place("trace", [np.array([1, 2]), [3, 4.5]]) == Trajectory(((1, 2), (3, 4.5)))
    assert place("contact_points", [np.int32(5), 6]) == Points(((5, 6),))
    assert len(place("grasp_pose", [[1, 1]] * 6).points_px) == 6
    assert read_origin(None) == DEFAULT_ORIGIN and read_origin((320, 180)) == (320, 180)
    assert read_text("substask", "  pick \n it ") == "pick it" and read_text("x", "") is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("object_box", [0, 0, 5, 5]),
        ("object_box", [[0, 0]]),
        ("object_box", "box"),
        ("object_box", True),
        ("object_box", [[0, 0], [True, 5]]),
        ("object_box", [[0, 0], [10**400, 5]]),
        ("object_box", {1: 2}),
        ("trace", [[1, 2]]),
        ("trace", [[1, 2], [1, 2, 3]]),
        ("contact_points", [[1, 2], [1, 2], [1, 2]]),
        ("grasp_pose", [[1, 2]] * 5),
    ],
)
def test_other_shapes_are_refused(field: str, value: Any) -> None:
    with pytest.raises(RoboLoopError, match=rf"E-DAT-004 {field} is") as caught:
        place(field, value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "value", [[[5, 3]], [[-1, 3]], [[0, 5], [4, 9]], [[0, 1, 2]], [["a", "b"]], 7, [3], [[0, 1.5]]]
)
def test_clips_out_of_order_are_refused(value: Any) -> None:
    with pytest.raises(RoboLoopError, match="E-DAT-004 time_clip"):
        read_spans(value)


def test_a_frame_that_ends_one_clip_and_begins_another_belongs_to_the_later_one() -> None:
    clips = [[0, 4], [4, 7], [8, 9]]
    texts = ["a", "a", "a", "a", "b", "b", "b", "b", "c", "c"]
    value = {f: {"time_clip": clips, "substask": text} for f, text in enumerate(texts)}
    episode = EpisodeNotes("e", value)
    assert [clip.subtask for clip in episode.clips] == ["a", "b", "c"]
    assert [note(episode, f).clip[0] for f in range(10)] == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2]  # pyright: ignore[reportOptionalSubscript]
    assert [note(episode, f).instruction for f in range(10)] == texts


def test_a_touch_belongs_to_the_clip_it_lies_in() -> None:
    value = {
        frame: {"time_clip": [[0, 9], [10, 19]], "contact_frame": 15, "primitive_skill": "pick"}
        for frame in range(20)
    }
    episode = EpisodeNotes("e", value, fallback_instruction="do it")
    assert note(episode, 3).contact_frame is None and note(episode, 12).contact_frame == 15
    asked = [bool(list(PLACE_QUESTIONS["contact_decide"](note(episode, f)))) for f in range(20)]
    assert asked == [False] * 10 + [True] * 10


def test_without_clips_and_words_only_what_needs_none_is_asked() -> None:
    value = {0: {"gripper_box": [[1, 2], [30, 40]], "object_box": [[1, 2], [30, 40]]}}
    only = note(EpisodeNotes("e", value), 0)
    tasks = [task for task, ask in PLACE_QUESTIONS.items() if list(ask(only))]
    assert tasks == ["gripper_det"] and scene_of(only) is None
    named = note(EpisodeNotes("e", value, fallback_instruction="do it"), 0)
    tasks = [task for task, ask in PLACE_QUESTIONS.items() if list(ask(named))]
    assert tasks == ["gripper_det", "current_box"]


def test_the_tips_of_a_grasp_pose_stand_in_for_contact_points() -> None:
    pose = [[50, 60], [50, 40], [40, 70], [60, 70], [40, 90], [60, 90]]
    value = {0: {"grasp_pose": pose, "contact_points": [50, 90]}}
    scene = scene_of(note(EpisodeNotes("e", value, fallback_instruction="do it"), 0))
    assert scene is not None and scene.contact_points_px == ((40, 90), (60, 90))


def test_frames_are_spread_evenly() -> None:
    assert evenly(range(5)) == [0, 1, 2, 3, 4]
    spread = evenly(range(100))
    assert len(spread) == 8 and (spread[0], spread[-1]) == (0, 99)
    assert set(np.diff(spread)) <= {14, 15}


def test_unknown_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no task 'flying'"):
        RobointerAnnotationSource(path=tmp_path, tasks=("flying",))
    with pytest.raises(ValueError, match="no planning question 'Why'"):
        RobointerAnnotationSource(path=tmp_path, questions=("Why",))


def raw_episode(*, num_frames: int = 30) -> dict[str, Any]:
    """An annotation by kind: pick until 14, nothing said of 15 to 17, place from 18 on."""
    return {
        "all_language": {
            "frames": num_frames, "time_clip": [[2, 14], [18, 25]], "instruction": "tidy the desk",
            "task_steps": ["pick the pen", "place the pen"], "action_steps": ["pick", "place"],
        },
        "all_gripper_box": {f: {"gripper_box": [[0, 0], [40, 30 + f]]} for f in range(num_frames)},
        "all_grounding_box": {
            f: {"obj_box": np.array([[f, 60], [f + 40, 90]])} for f in range(num_frames)
        },
        "all_contact_point": {
            (0, 14): {"contact_frame": 9, "contact_pt": [[9, 9], [20, 9]], "contact_box": None}
        },
        "all_traj": {"trace": [[100 + 3 * f, 80] for f in range(num_frames)]},
        "origin_shape": (224, 224),
    }  # fmt: skip


def test_an_annotation_by_kind_becomes_one_by_frame(tmp_path: Path) -> None:
    folder = tmp_path / "set/raw"
    folder.mkdir(parents=True)
    whole = raw_episode()
    for name, value in {"a": whole, "b": raw_episode(), "c": {"all_language": 3}}.items():
        (folder / f"{name}.pkl").write_bytes(pickle.dumps(value))
    (folder / "d.pkl").symlink_to("nowhere.pkl")
    frames = frames_of_raw(whole)
    assert list(frames) == list(range(30)) and is_raw(whole) and not is_raw(frames)
    episode = EpisodeNotes("a", frames)
    assert episode.instruction == "tidy the desk"
    assert [clip.subtask for clip in episode.clips] == ["pick the pen", "place the pen"]
    assert episode.clip_of(16) is None and "substask" not in frames[16]
    early, late = note(episode, 4), note(episode, 12)
    assert early.places["gripper_box"] == Box(0, 0, 40, 34), "0 is a coordinate"
    assert early.places["placement_proposal"] == Box(14, 60, 54, 90)
    assert early.places["affordance_box"] == Box(0, 0, 40, 39) and early.contact_frame == 9
    assert early.places["contact_points"] == Points(((9, 9), (20, 9)))
    assert late.places["contact_points"] is PASSED and late.places["affordance_box"] is PASSED
    assert note(episode, 20).places["affordance_box"] is None
    assert frames[27]["trace"][2:] == [[187, 80]] * 8, "the last place is repeated"

    source = RobointerAnnotationSource(
        path=tmp_path / "set", annotations="raw", frames_per_clip=None, tasks=("traj",)
    )
    items = list(source.read(SourceContext(tmp_path / "made", 1)))
    places = {str(item.error.place.file) for item in items if isinstance(item, Rejected)}
    assert places == {f"{folder}/{name}.pkl" for name in "abcd"}, "there are no pictures"
    codes = {str(item.record_id): item.error.code for item in items if isinstance(item, Rejected)}
    assert (codes["a#0"], codes["c"], codes["d"]) == ("E-MED-001", "E-DAT-004", "E-DAT-001")
    (folder / "d.pkl").unlink()
    assert source.fingerprint() == source.model_copy().fingerprint()


def test_a_bad_point_of_the_path_costs_only_its_frame() -> None:
    value = raw_episode()
    value["all_traj"]["trace"][20] = [900, 80]
    episode = EpisodeNotes("b", frames_of_raw(value))
    read = [note(episode, frame) for frame in episode.frames]
    assert [n.frame for n in read if n.place("trace", Trajectory) is None] == [20]
    assert [(p.frame, p.error.code) for n in read for p in n.problems] == [(20, "E-REC-011")]
    path = read[19].place("trace", Trajectory)
    assert path is not None and [x for x, _ in path.points_px[:3]] == [157, 163, 166]

"""droid_raw: episodes in DROID's own layout, as the simulated source writes it, and broken ones."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from roboloop.base.errors import RoboLoopError
from roboloop.records import Points, Record, Trajectory, VideoFrame, YesNo
from roboloop.records.media_open import MediaStore
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.droid_files import read_metadata, read_trajectory
from roboloop.sources.droid_raw import DroidRawSource
from roboloop.sources.projection import (
    euler_of_rotation,
    in_camera,
    pose_matrix,
    project,
    rotation_of_euler,
    rotation_of_vector,
)
from roboloop.sources.robot_traces import stretches
from roboloop.sources.simulated.write_droid import SERIALS, write_droid

CONTEXT = SourceContext(Path("made"), 0)
VIEW_OF = {"exterior_1": "exterior_image_1_left", "exterior_2": "exterior_image_2_left"}


def split_up(source: DroidRawSource) -> tuple[list[Record], list[Rejected]]:
    items = list(source.read(CONTEXT))
    return (
        [item for item in items if isinstance(item, Record)],
        [item for item in items if isinstance(item, Rejected)],
    )


@pytest.fixture(scope="module")
def written(filmed: list[Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("droid")
    assert write_droid(out, recordings=[film.recording for film in filmed]) == 5
    return out


@pytest.fixture
def droid(written: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(written, tmp_path / "droid"))


def first_episode(folder: Path) -> Path:
    return sorted(folder.glob("SIM/success/*/*"))[0]


# --- geometry -------------------------------------------------------------------------------------


def test_rotations_are_those_of_scipy() -> None:
    transform = pytest.importorskip("scipy.spatial.transform")
    for angles in np.random.default_rng(0).uniform(-1.5, 1.5, size=(20, 3)):
        theirs = transform.Rotation.from_euler("xyz", angles)
        assert np.allclose(rotation_of_euler(angles), theirs.as_matrix())
        assert np.allclose(euler_of_rotation(theirs.as_matrix()), angles)
        assert np.allclose(rotation_of_vector(theirs.as_rotvec()), theirs.as_matrix())


def test_points_behind_the_camera_land_nowhere() -> None:
    points = np.array([[0.0, 0.0, 2.0], [0.0, 0.0, -2.0]])
    places = project(points, intrinsic=np.array([[100, 0, 50], [0, 100, 40], [0, 0, 1.0]]))
    assert places[0].tolist() == [50, 40] and np.isnan(places[1]).all()


def test_stretches_lie_between_changes_of_the_gripper() -> None:
    gripper = np.array([0.0] * 5 + [0.9] * 5 + [0.1] * 5)
    assert stretches(gripper, num_frames=15) == ((0, 5), (5, 10), (10, 14))
    assert stretches(np.full(15, 0.5), num_frames=15) == ((0, 14),)
    assert stretches(None, num_frames=15) == ((0, 14),)


# --- whole episodes -------------------------------------------------------------------------------


def test_every_question_of_an_episode(written: Path) -> None:
    records, rejected = split_up(DroidRawSource(path=written))
    assert not rejected
    by_task = Counter(record.task for record in records)
    assert by_task["planning"] == 5 * 3
    assert by_task["planning_decide"] >= 5 * 3
    assert by_task["traj"] == by_task["traj_wo_init_pos"] > 0
    record = next(record for record in records if record.task == "planning")
    assert record.id.startswith("droid_raw/SIM/failure/2026-01-01/sim-4/exterior_image_1_left/")
    assert record.origin == "SIM/failure/2026-01-01/sim-4"
    assert record.meta["lab"] == "SIM" and record.meta["outcome"] == "failure"
    assert not {"user", "user_id"} & record.meta.keys()
    done = {record.meta["outcome"]: record.answer for record in records
            if record.id.endswith("planning_decide/done")}  # fmt: skip
    assert done == {"success": YesNo(True), "failure": YesNo(False)}


def test_the_path_lies_on_the_true_tool(written: Path, filmed: list[Any]) -> None:
    """Against the simulator's own projection, which the layout does not store."""
    records, _ = split_up(DroidRawSource(path=written, tasks=("traj",)))
    views = {name: view for view, name in VIEW_OF.items()}
    truths = {film.recording.id: film.tool_px for film in filmed}
    assert len(records) >= 12
    for record in records:
        path = record.answer
        assert isinstance(path, Trajectory) and len(path.points_px) == 10
        name = record.meta["episode"].rpartition("/")[2]
        truth = truths[name][views[record.meta["camera"]]]
        for found, frame in ((path.points_px[0], record.meta["frames"][0]),
                             (path.points_px[-1], record.meta["last_frame"])):  # fmt: skip
            assert np.hypot(*np.subtract(found, truth[frame])) < 0.01
        start = record.inputs["start"]
        assert isinstance(start, Points) and start.points_px == (path.points_px[0],)


def test_every_frame_of_the_tool_is_found(written: Path, filmed: list[Any]) -> None:
    for film in filmed:
        (episode,) = written.glob(f"SIM/*/*/{film.recording.id}")
        metadata, trajectory = read_metadata(episode), read_trajectory(episode)
        assert trajectory is not None
        for view, truth in film.tool_px.items():
            pose = metadata.pose_of(SERIALS[view])
            assert pose is not None
            seen = in_camera(trajectory.poses[:, :3], camera_pose=pose_matrix(np.array(pose)))
            found = project(seen, intrinsic=trajectory.intrinsics[SERIALS[view]])
            assert np.abs(found - np.array(truth)).max() < 0.01


def test_views_follow_the_serial_numbers(droid: Path) -> None:
    episode = first_episode(droid)
    videos = episode / "recordings/MP4"
    shutil.copy(videos / "30000001.mp4", videos / "30000001-stereo.mp4")
    source = DroidRawSource(path=droid, tasks=("planning",))
    records = [r for r in split_up(source)[0] if r.meta["episode"].endswith("sim-0")]
    serials = {record.meta["camera"]: getattr(record.media[0], "path", "") for record in records}
    assert {view: path.rpartition("/")[2] for view, path in serials.items()} == {
        "wrist_image_left": "10000001.mp4", "exterior_image_1_left": "20000001.mp4",
        "exterior_image_2_left": "30000001.mp4",
    }  # fmt: skip
    store = MediaStore(source.media_roots())
    shades = {record.meta["camera"]: store.open(record.media[0]).getpixel((300, 170)) for record in
              records}  # fmt: skip
    assert shades["exterior_image_1_left"] == pytest.approx((40, 40, 40), abs=3)
    assert shades["wrist_image_left"] == pytest.approx((140, 140, 140), abs=3)
    (videos / "20000001.mp4").unlink()  # the other keeps its name
    cameras = {r.meta["camera"] for r in split_up(source)[0] if r.meta["episode"].endswith("sim-0")}
    assert cameras == {"wrist_image_left", "exterior_image_2_left"}


def test_people_describe_the_task_better_than_its_label(droid: Path, tmp_path: Path) -> None:
    uuid = read_metadata(first_episode(droid)).uuid
    file = tmp_path / "droid_language_annotations.json"
    entry = {"language_instruction1": "Put it away", "language_instruction2": " ",
             "language_instruction3": "Tidy up"}  # fmt: skip
    file.write_text(json.dumps({uuid: entry}))
    records, _ = split_up(DroidRawSource(path=droid, language_file=file, tasks=("planning",)))
    told = next(r for r in records if r.meta["uuid"] == uuid)
    assert told.meta["instructions"] == ["Put it away", "Tidy up"]
    assert told.meta["current_task"]
    file.write_text("[]")
    with pytest.raises(RoboLoopError, match="E-DAT-002"):
        split_up(DroidRawSource(path=droid, language_file=file))


def test_limits_and_outcomes(written: Path) -> None:
    records, _ = split_up(DroidRawSource(path=written, outcomes=("failure",)))
    assert {record.meta["outcome"] for record in records} == {"failure"}
    records, _ = split_up(DroidRawSource(path=written, max_episodes=2, limit=5))
    assert len(records) == 5
    assert {record.meta["episode"].rpartition("/")[2] for record in records} == {"sim-4"}


def test_without_calibration_there_is_no_path_but_all_else(droid: Path) -> None:
    for file in droid.glob("SIM/*/*/*/trajectory.h5"):
        file.unlink()
    records, rejected = split_up(DroidRawSource(path=droid))
    assert not rejected
    assert not {"traj", "traj_wo_init_pos"} & {record.task for record in records}
    assert all(isinstance(medium, VideoFrame) for r in records for medium in r.media)


# --- bad input ------------------------------------------------------------------------------------


def edit(episode: Path, **changed: Any) -> None:
    (file,) = episode.glob("metadata_*.json")
    file.write_text(json.dumps({**json.loads(file.read_text()), **changed}))


def spoil_metadata(episode: Path) -> None:
    next(episode.glob("metadata_*.json")).unlink()


def double_metadata(episode: Path) -> None:
    (episode / "metadata_2.json").write_text("{}")


def not_utf8(episode: Path) -> None:
    next(episode.glob("metadata_*.json")).write_bytes(b'{"uuid": "\xff"}')


def nan_pose(episode: Path) -> None:
    edit(episode, ext1_cam_extrinsics=[float("nan")] * 6)


def short_pose(episode: Path) -> None:
    edit(episode, ext1_cam_extrinsics=[1.0])


def worded_serial(episode: Path) -> None:
    edit(episode, wrist_cam_serial="../../etc")


def cut_trajectory(episode: Path) -> None:
    file = episode / "trajectory.h5"
    file.write_bytes(file.read_bytes()[:3000])


def empty_trajectory(episode: Path) -> None:
    (episode / "trajectory.h5").write_bytes(b"")


def no_videos(episode: Path) -> None:
    shutil.rmtree(episode / "recordings")


def third_camera(episode: Path) -> None:
    videos = episode / "recordings/MP4"
    shutil.copy(videos / "30000001.mp4", videos / "40000001.mp4")


def no_words(episode: Path) -> None:
    edit(episode, current_task=None)


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (spoil_metadata, "E-DAT-001"), (double_metadata, "E-DAT-004"), (not_utf8, "E-REC-001"),
        (nan_pose, "E-REC-010"), (short_pose, "E-DAT-004"), (worded_serial, "E-DAT-004"),
        (cut_trajectory, "E-DAT-004"), (empty_trajectory, "E-DAT-004"), (no_videos, "E-MED-001"),
        (third_camera, "E-DAT-004"), (no_words, "E-DAT-004"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)  # fmt: skip
def test_a_spoilt_episode_costs_itself(droid: Path, spoil: Any, code: str) -> None:
    spoil(first_episode(droid))
    records, rejected = split_up(DroidRawSource(path=droid, tasks=("planning",)))
    (item,) = rejected
    assert (item.error.code, item.record_id) == (code, "droid_raw/SIM/success/2026-01-01/sim-0")
    assert {record.meta["episode"].rpartition("/")[2] for record in records} == {
        "sim-1", "sim-2", "sim-3", "sim-4",
    }  # fmt: skip


@pytest.mark.parametrize(("num_bytes", "code"), [(0, "E-MED-008"), (900, "E-MED-008")])
def test_a_broken_video_costs_its_view(droid: Path, num_bytes: int, code: str) -> None:
    video = first_episode(droid) / "recordings/MP4/20000001.mp4"
    video.write_bytes(video.read_bytes()[:num_bytes])
    records, rejected = split_up(DroidRawSource(path=droid, tasks=("planning",)))
    (item,) = rejected
    assert item.record_id == "droid_raw/SIM/success/2026-01-01/sim-0/exterior_image_1_left"
    assert item.error.code in (code, "E-MED-002")
    assert len(records) == 5 * 3 - 1


def test_success_is_not_guessed_where_folder_and_metadata_differ(droid: Path) -> None:
    edit(first_episode(droid), success=False)
    records, _ = split_up(DroidRawSource(path=droid, tasks=("planning_decide",)))
    asked = [r.id for r in records if r.meta["episode"].endswith("sim-0")]
    assert asked and not any(name.endswith("/done") for name in asked)


def test_matrices_of_another_picture_size_give_no_path(droid: Path) -> None:
    h5py = pytest.importorskip("h5py")
    for file in droid.glob("SIM/*/*/*/trajectory.h5"):
        with h5py.File(file, "r+") as store:
            for matrices in store["observation/camera_intrinsics"].values():
                matrices[...] *= 4
    records, rejected = split_up(DroidRawSource(path=droid))
    assert not rejected and "traj" not in {record.task for record in records}


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(RoboLoopError, match="E-DAT-001"):
        split_up(DroidRawSource(path=tmp_path))

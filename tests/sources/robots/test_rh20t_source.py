"""rh20t: scenes in RH20T's own layout, as the simulated source writes it, and broken ones."""

from __future__ import annotations

import json
import pickle
import shutil
from collections import Counter
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest
from PIL import Image

from roboloop.base.errors import RoboLoopError
from roboloop.cli.simulate import simulate as command
from roboloop.records import FilePicture, Record, Text, Trajectory, VideoFrame, YesNo
from roboloop.records.media_open import MediaStore
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.plain_npy import read_npy
from roboloop.sources.rh20t import Rh20tSource, nearest_indices
from roboloop.sources.rh20t_files import find_scenes, read_configurations, scene_name
from roboloop.sources.simulated.generate import FORMATS
from roboloop.sources.simulated.write_rh20t import SERIALS, write_rh20t

DATA = Path(__file__).resolve().parents[3] / "../shared/data"
CONTEXT = SourceContext(Path("made"), 0)
VIEW_OF = {serial: view for view, serial in SERIALS.items()}


def split_up(source: Rh20tSource) -> tuple[list[Record], list[Rejected]]:
    items = list(source.read(CONTEXT))
    return (
        [item for item in items if isinstance(item, Record)],
        [item for item in items if isinstance(item, Rejected)],
    )


def scene_number(record: Record) -> int:
    return int(record.meta["scene"])


@pytest.fixture(scope="module")
def written(filmed: list[Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("rh20t")
    assert write_rh20t(out, recordings=[film.recording for film in filmed]) == 5
    return out


@pytest.fixture
def rh20t(written: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(written, tmp_path / "rh20t"))


def source(folder: Path, **options: Any) -> Rh20tSource:
    return Rh20tSource(path=folder, configurations=folder / "configs.json", **options)


def first_scene(folder: Path) -> Path:
    return next(scene for scene in find_scenes(folder) if "_scene_0001_" in scene.name)


# --- names, stamps, configurations ----------------------------------------------------------------


def test_names_of_scenes() -> None:
    assert scene_name("task_0042_user_0001_scene_0002_cfg_0003") == (42, 1, 2, 3, False)
    assert scene_name("RH20T_cfg3_task_0042_user_0001_scene_0002_cfg_0003") == (42, 1, 2, 3, False)
    human = scene_name("task_0042_user_0001_scene_0002_cfg_0003_human")
    assert human is not None and human.is_human and human.task_key == "task_0042"
    assert scene_name("calib") is None and scene_name("task_42_user_1") is None


def test_nearest_stamps() -> None:
    stamps = np.array([0, 100, 200])
    found = nearest_indices(stamps, times=np.array([-5, 49, 50, 51, 170, 900]))
    assert found.tolist() == [0, 0, 0, 1, 2, 2]
    assert nearest_indices(stamps[:1], times=np.array([7, 8])).tolist() == [0, 0]


def test_the_published_configurations() -> None:
    file = (DATA / "rh20t_config/configs/configs.json").resolve()
    if not file.exists():
        pytest.skip("the real sample rh20t_config is not there")
    found = read_configurations(file)
    assert [found[number].robot for number in range(1, 8)] == [
        "flexiv", "flexiv", "ur5", "ur5", "franka", "kuka", "kuka",
    ]  # fmt: skip
    assert found[5].in_hand == ["104422070042", "135122079702"]
    assert SERIALS["wrist"] in found[5].in_hand


def test_the_command_offers_every_format() -> None:
    (offered,) = get_args(get_type_hints(command)["formats"])[:1]
    assert get_args(offered) == FORMATS


# --- whole scenes ---------------------------------------------------------------------------------


def test_every_question_of_a_scene(written: Path) -> None:
    records, rejected = split_up(source(written))
    assert not rejected
    by_task = Counter(record.task for record in records)
    assert by_task["planning"] == 5 * 3
    assert by_task["traj"] == by_task["traj_wo_init_pos"] > 0
    record = next(r for r in records if r.task == "planning" and scene_number(r) == 1)
    assert record.id.startswith("rh20t/RH20T_cfg5/task_")
    assert record.meta["robot"] == "franka" and record.meta["demonstrator"] == "robot"
    assert isinstance(record.answer, Text) and record.meta["instruction_zh"]
    done = {record.meta["rating"]: record.answer for record in records
            if record.id.endswith("planning_decide/done")}  # fmt: skip
    assert done == {9: YesNo(True), 1: YesNo(False)}


def test_the_path_lies_on_the_true_tool(written: Path, filmed: list[Any]) -> None:
    """Against the simulator's own projection, which the layout does not store."""
    records, _ = split_up(source(written, tasks=("traj_wo_init_pos",)))
    assert len(records) >= 12
    for record in records:
        path = record.answer
        assert isinstance(path, Trajectory) and record.picture_size == (320, 180)
        truth = filmed[scene_number(record) - 1].tool_px[VIEW_OF[record.meta["camera"]]]
        for found, frame in ((path.points_px[0], record.meta["frames"][0]),
                             (path.points_px[-1], record.meta["last_frame"])):  # fmt: skip
            assert np.hypot(*np.subtract(found, truth[frame])) < 0.01


def test_cameras_in_the_hand_and_unknown_ones_have_no_path(written: Path) -> None:
    records, _ = split_up(source(written, tasks=("traj",)))
    assert {record.meta["camera"] for record in records} == {
        SERIALS["exterior_1"], SERIALS["exterior_2"],
    }  # fmt: skip
    records, _ = split_up(Rh20tSource(path=written))
    assert records and "traj" not in {record.task for record in records}


def test_pictures_beyond_the_end_are_not_asked_about(rh20t: Path) -> None:
    scene = first_scene(rh20t)
    stamps = read_npy(scene / f"cam_{SERIALS['wrist']}/timestamps.npy")["color"]
    edit(scene, finish_time=stamps[11])
    records, _ = split_up(source(rh20t, tasks=("planning",)))
    frames = [r.meta["frames"] for r in records if scene_number(r) == 1]
    assert frames and max(map(max, frames)) == 11


def test_cameras_with_clocks_of_their_own_are_matched(rh20t: Path) -> None:
    folder = first_scene(rh20t) / f"cam_{SERIALS['wrist']}"
    stamps = read_npy(folder / "timestamps.npy")["color"]
    np.save(folder / "timestamps.npy", np.array({"color": [s + 140 for s in stamps]}, dtype=object))
    records, rejected = split_up(source(rh20t, tasks=("planning",)))
    assert not rejected
    (wrist,) = (r for r in records if scene_number(r) == 1 and r.meta["camera"] == SERIALS["wrist"])
    frames = [medium.frame for medium in wrist.media if isinstance(medium, VideoFrame)]
    assert frames == [max(0, frame - 2) for frame in wrist.meta["frames"]]


def test_scenes_unpacked_into_pictures_are_the_same(rh20t: Path) -> None:
    before, _ = split_up(source(rh20t, tasks=("traj", "planning")))
    store = MediaStore({"rh20t": rh20t})
    for folder in first_scene(rh20t).glob("cam_*"):
        stamps = read_npy(folder / "timestamps.npy")["color"]
        (folder / "color").mkdir()
        path = f"rh20t:{folder.relative_to(rh20t).as_posix()}/color.mp4"
        for number, stamp in enumerate(stamps):
            store.open(VideoFrame(path=path, frame=number)).save(folder / f"color/{stamp}.jpg")
        (folder / "color.mp4").unlink()
        (folder / "timestamps.npy").unlink()
    after, rejected = split_up(source(rh20t, tasks=("traj", "planning")))
    assert not rejected
    assert [(r.id, r.answer, r.inputs) for r in after] == [
        (r.id, r.answer, r.inputs) for r in before
    ]
    assert any(isinstance(r.media[0], FilePicture) for r in after)


def test_people_show_the_task_only_when_asked_for(rh20t: Path) -> None:
    scene = first_scene(rh20t)
    scene.rename(scene.with_name(f"{scene.name}_human"))
    records, _ = split_up(source(rh20t, tasks=("planning",)))
    assert {scene_number(record) for record in records} == {2, 3, 4, 5}
    options: dict[str, Any] = {"tasks": ("planning",), "demonstrators": ("human",)}
    records, _ = split_up(source(rh20t, **options))
    assert {scene_number(record) for record in records} == {1}
    assert {record.meta["demonstrator"] for record in records} == {"human"}


# --- bad input ------------------------------------------------------------------------------------


class Evil:
    """Pickles to a call of a function."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (print, ("code of a data set was run",))


def edit(scene: Path, **changed: Any) -> None:
    file = scene / "metadata.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changed}))


def save(file: Path, value: Any) -> None:
    np.save(file, np.array(value, dtype=object), allow_pickle=True)


def no_metadata(scene: Path) -> None:
    (scene / "metadata.json").unlink()


def broken_metadata(scene: Path) -> None:
    (scene / "metadata.json").write_text('{"calib": ')


def worded_rating(scene: Path) -> None:
    edit(scene, rating="good")


def pickled_code(scene: Path) -> None:
    save(scene / "transformed/tcp.npy", {"036422060215": [Evil()]})


def bare_pickle(scene: Path) -> None:
    (scene / "transformed/tcp.npy").write_bytes(pickle.dumps({}))


def cut_pickle(scene: Path) -> None:
    file = scene / "transformed/tcp.npy"
    file.write_bytes(file.read_bytes()[:2000])


def empty_pickle(scene: Path) -> None:
    (scene / "transformed/gripper.npy").write_bytes(b"")


def nan_pose(scene: Path) -> None:
    save(scene / "transformed/tcp.npy", {"1": [{"timestamp": 5, "tcp": [float("nan")] * 7}]})


def other_pose(scene: Path) -> None:
    save(scene / "transformed/tcp.npy", {"1": [{"timestamp": 5}]})


def other_gripper(scene: Path) -> None:
    save(scene / "transformed/gripper.npy", {"1": {5: "open"}})


def flat_intrinsics(scene: Path) -> None:
    (calib,) = (scene.parent / "calib").glob("1700000000000")
    save(calib / "intrinsics.npy", {"1": [1.0, 2.0]})


def no_cameras(scene: Path) -> None:
    for folder in scene.glob("cam_*"):
        shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (no_metadata, "E-DAT-001"), (broken_metadata, "E-REC-001"), (worded_rating, "E-DAT-004"),
        (pickled_code, "E-DAT-004"), (bare_pickle, "E-DAT-004"), (cut_pickle, "E-DAT-004"),
        (empty_pickle, "E-DAT-004"), (nan_pose, "E-REC-010"), (other_pose, "E-DAT-004"),
        (other_gripper, "E-DAT-004"), (flat_intrinsics, "E-DAT-004"), (no_cameras, "E-MED-001"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)  # fmt: skip
def test_a_spoilt_scene_costs_itself(
    rh20t: Path, capsys: pytest.CaptureFixture[str], spoil: Any, code: str
) -> None:
    scene = first_scene(rh20t)
    spoil(scene)
    records, rejected = split_up(source(rh20t, tasks=("planning",)))
    (item,) = rejected
    assert (item.error.code, item.record_id) == (code, f"rh20t/RH20T_cfg5/{scene.name}")
    assert {scene_number(record) for record in records} == {2, 3, 4, 5}
    assert "was run" not in capsys.readouterr().out


def cut_video(camera: Path) -> None:
    video = camera / "color.mp4"
    video.write_bytes(video.read_bytes()[:900])


def too_few_stamps(camera: Path) -> None:
    save(camera / "timestamps.npy", {"color": [1, 2, 3]})


def stamps_backwards(camera: Path) -> None:
    save(camera / "timestamps.npy", {"color": list(range(24, 0, -1))})


def no_stamps(camera: Path) -> None:
    (camera / "timestamps.npy").unlink()


def no_pictures(camera: Path) -> None:
    (camera / "color.mp4").unlink()


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (cut_video, "E-MED-008"), (too_few_stamps, "E-DAT-004"), (stamps_backwards, "E-DAT-004"),
        (no_stamps, "E-DAT-001"), (no_pictures, "E-MED-001"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)  # fmt: skip
def test_a_spoilt_camera_costs_itself(rh20t: Path, spoil: Any, code: str) -> None:
    scene = first_scene(rh20t)
    spoil(scene / f"cam_{SERIALS['exterior_1']}")
    records, rejected = split_up(source(rh20t, tasks=("planning",)))
    (item,) = rejected
    wanted = f"rh20t/RH20T_cfg5/{scene.name}/{SERIALS['exterior_1']}"
    assert (item.error.code, item.record_id) == (code, wanted)
    assert len(records) == 5 * 3 - 1


def test_a_cut_picture_costs_the_questions_about_it(rh20t: Path) -> None:
    folder = first_scene(rh20t) / f"cam_{SERIALS['exterior_1']}"
    (folder / "color").mkdir()
    for stamp in (1_700_000_000_000, 1_700_000_000_500):
        Image.effect_noise((320, 180), 50).convert("RGB").save(folder / f"color/{stamp}.jpg")
    (folder / "color.mp4").unlink()
    last = folder / "color/1700000000500.jpg"
    last.write_bytes(last.read_bytes()[:500])
    _, rejected = split_up(source(rh20t, tasks=("planning",)))
    assert "E-MED-003" in {item.error.code for item in rejected}


def test_scenes_without_words_say_so_and_files_without_any_stop(rh20t: Path) -> None:
    file = rh20t / "task_description.json"
    described = json.loads(file.read_text())
    (first, *_) = sorted(described)
    file.write_text(json.dumps({**described, first: {"task_description": "?"}}))
    _, rejected = split_up(source(rh20t, tasks=("planning",)))
    assert {item.error.code for item in rejected} == {"E-DAT-004"}
    file.write_text("[]")
    with pytest.raises(RoboLoopError, match="E-DAT-002"):
        split_up(source(rh20t))
    file.unlink()
    with pytest.raises(RoboLoopError, match="descriptions"):
        split_up(source(rh20t))


def test_nothing_to_read(rh20t: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(RoboLoopError, match="E-DAT-001"):
        split_up(Rh20tSource(path=empty, descriptions=rh20t / "task_description.json"))
    (rh20t / "configs.json").write_text('[{"conf_num": 1}]')
    with pytest.raises(RoboLoopError, match="E-DAT-002"):
        split_up(source(rh20t))

"""LeRobot 2.0, 2.1 and 3.0: the real samples with their traps, and small files written here."""

from __future__ import annotations

import json
import pickle
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from lerobot_files import CAMERA, WRIST, Plan, grey_of, write_v2, write_v3, write_video

from roboloop.base.errors import RoboLoopError
from roboloop.records import ParquetPicture, Record, Text, VideoFrame
from roboloop.records.media_open import MediaStore
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.lerobot.layout import filled
from roboloop.sources.lerobot.source import LerobotSource

DATA = Path(__file__).resolve().parents[3] / "../shared/data"
GR1 = DATA / "lerobot_v2_gr1/demo_data/robot_sim.PickNPlace"
G1 = DATA / "lerobot_v21_g1_real"
Read = Callable[..., tuple[list[Record], list[Rejected]]]
TASKS = ["open the drawer", "close the drawer", "lift the lid", "wipe the table", "valid"]
PLANS = [Plan([0] * 12), Plan([1] * 9), Plan([2] * 7), Plan([3] * 10)]


@pytest.mark.skipif(not GR1.is_dir(), reason="the GR-1 sample is not there")
def test_simulated_gr1_set_with_all_its_traps(read: Read) -> None:
    records, rejected = read(LerobotSource(path=GR1))
    assert Counter(record.task for record in records) == {
        "planning": 5, "planning_choice": 5, "planning_decide": 5,
    }  # fmt: skip
    # `egoview` is described, only `ego_view` has files.
    assert [item.error.code for item in rejected] == ["E-MED-001"]
    assert "egoview" in rejected[0].error.detail
    assert {record.meta["camera"] for record in records} == {"ego_view"}
    # A task of the list is named "valid"; no frame is of it, so it is no option.
    options = [text for record in records for text in record.inputs.get("options", ())]
    assert options and "valid" not in options
    first = records[0]
    assert first.answer == Text("pick the pear from the counter and place it in the plate")
    assert first.media[0].size == (256, 256) and first.origin == "episodes.jsonl:1"
    assert [medium.frame for medium in first.media] == [26, 78, 130, 182, 234, 286, 338, 390]


@pytest.mark.skipif(not G1.is_dir(), reason="the Unitree G1 sample is not there")
def test_real_g1_video_in_av1(read: Read) -> None:
    records, rejected = read(LerobotSource(path=G1))
    # 100 episodes are listed, two are there; with one task there is nothing to choose from.
    assert [item.error.code for item in rejected] == ["E-DAT-001"] * 98
    assert [record.answer for record in records] == [
        Text("Pick up the yellow bottle on the table.")
    ] * 2
    assert {record.media[0].size for record in records} == {(640, 480)}
    only, none = read(LerobotSource(path=G1, episodes=(30,)))
    assert [record.id for record in only] == ["lerobot/episode_000030/cam_high/planning/task"]
    assert not none


@pytest.mark.parametrize("version", ["v2.0", "v2.1", "v3.0"])
def test_each_version_gives_the_same_records(tmp_path: Path, read: Read, version: str) -> None:
    if version == "v3.0":
        write_v3(tmp_path / "set", plans=PLANS, tasks=TASKS)
    else:
        write_v2(tmp_path / "set", plans=PLANS, tasks=TASKS, version=version)
    records, rejected = read(LerobotSource(path=tmp_path / "set", frames_per_episode=4))
    assert not rejected
    assert Counter(record.task for record in records) == {
        "planning": 4, "planning_choice": 4, "planning_decide": 4,
    }  # fmt: skip
    store = MediaStore({"lerobot": tmp_path / "set"})
    for record in records:
        episode = int(record.meta["episode"][-6:])
        assert record.meta["instructions"] == [TASKS[episode]]
        for medium, frame in zip(record.media, record.meta["frames"], strict=True):
            assert isinstance(medium, VideoFrame)
            seen = np.asarray(store.open(medium))[:, :28].mean()
            assert seen == pytest.approx(grey_of(episode, frame), abs=3)
    later = [record for record in records if record.meta["episode"] == "episode_000002"]
    numbers = [medium.frame for medium in later[0].media]
    assert numbers == [f + (21 if version == "v3.0" else 0) for f in later[0].meta["frames"]]


def test_steps_come_from_tasks_that_change_and_from_subtasks(tmp_path: Path, read: Read) -> None:
    write_v2(tmp_path / "two", plans=[Plan([0] * 4 + [1] * 6)], tasks=TASKS)
    records, _ = read(LerobotSource(path=tmp_path / "two"))
    assert [(record.answer, record.meta["frames"]) for record in records] == [
        (Text("open the drawer"), [0, 1, 2, 3]),
        (Text("close the drawer"), [4, 5, 6, 7, 8, 9]),
        (Text("close the drawer"), [0, 1, 2, 3]),
    ]
    parts = {"subtask_index": [0] * 3 + [-1] + [1] * 4}
    write_v3(
        tmp_path / "sub", plans=[Plan([2] * 8, parts)], tasks=TASKS, subtasks=["reach", "grip"]
    )
    records, _ = read(LerobotSource(path=tmp_path / "sub", tasks=("planning", "plan_steps")))
    assert [record.id.removeprefix("lerobot/episode_000000/primary/") for record in records] == [
        "planning/task", "planning/now-0000", "planning/now-0004", "planning/next-0004",
        "plan_steps",
    ]  # fmt: skip
    assert records[3].inputs == {"instruction": "lift the lid"}
    assert records[3].answer == Text("grip")


def test_black_camera_is_left_out(tmp_path: Path, read: Read) -> None:
    folder = tmp_path / "set"
    write_v2(folder, plans=[Plan([0] * 6)], tasks=TASKS, cameras=(CAMERA, WRIST))
    pictures = folder / f"videos/chunk-000/{WRIST}/episode_000000.mp4"
    write_video(pictures, greys=[0] * 6, fps=10, size=(64, 48))
    _, rejected = read(LerobotSource(path=folder))
    assert [(item.error.code, item.record_id) for item in rejected] == [
        ("E-MED-010", "lerobot/episode_000000/wrist")
    ]


def test_pictures_kept_in_the_table(tmp_path: Path, read: Read) -> None:
    from PIL import Image

    from roboloop.base.pictures import encode_png

    folder = tmp_path / "set"
    write_v3(folder, plans=[Plan([0] * 4), Plan([1] * 5)], tasks=TASKS)
    info = json.loads((folder / "meta/info.json").read_text())
    info["features"]["observation.images.low"] = {"dtype": "image", "shape": [9, 16, 3]}
    (folder / "meta/info.json").write_text(json.dumps(info))
    file = folder / "data/chunk-000/file-000.parquet"
    table = pq.read_table(file)
    draw = np.random.default_rng(0)
    cells = [
        {"bytes": encode_png(Image.fromarray(draw.integers(0, 255, (9, 16, 3), np.uint8)))}
        for _ in range(9)
    ]
    pq.write_table(table.append_column("observation.images.low", pa.array(cells)), file)
    records, rejected = read(LerobotSource(path=folder, cameras=("low",), tasks=("planning",)))
    assert not rejected
    assert [medium.row for medium in records[1].media if isinstance(medium, ParquetPicture)] == [
        4, 5, 6, 7, 8,
    ]  # fmt: skip


def test_splits_are_those_of_the_description(tmp_path: Path, read: Read) -> None:
    folder = tmp_path / "set"
    write_v2(folder, plans=PLANS, tasks=TASKS)
    info = json.loads((folder / "meta/info.json").read_text())
    info["splits"] = {"train": "0:2", "validation": "2:100"}
    (folder / "meta/info.json").write_text(json.dumps(info))
    records, _ = read(LerobotSource(path=folder, tasks=("planning",)))
    assert [record.split for record in records] == ["train", "train", "val", "val"]
    records, _ = read(LerobotSource(path=folder, split="val", tasks=("planning",)))
    assert [record.meta["episode"][-1] for record in records] == ["2", "3"]


def spoil(folder: Path, *, how: str) -> None:
    data = folder / "data/chunk-000"
    video = folder / f"videos/chunk-000/{CAMERA}/episode_000001.mp4"
    match how:
        case "missing table":
            (data / "episode_000001.parquet").unlink()
        case "cut table":
            raw = (data / "episode_000001.parquet").read_bytes()
            (data / "episode_000001.parquet").write_bytes(raw[: len(raw) // 2])
        case "empty table":
            (data / "episode_000001.parquet").write_bytes(b"")
        case "short table":
            table = pq.read_table(data / "episode_000001.parquet")
            pq.write_table(table.slice(0, 5), data / "episode_000001.parquet")
        case "unknown task":
            table = pq.read_table(data / "episode_000001.parquet")
            column = table.column_names.index("task_index")
            table = table.set_column(column, "task_index", pa.array([77] * 9))
            pq.write_table(table, data / "episode_000001.parquet")
        case "missing video":
            video.unlink()
        case "cut video":
            video.write_bytes(video.read_bytes()[:900])
        case "empty video":
            video.write_bytes(b"")
        case "short video":
            write_video(video, greys=[5, 10, 15], fps=10, size=(64, 48))
        case "other rate":
            write_video(video, greys=list(range(0, 90, 10)), fps=30, size=(64, 48))
        case "broken line" | "not UTF-8" | "other line":
            lines = (folder / "meta/episodes.jsonl").read_bytes().splitlines()
            lines[1] = {
                "broken line": b'{"episode_index": 1,',
                "not UTF-8": b'{"episode_index": 1, "x": "\xff"}',
                "other line": b'{"episode_index": "one", "length": 9}',
            }[how]
            (folder / "meta/episodes.jsonl").write_bytes(b"\n".join(lines) + b"\n")
        case "broken task":
            lines = (folder / "meta/tasks.jsonl").read_bytes().splitlines()
            lines[4] = b'{"task_index": 4}'
            (folder / "meta/tasks.jsonl").write_bytes(b"\n".join(lines) + b"\n")
        case _:
            raise AssertionError(how)


SPOILED = {
    "missing table": ("E-DAT-001", 3),
    "cut table": ("E-MED-008", 3),
    "empty table": ("E-MED-008", 3),
    "short table": ("E-DAT-004", 3),
    "unknown task": ("E-DAT-004", 3),
    "missing video": ("E-MED-001", 3),
    "cut video": ("E-MED-008", 3),
    "empty video": ("E-MED-008", 3),
    "short video": ("E-MED-007", 3),
    "other rate": ("E-DAT-004", 3),
    "broken line": ("E-REC-001", 3),
    "not UTF-8": ("E-REC-001", 3),
    "other line": ("E-DAT-004", 3),
    "broken task": ("E-DAT-004", 4),
}


@pytest.mark.parametrize("how", SPOILED)
def test_every_bad_entry_costs_one_line(tmp_path: Path, read: Read, how: str) -> None:
    folder = tmp_path / "set"
    write_v2(folder, plans=PLANS, tasks=TASKS)
    spoil(folder, how=how)
    code, num_left = SPOILED[how]
    records, rejected = read(LerobotSource(path=folder, tasks=("planning",)))
    assert [item.error.code for item in rejected] == [code]
    assert len(records) == num_left
    assert str(rejected[0].error.place)


def test_part_of_a_video_that_is_too_short_or_not_a_number(tmp_path: Path, read: Read) -> None:
    folder = tmp_path / "set"
    write_v3(folder, plans=PLANS, tasks=TASKS)
    file = folder / "meta/episodes/chunk-000/file-000.parquet"
    rows = pq.read_table(file).to_pylist()
    rows[1][f"videos/{CAMERA}/to_timestamp"] += 0.5
    rows[2][f"videos/{CAMERA}/from_timestamp"] = float("nan")
    rows[3][f"videos/{CAMERA}/from_timestamp"] += 1.0
    rows[3][f"videos/{CAMERA}/to_timestamp"] += 1.0
    pq.write_table(pa.Table.from_pylist(rows), file)
    records, rejected = read(LerobotSource(path=folder, tasks=("planning",)))
    assert [item.error.code for item in rejected] == ["E-DAT-004", "E-DAT-004", "E-MED-007"]
    assert {record.meta["episode"] for record in records} == {"episode_000000"}
    assert "file-000.parquet!1" in str(rejected[0].error)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"codebase_version": "v1.6"}, "2.0, 2.1 and 3.0"),
        ({"fps": 0}, "fps is 0"),
        ({"features": []}, "not the description"),
        ({"splits": {"train": "all"}}, "not the description"),
        ({"data_path": "{episode_index.__class__}"}, ""),
    ],
)
def test_unknown_description_stops_with_the_file_named(
    tmp_path: Path, read: Read, changed: dict[str, object], says: str
) -> None:
    folder = tmp_path / "set"
    write_v2(folder, plans=PLANS[:1], tasks=TASKS)
    info = json.loads((folder / "meta/info.json").read_text())
    (folder / "meta/info.json").write_text(json.dumps({**info, **changed}))
    if not says:
        assert [item.error.code for item in read(LerobotSource(path=folder))[1]] == []
        return
    with pytest.raises(RoboLoopError, match=says) as caught:
        read(LerobotSource(path=folder))
    assert caught.value.code == "E-DAT-002" and "info.json" in str(caught.value)


def test_paths_stay_inside_the_folder_and_templates_are_no_programs(
    tmp_path: Path, read: Read
) -> None:
    folder = tmp_path / "set"
    write_v2(folder, plans=PLANS[:1], tasks=TASKS)
    info = json.loads((folder / "meta/info.json").read_text())
    info["data_path"] = "../../secret/episode_{episode_index:06d}.parquet"
    (folder / "meta/info.json").write_text(json.dumps(info))
    with pytest.raises(RoboLoopError, match="E-MED-005"):
        read(LerobotSource(path=folder))
    assert filled("{a:03d}/{a}/{b:>9}", values={"a": 7}) == "007/7/{b:>9}"
    with pytest.raises(RoboLoopError, match="E-DAT-002"):
        filled("{c:03d}", values={"a": 7})


def test_work_may_be_divided(tmp_path: Path) -> None:
    write_v2(tmp_path / "set", plans=PLANS, tasks=TASKS)
    spoil(tmp_path / "set", how="broken line")
    source = LerobotSource(path=tmp_path / "set")
    context = SourceContext(tmp_path, 5)
    whole = list(source.read(context))
    other = LerobotSource(path=tmp_path / "set")
    parts = pickle.loads(pickle.dumps(list(other.parts(context))))
    again = [item for part in parts for item in other.read_part(part, context)]
    assert list(map(str, again)) == list(map(str, whole))
    assert source.fingerprint() == other.fingerprint()

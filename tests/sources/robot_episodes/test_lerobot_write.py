"""Written and merged LeRobot 3.0 data sets, read back by other code.

By a reader of the official layout, and by the package `lerobot` itself where the variable
ROBOLOOP_LEROBOT_PYTHON names a Python that has it.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lerobot_files import (
    CAMERA,
    WRIST,
    Plan,
    SeenFrame,
    grey_of,
    read_v3,
    write_v2,
    write_v3,
    write_video,
)

from roboloop.base.errors import RoboLoopError
from roboloop.base.hashing import hash_file
from roboloop.cli.main import run_command
from roboloop.sources.base import SourceContext
from roboloop.sources.lerobot.annotation_text import column_text, column_value
from roboloop.sources.lerobot.merge import Merged, merge_lerobot
from roboloop.sources.lerobot.source import LerobotSource
from roboloop.sources.lerobot.statistics import joined, statistics_of
from roboloop.sources.lerobot.write import EpisodeData, LerobotWriter

LEROBOT = os.environ.get("ROBOLOOP_LEROBOT_PYTHON")
LENGTHS = (7, 5, 9, 6)
FPS = 10


def action_of(episode: int, num: int) -> np.ndarray:
    return (np.arange(num * 3).reshape(num, 3) + 100 * episode).astype(np.float32)


def write(
    out: Path, *, episodes: range = range(4), max_data_bytes: int = 2**20, chunk_size: int = 1000
) -> None:
    """Episodes of two tasks with two cameras; the number shows in the pictures and the action."""
    clips = out.parent / f"clips-{out.name}"
    with LerobotWriter(
        out, fps=FPS, robot_type="arm", names={"action": ("x", "y", "z")},
        max_data_bytes=max_data_bytes, chunk_size=chunk_size,
    ) as writer:  # fmt: skip
        for episode in episodes:
            num = LENGTHS[episode]
            greys = [grey_of(episode, frame) for frame in range(num)]
            for name in (CAMERA, WRIST):
                path = clips / name / f"{episode}.mp4"
                write_video(path, greys=greys, fps=FPS, size=(64, 48))
            writer.add(
                EpisodeData(
                    task=f"task {episode % 2}",
                    columns={
                        "action": action_of(episode, num),
                        "annotation.object_box": [f"[[{n}, 1], [9, 9]]" for n in range(num)],
                        "next.done": np.arange(num) == num - 1,
                    },
                    videos={name: clips / name / f"{episode}.mp4" for name in (CAMERA, WRIST)},
                )
            )


def files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def check(episodes: list[list[SeenFrame]], *, order: tuple[int, ...]) -> None:
    """The frames are those of the episodes in `order`."""
    assert [len(frames) for frames in episodes] == [LENGTHS[number] for number in order]
    for number, frames in zip(order, episodes, strict=True):
        for index, frame in enumerate(frames):
            assert frame.task == f"task {number % 2}"
            assert frame.row["action"] == action_of(number, len(frames))[index].tolist()
            assert frame.row["annotation.object_box"] == f"[[{index}, 1], [9, 9]]"
            assert frame.row["next.done"] == (index == len(frames) - 1)
            assert frame.row["frame_index"] == index
            assert frame.row["timestamp"] == pytest.approx(index / FPS)
            for camera in (CAMERA, WRIST):
                assert frame.greys[camera] == pytest.approx(grey_of(number, index), abs=3)


@pytest.mark.parametrize("max_data_bytes", [1, 2**20], ids=["a file for each", "one file"])
def test_read_back_by_the_official_layout(tmp_path: Path, max_data_bytes: int) -> None:
    write(tmp_path / "set", max_data_bytes=max_data_bytes, chunk_size=3)
    check(list(read_v3(tmp_path / "set")), order=(0, 1, 2, 3))
    files = [f.relative_to(tmp_path / "set").as_posix() for f in files_in(tmp_path / "set")]
    data = [name for name in files if name.startswith("data/")]
    if max_data_bytes == 1:
        assert data == [
            "data/chunk-000/file-000.parquet", "data/chunk-000/file-001.parquet",
            "data/chunk-000/file-002.parquet", "data/chunk-001/file-000.parquet",
        ]  # fmt: skip
    else:
        assert data == ["data/chunk-000/file-000.parquet"]
        assert pq.ParquetFile(tmp_path / "set" / data[0]).num_row_groups == 4
    assert not list((tmp_path / "set").rglob(".*"))


def test_our_reader_reads_what_we_write(tmp_path: Path) -> None:
    write(tmp_path / "set", max_data_bytes=1)
    items = list(LerobotSource(path=tmp_path / "set").read(SourceContext(tmp_path, 0)))
    assert {type(item).__name__ for item in items} == {"Record"}
    assert len({item.meta["episode"] for item in items}) == 4  # type: ignore[union-attr]


def test_statistics_are_those_of_all_frames(tmp_path: Path) -> None:
    write(tmp_path / "set")
    stats = json.loads((tmp_path / "set/meta/stats.json").read_text())
    whole = np.concatenate([action_of(n, num) for n, num in enumerate(LENGTHS)]).astype(float)
    for name, expected in (
        ("min", whole.min(0)), ("max", whole.max(0)),
        ("mean", whole.mean(0)), ("std", whole.std(0)),
    ):  # fmt: skip
        assert stats["action"][name] == pytest.approx(expected.tolist())
    assert stats["action"]["count"] == [sum(LENGTHS)]


@given(st.lists(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=6), min_size=1, max_size=4))
def test_joined_statistics_equal_those_of_the_union(parts: list[list[float]]) -> None:
    found = statistics_of(np.array(parts[0]))
    for part in parts[1:]:
        found = joined(found, statistics_of(np.array(part)))
    whole = statistics_of(np.array([value for part in parts for value in part]))
    for ours, theirs in zip(found[:4], whole[:4], strict=True):
        assert np.allclose(ours, theirs, rtol=1e-9, atol=1e-5)


def test_episodes_that_do_not_fit_are_refused_and_nothing_counts_as_finished(
    tmp_path: Path,
) -> None:
    video = tmp_path / "v.mp4"
    write_video(video, greys=[5, 10, 15], fps=FPS, size=(64, 48))
    good = EpisodeData(task="t", columns={"action": action_of(0, 3)}, videos={CAMERA: video})
    for bad in (
        EpisodeData(task="t", columns={"action": action_of(0, 4)}, videos={CAMERA: video}),
        EpisodeData(task="t", columns={"action": action_of(0, 3)[:, :2]}, videos={CAMERA: video}),
        EpisodeData(task="t", columns={"action": action_of(0, 3)}, videos={}),
    ):
        with (
            pytest.raises(RoboLoopError, match="E-DAT-004"),
            LerobotWriter(tmp_path / "set", fps=FPS, robot_type="arm") as writer,
        ):
            writer.add(good)
            writer.add(bad)
        assert not (tmp_path / "set/meta/info.json").exists()


def test_merge_keeps_every_episode_and_adds_each_offset_once(tmp_path: Path) -> None:
    write(tmp_path / "a", episodes=range(1), max_data_bytes=1)
    write(tmp_path / "b", episodes=range(1, 4), max_data_bytes=1)
    before = {f: hash_file(f) for name in "ab" for f in files_in(tmp_path / name)}
    merged = merge_lerobot([tmp_path / "b", tmp_path / "a"], out=tmp_path / "ba")
    assert merged == Merged(num_episodes=4, num_frames=sum(LENGTHS), num_tasks=2)
    check(list(read_v3(tmp_path / "ba")), order=(1, 2, 3, 0))
    assert {file: hash_file(file) for file in before} == before
    # A merged set can be merged again, from the command line too.
    inputs = [str(tmp_path / name) for name in ("a", "ba")]
    assert run_command(["merge", *inputs, "--out", str(tmp_path / "aba")]) == 0
    check(list(read_v3(tmp_path / "aba")), order=(0, 1, 2, 3, 0))
    info = json.loads((tmp_path / "aba/meta/info.json").read_text())
    assert (info["total_episodes"], info["total_frames"]) == (5, sum(LENGTHS) + LENGTHS[0])
    assert info["splits"] == {"train": "0:5"}
    stats = json.loads((tmp_path / "aba/meta/stats.json").read_text())
    assert stats["index"]["max"] == [info["total_frames"] - 1]
    assert stats["episode_index"]["max"] == [4]
    rows = pq.read_table(tmp_path / "aba/meta/episodes/chunk-000/file-000.parquet").to_pylist()
    assert [row["stats/episode_index/mean"] for row in rows] == [[0], [1], [2], [3], [4]]


def test_merge_of_a_set_with_several_episodes_in_one_video(tmp_path: Path) -> None:
    plans = [Plan([0] * 5), Plan([1] * 4)]
    for name, tasks in (("a", ["x", "y"]), ("b", ["y", "z"])):
        write_v3(tmp_path / name, plans=plans, tasks=tasks)
        (tmp_path / name / "meta/stats.json").write_text("{}")
    merged = merge_lerobot([tmp_path / "a", tmp_path / "b"], out=tmp_path / "ab")
    assert merged.num_tasks == 3
    episodes = list(read_v3(tmp_path / "ab"))
    assert [frames[0].task for frames in episodes] == ["x", "y", "y", "z"]
    for number, frames in enumerate(episodes):
        greys = [frame.greys[CAMERA] for frame in frames]
        expected = [grey_of(number % 2, index) for index in range(len(frames))]
        assert greys == pytest.approx(expected, abs=3)


def test_merge_refuses_what_it_cannot_keep(tmp_path: Path) -> None:
    write(tmp_path / "a", episodes=range(1))
    write_v3(tmp_path / "other", plans=[Plan([0] * 5)], tasks=["x"])
    write_v2(tmp_path / "old", plans=[Plan([0] * 5)], tasks=["x"])
    for inputs, out, code in (
        (["a", "other"], "new", "E-DAT-002"),
        (["old"], "new", "E-DAT-002"),
        (["none"], "new", "E-DAT-001"),
        (["a"], "other", "E-CFG-003"),
        ([], "new", "E-CFG-003"),
    ):
        with pytest.raises(RoboLoopError, match=code):
            merge_lerobot([tmp_path / name for name in inputs], out=tmp_path / out)
        assert not (tmp_path / "new").exists()
    info = json.loads((tmp_path / "a/meta/info.json").read_text())
    info["splits"] = {"train": "0:1", "val": "1:2"}
    (tmp_path / "a/meta/info.json").write_text(json.dumps(info))
    with pytest.raises(RoboLoopError, match="splits other than train"):
        merge_lerobot([tmp_path / "a"], out=tmp_path / "new")


plain = st.recursive(
    st.integers(-9999, 9999) | st.booleans() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=8,
)


@given(st.none() | st.lists(plain, max_size=3) | st.integers())
def test_annotation_survives_its_column(value: object) -> None:
    assert column_value("object_box", column_text(value)) == value


@given(st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda text: text[0] != '"'))
def test_words_survive_their_column(words: str) -> None:
    assert column_value("substask", column_text(words)) == words


@pytest.mark.skipif(
    LEROBOT is None, reason="ROBOLOOP_LEROBOT_PYTHON does not name a Python with lerobot"
)
@pytest.mark.parametrize("which", ["written", "merged"])
def test_read_back_by_lerobot_itself(tmp_path: Path, which: str) -> None:
    if which == "written":
        write(tmp_path / "set", max_data_bytes=1)
        order = (0, 1, 2, 3)
    else:
        write(tmp_path / "a", episodes=range(1))
        write(tmp_path / "b", episodes=range(1, 4))
        merge_lerobot([tmp_path / "b", tmp_path / "a"], out=tmp_path / "set")
        order = (1, 2, 3, 0)
    script = Path(__file__).with_name("lerobot_oracle.py")
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home")}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [str(LEROBOT), str(script), str(tmp_path / "set")],
        capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["num_episodes"] == 4
    frames = iter(told["frames"])
    for number in order:
        for index in range(LENGTHS[number]):
            frame = next(frames)
            assert frame["task"] == f"task {number % 2}"
            assert frame["row"]["action"] == action_of(number, LENGTHS[number])[index].tolist()
            for camera in (CAMERA, WRIST):
                assert frame["greys"][camera] == pytest.approx(grey_of(number, index), abs=3)
    assert next(frames, None) is None

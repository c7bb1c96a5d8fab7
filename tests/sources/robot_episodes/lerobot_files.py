"""Writes and reads LeRobot data sets by the official layout, knowing nothing of RoboLoop's code.

Every frame is one grey: the number of the episode and the frame can be read off its pictures.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

CAMERA = "observation.images.primary"
WRIST = "observation.images.wrist"


class Plan(NamedTuple):
    """An episode to be written: a task number for each frame, and further columns."""

    tasks: Sequence[int]
    columns: Mapping[str, Sequence[Any]] = {}


def grey_of(episode: int, frame: int) -> int:
    return (episode * 60 + frame * 5) % 250


def write_video(path: Path, *, greys: Sequence[int], fps: int, size: tuple[int, int]) -> None:
    """Each frame is grey with a brighter right half, so that it is no blank picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    width, height = size
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"g": "2", "crf": "15"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, fps)
        for number, grey in enumerate(greys):
            pixels = np.full((height, width, 3), grey, dtype=np.uint8)
            pixels[:, width // 2 :] = min(255, grey + 40)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def write_v2(
    folder: Path,
    *,
    plans: Sequence[Plan],
    tasks: Sequence[str],
    fps: int = 10,
    version: str = "v2.1",
    size: tuple[int, int] = (64, 48),
    cameras: Sequence[str] = (CAMERA,),
) -> None:
    features = _features(plans, cameras=cameras, size=size)
    _write_json(
        folder / "meta/info.json",
        {
            "codebase_version": version, "robot_type": "arm", "fps": fps, "chunks_size": 1000,
            "splits": {"train": f"0:{len(plans)}"}, "features": features,
            "data_path": "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet",
            "video_path": "videos/chunk-{episode_chunk:03d}/{video_key}/"
            "episode_{episode_index:06d}.mp4",
        },
    )  # fmt: skip
    lines = [{"task_index": n, "task": text} for n, text in enumerate(tasks)]
    _write_lines(folder / "meta/tasks.jsonl", lines)
    rows = [
        {"episode_index": n, "length": len(plan.tasks), "tasks": [tasks[plan.tasks[0]]]}
        for n, plan in enumerate(plans)
    ]
    _write_lines(folder / "meta/episodes.jsonl", rows)
    first = 0
    for number, plan in enumerate(plans):
        path = folder / f"data/chunk-000/episode_{number:06d}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(_columns(plan, number=number, first=first, fps=fps)), path)
        first += len(plan.tasks)
        greys = [grey_of(number, frame) for frame in range(len(plan.tasks))]
        for camera in cameras:
            video = folder / f"videos/chunk-000/{camera}/episode_{number:06d}.mp4"
            write_video(video, greys=greys, fps=fps, size=size)


def write_v3(
    folder: Path,
    *,
    plans: Sequence[Plan],
    tasks: Sequence[str],
    fps: int = 10,
    size: tuple[int, int] = (64, 48),
    subtasks: Sequence[str] = (),
) -> None:
    """All episodes in one table and one video, as LeRobot's own recorder leaves them."""
    path = "chunk-{chunk_index:03d}/file-{file_index:03d}"
    _write_json(
        folder / "meta/info.json",
        {
            "codebase_version": "v3.0", "robot_type": "arm", "fps": fps, "chunks_size": 1000,
            "splits": {"train": f"0:{len(plans)}"},
            "features": _features(plans, cameras=(CAMERA,), size=size),
            "data_path": f"data/{path}.parquet",
            "video_path": f"videos/{{video_key}}/{path}.mp4",
        },
    )  # fmt: skip
    _write_index(folder / "meta/tasks.parquet", texts=tasks, number="task_index")
    if subtasks:
        _write_index(folder / "meta/subtasks.parquet", texts=subtasks, number="subtask_index")
    rows, tables, greys, first = [], [], [], 0
    for number, plan in enumerate(plans):
        tables.append(pa.table(_columns(plan, number=number, first=first, fps=fps)))
        end = first + len(plan.tasks)
        rows.append(
            {
                "episode_index": number, "length": len(plan.tasks), "tasks": [tasks[plan.tasks[0]]],
                "data/chunk_index": 0, "data/file_index": 0, "dataset_from_index": first,
                "dataset_to_index": end, f"videos/{CAMERA}/chunk_index": 0,
                f"videos/{CAMERA}/file_index": 0, f"videos/{CAMERA}/from_timestamp": first / fps,
                f"videos/{CAMERA}/to_timestamp": end / fps, "meta/episodes/chunk_index": 0,
                "meta/episodes/file_index": 0,
            }
        )  # fmt: skip
        greys += [grey_of(number, frame) for frame in range(len(plan.tasks))]
        first = end
    for name, table in (
        ("data/chunk-000/file-000.parquet", pa.concat_tables(tables)),
        ("meta/episodes/chunk-000/file-000.parquet", pa.Table.from_pylist(rows)),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, folder / name)
    write_video(folder / f"videos/{CAMERA}/chunk-000/file-000.mp4", greys=greys, fps=fps, size=size)


class SeenFrame(NamedTuple):
    """A frame as an independent reader of version 3.0 finds it."""

    row: Mapping[str, Any]
    task: str
    greys: Mapping[str, float]


def read_v3(folder: Path) -> Iterator[list[SeenFrame]]:
    """Every episode by the official rules: files by the columns of `meta/episodes`, pictures by
    time stamps from the start of the episode's part of the video."""
    info = json.loads((folder / "meta/info.json").read_text())
    tasks = pq.read_table(folder / "meta/tasks.parquet")
    texts = dict(zip(tasks["task_index"].to_pylist(), tasks["task"].to_pylist(), strict=True))
    files = sorted((folder / "meta/episodes").glob("*/*.parquet"))
    rows = [row for file in files for row in pq.read_table(file).to_pylist()]
    cameras = [name for name, feature in info["features"].items() if feature["dtype"] == "video"]
    assert [row["episode_index"] for row in rows] == list(range(info["total_episodes"]))
    for row in rows:
        file = info["data_path"].format(
            chunk_index=row["data/chunk_index"], file_index=row["data/file_index"]
        )
        data = pq.read_table(folder / file).to_pylist()
        mine = [each for each in data if each["episode_index"] == row["episode_index"]]
        assert [each["index"] for each in mine] == list(
            range(row["dataset_from_index"], row["dataset_to_index"])
        )
        pictures = {camera: _pictures(folder, info, row, camera=camera) for camera in cameras}
        yield [
            SeenFrame(
                each,
                texts[each["task_index"]],
                {camera: pictures[camera][each["frame_index"]] for camera in cameras},
            )
            for each in mine
        ]


def _pictures(folder: Path, info: Any, row: Mapping[str, Any], *, camera: str) -> list[float]:
    """The grey of the left half of each frame of the episode, by time."""
    file = info["video_path"].format(
        video_key=camera,
        chunk_index=row[f"videos/{camera}/chunk_index"],
        file_index=row[f"videos/{camera}/file_index"],
    )
    start, end = (row[f"videos/{camera}/{name}_timestamp"] for name in ("from", "to"))
    half = 0.5 / info["fps"]
    with av.open(str(folder / file)) as container:
        frames = [
            frame.to_ndarray(format="rgb24")
            for frame in container.decode(video=0)
            if start - half <= frame.time < end - half
        ]
    assert len(frames) == row["length"]
    return [float(frame[:, : frame.shape[1] // 2 - 4].mean()) for frame in frames]


def _features(plans: Sequence[Plan], *, cameras: Sequence[str], size: tuple[int, int]) -> Any:
    features: dict[str, Any] = {
        camera: {"dtype": "video", "shape": [size[1], size[0], 3], "names": None}
        for camera in cameras
    }
    for name, values in plans[0].columns.items():
        dtype = "string" if isinstance(values[0], str) else "int64"
        features[name] = {"dtype": dtype, "shape": [1], "names": None}
    counted = ("frame_index", "episode_index", "index", "task_index")
    features |= {name: {"dtype": "int64", "shape": [1]} for name in counted}
    return {**features, "timestamp": {"dtype": "float32", "shape": [1]}}


def _columns(plan: Plan, *, number: int, first: int, fps: int) -> dict[str, Any]:
    num = len(plan.tasks)
    return {
        "timestamp": pa.array([frame / fps for frame in range(num)], pa.float32()),
        "frame_index": list(range(num)),
        "episode_index": [number] * num,
        "index": list(range(first, first + num)),
        "task_index": list(plan.tasks),
        **{name: list(values) for name, values in plan.columns.items()},
    }


def _write_index(path: Path, *, texts: Sequence[str], number: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({number: range(len(texts)), "__index_level_0__": list(texts)}), path)


def _write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def _write_lines(path: Path, values: Sequence[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(value) + "\n" for value in values))

"""Recordings as a LeRobot 3.0 data set, with RoboInter's annotation columns.

    meta/info.json, meta/stats.json, meta/tasks.parquet
    meta/episodes/chunk-000/file-000.parquet
    data/chunk-000/file-000.parquet
    videos/<key>/chunk-000/file-<episode>.mp4       one file per episode and camera

The layout is that of LeRobot's own writer (huggingface/lerobot, codebase version v3.0), which also
allows several episodes in one video file. The annotation columns speak of the first exterior view.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from roboloop.base.files import atomic_write_bytes, atomic_write_json, atomic_writer
from roboloop.sources.simulated.annotation import ANNOTATION_KEYS, annotate
from roboloop.sources.simulated.recording import (
    ACTION_NAMES,
    FRAMES_PER_SECOND,
    STATE_NAMES,
    Recording,
)

CHUNK_SIZE = 1000
DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO_PATH = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
EPISODES_PATH = "meta/episodes/chunk-000/file-000.parquet"
JOINT_NAMES = tuple(f"joint{index}" for index in range(1, 8))
VECTORS = {
    "observation.state": STATE_NAMES,
    "observation.joint_position": JOINT_NAMES,
    "action": ACTION_NAMES,
}
COUNTERS = ("frame_index", "episode_index", "index", "task_index")


class _Rows(NamedTuple):
    """The frames of one episode as columns; vectors are (T, D)."""

    vectors: dict[str, NDArray[np.float32]]
    counters: dict[str, NDArray[np.int64]]
    timestamps: NDArray[np.float32]
    annotations: dict[str, list[str]]


def write_lerobot(out: Path, *, recordings: Sequence[Recording]) -> int:
    """Write the data set; gives the number of frames. Everything but the videos is replaced."""
    tasks = sorted({recording.truth.instruction for recording in recordings})
    tables: list[_Rows] = []
    episodes: list[dict[str, Any]] = []
    first = 0
    for index, recording in enumerate(recordings):
        task = tasks.index(recording.truth.instruction)
        rows = _rows(recording, episode=index, first=first, task=task)
        tables.append(rows)
        episodes.append(_episode_row(recording, episode=index, first=first, rows=rows))
        for view in recording.views:
            _copy_video(recording, view=view, out=out, episode=index)
        first += recording.truth.num_frames
    _write_data(out / DATA_PATH.format(chunk_index=0, file_index=0), tables=tables)
    _write_tasks(out / "meta/tasks.parquet", tasks=tasks)
    _write_episodes(out / EPISODES_PATH, episodes=episodes)
    atomic_write_json(out / "meta/stats.json", value=_merged_statistics(episodes))
    info = _info(recordings, num_frames=first, num_tasks=len(tasks))
    atomic_write_json(out / "meta/info.json", value=info)
    return first


def _rows(recording: Recording, *, episode: int, first: int, task: int) -> _Rows:
    arm, truth = recording.arm, recording.truth
    num = truth.num_frames
    notes = annotate(recording.frames(recording.views[0]), episode=truth, states=arm.states)
    steps = np.arange(num, dtype=np.int64)
    return _Rows(
        vectors={
            "observation.state": arm.states.astype(np.float32),
            "observation.joint_position": arm.joints.astype(np.float32),
            "action": arm.actions.astype(np.float32),
        },
        counters={
            "frame_index": steps,
            "episode_index": np.full(num, episode, dtype=np.int64),
            "index": steps + first,
            "task_index": np.full(num, task, dtype=np.int64),
        },
        timestamps=(steps / FRAMES_PER_SECOND).astype(np.float32),
        annotations={
            f"annotation.{key}": [_text(notes[step][key]) for step in range(num)]
            for key in ANNOTATION_KEYS
        },
    )


def _text(value: Any) -> str:
    """JSON text; "" where there is no annotation. Plain words stay plain."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def _video_key(view: str) -> str:
    return f"observation.images.{view}"


def _copy_video(recording: Recording, *, view: str, out: Path, episode: int) -> None:
    chunk, file = divmod(episode, CHUNK_SIZE)
    relative = VIDEO_PATH.format(video_key=_video_key(view), chunk_index=chunk, file_index=file)
    target = out / relative
    source = recording.video(view)
    if target.is_file() and target.stat().st_size == source.stat().st_size:
        return
    with atomic_writer(target) as stream, source.open("rb") as video:
        shutil.copyfileobj(video, stream)


def _episode_row(recording: Recording, *, episode: int, first: int, rows: _Rows) -> dict[str, Any]:
    num = recording.truth.num_frames
    row: dict[str, Any] = {
        "episode_index": episode,
        "tasks": [recording.truth.instruction],
        "length": num,
        "data/chunk_index": 0,
        "data/file_index": 0,
        "dataset_from_index": first,
        "dataset_to_index": first + num,
        "meta/episodes/chunk_index": 0,
        "meta/episodes/file_index": 0,
    }
    chunk, file = divmod(episode, CHUNK_SIZE)
    for view in recording.views:
        row |= {
            f"videos/{_video_key(view)}/chunk_index": chunk,
            f"videos/{_video_key(view)}/file_index": file,
            f"videos/{_video_key(view)}/from_timestamp": 0.0,
            f"videos/{_video_key(view)}/to_timestamp": num / FRAMES_PER_SECOND,
        }
    for name, statistics in _episode_statistics(recording, rows=rows).items():
        row |= {f"stats/{name}/{key}": value for key, value in statistics.items()}
    return row


def _episode_statistics(recording: Recording, *, rows: _Rows) -> dict[str, dict[str, Any]]:
    """Feature -> min, max, mean, std, count; of pictures per channel, shaped (3, 1, 1)."""
    found: dict[str, dict[str, Any]] = {}
    columns: dict[str, NDArray[Any]] = {
        **rows.vectors, "timestamp": rows.timestamps, **rows.counters,
    }  # fmt: skip
    for name, column in columns.items():
        values = column.astype(np.float64).reshape(len(column), -1)
        found[name] = {
            "min": values.min(axis=0).tolist(), "max": values.max(axis=0).tolist(),
            "mean": values.mean(axis=0).tolist(), "std": values.std(axis=0).tolist(),
            "count": [len(values)],
        }  # fmt: skip
    for view in recording.views:
        low, high, mean, deviation = recording.image_statistics(view)
        shaped = {"min": low, "max": high, "mean": mean, "std": deviation}
        found[_video_key(view)] = {
            **{key: value.reshape(3, 1, 1).tolist() for key, value in shaped.items()},
            "count": [recording.truth.num_frames],
        }
    return found


def _merged_statistics(episodes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Statistics of all frames from those of the episodes.

    The variance of the union is the weighted mean of var_i + mean_i^2, less the mean's square.
    """
    names = sorted({key.split("/")[1] for key in episodes[0] if key.startswith("stats/")})
    merged: dict[str, Any] = {}
    for name in names:

        def gather(key: str, name: str = name) -> NDArray[np.float64]:
            return np.array([episode[f"stats/{name}/{key}"] for episode in episodes])

        means, deviations = gather("mean"), gather("std")
        counts = gather("count").reshape(-1, *([1] * (means.ndim - 1)))
        total = counts.sum()
        mean = (means * counts).sum(axis=0) / total
        square = ((deviations**2 + means**2) * counts).sum(axis=0) / total
        merged[name] = {
            "min": gather("min").min(axis=0).tolist(),
            "max": gather("max").max(axis=0).tolist(),
            "mean": mean.tolist(),
            "std": np.sqrt(np.maximum(square - mean**2, 0.0)).tolist(),
            "count": [int(total)],
        }
    return merged


def _write_data(path: Path, *, tables: Sequence[_Rows]) -> None:
    """All frames, one row group per episode."""
    import pyarrow as pa

    library: Any = pa
    pieces: list[Any] = []
    for rows in tables:
        columns: dict[str, Any] = {}
        for name, vector in rows.vectors.items():
            flat = library.array(vector.reshape(-1), library.float32())
            columns[name] = library.FixedSizeListArray.from_arrays(flat, vector.shape[1])
        columns["timestamp"] = library.array(rows.timestamps, library.float32())
        columns |= {n: library.array(c, library.int64()) for n, c in rows.counters.items()}
        columns |= {n: library.array(t, library.string()) for n, t in rows.annotations.items()}
        pieces.append(library.table(columns))
    _write_parquet(path, pieces=pieces)


def _write_tasks(path: Path, *, tasks: Sequence[str]) -> None:
    """Task number by task text, indexed by the text as pandas would write it."""
    import pyarrow as pa

    library: Any = pa
    table = library.table({"task_index": list(range(len(tasks))), "task": list(tasks)})
    pandas_note = {
        "index_columns": ["task"], "column_indexes": [], "pandas_version": "2.2.0",
        "columns": [
            {"name": "task_index", "field_name": "task_index", "pandas_type": "int64",
             "numpy_type": "int64", "metadata": None},
            {"name": "task", "field_name": "task", "pandas_type": "unicode",
             "numpy_type": "object", "metadata": None},
        ],
    }  # fmt: skip
    table = table.replace_schema_metadata({"pandas": json.dumps(pandas_note)})
    _write_parquet(path, pieces=[table])


def _write_episodes(path: Path, *, episodes: Sequence[dict[str, Any]]) -> None:
    import pyarrow as pa

    library: Any = pa
    _write_parquet(path, pieces=[library.Table.from_pylist(list(episodes))])


def _write_parquet(path: Path, *, pieces: Sequence[Any]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    library: Any = pa
    writer_of: Any = parquet.ParquetWriter
    sink = library.BufferOutputStream()
    with writer_of(sink, pieces[0].schema, compression="snappy") as writer:
        for piece in pieces:
            writer.write_table(piece)
    atomic_write_bytes(path, data=sink.getvalue().to_pybytes())


def _info(recordings: Sequence[Recording], *, num_frames: int, num_tasks: int) -> dict[str, Any]:
    first = recordings[0]
    size = first.truth.views[0]
    features: dict[str, Any] = {
        name: {"dtype": "float32", "shape": [len(names)], "names": list(names)}
        for name, names in VECTORS.items()
    }
    for view in first.views:
        features[_video_key(view)] = {
            "dtype": "video", "shape": [size.height, size.width, 3],
            "names": ["height", "width", "channels"],
            "info": {
                "video.height": size.height, "video.width": size.width, "video.codec": "h264",
                "video.pix_fmt": "yuv420p", "video.is_depth_map": False,
                "video.fps": FRAMES_PER_SECOND, "video.channels": 3, "has_audio": False,
            },
        }  # fmt: skip
    features["timestamp"] = {"dtype": "float32", "shape": [1], "names": None}
    features |= {name: {"dtype": "int64", "shape": [1], "names": None} for name in COUNTERS}
    features |= {
        f"annotation.{key}": {"dtype": "string", "shape": [1], "names": None}
        for key in ANNOTATION_KEYS
    }
    return {
        "codebase_version": "v3.0", "robot_type": "franka_panda_2f85",
        "total_episodes": len(recordings), "total_frames": num_frames, "total_tasks": num_tasks,
        "chunks_size": CHUNK_SIZE, "data_files_size_in_mb": 100, "video_files_size_in_mb": 200,
        "fps": FRAMES_PER_SECOND, "splits": {"train": f"0:{len(recordings)}"},
        "data_path": DATA_PATH, "video_path": VIDEO_PATH, "features": features,
    }  # fmt: skip

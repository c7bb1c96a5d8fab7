"""Write a LeRobot 3.0 data set, episode by episode.

    meta/info.json, meta/stats.json, meta/tasks.parquet
    meta/episodes/chunk-000/file-000.parquet
    data/chunk-000/file-000.parquet
    videos/<camera>/chunk-000/file-<episode>.mp4       one file per episode and camera

The layout is that of LeRobot's own writer (huggingface/lerobot, codebase version v3.0), which also
puts several episodes into one video file; a reader finds them by the same columns. `meta/info.json`
is written last: without it there is no data set.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from roboloop.base.errors import MissingDependencyError, Place, RoboLoopError
from roboloop.base.files import atomic_write_json, atomic_writer
from roboloop.records.video import Video
from roboloop.sources.lerobot.layout import CHUNK_SIZE, DATA_PATH, EPISODES_PATH, VIDEO_PATH
from roboloop.sources.lerobot.statistics import FeatureStatistics, joined, statistics_of
from roboloop.sources.lerobot.tables import (
    MAX_DATA_BYTES,
    FilePlace,
    TableFiles,
    numbered,
    place_path,
    write_tasks,
)

COUNTERS = ("frame_index", "episode_index", "index", "task_index")
MAX_VIDEO_MIB = 200
Column = NDArray[Any] | Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeData:
    """An episode to be written.

    Attributes:
        task: What is done, in words.
        columns: Feature -> value for each frame: an array of shape (T,) or (T, D), or T texts.
            Time, numbers of frame, episode and task are added by the writer.
        videos: Camera feature -> a video of exactly the T frames.
        pictures: Camera feature -> statistics of its pictures, where known.
    """

    task: str
    columns: Mapping[str, Column]
    videos: Mapping[str, Path]
    pictures: Mapping[str, FeatureStatistics] = field(default_factory=dict[str, FeatureStatistics])

    @property
    def num_frames(self) -> int:
        """T."""
        return len(next(iter(self.columns.values())))


class VideoFacts(NamedTuple):
    """What `info.json` says of a camera."""

    num_frames: int
    width: int
    height: int
    codec: str
    pixel_format: str


class LerobotWriter:
    """Writes episodes to a folder; a context manager that finishes the data set.

    Args:
        out: Folder of the data set. Everything but videos that are there already is replaced.
        fps: Frames per second.
        robot_type: The robot's name.
        names: Feature -> names of its dimensions.
        max_data_bytes: A table that has reached this many bytes is followed by a new one.
        chunk_size: Files in a chunk.
    """

    def __init__(
        self,
        out: Path,
        *,
        fps: int,
        robot_type: str,
        names: Mapping[str, Sequence[str]] | None = None,
        max_data_bytes: int = MAX_DATA_BYTES,
        chunk_size: int = CHUNK_SIZE,
    ) -> None:
        self._out = out
        self._fps = fps
        self._robot_type = robot_type
        self._names = dict(names or {})
        self._chunk_size = chunk_size
        self._max_data_bytes = max_data_bytes
        self._data = TableFiles(
            out, template=DATA_PATH, max_bytes=max_data_bytes, chunk_size=chunk_size
        )
        self._episodes = TableFiles(out, template=EPISODES_PATH, chunk_size=chunk_size)
        self._tasks: dict[str, int] = {}
        self._features: dict[str, dict[str, Any]] = {}
        self._statistics: dict[str, FeatureStatistics] = {}
        self.num_episodes = 0
        self.num_frames = 0

    def __enter__(self) -> Self:
        (self._out / "meta/info.json").unlink(missing_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._data.close()
        self._episodes.close()
        if error is None:
            self._finish()

    def add(self, episode: EpisodeData) -> None:
        """Append an episode.

        Raises:
            RoboLoopError: E-DAT-004 when its columns or videos are not those of the first episode,
                or not as long as the episode.
        """
        facts = {camera: video_facts(path) for camera, path in episode.videos.items()}
        self._check(episode, facts)
        columns = {**episode.columns, **self._counted(episode)}
        statistics = {
            **{
                name: statistics_of(column)
                for name, column in columns.items()
                if isinstance(column, np.ndarray)
            },
            **episode.pictures,
        }
        row = self._row(episode, statistics=statistics)
        self._data.add(_table(columns))
        self._episodes.add(_rows_table([row]))
        for camera, path in episode.videos.items():
            copy_video(
                path, to=self._out / place_path(VIDEO_PATH, self._video_place, camera=camera)
            )
        for name, found in statistics.items():
            known = self._statistics.get(name)
            self._statistics[name] = found if known is None else joined(known, found)
        self.num_episodes += 1
        self.num_frames += episode.num_frames

    @property
    def _video_place(self) -> FilePlace:
        return numbered(self.num_episodes, chunk_size=self._chunk_size)

    def _counted(self, episode: EpisodeData) -> dict[str, Column]:
        """Time, and the numbers of frame, episode and task."""
        num = episode.num_frames
        steps = np.arange(num, dtype=np.int64)
        task = self._tasks.setdefault(episode.task, len(self._tasks))
        return {
            "timestamp": (steps / self._fps).astype(np.float32),
            "frame_index": steps,
            "episode_index": np.full(num, self.num_episodes, dtype=np.int64),
            "index": steps + self.num_frames,
            "task_index": np.full(num, task, dtype=np.int64),
        }

    def _row(
        self, episode: EpisodeData, *, statistics: Mapping[str, FeatureStatistics]
    ) -> dict[str, Any]:
        """What the list of episodes says; call it right before the tables are added."""
        data, listed = self._data.next_place(), self._episodes.next_place()
        row: dict[str, Any] = {
            "episode_index": self.num_episodes,
            "tasks": [episode.task],
            "length": episode.num_frames,
            "data/chunk_index": data.chunk,
            "data/file_index": data.file,
            "dataset_from_index": self.num_frames,
            "dataset_to_index": self.num_frames + episode.num_frames,
            "meta/episodes/chunk_index": listed.chunk,
            "meta/episodes/file_index": listed.file,
        }
        for camera in episode.videos:
            row |= {
                f"videos/{camera}/chunk_index": self._video_place.chunk,
                f"videos/{camera}/file_index": self._video_place.file,
                f"videos/{camera}/from_timestamp": 0.0,
                f"videos/{camera}/to_timestamp": episode.num_frames / self._fps,
            }
        for name, found in statistics.items():
            row |= {f"stats/{name}/{key}": value for key, value in found.to_json().items()}
        return row

    def _check(self, episode: EpisodeData, facts: Mapping[str, VideoFacts]) -> None:
        num = episode.num_frames
        lengths = {name: len(column) for name, column in episode.columns.items()}
        lengths |= {camera: fact.num_frames for camera, fact in facts.items()}
        if wrong := {name: length for name, length in lengths.items() if length != num}:
            raise RoboLoopError("E-DAT-004", f"of an episode of {num} frames there are {wrong}")
        features = {
            **{name: self._column_feature(name, c) for name, c in episode.columns.items()},
            **{camera: self._video_feature(fact) for camera, fact in facts.items()},
        }
        if not self._features:
            self._features = features
        elif features != self._features:
            detail = f"{features}, of earlier episodes {self._features}"
            raise RoboLoopError("E-DAT-004", f"its features are {detail}")

    def _column_feature(self, name: str, column: Column) -> dict[str, Any]:
        if not isinstance(column, np.ndarray):
            return {"dtype": "string", "shape": [1], "names": None}
        shape = list(column.shape[1:]) or [1]
        names = self._names.get(name)
        return {
            "dtype": str(column.dtype),
            "shape": shape,
            "names": None if names is None else list(names),
        }

    def _video_feature(self, facts: VideoFacts) -> dict[str, Any]:
        return {
            "dtype": "video", "shape": [facts.height, facts.width, 3],
            "names": ["height", "width", "channels"],
            "info": {
                "video.height": facts.height, "video.width": facts.width,
                "video.codec": facts.codec, "video.pix_fmt": facts.pixel_format,
                "video.is_depth_map": False, "video.fps": self._fps, "video.channels": 3,
                "has_audio": False,
            },
        }  # fmt: skip

    def _finish(self) -> None:
        write_tasks(self._out / "meta/tasks.parquet", tasks=list(self._tasks))
        statistics = {name: found.to_json() for name, found in sorted(self._statistics.items())}
        atomic_write_json(self._out / "meta/stats.json", value=statistics)
        counted = {
            "timestamp": {"dtype": "float32", "shape": [1], "names": None},
            **{name: {"dtype": "int64", "shape": [1], "names": None} for name in COUNTERS},
        }
        info = {
            "codebase_version": "v3.0", "robot_type": self._robot_type,
            "total_episodes": self.num_episodes, "total_frames": self.num_frames,
            "total_tasks": len(self._tasks), "chunks_size": self._chunk_size,
            "data_files_size_in_mb": max(1, self._max_data_bytes // 2**20),
            "video_files_size_in_mb": MAX_VIDEO_MIB, "fps": self._fps,
            "splits": {"train": f"0:{self.num_episodes}"},
            "data_path": DATA_PATH, "video_path": VIDEO_PATH,
            "features": {**self._features, **counted},
        }  # fmt: skip
        atomic_write_json(self._out / "meta/info.json", value=info)


def video_facts(path: Path) -> VideoFacts:
    """What a video file is like.

    Raises:
        RoboLoopError: E-MED-008 when it cannot be opened; E-ENV-001 without av.
    """
    try:
        import av
    except ImportError:
        raise MissingDependencyError("av", purpose="reading video", extra="media") from None
    try:
        video = Video(path)
    except RoboLoopError as error:
        raise error.located(Place(path)) from error
    try:
        num_frames = video.num_frames
    finally:
        video.close()
    library: Any = av
    with library.open(str(path)) as container:
        codec = container.streams.video[0].codec_context
        name = codec.codec.canonical_name
        return VideoFacts(num_frames, codec.width, codec.height, name, codec.pix_fmt or "")


def copy_video(path: Path, *, to: Path) -> None:
    """Copy a file, unless one of its size is there already."""
    if to.is_file() and to.stat().st_size == path.stat().st_size:
        return
    with atomic_writer(to) as stream, path.open("rb") as video:
        shutil.copyfileobj(video, stream)


def _table(columns: Mapping[str, Column]) -> Any:
    """The frames of an episode; vectors are lists of fixed length."""
    import pyarrow as pa

    library: Any = pa
    arrays: dict[str, Any] = {}
    for name, column in columns.items():
        if isinstance(column, np.ndarray) and column.ndim > 1:
            flat = library.array(np.ascontiguousarray(column).reshape(-1))
            arrays[name] = library.FixedSizeListArray.from_arrays(flat, column.shape[1])
        elif isinstance(column, np.ndarray):
            arrays[name] = library.array(column)
        else:
            arrays[name] = library.array(list(column), library.string())
    return library.table(arrays)


def _rows_table(rows: Sequence[Mapping[str, Any]]) -> Any:
    import pyarrow as pa

    library: Any = pa
    return library.Table.from_pylist(list(rows))

"""Merge LeRobot 3.0 data sets into a new one. Nothing is encoded anew, nothing is overwritten.

Every file of an input gets a number of its own in the output, so times within videos stay as they
are. Each offset (episodes, frames) is added once, to the rows and to the list of episodes alike.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.files import atomic_write_json, path_below
from roboloop.sources.json_files import read_json_object
from roboloop.sources.lerobot.episodes import (
    EPISODES_FOLDER,
    SUBTASKS_FILE,
    TASKS_FILE,
    read_table,
    read_texts,
)
from roboloop.sources.lerobot.layout import (
    DATA_PATH,
    EPISODES_PATH,
    INFO_FILE,
    VIDEO_PATH,
    LerobotInfo,
    read_info,
)
from roboloop.sources.lerobot.statistics import (
    FeatureStatistics,
    joined,
    statistics_from_json,
    statistics_of,
)
from roboloop.sources.lerobot.tables import (
    FilePlace,
    TableFiles,
    numbered,
    place_path,
    write_tasks,
)
from roboloop.sources.lerobot.write import COUNTERS, copy_video

STATISTICS_FILE = "meta/stats.json"


class Merged(NamedTuple):
    """What the merged data set has."""

    num_episodes: int
    num_frames: int
    num_tasks: int


class _Input(NamedTuple):
    """One of the data sets."""

    info: LerobotInfo
    description: Mapping[str, Any]
    episodes: list[dict[str, Any]]
    tasks: Mapping[int, str]


def merge_lerobot(inputs: Sequence[Path], *, out: Path) -> Merged:
    """Write the episodes of all inputs, in their order, to the new folder `out`.

    Inputs must have the same features, frame rate and robot, and no splits but `train`.

    Raises:
        RoboLoopError: E-DAT-001 or E-DAT-002 when an input cannot be read or does not go with the
            first, E-CFG-003 when `out` is not empty, E-MED-008 for a damaged table.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RoboLoopError(
            "E-CFG-003", "it is not an empty folder", place=Place(out), fix="Name a new folder."
        )
    sets = [_read_input(folder) for folder in inputs]
    if not sets:
        raise RoboLoopError("E-CFG-003", "there is nothing to merge")
    for other in sets[1:]:
        _check_alike(sets[0], other)
    merge = _Merge(out)
    for each in sets:
        merge.take(each)
    return merge.finish(sets)


def _read_input(folder: Path) -> _Input:
    info = read_info(folder)
    place = Place(folder / INFO_FILE)
    if info.version[0] != 3:
        raise RoboLoopError(
            "E-DAT-002", "only data sets of version 3.0 can be merged", place=place,
            fix="Convert it with LeRobot's own converter first.",
        )  # fmt: skip
    if {given.split for given in info.splits} - {"train"}:
        raise RoboLoopError(
            "E-DAT-002", "it has splits other than train, which a merged set cannot keep",
            place=place, fix="Merge the splits into data sets of their own.",
        )  # fmt: skip
    if (folder / SUBTASKS_FILE).is_file():
        raise RoboLoopError("E-DAT-002", "sub-tasks cannot be merged", place=place)
    files = sorted((folder / EPISODES_FOLDER).glob("*/*.parquet"))
    rows = [row for file in files for row in cast("list[Any]", read_table(file).to_pylist())]
    rows.sort(key=lambda row: int(row["episode_index"]))
    tasks = read_texts(folder / TASKS_FILE, number="task_index")
    return _Input(info, read_json_object(folder / INFO_FILE), rows, tasks)


def _check_alike(first: _Input, other: _Input) -> None:
    for key in ("fps", "robot_type"):
        if first.description.get(key) != other.description.get(key):
            detail = f"{key} is {other.description.get(key)!r}, not {first.description.get(key)!r}"
            raise RoboLoopError("E-DAT-002", detail, place=Place(other.info.folder / INFO_FILE))
    ours, theirs = _shapes(first), _shapes(other)
    if ours != theirs:
        names = sorted(n for n in {*ours, *theirs} if ours.get(n) != theirs.get(n))
        raise RoboLoopError(
            "E-DAT-002", f"its features differ from those of {first.info.folder}: {names}",
            place=Place(other.info.folder / INFO_FILE),
        )  # fmt: skip


def _shapes(given: _Input) -> dict[str, tuple[str, tuple[int, ...]]]:
    features = cast("Mapping[str, Any]", given.description["features"])
    return {name: (str(f["dtype"]), tuple(f["shape"])) for name, f in features.items()}


class _Merge:
    """The state of a merge: what is written so far."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._tasks: dict[str, int] = {}
        self._num_episodes = 0
        self._num_frames = 0
        self._num_data_files = 0
        self._num_videos: dict[str, int] = {}
        self._rows: list[dict[str, Any]] = []
        self._statistics: dict[str, FeatureStatistics] = {}

    def take(self, given: _Input) -> None:
        """Append all episodes of one input."""
        info = given.info
        for text in (given.tasks[index] for index in sorted(given.tasks)):
            self._tasks.setdefault(text, len(self._tasks))
        renumbered = {index: self._tasks[text] for index, text in given.tasks.items()}
        data, counters = self._data_files(given, tasks=renumbered)
        videos = {
            camera: self._video_files(given, camera=camera)
            for camera in info.cameras
            if info.features[camera] == "video"
        }
        for row in given.episodes:
            self._rows.append(self._row(row, data=data, videos=videos, counters=counters))
        for name, value in read_json_object(info.folder / STATISTICS_FILE).items():
            found, known = statistics_from_json(value), self._statistics.get(name)
            self._statistics[name] = found if known is None else joined(known, found)
        self._num_episodes += len(given.episodes)
        self._num_frames += sum(int(row["length"]) for row in given.episodes)

    def finish(self, sets: Sequence[_Input]) -> Merged:
        """Write the lists and, last of all, the description."""
        self._write_rows()
        write_tasks(self._out / TASKS_FILE, tasks=list(self._tasks))
        self._statistics |= _counter_statistics(self._rows)
        statistics = {name: found.to_json() for name, found in sorted(self._statistics.items())}
        atomic_write_json(self._out / STATISTICS_FILE, value=statistics)
        description = {
            **sets[0].description,
            "total_episodes": self._num_episodes,
            "total_frames": self._num_frames,
            "total_tasks": len(self._tasks),
            "splits": {"train": f"0:{self._num_episodes}"},
            "data_path": DATA_PATH,
            "video_path": VIDEO_PATH,
        }
        atomic_write_json(self._out / INFO_FILE, value=description)
        return Merged(self._num_episodes, self._num_frames, len(self._tasks))

    def _data_files(
        self, given: _Input, *, tasks: Mapping[int, int]
    ) -> tuple[dict[FilePlace, FilePlace], dict[int, dict[str, FeatureStatistics]]]:
        """Copy the tables with new numbers in them.

        Returns:
            Old place -> new place, and old episode -> statistics of its new numbers.
        """
        moved: dict[FilePlace, FilePlace] = {}
        counters: dict[int, dict[str, FeatureStatistics]] = {}
        for old in _places(given.episodes, prefix="data"):
            new = numbered(self._num_data_files, chunk_size=given.info.chunk_size)
            file = path_below(given.info.folder, relative=place_path(given.info.data_path, old))
            table = self._renumbered(read_table(file), tasks=tasks, file=file)
            numbers = {name: table[name].to_numpy() for name in COUNTERS}
            for episode in np.unique(numbers["episode_index"]):
                mine = numbers["episode_index"] == episode
                counters[int(episode) - self._num_episodes] = {
                    name: statistics_of(values[mine]) for name, values in numbers.items()
                }
            target = TableFiles(self._out, template=place_path(DATA_PATH, new))
            for piece in _by_episode(table):
                target.add(piece)
            target.close()
            moved[old] = new
            self._num_data_files += 1
        return moved, counters

    def _renumbered(self, table: Any, *, tasks: Mapping[int, int], file: Path) -> Any:
        import pyarrow as pa

        library: Any = pa
        try:
            changed = {
                "episode_index": table["episode_index"].to_numpy() + self._num_episodes,
                "index": table["index"].to_numpy() + self._num_frames,
                "task_index": np.array([tasks[n] for n in table["task_index"].to_pylist()]),
            }
        except KeyError as error:
            raise RoboLoopError(
                "E-DAT-002", f"it has no column or task {error}", place=Place(file)
            ) from error
        for name, values in changed.items():
            column = library.array(values.astype(np.int64))
            table = table.set_column(table.column_names.index(name), name, column)
        return table

    def _video_files(self, given: _Input, *, camera: str) -> dict[FilePlace, FilePlace]:
        """Copy a camera's videos; old place -> new place."""
        moved: dict[FilePlace, FilePlace] = {}
        for old in _places(given.episodes, prefix=f"videos/{camera}"):
            number = self._num_videos.get(camera, 0)
            new = numbered(number, chunk_size=given.info.chunk_size)
            relative = place_path(given.info.video_path, old, camera=camera)
            target = self._out / place_path(VIDEO_PATH, new, camera=camera)
            copy_video(path_below(given.info.folder, relative=relative), to=target)
            moved[old] = new
            self._num_videos[camera] = number + 1
        return moved

    def _row(
        self,
        row: Mapping[str, Any],
        *,
        data: Mapping[FilePlace, FilePlace],
        videos: Mapping[str, Mapping[FilePlace, FilePlace]],
        counters: Mapping[int, Mapping[str, FeatureStatistics]],
    ) -> dict[str, Any]:
        """An episode's row with its new numbers and places."""
        changed = dict(row)
        changed |= _moved(row, prefix="data", places=data)
        for camera, places in videos.items():
            if row.get(f"videos/{camera}/file_index") is not None:
                changed |= _moved(row, prefix=f"videos/{camera}", places=places)
        for name, found in counters[int(row["episode_index"])].items():
            changed = {k: v for k, v in changed.items() if not k.startswith(f"stats/{name}/")}
            changed |= {f"stats/{name}/{key}": value for key, value in found.to_json().items()}
        changed["episode_index"] = int(row["episode_index"]) + self._num_episodes
        for end in ("dataset_from_index", "dataset_to_index"):
            changed[end] = int(row[end]) + self._num_frames
        return changed

    def _write_rows(self) -> None:
        import pyarrow as pa

        library: Any = pa
        target = TableFiles(self._out, template=EPISODES_PATH)
        columns = sorted({name for row in self._rows for name in row})
        rows = [
            {**dict.fromkeys(columns), **row, "meta/episodes/chunk_index": 0,
             "meta/episodes/file_index": 0}
            for row in self._rows
        ]  # fmt: skip
        target.add(library.Table.from_pylist(rows))
        target.close()


def _places(episodes: Sequence[Mapping[str, Any]], *, prefix: str) -> list[FilePlace]:
    """The files that the rows speak of, in their order."""
    found = {
        FilePlace(int(row[f"{prefix}/chunk_index"]), int(row[f"{prefix}/file_index"]))
        for row in episodes
        if row.get(f"{prefix}/file_index") is not None
    }
    return sorted(found)


def _moved(
    row: Mapping[str, Any], *, prefix: str, places: Mapping[FilePlace, FilePlace]
) -> dict[str, int]:
    chunk, file = f"{prefix}/chunk_index", f"{prefix}/file_index"
    new = places[FilePlace(int(row[chunk]), int(row[file]))]
    return {chunk: new.chunk, file: new.file}


def _by_episode(table: Any) -> list[Any]:
    """The table cut where the episode changes, so that each is a row group of its own."""
    episodes = table["episode_index"].to_numpy()
    cuts = [0, *(np.flatnonzero(np.diff(episodes)) + 1).tolist(), len(episodes)]
    return [table.slice(a, b - a) for a, b in itertools.pairwise(cuts)]


def _counter_statistics(rows: Sequence[Mapping[str, Any]]) -> dict[str, FeatureStatistics]:
    """Of the columns whose numbers have changed, from those of the episodes."""
    found: dict[str, FeatureStatistics] = {}
    for name in COUNTERS:
        for row in rows:
            parts = {
                key: row[f"stats/{name}/{key}"] for key in ("min", "max", "mean", "std", "count")
            }
            one = statistics_from_json(parts)
            found[name] = joined(found[name], one) if name in found else one
    return found

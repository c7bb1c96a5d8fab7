"""lerobot: robot episodes as LeRobot 2.0, 2.1 and 3.0 keeps them, Parquet and video, as records."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.files import path_below
from roboloop.base.hashing import hash_file, hash_value
from roboloop.records.jsonl import Broken
from roboloop.records.media import Media, ParquetPicture, VideoFrame
from roboloop.records.media_open import MediaStore
from roboloop.records.record import Record
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.episode_questions import (
    RobotEpisode,
    Words,
    distinct,
    evenly_spread,
    words_of,
)
from roboloop.sources.file_lists import folder_print
from roboloop.sources.lerobot.episodes import (
    ListedEpisode,
    Tasks,
    VideoPart,
    list_episodes,
    read_subtasks,
    read_table,
    read_tasks,
)
from roboloop.sources.lerobot.layout import INFO_FILE, LerobotInfo, camera_name, read_info
from roboloop.sources.robot_episodes import RobotEpisodesSource

MAX_POOL_FILES = 64
WORD_COLUMNS = ("episode_index", "task_index", "subtask_index")


class EpisodesPart(NamedTuple):
    """Episodes that share a table, and what else is done in the data set."""

    episodes: tuple[ListedEpisode, ...]
    other_tasks: tuple[str, ...]


class FaultyPart(NamedTuple):
    """Something listed that is not there."""

    error: RoboLoopError


class ListedWords(NamedTuple):
    """The words that the numbers in the tables stand for."""

    tasks: Tasks
    subtasks: Mapping[int, str]


class LerobotSource(RobotEpisodesSource):
    """Robot episodes in a folder that LeRobot wrote."""

    kind: Literal["lerobot"] = "lerobot"  # pyright: ignore[reportIncompatibleVariableOverride]
    episodes: tuple[int, ...] | None = None
    """Read only the episodes of these numbers; left out: all."""

    @cached_property
    def info(self) -> LerobotInfo:
        """What the data set says of itself."""
        return read_info(self.path)

    @cached_property
    def words(self) -> ListedWords:
        """The words of its tasks and sub-tasks."""
        return ListedWords(read_tasks(self.info), read_subtasks(self.info))

    def parts(self, context: SourceContext) -> Iterator[EpisodesPart | FaultyPart]:
        """What the lists cannot give, then the episodes, table by table.

        Raises:
            RoboLoopError: E-DAT-001 or E-DAT-002 when it is no LeRobot data set.
        """
        del context
        info = self.info
        listed = list(self._chosen(info))
        found = [each for each in listed if isinstance(each, ListedEpisode)]
        yield from (FaultyPart(item.error) for item in self.words.tasks.broken)
        yield from (FaultyPart(item.error) for item in listed if isinstance(item, Broken))
        absent = list(_absent_cameras(info, found))
        for camera in absent:
            detail = f"camera {camera_name(camera)} is described but has no video"
            yield FaultyPart(RoboLoopError("E-MED-001", detail, place=Place(self.path / INFO_FILE)))
        others = tuple(_tasks_done(info, found, texts=self.words.tasks.texts))
        for _, group in itertools.groupby(found, key=lambda episode: episode.data_file):
            episodes = tuple(_without(episode, cameras=absent) for episode in group)
            yield EpisodesPart(episodes, others)

    def read_part(
        self, part: EpisodesPart | FaultyPart, context: SourceContext
    ) -> Iterator[Record | Rejected]:
        """The records of some episodes."""
        if isinstance(part, FaultyPart):
            yield Rejected(part.error, None)
            return
        info = self.info
        path = path_below(self.path, relative=part.episodes[0].data_file)
        columns = _Columns(path, words=self.words)
        for listed in part.episodes:
            for item in self._episode(listed, columns=columns, info=info):
                if isinstance(item, Rejected):
                    yield item
                else:
                    yield from self.episode_records(
                        item, other_tasks=part.other_tasks, context=context
                    )

    def fingerprint(self) -> str:
        """Hash of the options, the description, and the names and sizes of all files."""
        described = hash_file(self.path / INFO_FILE)
        return hash_value([self.model_dump(mode="json"), described, folder_print(self.path)])

    def _chosen(self, info: LerobotInfo) -> Iterator[ListedEpisode | Broken]:
        """The episodes asked for, and every broken line."""
        num_chosen = 0
        for item in list_episodes(info):
            if isinstance(item, ListedEpisode):
                if self.episodes is not None and item.number not in self.episodes:
                    continue
                if num_chosen == self.max_episodes:
                    return
                num_chosen += 1
            yield item

    def _episode(
        self, listed: ListedEpisode, *, columns: _Columns, info: LerobotInfo
    ) -> Iterator[RobotEpisode | Rejected]:
        """The episode with the cameras that can be used, after what is wrong with the others."""
        key = f"episode_{listed.number:06d}"
        try:
            rows = columns.rows_of(listed)
            words = columns.words(rows)
        except RoboLoopError as error:
            yield self._rejected_episode(error, record_id=f"{self.name}/{key}", listed=listed)
            return
        cameras: dict[str, Sequence[Media]] = {}
        store = MediaStore(self.media_roots())
        for feature in info.cameras:
            try:
                frames = self._frames(feature, listed=listed, rows=rows, info=info, store=store)
            except RoboLoopError as error:
                record_id = f"{self.name}/{key}/{camera_name(feature)}"
                yield self._rejected_episode(error, record_id=record_id, listed=listed)
                continue
            if frames:
                cameras[camera_name(feature)] = frames
        yield RobotEpisode(
            key=key,
            origin=listed.origin,
            num_frames=listed.num_frames,
            cameras=cameras,
            instructions=(words.instruction,) if words.instruction else (),
            steps=words.steps,
            split=info.split_of(listed.number),
            meta={"fps": info.fps},
        )

    def _frames(
        self,
        feature: str,
        *,
        listed: ListedEpisode,
        rows: range,
        info: LerobotInfo,
        store: MediaStore,
    ) -> tuple[Media, ...]:
        """One medium for each frame of the episode; none where the camera has nothing of it."""
        if info.features[feature] == "image":
            path = f"{self.name}:{listed.data_file}"
            return tuple(ParquetPicture(path=path, column=feature, row=row) for row in rows)
        video = listed.videos.get(feature)
        if video is None:
            return ()
        path = f"{self.name}:{video.file}"
        first = _first_frame(store, path, video=video, num_frames=len(rows), fps=info.fps)
        return tuple(VideoFrame(path=path, frame=first + number) for number in range(len(rows)))

    def _rejected_episode(
        self, error: RoboLoopError, *, record_id: str, listed: ListedEpisode
    ) -> Rejected:
        return Rejected(error.located(Place(listed.origin, record_id=record_id)), record_id)


class _Columns:
    """The words in a table of frames. A table that cannot be read says so for each episode."""

    def __init__(self, file: Path, *, words: ListedWords) -> None:
        self._file = file
        self._words = words
        self._columns: Mapping[str, Any] = {}
        self._num_rows = 0
        self._error: RoboLoopError | None = None
        try:
            table = read_table(self._file, columns=WORD_COLUMNS)
        except RoboLoopError as error:
            self._error = error
        else:
            self._num_rows = table.num_rows
            self._columns = {name: table[name].to_numpy() for name in table.column_names}

    def rows_of(self, listed: ListedEpisode) -> range:
        """The rows of the episode in its table, which must be as many as listed and neighbours.

        Raises:
            RoboLoopError: E-DAT-001 or E-MED-008 when there is no table, E-DAT-004 when its rows
                are not those listed.
        """
        if self._error is not None:
            raise self._error
        rows = np.arange(self._num_rows)
        if "episode_index" in self._columns:
            rows = np.flatnonzero(self._columns["episode_index"] == listed.number)
        if len(rows) != listed.num_frames or len(rows) == 0:
            raise RoboLoopError(
                "E-DAT-004", f"{self._file.name} has {len(rows)} of its {listed.num_frames} frames"
            )
        if rows[-1] - rows[0] != len(rows) - 1:
            raise RoboLoopError("E-DAT-004", f"its frames are scattered in {self._file.name}")
        return range(int(rows[0]), int(rows[-1]) + 1)

    def words(self, rows: range) -> Words:
        """The instruction, and the steps where the task or the sub-task changes.

        Raises:
            RoboLoopError: E-DAT-004 for a task that the list does not have.
        """
        tasks = words_of(self._texts("task_index", rows, texts=self._words.tasks.texts))
        if "subtask_index" not in self._columns or not self._words.subtasks:
            return tasks
        parts = words_of(self._texts("subtask_index", rows, texts=self._words.subtasks))
        return Words(tasks.instruction, parts.steps or tasks.steps)

    def _texts(self, column: str, rows: range, *, texts: Mapping[int, str]) -> list[str]:
        """The words of each frame; numbers below zero stand for none."""
        if column not in self._columns:
            return []
        numbers = self._columns[column][rows.start : rows.stop].tolist()
        if unknown := sorted({n for n in numbers if n not in texts and not n < 0}, key=str):
            raise RoboLoopError("E-DAT-004", f"{column} {unknown[0]} has no words")
        return [texts.get(number, "") for number in numbers]


def _first_frame(
    store: MediaStore, path: str, *, video: VideoPart, num_frames: int, fps: float
) -> int:
    """The number, in the video file, of the episode's first frame.

    Checked against the video: it must have all frames, and show the first and the last of them
    when the data set says.

    Raises:
        RoboLoopError: E-MED-* when the video cannot be read or is too short, E-DAT-004 when its
            frames are not at the data set's rate.
    """
    first = round(video.from_seconds * fps)
    last = first + num_frames - 1
    for number in (first, last):
        expected = video.from_seconds + (number - first) / fps
        shown = store.frame_seconds(path, frame=number)
        if abs(shown - expected) > 1 / fps:
            raise RoboLoopError(
                "E-DAT-004",
                f"{path} shows frame {number} at {shown:.3f} s, not at {expected:.3f} s",
                fix="The video's frame rate is not that of the data set; make it anew.",
            )
    return first


def _absent_cameras(info: LerobotInfo, episodes: Sequence[ListedEpisode]) -> Iterator[str]:
    """Cameras that are described but of which no listed episode has a video."""
    for camera in info.cameras:
        files = (episode.videos[camera].file for episode in episodes if camera in episode.videos)
        is_there = any(path_below(info.folder, relative=file).is_file() for file in files)
        if info.features[camera] == "video" and not is_there:
            yield camera


def _without(episode: ListedEpisode, *, cameras: Sequence[str]) -> ListedEpisode:
    videos = {camera: part for camera, part in episode.videos.items() if camera not in cameras}
    return episode._replace(videos=videos)


def _tasks_done(
    info: LerobotInfo, episodes: Sequence[ListedEpisode], *, texts: Mapping[int, str]
) -> list[str]:
    """The tasks of some tables, evenly spread: enough for wrong options.

    Not those of the data set's list: some lists hold other labels as well, such as `valid`.
    """
    files = list(dict.fromkeys(episode.data_file for episode in episodes))
    met: set[int] = set()
    for number in evenly_spread(len(files), num_wanted=MAX_POOL_FILES):
        try:
            table = read_table(
                path_below(info.folder, relative=files[number]), columns=["task_index"]
            )
        except RoboLoopError:
            continue  # the episodes of this table say what is wrong with it
        for column in table.columns:
            met.update(column.unique().to_pylist())
    return distinct([texts[index] for index in sorted(met & texts.keys())])


__all__ = ["LerobotSource"]

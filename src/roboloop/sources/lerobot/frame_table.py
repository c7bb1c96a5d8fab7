"""The tables of frames: which rows are an episode's, and what their columns say.

And its videos: which of a file's frames are an episode's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from roboloop.base.errors import RoboLoopError
from roboloop.base.files import path_below
from roboloop.records.media_open import MediaStore
from roboloop.sources.episode_questions import Words, distinct, evenly_spread, words_of
from roboloop.sources.lerobot.annotated import Annotation, annotation_of
from roboloop.sources.lerobot.episodes import ListedEpisode, Tasks, VideoPart, read_table
from roboloop.sources.lerobot.layout import LerobotInfo
from roboloop.sources.robointer_annotation.files import Quality

MAX_POOL_FILES = 64
WORD_COLUMNS = ("episode_index", "task_index", "subtask_index")


class ListedWords(NamedTuple):
    """The words that the numbers in the tables stand for."""

    tasks: Tasks
    subtasks: Mapping[int, str]


class FrameTable:
    """The words in a table of frames. A table that cannot be read says so for each episode."""

    def __init__(self, file: Path, *, words: ListedWords, text_columns: Sequence[str] = ()) -> None:
        self._file = file
        self._words = words
        self._columns: Mapping[str, Any] = {}
        self._texts_of: Mapping[str, Any] = {}
        self._num_rows = 0
        self._error: RoboLoopError | None = None
        try:
            table = read_table(self._file, columns=(*WORD_COLUMNS, *text_columns))
        except RoboLoopError as error:
            self._error = error
        else:
            self._num_rows = table.num_rows
            self._columns = {
                name: table[name].to_numpy()
                for name in table.column_names
                if name not in text_columns
            }
            self._texts_of = {
                name: table[name] for name in text_columns if name in table.column_names
            }

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

    def annotation(self, rows: range, *, lowest: Quality | None) -> Annotation:
        """What the annotation columns say of the episode; nothing where there are none."""
        cut = {
            name: column.slice(rows.start, len(rows)).to_pylist()
            for name, column in self._texts_of.items()
        }
        return annotation_of(cut, lowest=lowest)

    def _texts(self, column: str, rows: range, *, texts: Mapping[int, str]) -> list[str]:
        """The words of each frame; numbers below zero stand for none."""
        if column not in self._columns:
            return []
        numbers = self._columns[column][rows.start : rows.stop].tolist()
        if unknown := sorted({n for n in numbers if n not in texts and not n < 0}, key=str):
            raise RoboLoopError("E-DAT-004", f"{column} {unknown[0]} has no words")
        return [texts.get(number, "") for number in numbers]


def first_frame(
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


def absent_cameras(info: LerobotInfo, episodes: Sequence[ListedEpisode]) -> Iterator[str]:
    """Cameras that are described but of which no listed episode has a video."""
    for camera in info.cameras:
        files = (episode.videos[camera].file for episode in episodes if camera in episode.videos)
        is_there = any(path_below(info.folder, relative=file).is_file() for file in files)
        if info.features[camera] == "video" and not is_there:
            yield camera


def tasks_done(
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

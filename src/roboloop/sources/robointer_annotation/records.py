"""robointer_annotation: RoboInter's per-frame annotation and its episodes, as records.

An episode is read at a time: its annotation, then the pictures of the frames that were drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.hashing import hash_value
from roboloop.records.record import Record
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.data_set import DataSetSource
from roboloop.sources.file_lists import folder_print
from roboloop.sources.robointer_annotation.episode_reader import ALL_TASKS, EpisodeReader
from roboloop.sources.robointer_annotation.files import (
    RANGES_NAME,
    SHEET_NAMES,
    Quality,
    SheetRow,
    episode_keys,
    find_file,
    find_store,
    read_ranges,
    read_sheet,
    store_print,
)
from roboloop.sources.robointer_annotation.notes import GapPolicy, Quote
from roboloop.sources.robointer_annotation.planning import PLAN_QUESTIONS
from roboloop.sources.robointer_annotation.texts import TextPool, gather_texts


class RobointerAnnotationSource(DataSetSource):
    """RoboInter's annotation of every frame, with the episodes' pictures in LMDB or video."""

    kind: Literal["robointer_annotation"] = "robointer_annotation"  # pyright: ignore[reportIncompatibleVariableOverride]
    annotations: str | None = None
    """The annotation's folder below `path`: an LMDB store, or one pickle for each episode;
    `annotation_lmdb`, or the only LMDB store there, when left out."""
    episodes: str = ""
    """The folder of the episodes below `path`."""
    video: str | None = None
    """Where the frames are videos: their path below `path`, such as `videos/{episode}.mp4`."""
    quality_sheet: str | None = None
    """Found by its published name when left out; used for `min_quality` and idle frames."""
    idle_ranges: str | None = None
    """Found as `range_nop.json` when left out."""
    tasks: tuple[str, ...] | None = None
    """Which tasks to ask; all when left out."""
    questions: tuple[str, ...] | None = None
    """Which of the sixteen planning questions to ask; all when left out."""
    split: str = Field("train", pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")
    val_fraction: float = Field(0.0, ge=0, lt=1)
    """Share of the recordings whose records are of split `val`: all views of one go together, and
    which they are depends on their names alone."""
    min_quality: Quality | None = None
    """Believe only fields that the quality sheet calls so, or better."""
    trim_idle: bool = True
    """Leave out the frames before and after the range in which the robot moves, if it is known."""
    gap_frames: GapPolicy = "skip"
    """Frames between two clips: left out, or counted to the nearest clip."""
    quote: Quote = "subtask"
    """Whose words questions about a frame quote; the other's where there are none."""
    frames_per_clip: int | None = Field(3, ge=1)
    """Frames drawn of each clip; all when null."""
    max_drawn_per_episode: int = Field(1, ge=0)
    """Drawn questions of one task in one episode; each makes a picture."""
    scenes: bool = False
    """Keep what is noted of each frame in `meta.scene`, for composers `reason` and `planner`."""

    @field_validator("tasks")
    @classmethod
    def _known_tasks(cls, tasks: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return _known(tasks, table=ALL_TASKS, what="task")

    @field_validator("questions")
    @classmethod
    def _known_questions(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return _known(names, table=tuple(PLAN_QUESTIONS), what="planning question")

    @property
    def asked(self) -> tuple[str, ...]:
        """The tasks to ask, in their own order."""
        return tuple(task for task in ALL_TASKS if self.tasks is None or task in self.tasks)

    @cached_property
    def store(self) -> Path:
        """The file of the annotation store, or the folder of pickles."""
        return find_store(self.path, name=self.annotations)

    def fingerprint(self) -> str:
        """Hash of the configuration, the annotation store, and the names and sizes of all files."""
        settings = self.model_dump(mode="json", exclude={"path"})
        return hash_value([settings, store_print(self.store), folder_print(self.path)])

    def parts(self, context: SourceContext) -> Iterator[bytes]:
        """The keys of the annotated episodes.

        Raises:
            RoboLoopError: E-DAT-001 or E-DAT-002 when a file is missing or unclear, E-MED-003 or
                E-MED-008 when the store is damaged, E-ENV-001 without lmdb.
        """
        del context
        if self.min_quality is not None and self._sheet_file() is None:
            raise RoboLoopError(
                "E-DAT-001", "there is no quality sheet", place=Place(self.path),
                fix="Name it in `quality_sheet`, or leave out `min_quality`.",
            )  # fmt: skip
        self.range_of("")  # what is wrong with these files concerns all episodes
        self.sheet_row("")
        yield from episode_keys(self.store)

    def read_part(self, part: bytes, context: SourceContext) -> Iterator[Record | Rejected]:
        """The records of one episode."""
        yield from EpisodeReader(self, context=context).read(part)

    def range_of(self, episode: str) -> tuple[int, int] | None:
        """First and last frame to use of an episode; None for all."""
        if not self.trim_idle:
            return None
        ranges = find_file(self.path, name=self.idle_ranges, usual=(RANGES_NAME,))
        if ranges is not None:
            found = read_ranges(ranges, ranges.stat().st_mtime_ns).get(episode)
            if found is not None:
                return found
        row = self.sheet_row(episode)
        return None if row is None else row.kept

    def sheet_row(self, episode: str) -> SheetRow | None:
        """What the quality sheet says of an episode."""
        sheet = self._sheet_file()
        return None if sheet is None else read_sheet(sheet, sheet.stat().st_mtime_ns).get(episode)

    def _sheet_file(self) -> Path | None:
        return find_file(self.path, name=self.quality_sheet, usual=SHEET_NAMES)

    @cached_property
    def pool(self) -> TextPool:
        """Words of the data set's episodes, for wrong options."""
        return gather_texts(self.store, keys=episode_keys(self.store))


def _known(
    given: tuple[str, ...] | None, *, table: tuple[str, ...], what: str
) -> tuple[str, ...] | None:
    for name in given or ():
        if name not in table:
            raise ValueError(f"no {what} {name!r}; there are {', '.join(table)}")
    return given

"""lerobot: robot episodes as LeRobot 2.0, 2.1 and 3.0 keeps them, Parquet and video, as records."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Literal, NamedTuple

from pydantic import Field

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
)
from roboloop.sources.file_lists import folder_print
from roboloop.sources.lerobot.annotated import (
    FRAME_TASKS,
    FrameAsking,
    FrameQuestions,
    with_words,
)
from roboloop.sources.lerobot.annotation_text import PREFIX, QUALITY_PREFIX
from roboloop.sources.lerobot.episodes import (
    ListedEpisode,
    list_episodes,
    read_subtasks,
    read_tasks,
)
from roboloop.sources.lerobot.frame_table import (
    FrameTable,
    ListedWords,
    absent_cameras,
    first_frame,
    tasks_done,
)
from roboloop.sources.lerobot.layout import INFO_FILE, LerobotInfo, camera_name, read_info
from roboloop.sources.robointer_annotation.files import Quality
from roboloop.sources.robointer_annotation.notes import EpisodeNotes, GapPolicy, Quote
from roboloop.sources.robot_episodes import RobotEpisodesSource

PRIMARY = "primary"
"""The camera that RoboInter annotates."""


class EpisodesPart(NamedTuple):
    """Episodes that share a table, and what else is done in the data set."""

    episodes: tuple[ListedEpisode, ...]
    other_tasks: tuple[str, ...]


class FaultyPart(NamedTuple):
    """Something listed that is not there."""

    error: RoboLoopError


class LerobotSource(RobotEpisodesSource):
    """Robot episodes in a folder that LeRobot wrote."""

    kind: Literal["lerobot"] = "lerobot"  # pyright: ignore[reportIncompatibleVariableOverride]
    episodes: tuple[int, ...] | None = None
    """Read only the episodes of these numbers; left out: all."""
    annotated_camera: str | None = None
    """The camera that annotation columns speak of; left out: `primary`, or the only one."""
    min_quality: Quality | None = None
    """Believe only annotation that `Q_annotation` columns call so, or better."""
    gap_frames: GapPolicy = "skip"
    """Annotated frames between two clips: left out, or counted to the nearest clip."""
    quote: Quote = "subtask"
    """Whose words questions about a frame quote; the other's where there are none."""
    frames_per_clip: int | None = Field(3, ge=1)
    """Annotated frames drawn of each clip; all when null."""
    max_drawn_per_episode: int = Field(1, ge=0)
    """Drawn questions of one task in one episode; each makes a picture."""

    @classmethod
    def askable(cls) -> tuple[str, ...]:
        """Planning, and with annotation columns what can be asked about a frame."""
        return (*super().askable(), *FRAME_TASKS)

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
        if any(name.startswith(PREFIX) and d == "string" for name, d in info.features.items()):
            self._annotated_camera()
        listed = list(self._chosen(info))
        found = [each for each in listed if isinstance(each, ListedEpisode)]
        yield from (FaultyPart(item.error) for item in self.words.tasks.broken)
        yield from (FaultyPart(item.error) for item in listed if isinstance(item, Broken))
        absent = list(absent_cameras(info, found))
        for camera in absent:
            detail = f"camera {camera_name(camera)} is described but has no video"
            yield FaultyPart(RoboLoopError("E-MED-001", detail, place=Place(self.path / INFO_FILE)))
        others = tuple(tasks_done(info, found, texts=self.words.tasks.texts))
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
        annotations = [
            name
            for name, dtype in info.features.items()
            if dtype == "string" and name.startswith((PREFIX, QUALITY_PREFIX))
        ]
        columns = FrameTable(path, words=self.words, text_columns=annotations)
        for listed in part.episodes:
            for item in self._episode(listed, columns=columns, info=info):
                if isinstance(item, Rejected):
                    yield item
                elif self.is_asked_for(item, context):
                    yield from self._asked_episode(
                        item, listed=listed, columns=columns, part=part, context=context
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
        self, listed: ListedEpisode, *, columns: FrameTable, info: LerobotInfo
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

    def _asked_episode(
        self,
        episode: RobotEpisode,
        *,
        listed: ListedEpisode,
        columns: FrameTable,
        part: EpisodesPart,
        context: SourceContext,
    ) -> Iterator[Record | Rejected]:
        """All questions of an episode: of its words, and of its annotation if it has any."""
        annotation = columns.annotation(columns.rows_of(listed), lowest=self.min_quality)
        for frame, field, error in annotation.problems:
            record_id = f"{self.name}/{episode.key}/{frame:04d}/{field}"
            yield self._rejected_episode(error, record_id=record_id, listed=listed)
        if annotation.is_empty:
            yield from self.episode_records(episode, other_tasks=part.other_tasks, context=context)
            return
        notes = EpisodeNotes(
            episode.key,
            annotation.frames,
            gaps=self.gap_frames,
            quote=self.quote,
            fallback_instruction=next(iter(episode.instructions), None),
        )
        for found in notes.problems:
            record_id = f"{self.name}/{episode.key}/{found.field}"
            yield self._rejected_episode(found.error, record_id=record_id, listed=listed)
        episode = with_words(episode, notes=notes)
        if episode.instructions or episode.steps:
            yield from self.episode_records(episode, other_tasks=part.other_tasks, context=context)
        camera = self._annotated_camera()
        if camera in episode.cameras:
            yield from self._frame_questions(episode, notes=notes, camera=camera, context=context)

    def _frame_questions(
        self, episode: RobotEpisode, *, notes: EpisodeNotes, camera: str, context: SourceContext
    ) -> Iterator[Record | Rejected]:
        asking = FrameAsking(
            camera=camera,
            tasks=tuple(task for task in FRAME_TASKS if self.wants(task)),
            frames_per_clip=self.frames_per_clip,
            max_drawn_per_episode=self.max_drawn_per_episode,
            verify_media=self.verify_media,
        )
        template = self.template_of(episode, camera=camera, context=context)
        yield from FrameQuestions(
            episode,
            notes=notes,
            asking=asking,
            template=template,
            store=MediaStore(self.media_roots()),
            context=context,
        ).records()

    def _annotated_camera(self) -> str:
        """The camera that the annotation speaks of.

        Raises:
            RoboLoopError: E-CFG-003 when that is not clear.
        """
        cameras = [camera_name(camera) for camera in self.info.cameras]
        if self.annotated_camera in cameras:
            return self.annotated_camera
        if self.annotated_camera is None and PRIMARY in cameras:
            return PRIMARY
        if self.annotated_camera is None and len(cameras) == 1:
            return cameras[0]
        raise RoboLoopError(
            "E-CFG-003",
            f"which of {', '.join(cameras)} do the annotation columns speak of?",
            place=Place(self.path / INFO_FILE),
            fix="Name that camera in `annotated_camera`.",
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
        first = first_frame(store, path, video=video, num_frames=len(rows), fps=info.fps)
        return tuple(VideoFrame(path=path, frame=first + number) for number in range(len(rows)))

    def _rejected_episode(
        self, error: RoboLoopError, *, record_id: str, listed: ListedEpisode
    ) -> Rejected:
        return Rejected(error.located(Place(listed.origin, record_id=record_id)), record_id)


def _without(episode: ListedEpisode, *, cameras: Sequence[str]) -> ListedEpisode:
    videos = {camera: part for camera, part in episode.videos.items() if camera not in cameras}
    return episode._replace(videos=videos)


__all__ = ["LerobotSource"]

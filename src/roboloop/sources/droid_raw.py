"""droid_raw: DROID's raw episodes (metadata, trajectory.h5, MP4) as planning and path questions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

import numpy as np

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.hashing import hash_file, hash_value
from roboloop.records.media import Media, VideoFrame
from roboloop.records.media_open import MediaStore
from roboloop.records.record import Record
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.droid_files import (
    OUTCOMES,
    WRIST,
    DroidMetadata,
    DroidTrajectory,
    DroidVideos,
    find_episodes,
    find_videos,
    read_metadata,
    read_trajectory,
)
from roboloop.sources.episode_questions import distinct
from roboloop.sources.file_lists import folder_print
from roboloop.sources.projection import fits_picture, in_camera, pose_matrix, project
from roboloop.sources.robot_episodes import RobotEpisode
from roboloop.sources.robot_traces import ToolPath, TracedEpisodesSource
from roboloop.sources.small_files import read_json_file

LICENCE = "CC-BY-4.0"
MAX_LANGUAGE_BYTES = 1 << 28
MAX_TASK_EPISODES = 1_000
"""So many episodes, the first, lend their tasks as wrong options."""
LEAST_FRAMES_FRACTION = 0.9
"""A video that covers less of the steps than this is not of this episode."""


class _Videos(NamedTuple):
    """Frames of each view, as many as all of them have, and what is wrong with the others."""

    cameras: dict[str, list[Media]]
    rejected: list[Rejected]


class DroidRawSource(TracedEpisodesSource):
    """DROID in its raw form: metadata, trajectory.h5 and videos of three cameras."""

    kind: Literal["droid_raw"] = "droid_raw"  # pyright: ignore[reportIncompatibleVariableOverride]
    path: Path
    """A folder with episodes anywhere below it, as `<lab>/<success|failure>/<date>/<session>`."""
    language_file: Path | None = None
    """`droid_language_annotations.json`: three instructions for each episode's uuid."""
    outcomes: tuple[Literal["success", "failure"], ...] = ("success", "failure")
    """Which folders to read; an episode below neither is always read."""

    def parts(self, context: SourceContext) -> Iterator[Path]:
        """Every episode's folder.

        Raises:
            RoboLoopError: E-DAT-001 when there is none, or no `language_file`.
        """
        del context
        _ = self.languages
        num_found = 0
        for episode in islice(self._episodes(), self.max_episodes):
            num_found += 1
            yield episode
        if num_found == 0:
            raise RoboLoopError("E-DAT-001", "no episode lies below it", place=Place(self.path))

    def read_part(self, part: Path, context: SourceContext) -> Iterator[Record | Rejected]:
        """The records of one episode, or why there are none."""
        key = part.relative_to(self.path).as_posix()
        record_id = f"{self.name}/{key}"
        try:
            metadata = read_metadata(part)
            trajectory = read_trajectory(part)
            found = find_videos(part, metadata=metadata)
            videos = self._videos(part, found=found, trajectory=trajectory, record_id=record_id)
            if not videos.cameras and not videos.rejected:
                raise RoboLoopError("E-MED-001", "it has no video")
        except RoboLoopError as error:
            yield Rejected(error.located(Place(part, record_id=record_id)), record_id)
            return
        yield from videos.rejected
        if not videos.cameras:
            return
        episode = RobotEpisode(
            key=key,
            origin=key,
            num_frames=len(next(iter(videos.cameras.values()))),
            cameras=videos.cameras,
            instructions=self._instructions(metadata),
            success=_success(part, metadata=metadata),
            licence=LICENCE,
            meta=_meta(part, metadata=metadata, videos=found, trajectory=trajectory),
        )
        yield from self.traced_records(
            episode,
            paths=self._paths(episode, metadata=metadata, videos=found, trajectory=trajectory),
            gripper=None if trajectory is None else trajectory.gripper,
            other_tasks=self.known_tasks,
            context=context,
        )

    def fingerprint(self) -> str:
        """Hash of the options and the names and sizes of all files."""
        settings = self.model_dump(mode="json", exclude={"path", "language_file"})
        language = None if self.language_file is None else hash_file(self.language_file)
        return hash_value([settings, language, folder_print(self.path)])

    def _episodes(self) -> Iterator[Path]:
        for episode in find_episodes(self.path):
            outcome = _outcome(episode)
            if outcome is None or outcome in self.outcomes:
                yield episode

    @cached_property
    def languages(self) -> Mapping[str, tuple[str, ...]]:
        """An episode's uuid -> its instructions in the language file."""
        if self.language_file is None:
            return {}
        value = read_json_file(self.language_file, max_bytes=MAX_LANGUAGE_BYTES)
        if not isinstance(value, dict):
            place = Place(self.language_file)
            raise RoboLoopError("E-DAT-002", "it is no object of uuids", place=place)
        return {uuid: _texts(entry) for uuid, entry in cast("dict[str, Any]", value).items()}

    @cached_property
    def known_tasks(self) -> tuple[str, ...]:
        """What is done in the first episodes, each once."""
        tasks: list[str] = []
        for episode in islice(self._episodes(), MAX_TASK_EPISODES):
            try:
                tasks += self._instructions(read_metadata(episode))[:1]
            except RoboLoopError:
                continue  # its own part says so
        return tuple(distinct(tasks))

    def _instructions(self, metadata: DroidMetadata) -> tuple[str, ...]:
        """People's descriptions of what was done; what the robot had been set to only without."""
        own = (
            metadata.language_instruction,
            metadata.language_instruction_2,
            metadata.language_instruction_3,
        )
        described = distinct([*self.languages.get(metadata.uuid, ()), *own])
        return tuple(described or distinct([metadata.current_task.strip()]))

    def _videos(
        self, part: Path, *, found: DroidVideos, trajectory: DroidTrajectory | None, record_id: str
    ) -> _Videos:
        """The frames of each view: frame n of a video belongs to step n of the trajectory."""
        store = MediaStore(self.media_roots())
        folder = part.relative_to(self.path).as_posix()
        paths = {view: f"{self.name}:{folder}/{file}" for view, file in found.files.items()}
        counts: dict[str, int] = {}
        rejected: list[Rejected] = []
        num_steps = 0 if trajectory is None else len(trajectory.poses)
        for view, path in paths.items():
            view_id = f"{record_id}/{view}"
            try:
                count = store.num_frames(path)
                if count == 0 or count < LEAST_FRAMES_FRACTION * num_steps:
                    detail = f"the video has {count} frames for {num_steps} steps"
                    raise RoboLoopError("E-DAT-004", detail)
                counts[view] = count
            except RoboLoopError as error:
                place = Place(part / found.files[view], record_id=view_id)
                rejected.append(Rejected(error.located(place), view_id))
        limits = [*counts.values(), num_steps] if num_steps else [*counts.values()]
        num_frames = min(limits, default=0)
        cameras: dict[str, list[Media]] = {
            view: [VideoFrame(path=paths[view], frame=number) for number in range(num_frames)]
            for view in counts
        }
        return _Videos(cameras, rejected)

    def _paths(
        self,
        episode: RobotEpisode,
        *,
        metadata: DroidMetadata,
        videos: DroidVideos,
        trajectory: DroidTrajectory | None,
    ) -> dict[str, ToolPath]:
        """The tool's path in each exterior view whose camera is calibrated."""
        if trajectory is None:
            return {}
        store = MediaStore(self.media_roots())
        paths: dict[str, ToolPath] = {}
        for view, frames in episode.cameras.items():
            serial = videos.serials[view]
            pose, intrinsic = metadata.pose_of(serial), trajectory.intrinsics.get(serial)
            if view == WRIST or pose is None or intrinsic is None:
                continue
            size = store.size(frames[0])
            if not fits_picture(intrinsic, width=size.width, height=size.height):
                continue
            points = in_camera(trajectory.poses[:, :3], camera_pose=pose_matrix(np.array(pose)))
            paths[view] = ToolPath(project(points, intrinsic=intrinsic), size)
        return paths


def _outcome(episode: Path) -> str | None:
    """The folder `success` or `failure` above an episode."""
    named = [part for part in episode.parts if part in OUTCOMES]
    return named[-1] if named else None


def _success(episode: Path, *, metadata: DroidMetadata) -> bool | None:
    """Whether it succeeded; None when folder and metadata contradict each other or say nothing."""
    outcome = _outcome(episode)
    said = {metadata.success, None if outcome is None else outcome == "success"} - {None}
    return said.pop() if len(said) == 1 else None


def _texts(entry: Any) -> tuple[str, ...]:
    """The instructions of an entry, in the order of their numbers."""
    given = cast("dict[str, Any]", entry) if isinstance(entry, dict) else {}
    texts = [given[key] for key in sorted(given) if key.startswith("language_instruction")]
    return tuple(text.strip() for text in texts if isinstance(text, str) and text.strip())


def _meta(
    episode: Path,
    *,
    metadata: DroidMetadata,
    videos: DroidVideos,
    trajectory: DroidTrajectory | None,
) -> dict[str, Any]:
    intrinsics = {} if trajectory is None else trajectory.intrinsics
    return {
        "uuid": metadata.uuid,
        "lab": metadata.lab,
        "date": metadata.date,
        "building": metadata.building,
        "scene_id": metadata.scene_id,
        "robot_serial": metadata.robot_serial,
        "outcome": _outcome(episode),
        "current_task": metadata.current_task,
        "serials": dict(videos.serials),
        "calibration": {
            view: {
                "pose": metadata.pose_of(serial),
                "intrinsic": intrinsics[serial].tolist() if serial in intrinsics else None,
            }
            for view, serial in videos.serials.items()
            if view != WRIST
        },
    }

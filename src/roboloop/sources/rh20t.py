"""rh20t: RH20T's scenes (videos, poses, calibration) as planning and path questions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.hashing import hash_file, hash_value
from roboloop.records.media import Media
from roboloop.records.media_open import MediaStore
from roboloop.records.record import Record
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.episode_questions import distinct
from roboloop.sources.file_lists import folder_print
from roboloop.sources.projection import fits_picture, project
from roboloop.sources.rh20t_files import (
    CALIBRATED_WIDTH_PX,
    DESCRIPTIONS,
    CameraFrames,
    Configuration,
    SceneMetadata,
    SceneName,
    camera_folders,
    camera_frames,
    find_scenes,
    read_configurations,
    read_gripper,
    read_intrinsics,
    read_metadata,
    read_tool,
    scene_name,
)
from roboloop.sources.robot_episodes import RobotEpisode
from roboloop.sources.robot_traces import ToolPath, TracedEpisodesSource
from roboloop.sources.small_files import read_json_file

LICENCE = "CC-BY-SA-4.0 or CC-BY-NC-4.0, by camera view"
LEAST_GOOD_RATING = 2
"""0 and 1 are failures, 2 to 9 say how well it went."""
MOST_MILLISECONDS_APART = 200
"""A pose this far in time from a picture is not the pose in it."""


class _Description(NamedTuple):
    english: str
    chinese: str


class _Seen(NamedTuple):
    """Frames of every camera by one clock, that of the first; and what is wrong with others."""

    cameras: dict[str, list[Media]]
    stamps: dict[str, NDArray[np.int64]]
    rejected: list[Rejected]


class Rh20tSource(TracedEpisodesSource):
    """RH20T's scenes: contact-rich tasks of four robots, seen by eight to ten cameras."""

    kind: Literal["rh20t"] = "rh20t"  # pyright: ignore[reportIncompatibleVariableOverride]
    path: Path
    """The folder with `RH20T_cfg1` to `RH20T_cfg7`, or one of these."""
    descriptions: Path | None = None
    """RH20T's `task_description.json`; left out: the one in `path`."""
    configurations: Path | None = None
    """RH20T's `configs.json`, which tells the cameras in the robot's hand from the others. Without
    it no camera is taken for still, and no path is asked about."""
    demonstrators: tuple[Literal["robot", "human"], ...] = ("robot",)
    """Who does the task in the scenes that are read."""

    def parts(self, context: SourceContext) -> Iterator[Path]:
        """Every scene's folder.

        Raises:
            RoboLoopError: E-DAT-001 when there is none, or no descriptions of the tasks; E-DAT-002
                for descriptions or configurations of another form.
        """
        del context
        _ = self.descriptions_by_task, self.configurations_by_number
        num_found = 0
        for scene in islice(self._scenes(), self.max_episodes):
            num_found += 1
            yield scene
        if num_found == 0:
            raise RoboLoopError("E-DAT-001", "no scene lies below it", place=Place(self.path))

    def read_part(self, part: Path, context: SourceContext) -> Iterator[Record | Rejected]:
        """The records of one scene, or why there are none."""
        key = part.relative_to(self.path).as_posix() if part != self.path else part.name
        record_id = f"{self.name}/{key}"
        try:
            metadata = read_metadata(part)
            tool, widths = read_tool(part), read_gripper(part)
            intrinsics = read_intrinsics(part, metadata=metadata)
            seen = self._seen(part, finish=metadata.finish_time, record_id=record_id)
        except RoboLoopError as error:
            yield Rejected(error.located(Place(part, record_id=record_id)), record_id)
            return
        yield from seen.rejected
        if not seen.cameras:
            return
        name = scene_name(part.name)
        assert name is not None, "only scenes are parts"
        described = self.descriptions_by_task.get(name.task_key)
        configuration = self.configurations_by_number.get(name.configuration)
        episode = RobotEpisode(
            key=key,
            origin=key,
            num_frames=len(next(iter(seen.cameras.values()))),
            cameras=seen.cameras,
            instructions=(described.english,) if described else (),
            success=_success(metadata),
            licence=LICENCE,
            meta=_meta(name, metadata, described, configuration, intrinsics),
        )
        yield from self.traced_records(
            episode,
            paths=self._paths(episode, seen, tool, intrinsics, configuration),
            gripper=_gripper(widths, clock=next(iter(seen.stamps.values()))),
            other_tasks=self.known_tasks,
            context=context,
        )

    def fingerprint(self) -> str:
        """Hash of the options and the names and sizes of all files."""
        files = [
            hash_file(file)
            for file in (self._descriptions_file, self.configurations)
            if file is not None and file.is_file()
        ]
        outside = {"path", "descriptions", "configurations"}
        settings = self.model_dump(mode="json", exclude=outside)
        return hash_value([settings, files, folder_print(self.path)])

    @property
    def _descriptions_file(self) -> Path:
        return self.descriptions or self.path / DESCRIPTIONS

    @cached_property
    def descriptions_by_task(self) -> Mapping[str, _Description]:
        """Task such as `task_0001` -> what is done."""
        file = self._descriptions_file
        if not file.is_file():
            raise RoboLoopError(
                "E-DAT-001",
                "there are no descriptions of the tasks",
                place=Place(file),
                fix="Give RH20T's task_description.json as `descriptions`.",
            )
        value = read_json_file(file)
        found: dict[str, _Description] = {}
        for task, entry in (value if isinstance(value, dict) else {}).items():
            match entry:
                case {"task_description_english": str() as english}:
                    chinese = cast("dict[str, Any]", entry).get("task_description_chinese", "")
                    found[str(task)] = _Description(english.strip(), str(chinese).strip())
                case _:
                    continue  # a scene of this task is then without words, and says so
        if not found:
            raise RoboLoopError(
                "E-DAT-002", "it describes no task as RH20T does", place=Place(file)
            )
        return found

    @cached_property
    def configurations_by_number(self) -> Mapping[int, Configuration]:
        """Number -> robot and cameras; empty without the file."""
        return {} if self.configurations is None else read_configurations(self.configurations)

    @cached_property
    def known_tasks(self) -> tuple[str, ...]:
        """What is done in the data set, each once."""
        return tuple(distinct([task.english for task in self.descriptions_by_task.values()]))

    def _scenes(self) -> Iterator[Path]:
        for scene in find_scenes(self.path):
            name = scene_name(scene.name)
            if name and ("human" if name.is_human else "robot") in self.demonstrators:
                yield scene

    def _seen(self, scene: Path, *, finish: int | None, record_id: str) -> _Seen:
        """The pictures of every camera at the times of the first one, up to the task's end."""
        store = MediaStore(self.media_roots())
        found: dict[str, CameraFrames] = {}
        rejected: list[Rejected] = []
        for serial, folder in camera_folders(scene).items():
            camera_id = f"{record_id}/{serial}"
            path = f"{self.name}:{folder.relative_to(self.path).as_posix()}"
            try:
                has_video = (folder / "color.mp4").is_file()
                count = store.num_frames(f"{path}/color.mp4") if has_video else None
                found[serial] = camera_frames(folder, path=path, num_video_frames=count)
            except RoboLoopError as error:
                located = error.located(Place(folder, record_id=camera_id))
                rejected.append(Rejected(located, camera_id))
        if not found and not rejected:
            raise RoboLoopError("E-MED-001", "it has no camera with pictures")
        if not found:
            return _Seen({}, {}, rejected)
        clock = next(iter(found.values())).stamps
        if finish is not None and (clock <= finish).any():
            clock = clock[clock <= finish]
        cameras: dict[str, list[Media]] = {}
        stamps: dict[str, NDArray[np.int64]] = {}
        for serial, frames in found.items():
            nearest = nearest_indices(frames.stamps, times=clock)
            cameras[serial] = [frames.media[int(index)] for index in nearest]
            stamps[serial] = frames.stamps[nearest]
        return _Seen(cameras, stamps, rejected)

    def _paths(
        self,
        episode: RobotEpisode,
        seen: _Seen,
        tool: Mapping[str, Mapping[int, NDArray[np.float64]]],
        intrinsics: Mapping[str, NDArray[np.float64]],
        configuration: Configuration | None,
    ) -> dict[str, ToolPath]:
        """The tool's path in each view that stands still and is calibrated."""
        store = MediaStore(self.media_roots())
        paths: dict[str, ToolPath] = {}
        for serial, frames in episode.cameras.items():
            is_still = configuration is not None and serial not in configuration.in_hand
            if not is_still or not tool.get(serial) or serial not in intrinsics:
                continue
            size = store.size(frames[0])
            intrinsic = intrinsics[serial] * (size.width / CALIBRATED_WIDTH_PX)
            if not fits_picture(intrinsic, width=size.width, height=size.height):
                continue
            known = np.array(sorted(tool[serial]), dtype=np.int64)
            nearest = known[nearest_indices(known, times=seen.stamps[serial])]
            points = np.array([tool[serial][int(stamp)] for stamp in nearest])
            far = np.abs(nearest - seen.stamps[serial]) > MOST_MILLISECONDS_APART
            points_px = project(points, intrinsic=intrinsic)
            points_px[far] = np.nan
            paths[serial] = ToolPath(points_px, size)
        return paths


def nearest_indices(stamps: NDArray[np.int64], *, times: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each time the index of the stamp nearest to it; of two as near, the earlier."""
    after = np.clip(np.searchsorted(stamps, times), 1, max(1, len(stamps) - 1))
    if len(stamps) == 1:
        return np.zeros(len(times), dtype=np.int64)
    before = after - 1
    is_before = times - stamps[before] <= stamps[after] - times
    return np.where(is_before, before, after)


def _success(metadata: SceneMetadata) -> bool | None:
    if metadata.rating is None or metadata.rating < 0:
        return None
    return metadata.rating >= LEAST_GOOD_RATING


def _gripper(
    widths: Mapping[str, Mapping[int, float]], *, clock: NDArray[np.int64]
) -> NDArray[np.float64] | None:
    """The gripper's width at the times of the clock, from the readings of all cameras."""
    readings = {stamp: width for camera in widths.values() for stamp, width in camera.items()}
    if not readings:
        return None
    stamps = np.array(sorted(readings), dtype=np.int64)
    nearest = stamps[nearest_indices(stamps, times=clock)]
    return np.array([readings[int(stamp)] for stamp in nearest])


def _meta(
    name: SceneName,
    metadata: SceneMetadata,
    described: _Description | None,
    configuration: Configuration | None,
    intrinsics: Mapping[str, NDArray[np.float64]],
) -> dict[str, Any]:
    return {
        "task": name.task,
        "user": name.user,
        "scene": name.scene,
        "configuration": name.configuration,
        "robot": None if configuration is None else configuration.robot,
        "in_hand_cameras": None if configuration is None else configuration.in_hand,
        "demonstrator": "human" if name.is_human else "robot",
        "rating": metadata.rating,
        "instruction_zh": described.chinese if described else "",
        "calibration": {serial: matrix.tolist() for serial, matrix in sorted(intrinsics.items())},
    }

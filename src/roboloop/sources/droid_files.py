"""The files of a raw DROID episode: `metadata_*.json`, `trajectory.h5` and the videos.

As droid-dataset/droid writes them (its postprocessing/schema.py and trajectory_writer.py, and
docs/the-droid-dataset.md). Camera poses are the camera's in the robot's base: x, y, z in metres and
Euler angles about fixed axes; so is the robot's `cartesian_position`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError

from roboloop.base.errors import MissingDependencyError, Place, RoboLoopError
from roboloop.sources.small_files import read_json_file

OUTCOMES = ("success", "failure")
VIDEOS = "recordings/MP4"
TRAJECTORY = "trajectory.h5"
WRIST, EXTERIOR_1, EXTERIOR_2 = "wrist_image_left", "exterior_image_1_left", "exterior_image_2_left"
"""Views by their names in DROID's RLDS form and in RoboInter."""
MAX_METADATA_BYTES = 1 << 20
MAX_STEPS = 100_000

Pose = tuple[float, float, float, float, float, float]


class DroidMetadata(BaseModel):
    """What of `metadata_*.json` is read. Names of the people who recorded it are not."""

    uuid: str = Field(min_length=1)
    lab: str = ""
    date: str = ""
    building: str = ""
    scene_id: int | None = None
    success: bool | None = None
    robot_serial: str = ""
    current_task: str = ""
    language_instruction: str = ""
    language_instruction_2: str = ""
    language_instruction_3: str = ""
    wrist_cam_serial: str
    ext1_cam_serial: str = ""
    ext2_cam_serial: str = ""
    wrist_cam_extrinsics: Pose | None = None
    ext1_cam_extrinsics: Pose | None = None
    ext2_cam_extrinsics: Pose | None = None

    def pose_of(self, serial: str) -> Pose | None:
        """Where an exterior camera stands."""
        known = {
            self.ext1_cam_serial: self.ext1_cam_extrinsics,
            self.ext2_cam_serial: self.ext2_cam_extrinsics,
        }
        return known.get(serial)


@dataclass(frozen=True, slots=True, kw_only=True)
class DroidTrajectory:
    """What of `trajectory.h5` is read.

    Attributes:
        poses: (T, 6) of the tool in the base's frame.
        gripper: (T,) from 0, open, to 1, closed.
        intrinsics: Camera serial -> K (3, 3) of the left lens; releases often lack them.
    """

    poses: NDArray[np.float64]
    gripper: NDArray[np.float64]
    intrinsics: Mapping[str, NDArray[np.float64]] = field(
        default_factory=dict[str, NDArray[np.float64]]
    )


class DroidVideos(NamedTuple):
    """View -> camera serial, and view -> video relative to the episode's folder."""

    serials: Mapping[str, str]
    files: Mapping[str, str]


def find_episodes(folder: Path) -> Iterator[Path]:
    """Every folder that holds an episode or what is left of one, in the order of their paths."""
    for parent, folders, files in os.walk(folder):
        folders.sort()
        has_metadata = any(_is_metadata(name) for name in files)
        if has_metadata or TRAJECTORY in files or "recordings" in folders:
            folders[:] = []
            yield Path(parent)


def read_metadata(episode: Path) -> DroidMetadata:
    """The episode's metadata.

    Raises:
        RoboLoopError: E-DAT-001 without the file, E-REC-001 or E-REC-010 for broken JSON, E-DAT-004
            for two such files or another form.
    """
    found = sorted(file for file in episode.iterdir() if _is_metadata(file.name))
    if not found:
        raise RoboLoopError("E-DAT-001", "it has no metadata_*.json", place=Place(episode))
    place = Place(found[0])
    if len(found) > 1:
        raise RoboLoopError("E-DAT-004", f"so does {found[1].name} tell of it", place=place)
    try:
        value = read_json_file(found[0], max_bytes=MAX_METADATA_BYTES)
        if isinstance(value, dict):  # null stands for what is not known
            value = {key: item for key, item in value.items() if item is not None}
        return DroidMetadata.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise RoboLoopError(
            "E-DAT-004", f"no metadata of DROID: {where}: {first['msg']}", place=place
        ) from None


def find_videos(episode: Path, *, metadata: DroidMetadata) -> DroidVideos:
    """The videos of the left lenses, by view.

    The serial numbers tell the exterior views apart: the largest is exterior 2, the second largest
    exterior 1 (RoboInter's rule; DROID's own metadata counts them the same way).

    Raises:
        RoboLoopError: E-DAT-004 for a serial that is no number, or three exterior cameras.
    """
    folder = episode / VIDEOS
    files = sorted(folder.glob("*.mp4")) if folder.is_dir() else []
    recorded = {file.stem: file.name for file in files if not file.stem.endswith("-stereo")}
    known = {metadata.ext1_cam_serial, metadata.ext2_cam_serial, *recorded} - {""}
    exterior = known - {metadata.wrist_cam_serial}
    for serial in (*exterior, metadata.wrist_cam_serial):
        if not serial.isdecimal():
            raise RoboLoopError("E-DAT-004", f"{serial!r} is no serial number of a camera")
    if len(exterior) > 2:
        raise RoboLoopError("E-DAT-004", f"it has {len(exterior)} exterior cameras")
    views = dict(
        zip((EXTERIOR_2, EXTERIOR_1), sorted(exterior, key=int, reverse=True), strict=False)
    )
    serials = {view: views[view] for view in (EXTERIOR_1, EXTERIOR_2) if view in views}
    serials[WRIST] = metadata.wrist_cam_serial
    return DroidVideos(
        serials,
        {
            view: f"{VIDEOS}/{recorded[serial]}"
            for view, serial in serials.items()
            if serial in recorded
        },
    )


def read_trajectory(episode: Path) -> DroidTrajectory | None:
    """The robot's states and the cameras' matrices; None without `trajectory.h5`.

    Raises:
        RoboLoopError: E-DAT-004 for a damaged file or one without states.
        MissingDependencyError: when h5py is not installed.
    """
    file = episode / TRAJECTORY
    if not file.is_file():
        return None
    try:
        import h5py
    except ImportError:
        raise MissingDependencyError(
            "h5py", purpose="reading DROID's trajectory.h5", extra="media"
        ) from None
    library: Any = h5py
    try:
        with library.File(file, "r") as store:
            return _trajectory(store)
    except (OSError, KeyError, ValueError, RuntimeError, TypeError) as error:
        detail = f"no readable trajectory: {error}"
        raise RoboLoopError("E-DAT-004", detail, place=Place(file)) from error


def _trajectory(store: Any) -> DroidTrajectory:
    state = store["observation/robot_state"]
    poses, gripper = state["cartesian_position"], state["gripper_position"]
    num_steps = poses.shape[0]
    if poses.shape != (num_steps, 6) or not 0 < num_steps <= MAX_STEPS:
        raise ValueError(f"cartesian_position has the shape {poses.shape}")
    if gripper.shape[0] != num_steps or gripper.size != num_steps:
        raise ValueError(f"gripper_position has the shape {gripper.shape}")
    intrinsics: dict[str, NDArray[np.float64]] = {}
    if "observation/camera_intrinsics" in store:
        for name, matrices in store["observation/camera_intrinsics"].items():
            if name.endswith("_left") and matrices.shape[1:] == (3, 3) and matrices.shape[0]:
                intrinsics[name.removesuffix("_left")] = np.asarray(matrices[0], dtype=np.float64)
    return DroidTrajectory(
        poses=np.asarray(poses[:], dtype=np.float64),
        gripper=np.asarray(gripper[:], dtype=np.float64).reshape(-1),
        intrinsics=intrinsics,
    )


def _is_metadata(name: str) -> bool:
    return name.startswith("metadata_") and name.endswith(".json")

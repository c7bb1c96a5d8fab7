"""The files of an RH20T scene, read without running the pickles in them.

    <folder>/task_description.json
    <folder>/RH20T_cfg5/calib/<stamp>/intrinsics.npy, extrinsics.npy, tcp.npy
    <folder>/RH20T_cfg5/task_0001_user_0001_scene_0001_cfg_0005[_human]/
        metadata.json                   calib, finish_time, rating
        cam_<serial>/color.mp4 + timestamps.npy, or color/<stamp>.jpg
        transformed/tcp.npy, gripper.npy

As rh20t/rh20t_api reads them (scene.py, extract.py, convert.py). Time stamps are milliseconds.
`tcp.npy` is camera -> list of {timestamp, tcp}: the tool in that camera's frame, metres.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from roboloop.base.errors import Place, RoboLoopError
from roboloop.records.media import FilePicture, Media, VideoFrame
from roboloop.sources.plain_npy import read_npy
from roboloop.sources.small_files import read_json_file

CALIBRATED_WIDTH_PX = 1280
"""Intrinsics are of pictures of 1280 x 720; the released ones are mostly 640 x 360."""
DESCRIPTIONS = "task_description.json"
MAX_JSON_BYTES = 1 << 24

_SCENE = re.compile(
    r"(?:RH20T_cfg\d+_)?task_(?P<task>\d{4})_user_(?P<user>\d{4})_scene_(?P<scene>\d{4})"
    r"_cfg_(?P<cfg>\d{4})(?P<human>_human)?"
)
_STAMPED = re.compile(r"(\d{1,16})\.(?:jpg|png)")


class SceneName(NamedTuple):
    """What a scene's folder is called says what it is of; `is_human`: a person shows the task."""

    task: int
    user: int
    scene: int
    configuration: int
    is_human: bool

    @property
    def task_key(self) -> str:
        """The task in `task_description.json`: `task_0001`."""
        return f"task_{self.task:04d}"


class SceneMetadata(BaseModel):
    """What of `metadata.json` is read; ratings count from 0, failed, to 9."""

    calib: int = -1
    finish_time: int | None = None
    rating: int | None = None


class CameraFrames(NamedTuple):
    """The pictures of a camera in the order of time, with their stamps in milliseconds."""

    media: Sequence[Media]
    stamps: NDArray[np.int64]


class Configuration(BaseModel):
    """What of an entry of `configs.json` is read."""

    conf_num: int
    robot: str
    gripper: str = ""
    in_hand: list[str]


def scene_name(folder: str) -> SceneName | None:
    """What a folder's name says; None when it is no scene."""
    found = _SCENE.fullmatch(folder)
    if found is None:
        return None
    numbers = (int(found[part]) for part in ("task", "user", "scene", "cfg"))
    return SceneName(*numbers, is_human=found["human"] is not None)


def find_scenes(folder: Path) -> Iterator[Path]:
    """Every scene below a folder, in the order of their paths."""
    if scene_name(folder.name) is not None:
        yield folder
        return
    for parent, folders, _ in os.walk(folder):
        scenes = sorted(name for name in folders if scene_name(name) is not None)
        folders[:] = sorted(set(folders) - {*scenes, "calib"})
        yield from (Path(parent) / name for name in scenes)


def read_metadata(scene: Path) -> SceneMetadata:
    """The scene's metadata.

    Raises:
        RoboLoopError: As `read_json_file`; E-DAT-004 for another form.
    """
    file = scene / "metadata.json"
    try:
        return SceneMetadata.model_validate(read_json_file(file, max_bytes=MAX_JSON_BYTES))
    except ValidationError as error:
        raise _unlike(error, file=file, what="metadata of RH20T") from None


def read_configurations(file: Path) -> dict[int, Configuration]:
    """Number -> configuration out of RH20T's `configs.json`.

    Raises:
        RoboLoopError: As `read_json_file`; E-DAT-002 for another form.
    """
    value = read_json_file(file, max_bytes=MAX_JSON_BYTES)
    try:
        found = [Configuration.model_validate(item) for item in cast("list[Any]", value)]
    except (ValidationError, TypeError):
        raise RoboLoopError(
            "E-DAT-002", "it is no list of RH20T's configurations", place=Place(file)
        ) from None
    return {configuration.conf_num: configuration for configuration in found}


def camera_folders(scene: Path) -> dict[str, Path]:
    """Serial -> folder of each camera, in the order of the serials."""
    return {
        folder.name.removeprefix("cam_"): folder
        for folder in sorted(scene.glob("cam_*"))
        if folder.is_dir()
    }


def camera_frames(folder: Path, *, path: str, num_video_frames: int | None) -> CameraFrames:
    """The pictures of a camera: frames of `color.mp4`, or files of `color/`.

    Args:
        folder: `cam_<serial>`.
        path: The same as `root:relative`.
        num_video_frames: Of `color.mp4`; None without it.

    Raises:
        RoboLoopError: E-DAT-004 when the stamps are not as many as the frames, or not in order;
            E-MED-001 without pictures.
    """
    if num_video_frames is not None:
        stamps = _stamps(folder / "timestamps.npy")
        if abs(len(stamps) - num_video_frames) > 1:
            detail = f"the video has {num_video_frames} frames and {len(stamps)} time stamps"
            raise RoboLoopError("E-DAT-004", detail)
        count = min(len(stamps), num_video_frames)
        media: list[Media] = [
            VideoFrame(path=f"{path}/color.mp4", frame=number) for number in range(count)
        ]
        stamps = stamps[:count]
    else:
        names = {
            int(found[1]): file.name
            for file in (folder / "color").glob("*")
            if (found := _STAMPED.fullmatch(file.name))
        }
        stamps = np.array(sorted(names), dtype=np.int64)
        media = [FilePicture(path=f"{path}/color/{names[int(stamp)]}") for stamp in stamps]
    if not media:
        raise RoboLoopError("E-MED-001", "it has no pictures")
    if (np.diff(stamps) <= 0).any():
        raise RoboLoopError("E-DAT-004", "its time stamps do not grow")
    return CameraFrames(media, stamps)


def read_intrinsics(scene: Path, *, metadata: SceneMetadata) -> dict[str, NDArray[np.float64]]:
    """Serial -> K (3, 3) of pictures of 1280 x 720; empty where the scene names no calibration.

    Raises:
        RoboLoopError: E-DAT-004 for a damaged file.
    """
    file = scene.parent / "calib" / str(metadata.calib) / "intrinsics.npy"
    if metadata.calib < 0 or not file.is_file():
        return {}
    found: dict[str, NDArray[np.float64]] = {}
    for serial, matrix in _by_camera(read_npy(file), file=file).items():
        values = _numbers(matrix, file=file)
        if values.ndim != 2 or values.shape[0] != 3 or values.shape[1] < 3:
            raise RoboLoopError("E-DAT-004", f"camera {serial} has no K", place=Place(file))
        found[serial] = values[:, :3]
    return found


def read_tool(scene: Path) -> dict[str, dict[int, NDArray[np.float64]]]:
    """Serial -> stamp -> place of the tool (3,) in that camera's frame; empty without the file.

    Raises:
        RoboLoopError: E-DAT-004 for a damaged file or one of another form.
    """
    file = scene / "transformed/tcp.npy"
    if not file.is_file():
        return {}
    tool: dict[str, dict[int, NDArray[np.float64]]] = {}
    for serial, entries in _by_camera(read_npy(file), file=file).items():
        tool[serial] = {}
        for entry in entries:
            match entry:
                case {"timestamp": int() as stamp, "tcp": pose}:
                    values = _numbers(pose, file=file)
                case _:
                    raise RoboLoopError(
                        "E-DAT-004", f"{str(entry)[:60]!r} is no pose", place=Place(file)
                    )
            if values.ndim != 1 or len(values) < 3:
                raise RoboLoopError("E-DAT-004", "a pose has no place", place=Place(file))
            tool[serial][stamp] = values[:3]
    return tool


def read_gripper(scene: Path) -> dict[str, dict[int, float]]:
    """Serial -> stamp -> width of the gripper in its own unit; empty without the file.

    Raises:
        RoboLoopError: E-DAT-004 for a damaged file or one of another form.
    """
    file = scene / "transformed/gripper.npy"
    if not file.is_file():
        return {}
    widths: dict[str, dict[int, float]] = {}
    for serial, entries in _by_camera(read_npy(file), file=file).items():
        widths[serial] = {}
        for stamp, entry in cast("dict[Any, Any]", entries).items():
            match entry:
                case {"gripper_info": [first, *_]} | {"gripper_command": [first, *_]}:
                    widths[serial][int(stamp)] = float(first)
                case {"gripper_info": np.ndarray() as values} if values.size:
                    widths[serial][int(stamp)] = float(values.reshape(-1)[0])
                case _:
                    raise RoboLoopError(
                        "E-DAT-004", f"{str(entry)[:60]!r} is no gripper", place=Place(file)
                    )
    return widths


def _stamps(file: Path) -> NDArray[np.int64]:
    """The colour stamps of `timestamps.npy`: {"color": [...], "depth": [...]}."""
    value = read_npy(file)
    if not isinstance(value, dict) or "color" not in value:
        raise RoboLoopError("E-DAT-004", "it has no stamps of colour", place=Place(file))
    stamps = _numbers(cast("dict[str, Any]", value)["color"], file=file)
    if stamps.ndim != 1:
        raise RoboLoopError("E-DAT-004", "its stamps are no list", place=Place(file))
    return stamps.astype(np.int64)


def _by_camera(value: Any, *, file: Path) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise RoboLoopError("E-DAT-004", "it holds nothing by camera", place=Place(file))
    return {str(key): item for key, item in cast("dict[Any, Any]", value).items()}


def _numbers(value: Any, *, file: Path) -> NDArray[np.float64]:
    try:
        numbers = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise RoboLoopError("E-DAT-004", "it holds no numbers", place=Place(file)) from None
    if not np.isfinite(numbers).all():
        raise RoboLoopError("E-REC-010", "a number is not finite", place=Place(file))
    return numbers


def _unlike(error: ValidationError, *, file: Path, what: str) -> RoboLoopError:
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    return RoboLoopError("E-DAT-004", f"no {what}: {where}: {first['msg']}", place=Place(file))

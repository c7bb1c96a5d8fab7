"""What a LeRobot data set says of itself: `meta/info.json`, and the paths it describes.

    version 2.0, 2.1   data/chunk-000/episode_000003.parquet          one file per episode
                       videos/chunk-000/<camera>/episode_000003.mp4
                       meta/episodes.jsonl, meta/tasks.jsonl
    version 3.0        data/chunk-000/file-000.parquet                several episodes per file
                       videos/<camera>/chunk-000/file-000.mp4
                       meta/episodes/chunk-000/file-000.parquet, meta/tasks.parquet

Source: lerobot/datasets/utils.py of huggingface/lerobot.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.files import path_below
from roboloop.sources.json_files import read_json_object
from roboloop.sources.robot_episodes import our_split

INFO_FILE = "meta/info.json"
CHUNK_SIZE = 1000
DATA_PATH_2 = "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet"
VIDEO_PATH_2 = "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4"
DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO_PATH = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
EPISODES_PATH = "meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
CAMERA_PREFIX = "observation.images."
_FIELD = re.compile(r"\{(\w+)(?::0?(\d{1,2})d)?\}")


class SplitRange(NamedTuple):
    """Episodes `first` to before `end` belong to `split`."""

    split: str
    first: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LerobotInfo:
    """`meta/info.json`, as far as records need it.

    Attributes:
        folder: The data set's folder.
        version: Major and minor.
        fps: Frames per second of every episode.
        features: Feature -> its dtype; `video`, `image`, `string`, `int64` ...
        cameras: Features with colour pictures, in the order listed.
    """

    folder: Path
    version: tuple[int, int]
    fps: float
    chunk_size: int
    data_path: str
    video_path: str
    splits: tuple[SplitRange, ...]
    features: Mapping[str, str]
    cameras: tuple[str, ...]

    def split_of(self, episode: int) -> str:
        """The split of an episode; `train` where none is said. A range may reach past the end."""
        for given in self.splits:
            if given.first <= episode < given.end:
                return our_split(given.split)
        return "train"

    def data_file(self, **numbers: int) -> str:
        """The table of an episode, relative to the folder."""
        return self._existing(self.data_path, DATA_PATH_2, values=numbers)

    def video_file(self, camera: str, **numbers: int) -> str:
        """The video of an episode, relative to the folder."""
        values = {**numbers, "video_key": camera}
        return self._existing(self.video_path, VIDEO_PATH_2, values=values)

    def _existing(self, template: str, usual: str, *, values: Mapping[str, int | str]) -> str:
        """The path that the data set describes; the usual one if only that exists.

        Version 2.0 sets are found whose template has the episode's number where a chunk's belongs.
        """
        described = filled(template, values=values)
        if self.version[0] == 3:
            return described
        other = filled(usual, values=values)
        if other == described or path_below(self.folder, relative=described).is_file():
            return described
        return other if path_below(self.folder, relative=other).is_file() else described


def read_info(folder: Path) -> LerobotInfo:
    """The data set's description.

    Raises:
        RoboLoopError: E-DAT-001 or E-DAT-002 when it is not there or not of a known version.
    """
    file = folder / INFO_FILE
    given = read_json_object(file)
    try:
        version = _version(given.get("codebase_version"))
        features = {str(name): str(each["dtype"]) for name, each in given["features"].items()}
        fps = float(given["fps"])
        if not fps > 0:
            raise RoboLoopError("E-DAT-002", f"fps is {fps:g}")
        is_2 = version[0] == 2
        return LerobotInfo(
            folder=folder,
            version=version,
            fps=fps,
            chunk_size=int(given.get("chunks_size") or CHUNK_SIZE),
            data_path=str(given.get("data_path") or (DATA_PATH_2 if is_2 else DATA_PATH)),
            video_path=str(given.get("video_path") or (VIDEO_PATH_2 if is_2 else VIDEO_PATH)),
            splits=tuple(_splits(given.get("splits") or {})),
            features=features,
            cameras=tuple(n for n, each in given["features"].items() if _is_camera(each)),
        )
    except RoboLoopError as error:
        raise error.located(Place(file)) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RoboLoopError(
            "E-DAT-002", f"not the description of a LeRobot data set: {error!r}", place=Place(file)
        ) from error


def filled(template: str, *, values: Mapping[str, int | str]) -> str:
    """A path template with its `{names}` and `{names:03d}` replaced.

    Not `str.format`, which a template from outside could make build texts of any length.

    Raises:
        RoboLoopError: E-DAT-002 for a name that has no value.
    """

    def value(found: re.Match[str]) -> str:
        name, width = found[1], found[2]
        if name not in values:
            raise RoboLoopError("E-DAT-002", f"path template {template!r}: {name!r} is not known")
        return str(values[name]).zfill(int(width or 0))

    return _FIELD.sub(value, template)


def camera_name(feature: str) -> str:
    """A camera's feature without the usual prefix."""
    return feature.removeprefix(CAMERA_PREFIX)


def _version(given: Any) -> tuple[int, int]:
    found = re.fullmatch(r"v?(\d+)\.(\d+)", str(given))
    if found is None or int(found[1]) not in (2, 3):
        raise RoboLoopError(
            "E-DAT-002",
            f"codebase_version is {given!r}; versions 2.0, 2.1 and 3.0 are read",
            fix="Convert the data set with LeRobot's own converter first.",
        )
    return int(found[1]), int(found[2])


def _splits(given: Mapping[str, str]) -> list[SplitRange]:
    """`{"train": "0:90"}` as ranges.

    Raises:
        ValueError: when a range is not of that form.
    """
    ranges: list[SplitRange] = []
    for split, text in given.items():
        first, end = (int(number) for number in str(text).split(":"))
        ranges.append(SplitRange(str(split), first, end))
    return ranges


def _is_camera(feature: Mapping[str, Any]) -> bool:
    if feature["dtype"] not in ("video", "image"):
        return False
    details = feature.get("info") or feature.get("video_info") or {}
    return not details.get("video.is_depth_map", False)

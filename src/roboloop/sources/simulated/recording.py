"""A whole episode on disk: every frame of every camera, the arm's states, the truth.

One folder per episode, written in one go and renamed, so that it is either whole or not there:

    truth.json.gz    the episode's truth and that of every frame, by view
    arm.npz          states and actions, one row per frame
    frames.zip       <view>/<frame>.jpg
    <view>.mp4       H.264, 15 frames a second
"""

from __future__ import annotations

import gzip
import io
import json
import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from roboloop.base.errors import MissingDependencyError, Place, RoboLoopError
from roboloop.sources.simulated.pack import ZIP_TIME
from roboloop.sources.simulated.truth import EpisodeTruth, FrameTruth
from roboloop.sources.simulated.truth_json import (
    episode_from_json,
    episode_to_json,
    frame_from_json,
    frame_to_json,
)

WRIST = "wrist"
FRAMES_PER_SECOND = 15
JPEG_QUALITY = 92
STATE_NAMES = ("x", "y", "z", "rx", "ry", "rz", "gripper")
"""Tool centre point in metres, rotation vector in radians, gripper from 0 (open) to 1 (closed)."""
ACTION_NAMES = ("dx", "dy", "dz", "drx", "dry", "drz", "gripper")
"""From the state to the pose commanded for the next frame, in the base's frame."""


class ArmTable(NamedTuple):
    """The arm over an episode of T frames.

    Attributes:
        states: (T, 7) as `STATE_NAMES`.
        joints: (T, 7) radians.
        actions: (T, 7) as `ACTION_NAMES`.
    """

    states: NDArray[np.float64]
    joints: NDArray[np.float64]
    actions: NDArray[np.float64]


class ImageStatistics(NamedTuple):
    """Of one camera's frames, channels between 0 and 1: each (3,)."""

    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]


class FullEpisode(NamedTuple):
    """An episode to be written; `pictures` holds (T, H, W, 3) uint8 per view."""

    id: str
    truth: EpisodeTruth
    frames: dict[str, list[FrameTruth]]
    pictures: dict[str, NDArray[np.uint8]]
    arm: ArmTable


class Recording:
    """An episode's folder, read on demand.

    Raises:
        RoboLoopError: E-SIM-003 when a file is missing or damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.id = folder.name
        try:
            with gzip.open(folder / "truth.json.gz", "rt", encoding="utf-8") as stream:
                self._truth: dict[str, Any] = json.load(stream)
        except (OSError, EOFError, ValueError) as error:
            raise RoboLoopError(
                "E-SIM-003", f"no readable truth ({error})", place=Place(folder)
            ) from error

    @cached_property
    def truth(self) -> EpisodeTruth:
        """What is true of the episode."""
        return episode_from_json(self._truth["episode"])

    @property
    def views(self) -> tuple[str, ...]:
        """Exterior cameras, then the wrist."""
        return (*self._truth["frames"], WRIST)

    def frames(self, view: str) -> list[FrameTruth]:
        """What is true of every frame of an exterior view."""
        return [frame_from_json(frame) for frame in self._truth["frames"][view]]

    @cached_property
    def arm(self) -> ArmTable:
        """States and actions."""
        with np.load(self.folder / "arm.npz") as arrays:
            return ArmTable(arrays["states"], arrays["joints"], arrays["actions"])

    def jpeg(self, view: str, *, frame: int) -> bytes:
        """One encoded picture."""
        with zipfile.ZipFile(self.folder / "frames.zip") as archive:
            return archive.read(_member(view, frame=frame))

    def jpegs(self, view: str) -> list[bytes]:
        """All encoded pictures of a view, in order."""
        with zipfile.ZipFile(self.folder / "frames.zip") as archive:
            return [archive.read(_member(view, frame=i)) for i in range(self.truth.num_frames)]

    def video(self, view: str) -> Path:
        """The view's video file."""
        return self.folder / f"{view}.mp4"

    def image_statistics(self, view: str) -> ImageStatistics:
        """Minimum, maximum, mean and deviation of each channel."""
        values = np.array(self._truth["images"][view])
        return ImageStatistics(*values)


def write_recording(folder: Path, *, episode: FullEpisode) -> Recording:
    """Write an episode's folder, whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.", suffix=".tmp"))
    work.chmod(0o755)  # mkdtemp makes folders for the owner alone
    try:
        truth = {
            "episode": episode_to_json(episode.truth),
            "frames": {
                view: [frame_to_json(frame) for frame in frames]
                for view, frames in episode.frames.items()
            },
            "images": {
                view: np.round(_statistics(pictures), 6).tolist()
                for view, pictures in episode.pictures.items()
            },
        }
        text = json.dumps(truth, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        (work / "truth.json.gz").write_bytes(gzip.compress(text.encode(), 6, mtime=0))
        np.savez_compressed(work / "arm.npz", **episode.arm._asdict())
        with zipfile.ZipFile(work / "frames.zip", "w") as archive:
            for view, pictures in episode.pictures.items():
                for index, picture in enumerate(pictures):
                    info = zipfile.ZipInfo(_member(view, frame=index), ZIP_TIME)
                    archive.writestr(info, _encode_jpeg(picture))
        for view, pictures in episode.pictures.items():
            (work / f"{view}.mp4").write_bytes(encode_video(pictures))
        work.rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return Recording(folder)


def _member(view: str, *, frame: int) -> str:
    return f"{view}/{frame:04d}.jpg"


def _encode_jpeg(picture: NDArray[np.uint8]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=JPEG_QUALITY)
    return stream.getvalue()


def _statistics(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Rows minimum, maximum, mean, deviation; columns red, green, blue."""
    sample = pictures[:, ::4, ::4].reshape(-1, 3) / 255.0
    return np.stack(
        [sample.min(axis=0), sample.max(axis=0), sample.mean(axis=0), sample.std(axis=0)]
    )


def encode_video(pictures: Sequence[NDArray[np.uint8]] | NDArray[np.uint8]) -> bytes:
    """Pictures (T, H, W, 3) as H.264 in MP4, 15 a second; equal pictures give equal bytes.

    Key frames are two apart, as LeRobot does, so that any frame is found quickly.

    Raises:
        MissingDependencyError: when av is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise MissingDependencyError("av", purpose="Writing video", extra="sim") from error
    library: Any = av
    height, width = pictures[0].shape[:2]
    buffer = io.BytesIO()
    with library.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FRAMES_PER_SECOND)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = Fraction(1, FRAMES_PER_SECOND)
        # More than one encoding thread would make the bytes depend on the machine.
        stream.options = {"crf": "20", "g": "2", "threads": "1", "preset": "veryfast"}
        for picture in pictures:
            frame = library.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return buffer.getvalue()

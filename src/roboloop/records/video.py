"""Single frames of a video, counted exactly.

The container is indexed once by reading its packets without decoding them: frame n is the one with
the n-th smallest time stamp. So a seek lands on the very frame, at any frame rate, even a changing
one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from roboloop.base.errors import MissingDependencyError, RoboLoopError
from roboloop.base.geometry import PictureSize
from roboloop.records.containers import Container

MAX_FRAMES_AHEAD = 48
"""A frame this little ahead is reached by decoding on, a farther one by seeking."""

_UPRIGHT = {
    90: Image.Transpose.ROTATE_90,
    180: Image.Transpose.ROTATE_180,
    -180: Image.Transpose.ROTATE_180,
    -90: Image.Transpose.ROTATE_270,
}


class Video(Container):
    """The first video stream of a file."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            import av
            from av.error import FFmpegError
        except ImportError:
            raise MissingDependencyError("av", purpose="reading video", extra="media") from None
        try:
            self._container: Any = av.open(str(path))
            self._stream: Any = next(iter(self._container.streams.video), None)
            if self._stream is None:
                raise RoboLoopError("E-MED-008", "the file has no video stream")
            self._stamps = self._index()
        except FFmpegError as error:
            raise RoboLoopError("E-MED-008", f"not a readable video: {error}") from error
        self._broken: tuple[type[BaseException], ...] = (FFmpegError,)
        self._frames: Iterator[Any] = iter(())
        self._next = -1

    @property
    def num_frames(self) -> int:
        """How many frames the file has."""
        return len(self._stamps)

    def seconds(self, number: int) -> float:
        """When frame `number` is shown, in seconds after the first one."""
        self._check(number)
        return float((self._stamps[number] - self._stamps[0]) * self._stream.time_base)

    def frame(self, number: int) -> Image.Image:
        """Frame `number`, counted from 0, as RGB, upright."""
        self._check(number)
        try:
            frame = self._decoded(number)
        except self._broken as error:
            self._next = -1
            raise RoboLoopError("E-MED-003", f"frame {number} is damaged: {error}") from error
        turn = _UPRIGHT.get(frame.rotation)
        picture: Image.Image = frame.to_image()
        return picture if turn is None else picture.transpose(turn)

    def size(self) -> PictureSize:
        """Width and height of a frame, upright."""
        return PictureSize(*self.frame(0).size)

    def close(self) -> None:
        """Close the file."""
        self._frames = iter(())
        self._container.close()

    def _check(self, number: int) -> None:
        if not 0 <= number < self.num_frames:
            raise RoboLoopError("E-MED-007", f"the video has frames 0 to {self.num_frames - 1}")

    def _index(self) -> list[int]:
        stamps = {
            packet.pts
            for packet in self._container.demux(self._stream)
            if packet.pts is not None and packet.size and not packet.is_discard
        }
        return sorted(stamps)

    def _decoded(self, number: int) -> Any:
        wanted = self._stamps[number]
        if not 0 <= number - self._next < MAX_FRAMES_AHEAD or self._next < 0:
            self._seek(wanted)
        frame = self._forward_to(wanted)
        if frame is None:  # a seek may land late; from the start the frame is met for sure
            self._seek(self._stamps[0])
            frame = self._forward_to(wanted)
        if frame is None:
            self._next = -1
            raise RoboLoopError("E-MED-003", f"frame {number} cannot be decoded")
        self._next = number + 1
        return frame

    def _seek(self, stamp: int) -> None:
        self._container.seek(stamp, stream=self._stream, backward=True)
        self._frames = self._container.decode(self._stream)

    def _forward_to(self, wanted: int) -> Any | None:
        for frame in self._frames:
            if frame.pts == wanted:
                return frame
            if frame.pts is not None and frame.pts > wanted:
                return None
        return None

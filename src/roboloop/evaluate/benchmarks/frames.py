"""Which frames of a video a model sees: the author's rule, or another that the recipe names.

All rules count in the frames of the stream, decoded by PyAV, which `records.video` finds exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from roboloop.base.errors import Place, RoboLoopError
from roboloop.records.media import VideoFrame
from roboloop.records.media_open import MediaStore

Sampler = Literal["linspace", "middles", "tail"]


class FrameRule(NamedTuple):
    """How frames are chosen.

    Attributes:
        num_frames: How many; the benchmark's own number when None.
        sampler: `linspace`: evenly from the first frame to the last, both included, rounded down,
            as `numpy.linspace(0, n - 1, k, dtype=int)` of VSI-Bench and EgoPlan-Bench2. `middles`:
            the middle of each of k equal parts. `tail`: evenly, then the very last frame.
    """

    num_frames: int | None = None
    sampler: Sampler = "linspace"

    def chosen(self, num_there: int, *, num_wanted: int) -> list[int]:
        """Numbers of the chosen frames among `num_there`, in order; all when they are fewer."""
        number = min(self.num_frames or num_wanted, num_there)
        match self.sampler:
            case "linspace":
                return _whole(np.linspace(0, num_there - 1, number))
            case "middles":
                return _whole((np.arange(number) + 0.5) * num_there / number)
            case "tail":
                last = num_there - 1
                return [*_whole(np.arange(number - 1) * last / max(1, number - 1)), last]


AUTHORS_FRAMES = FrameRule()
"""Each benchmark's own number of frames, evenly from the first to the last."""


def video_frames(
    path: str,
    *,
    rule: FrameRule,
    num_wanted: int,
    store: MediaStore,
    place: Place,
    start: int = 0,
    stop: int | None = None,
) -> tuple[VideoFrame, ...]:
    """The frames of the video at `root:relative` that are shown.

    Args:
        path: The video.
        rule: How they are chosen.
        num_wanted: The benchmark's own number of frames.
        store: Opens the video.
        place: The row that names it, for messages.
        start: First frame of the part that is shown.
        stop: Last frame of it, included; the last of the video when None.

    Raises:
        RoboLoopError: E-EVA-012 when the video is not there or too short; E-MED-008 when it cannot
            be opened.
    """
    if not store.locate(path).is_file():
        raise RoboLoopError(
            "E-EVA-012", f"video {path.partition(':')[2]!r} is not there", place=place
        )
    try:
        num_there = store.num_frames(path)
    except RoboLoopError as error:
        raise error.located(place) from error
    last = num_there - 1 if stop is None else stop
    if not 0 <= start <= last < num_there:
        raise RoboLoopError(
            "E-EVA-012", f"frames {start} to {last} of a video with {num_there}", place=place
        )
    numbers: Sequence[int] = rule.chosen(last - start + 1, num_wanted=num_wanted)
    return tuple(VideoFrame(path=path, frame=start + number) for number in numbers)


def _whole(places: np.ndarray) -> list[int]:
    return [int(place) for place in places]

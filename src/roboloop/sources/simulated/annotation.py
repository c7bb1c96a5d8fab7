"""RoboInter's annotation of one frame: the values of its annotation store and of its columns.

Three states are kept apart: a value, None (there is none), and [] or -1 (the moment has passed).
Boxes are [[x1, y1], [x2, y2]] and points [x, y] in whole pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roboloop.base.geometry import BoxPx
from roboloop.sources.simulated.truth import TRACE_POINTS, EpisodeTruth, FrameTruth, ViewTruth

ANNOTATION_KEYS = (
    "time_clip", "instruction_add", "substask", "primitive_skill", "segmentation", "object_box",
    "placement_proposal", "trace", "gripper_box", "contact_frame", "state_affordance",
    "affordance_box", "contact_points", "origin_shape",
)  # fmt: skip
"""Names as published; `substask` is spelled so."""
PASSED: list[Any] = []


def annotate(
    frames: Sequence[FrameTruth], *, episode: EpisodeTruth, states: NDArray[np.float64]
) -> dict[int, dict[str, Any]]:
    """Frame number -> annotation, for all frames of one view.

    Args:
        frames: What is true of each frame of the view.
        episode: What is true of the episode.
        states: (T, 7) arm states; the first six columns are the tool's pose.
    """
    view = episode.view(frames[0].view)
    clips = [[clip.first, clip.last] for clip in episode.clips]
    ends = {clip.first: frames[clip.last].thing(episode.target).box_px for clip in episode.clips}
    contact = _contact(episode, view=view, states=states)
    past = _contact_past()
    notes: dict[int, dict[str, Any]] = {}
    for truth in frames:
        clip = next(c for c in episode.clips if c.first <= truth.frame <= c.last)
        is_past = episode.contact_frame is not None and truth.frame > episode.contact_frame
        notes[truth.frame] = {
            "time_clip": clips,
            "instruction_add": episode.instruction,
            "substask": clip.subtask,
            "primitive_skill": clip.skill,
            "segmentation": None,
            "object_box": whole_box(truth.thing(episode.target).box_px),
            "placement_proposal": whole_box(ends[clip.first]),
            "trace": _trace(frames, start=truth.frame),
            "gripper_box": whole_box(truth.gripper_box_px),
            "origin_shape": [view.width, view.height],
            **(past if is_past else contact),
        }
    return notes


def _contact(
    episode: EpisodeTruth, *, view: ViewTruth, states: NDArray[np.float64]
) -> dict[str, Any]:
    """What belongs to the first touch, as long as it has not passed."""
    frame, points = episode.contact_frame, view.contact_points_px
    pose = None if frame is None else [round(float(value), 5) for value in states[frame, :6]]
    return {
        "contact_frame": frame,
        "state_affordance": pose,
        "affordance_box": whole_box(view.contact_box_px),
        "contact_points": None if points is None else [[round(x), round(y)] for x, y in points],
    }


def _contact_past() -> dict[str, Any]:
    return {
        "contact_frame": -1,
        "state_affordance": PASSED,
        "affordance_box": PASSED,
        "contact_points": PASSED,
    }


def _trace(frames: Sequence[FrameTruth], *, start: int) -> list[list[int]]:
    """The tool now and in the next nine frames; the last place is repeated at the end."""
    last = len(frames) - 1
    wanted = (min(start + step, last) for step in range(TRACE_POINTS))
    return [[round(value) for value in frames[index].tool_px] for index in wanted]


def whole_box(box_px: BoxPx | None) -> list[list[int]] | None:
    """A box in whole pixels; None stays None."""
    if box_px is None:
        return None
    x1, y1, x2, y2 = (round(value) for value in box_px)
    return [[x1, y1], [x2, y2]]

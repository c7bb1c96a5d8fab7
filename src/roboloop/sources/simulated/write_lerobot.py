"""Recordings as a LeRobot 3.0 data set, with RoboInter's annotation columns.

The annotation columns speak of the first exterior view.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from roboloop.sources.lerobot.annotation_text import column_text
from roboloop.sources.lerobot.layout import CAMERA_PREFIX
from roboloop.sources.lerobot.statistics import FeatureStatistics
from roboloop.sources.lerobot.write import EpisodeData, LerobotWriter
from roboloop.sources.simulated.annotation import ANNOTATION_KEYS, annotate
from roboloop.sources.simulated.recording import (
    ACTION_NAMES,
    FRAMES_PER_SECOND,
    STATE_NAMES,
    Recording,
)

ROBOT_TYPE = "franka_panda_2f85"
VECTOR_NAMES = {
    "observation.state": STATE_NAMES,
    "observation.joint_position": tuple(f"joint{index}" for index in range(1, 8)),
    "action": ACTION_NAMES,
}


def write_lerobot(out: Path, *, recordings: Sequence[Recording]) -> int:
    """Write the data set; gives the number of frames. Everything but the videos is replaced."""
    with LerobotWriter(
        out, fps=FRAMES_PER_SECOND, robot_type=ROBOT_TYPE, names=VECTOR_NAMES
    ) as writer:
        for recording in recordings:
            writer.add(_episode(recording))
    return writer.num_frames


def _episode(recording: Recording) -> EpisodeData:
    arm, truth = recording.arm, recording.truth
    notes = annotate(recording.frames(recording.views[0]), episode=truth, states=arm.states)
    return EpisodeData(
        task=truth.instruction,
        columns={
            "observation.state": arm.states.astype(np.float32),
            "observation.joint_position": arm.joints.astype(np.float32),
            "action": arm.actions.astype(np.float32),
            **{
                f"annotation.{key}": [
                    column_text(notes[frame][key]) for frame in range(truth.num_frames)
                ]
                for key in ANNOTATION_KEYS
            },
        },
        videos={f"{CAMERA_PREFIX}{view}": recording.video(view) for view in recording.views},
        pictures={
            f"{CAMERA_PREFIX}{view}": _picture_statistics(recording, view=view)
            for view in recording.views
        },
    )


def _picture_statistics(recording: Recording, *, view: str) -> FeatureStatistics:
    rows = (row.reshape(3, 1, 1) for row in recording.image_statistics(view))
    return FeatureStatistics(*rows, num=recording.truth.num_frames)

"""Episodes whose robot and cameras are calibrated: the tool's path in the picture becomes `traj`.

A stretch is what the tool does between two changes of the gripper. Each stretch is asked about once
per camera that stands still, in its first picture: the answer is ten waypoints evenly spread over
the stretch.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import hypot
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from roboloop.base.geometry import PictureSize, Point
from roboloop.base.paths import path_length, resample_path
from roboloop.records.answers import Points, Trajectory
from roboloop.records.record import InputValue, Record
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.measure import MediaMeter
from roboloop.sources.robot_episodes import RobotEpisode, RobotEpisodesSource, measured_record

TRACE_TASKS = ("traj", "traj_wo_init_pos")
NUM_WAYPOINTS = 10
SHORTEST_DIAGONALS = 0.05
"""A path shorter than this share of the picture's diagonal says nothing."""
LEAST_GRIPPER_CHANGE = 0.1
"""A gripper that moves over less than this share of its largest opening never changes."""


class ToolPath(NamedTuple):
    """Where the tool is seen by one camera.

    Attributes:
        points_px: (T, 2), one for each frame; NaN where it cannot be seen.
        size: Of the pictures.
    """

    points_px: NDArray[np.float64]
    size: PictureSize


class Stretch(NamedTuple):
    """Frames between two changes of the gripper, both inside."""

    first: int
    last: int


def stretches(gripper: NDArray[np.float64] | None, *, num_frames: int) -> tuple[Stretch, ...]:
    """The stretches of an episode whose gripper opens and closes as (T,) says; None: one stretch.

    The gripper changes where it crosses the middle of the values it takes.
    """
    changes: list[int] = []
    if gripper is not None and len(gripper):
        values = gripper[:num_frames]
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
        if high - low > LEAST_GRIPPER_CHANGE * max(abs(low), abs(high)):
            is_high = values > (low + high) / 2
            changes = [int(index) + 1 for index in np.flatnonzero(is_high[1:] != is_high[:-1])]
    bounds = [0, *changes, num_frames - 1]
    pairs = itertools.pairwise(bounds)
    return tuple(Stretch(first, last) for first, last in pairs if last > first)


def waypoints(path: ToolPath, *, stretch: Stretch) -> tuple[Point, ...] | None:
    """Ten waypoints of a stretch; None when it leaves the picture or hardly moves."""
    points = path.points_px[stretch.first : stretch.last + 1]
    width, height = path.size
    if not (np.isfinite(points).all() and (points >= 0).all()):
        return None
    if (points > (width, height)).any():
        return None
    places = [Point(float(x), float(y)) for x, y in points]
    if path_length(places) < SHORTEST_DIAGONALS * hypot(width, height):
        return None
    return resample_path(places, num_points=NUM_WAYPOINTS)


class TracedEpisodesSource(RobotEpisodesSource):
    """Options and records of a source that may know where the tool is in the picture."""

    @classmethod
    def askable(cls) -> tuple[str, ...]:
        """The tasks this source can ask."""
        return (*super().askable(), *TRACE_TASKS)

    def traced_records(
        self,
        episode: RobotEpisode,
        *,
        paths: Mapping[str, ToolPath],
        gripper: NDArray[np.float64] | None,
        other_tasks: Sequence[str],
        context: SourceContext,
    ) -> Iterator[Record | Rejected]:
        """All questions of one episode; those about the tool's path for the cameras in `paths`."""
        yield from self.episode_records(episode, other_tasks=other_tasks, context=context)
        split = self.split_of(episode, context)
        if not episode.instructions or self.split not in ("all", split):
            return
        meter = MediaMeter(self.media_roots(), verify=self.verify_media)
        for camera, path in paths.items():
            if self.cameras is not None and camera not in self.cameras:
                continue
            for stretch in stretches(gripper, num_frames=episode.num_frames):
                for record in self._traces(episode, camera=camera, path=path, stretch=stretch):
                    yield measured_record(replace(record, split=split), meter=meter)

    def _traces(
        self, episode: RobotEpisode, *, camera: str, path: ToolPath, stretch: Stretch
    ) -> Iterator[Record]:
        places = waypoints(path, stretch=stretch)
        if places is None:
            return
        instruction: dict[str, InputValue] = {"instruction": episode.instructions[0]}
        for task in TRACE_TASKS:
            if not self.wants(task):
                continue
            start: dict[str, InputValue] = {"start": Points(places[:1])} if task == "traj" else {}
            yield Record(
                id=f"{self.name}/{episode.key}/{camera}/{task}/{stretch.first:04d}",
                task=task,
                media=(episode.cameras[camera][stretch.first],),
                inputs=instruction | start,
                answer=Trajectory(places),
                source=self.name,
                licence=self.licence or episode.licence,
                origin=episode.origin,
                meta=self._trace_meta(episode, camera=camera, stretch=stretch),
            )

    @staticmethod
    def _trace_meta(episode: RobotEpisode, *, camera: str, stretch: Stretch) -> dict[str, Any]:
        return {
            **episode.meta,
            "episode": episode.key,
            "camera": camera,
            "frames": [stretch.first],
            "last_frame": stretch.last,
            "success": episode.success,
        }

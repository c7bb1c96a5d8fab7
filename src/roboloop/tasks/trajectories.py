"""What both trajectory tasks share: reading, scoring, drawing, and the best constant path.

All measures but one are distances in picture diagonals, so that pictures of any size and paths of
any number of waypoints compare; all are cut off at one diagonal, the worst value. `dtw_px` is
RoboInter's own number, a sum of pixels: it compares only the same records.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot
from statistics import median

import numpy as np

from roboloop.base.geometry import PictureSize, Point, distance
from roboloop.base.paths import (
    aligned_distances,
    discrete_frechet,
    dtw_mean,
    dtw_total,
    hausdorff,
    resample_path,
)
from roboloop.dialects.base import Dialect
from roboloop.records.answers import Answer, Trajectory
from roboloop.records.record import Record
from roboloop.tasks.base import Mark, Metric, Parsed, Task, Truth, unit_answer
from roboloop.tasks.boxes import parsed_places, without_places
from roboloop.tasks.points import read_places

KEY = "future_traj"
NUM_WAYPOINTS = 10
HIT_DIAGONALS = (0.05, 0.1)
TRAJECTORY_METRICS = (
    Metric("dtw_diagonals", worst=1.0, higher_is_better=False, unit="diagonals"),
    Metric("frechet_diagonals", worst=1.0, higher_is_better=False, unit="diagonals"),
    Metric("end_diagonals", worst=1.0, higher_is_better=False, unit="diagonals"),
    Metric("rmse_diagonals", worst=1.0, higher_is_better=False, unit="diagonals"),
    *(Metric(f"hit@{reach:g}", worst=0.0) for reach in HIT_DIAGONALS),
    Metric("hausdorff_diagonals", worst=1.0, higher_is_better=False, unit="diagonals"),
    Metric("dtw_px", worst=None, higher_is_better=False, unit="px"),
)


class TrajectoryTask(Task):
    """A task whose answer is the path of the gripper; its children differ in the words."""

    answer_kind = "trajectory"
    metrics = TRAJECTORY_METRICS

    def render(self, answer: Answer, *, dialect: Dialect, size: PictureSize | None) -> str:
        """`{"future_traj": [[x, y], ...]}` with the dialect's numbers."""
        assert isinstance(answer, Trajectory) and size is not None
        return dialect.write(answer, size=size, key=KEY)

    def read(self, text: str, *, record: Record, dialect: Dialect) -> Parsed:
        """All points of the text, in its order; any number from one on."""
        return parse_trajectory(text, record=record, dialect=dialect)

    def score(self, answer: Answer, *, truth: Answer, size: PictureSize | None) -> dict[str, float]:
        """Every one of `TRAJECTORY_METRICS`."""
        assert size is not None
        return score_trajectory(answer, truth=truth, size=size)

    def worst(self, truth: Answer, *, size: PictureSize | None) -> dict[str, float]:
        """As everywhere; `dtw_px` as if every true waypoint were missed by a diagonal."""
        assert isinstance(truth, Trajectory) and size is not None
        return super().worst(truth, size=size) | {"dtw_px": worst_dtw_px(truth, size=size)}

    def best_constant(self, truths: Sequence[Truth]) -> Answer:
        """The median path, in fractions of the picture."""
        return median_trajectory(truths)

    def marks(self, answer: Answer) -> tuple[Mark, ...]:
        """The path."""
        assert isinstance(answer, Trajectory)
        return (Mark("path", answer.points_px, "path"),)


def parse_trajectory(text: str, *, record: Record, dialect: Dialect) -> Parsed:
    """The path in a text, in pixels of the record's first picture."""
    read = read_places(text, record=record, dialect=dialect, key=KEY)
    if not read.points_px:
        return without_places(read, note="no waypoint in the text")
    parsed = parsed_places(Trajectory(read.points_px), read=read, text=text)
    if len(read.points_px) == 1:
        return parsed._replace(note="a single waypoint", rule=read.place)
    return parsed


def score_trajectory(answer: Answer, *, truth: Answer, size: PictureSize) -> dict[str, float]:
    """Distances between two paths, in picture diagonals, none above 1; `dtw_px` in pixels.

    `dtw_diagonals` and `frechet_diagonals` align freely in time; `rmse_diagonals` and `hit@...`
    compare `NUM_WAYPOINTS` places at equal shares of each path's length; `end_diagonals` compares
    only where the paths end. `hausdorff_diagonals` knows no order: a path walked backwards is the
    same.
    """
    assert isinstance(answer, Trajectory) and isinstance(truth, Trajectory)
    ours, theirs = answer.points_px, truth.points_px
    diagonal = hypot(size.width, size.height)
    gaps = aligned_distances(ours, second=theirs, num_points=NUM_WAYPOINTS) / diagonal
    lengths = {
        "dtw_diagonals": dtw_mean(ours, second=theirs) / diagonal,
        "frechet_diagonals": discrete_frechet(ours, second=theirs) / diagonal,
        "end_diagonals": distance(ours[-1], second=theirs[-1]) / diagonal,
        "rmse_diagonals": float(np.sqrt(np.mean(gaps**2))),
        "hausdorff_diagonals": hausdorff(ours, second=theirs) / diagonal,
    }
    hits = {f"hit@{reach:g}": float(np.mean(gaps <= reach)) for reach in HIT_DIAGONALS}
    dtw_px = min(dtw_total(ours, second=theirs), worst_dtw_px(truth, size=size))
    return {name: min(1.0, value) for name, value in lengths.items()} | hits | {"dtw_px": dtw_px}


def worst_dtw_px(truth: Trajectory, *, size: PictureSize) -> float:
    """One picture diagonal for each waypoint of the truth, in pixels."""
    return len(truth.points_px) * hypot(size.width, size.height)


def median_trajectory(truths: Sequence[Truth]) -> Trajectory:
    """The median of each of `NUM_WAYPOINTS` evenly spread waypoints, in fractions of the picture.

    Each path is spread evenly over its length in pixels, before it becomes fractions.
    """
    spread: list[tuple[Point, ...]] = []
    for truth in truths:
        assert isinstance(truth.answer, Trajectory) and truth.size is not None
        even = Trajectory(resample_path(truth.answer.points_px, num_points=NUM_WAYPOINTS))
        moved = unit_answer(even, size=truth.size)
        assert isinstance(moved, Trajectory)
        spread.append(moved.points_px)
    return Trajectory(
        tuple(
            Point(median(p.x for p in places), median(p.y for p in places))
            for places in zip(*spread, strict=True)
        )
    )

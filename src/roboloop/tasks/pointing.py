"""pointing: point at what is described. The truth is a set of places, or the area they must hit."""

from __future__ import annotations

from collections.abc import Sequence

from roboloop.base.geometry import PictureSize
from roboloop.dialects.base import Dialect
from roboloop.records.answers import Answer, Box, Points
from roboloop.records.record import Record
from roboloop.records.regions import Polygon, Region
from roboloop.tasks.base import Mark, Metric, Parsed, Task, Truth, Wording
from roboloop.tasks.boxes import box_mark
from roboloop.tasks.points import (
    DISTANCE_METRIC,
    as_points,
    inside,
    matched_diagonals,
    median_points,
    parse_points,
    region_gap,
)

KEY = "point_2d"
HIT_DIAGONALS = 0.05


class Pointing(Task):
    """Points at a described place. A record's truth may be points, or an area to be hit."""

    kind = "pointing"
    title = "Pointing"
    family = "general"
    answer_kind = "points"
    other_truth_kinds = ("box", "polygon", "mask")
    metrics = (Metric("hit", worst=0.0), DISTANCE_METRIC)
    wordings = (
        Wording("en", "Point to {object}."),
        Wording("en", "Point at {object} in this picture."),
        Wording("en", "Where is {object}? Answer with one point or more."),
        Wording("en", "Mark {object} with points."),
        Wording("zh", "请指出{object}。"),
        Wording("zh", "{object}在哪里？请用点标出。"),
    )

    def render(self, answer: Answer, *, dialect: Dialect, size: PictureSize | None) -> str:
        """The points with the dialect's numbers; for an area, a place inside."""
        assert size is not None
        return dialect.write(as_points(answer), size=size, key=KEY)

    def read(self, text: str, *, record: Record, dialect: Dialect) -> Parsed:
        """All points of the text."""
        return parse_points(text, record=record, dialect=dialect, key=KEY)

    def score(self, answer: Answer, *, truth: Answer, size: PictureSize | None) -> dict[str, float]:
        """`hit` is the share of points in the area, or matched within 0.05 diagonals of a true one.

        `distance_diagonals` is the mean distance to a box's middle or a region's nearest place, or
        that of the best matching of points, where one missing or too many counts one diagonal.
        """
        assert isinstance(answer, Points) and size is not None
        if isinstance(truth, Box):
            middle = (truth.center_px,)
            gaps = [
                gap
                for point in answer.points_px
                for gap in matched_diagonals((point,), truth_px=middle, size=size)
            ]
            hits = [inside(point, box=truth) for point in answer.points_px]
        elif isinstance(truth, Region):
            gaps = [region_gap(point, region=truth, size=size) for point in answer.points_px]
            hits = [truth.contains(point) for point in answer.points_px]
        else:
            assert isinstance(truth, Points)
            gaps = matched_diagonals(answer.points_px, truth_px=truth.points_px, size=size)
            hits = [gap <= HIT_DIAGONALS for gap in gaps]
        return {"hit": sum(hits) / len(hits), DISTANCE_METRIC.name: sum(gaps) / len(gaps)}

    def best_constant(self, truths: Sequence[Truth]) -> Answer:
        """The median place, in fractions of the picture."""
        return median_points(truths)

    def marks(self, answer: Answer) -> tuple[Mark, ...]:
        """The points, or the area to be hit: of a mask the box around it."""
        if isinstance(answer, Polygon):
            corners = answer.vertices_px
            return (Mark("path", (*corners, corners[0]), "target"),)
        if isinstance(answer, Region):
            answer = Box(*answer.bounds_px)
        if isinstance(answer, Box):
            return (box_mark(answer, label="target"),)
        return (Mark("points", as_points(answer).points_px, "point"),)

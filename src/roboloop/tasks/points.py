"""What tasks with places share: reading them, and measuring them whatever their order."""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot
from statistics import median

from roboloop.base.geometry import PictureSize, Point, distance
from roboloop.base.matching import cheapest_matching
from roboloop.dialects.base import Dialect, PointsRead
from roboloop.records.answers import Box, Points
from roboloop.records.record import Record
from roboloop.records.regions import Region
from roboloop.tasks.base import Metric, Parsed, Truth, unit_answer
from roboloop.tasks.boxes import JSON_KEY, parsed_places, without_places
from roboloop.tasks.final_answer import keyed_part

DISTANCE_METRIC = Metric("distance_diagonals", worst=1.0, higher_is_better=False, unit="diagonals")


def read_places(text: str, *, record: Record, dialect: Dialect, key: str) -> PointsRead:
    """The places in a text, in pixels of the record's first picture.

    Where the text calls some of them its answer, by the last `key`, only those.
    """
    size = record.picture_size
    assert size is not None, f"{record.id}: places without a picture size"
    read = dialect.read_points(text, size=size)
    part = keyed_part(text, key=key)
    if part is not None and part != text.strip():  # else it was just read
        keyed = dialect.read_points(part, size=size)
        if 0 < len(keyed.points_px) < len(read.points_px):
            return keyed._replace(place=JSON_KEY)
    return read


def parse_points(text: str, *, record: Record, dialect: Dialect, key: str) -> Parsed:
    """Every place in a text, repeated ones included."""
    read = read_places(text, record=record, dialect=dialect, key=key)
    if not read.points_px:
        return without_places(read, note="no point in the text")
    return parsed_places(Points(read.points_px), read=read, text=text)


def matched_diagonals(
    points_px: Sequence[Point], *, truth_px: Sequence[Point], size: PictureSize
) -> list[float]:
    """Distances of the best one-to-one matching, in picture diagonals, none above 1.

    One value for each of the larger number of points; a point without partner costs 1.
    """
    diagonal = hypot(size.width, size.height)
    costs = [
        [min(1.0, distance(point, second=other) / diagonal) for other in truth_px]
        for point in points_px
    ]
    matched = [costs[row][column] for row, column in cheapest_matching(costs)]
    return matched + [1.0] * (max(len(points_px), len(truth_px)) - len(matched))


def inside(point: Point, *, box: Box) -> bool:
    """Whether a place lies in a box, its edges included."""
    return box.x1 <= point.x <= box.x2 and box.y1 <= point.y <= box.y2


def region_gap(point: Point, *, region: Region, size: PictureSize) -> float:
    """How far a place is from a region, in picture diagonals, never above 1; 0 inside."""
    return min(1.0, region.distance_px(point) / hypot(size.width, size.height))


def median_points(truths: Sequence[Truth]) -> Points:
    """The median place of each rank, in fractions of the picture.

    Places are ranked from left to right; as many as the median truth has. The middle of a box
    and a place inside a region stand for them.
    """
    ranked: list[list[Point]] = []
    for truth in truths:
        assert truth.size is not None, "a spatial answer has a picture"
        moved = unit_answer(as_points(truth.answer), size=truth.size)
        assert isinstance(moved, Points)
        ranked.append(sorted(moved.points_px))
    number = int(median(len(places) for places in ranked))
    chosen = [places for places in ranked if len(places) == number] or ranked
    return Points(
        tuple(
            Point(median(p.x for p in places), median(p.y for p in places))
            for places in zip(*chosen, strict=False)
        )
    )


def as_points(answer: object) -> Points:
    """Places as they are; for a box, its middle; for a region, a place inside."""
    if isinstance(answer, Box):
        return Points((answer.center_px,))
    if isinstance(answer, Region):
        return Points((answer.inner_px,))
    assert isinstance(answer, Points)
    return answer

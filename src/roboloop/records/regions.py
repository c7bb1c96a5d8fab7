"""Places that are areas: a polygon, or a mask of pixels. Truths of pointing, not answers of models.

A mask keeps its pixels in the record itself, as run lengths: it needs no second file to be scored,
and a changed mask is a changed record.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise
from math import floor, hypot
from typing import TYPE_CHECKING, Any, ClassVar

from roboloop.base.geometry import BoxPx, PictureSize, Point

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Polygon:
    """An area with straight edges; the last vertex is joined to the first."""

    kind: ClassVar[str] = "polygon"
    vertices_px: tuple[Point, ...]

    @property
    def bounds_px(self) -> BoxPx:
        """The smallest box around it."""
        xs, ys = zip(*self.vertices_px, strict=True)
        return (min(xs), min(ys), max(xs), max(ys))

    @property
    def inner_px(self) -> Point:
        """A place inside: the middle of its widest stretch at half its height."""
        _, top, _, bottom = self.bounds_px
        y = (top + bottom) / 2
        crossings = sorted(self._crossings(y))
        stretches = list(zip(crossings[::2], crossings[1::2], strict=False))
        if not stretches:
            return self.vertices_px[0]
        left, right = max(stretches, key=lambda stretch: stretch[1] - stretch[0])
        return Point((left + right) / 2, y)

    def contains(self, point: Point) -> bool:
        """Whether a ray from the place to the right crosses an odd number of edges."""
        return sum(x > point.x for x in self._crossings(point.y)) % 2 == 1

    def distance_px(self, point: Point) -> float:
        """How far a place is from the area; 0 inside."""
        if self.contains(point):
            return 0.0
        return min(_distance_to_edge(point, edge) for edge in self._edges())

    def _edges(self) -> Iterable[tuple[Point, Point]]:
        return pairwise((*self.vertices_px, self.vertices_px[0]))

    def _crossings(self, y: float) -> Iterable[float]:
        """Where a horizontal line meets the edges."""
        for first, second in self._edges():
            if (first.y > y) != (second.y > y):
                share = (y - first.y) / (second.y - first.y)
                yield first.x + share * (second.x - first.x)


@dataclass(frozen=True, slots=True)
class Mask:
    """An area of whole pixels of a picture.

    Attributes:
        size: Width and height of the picture.
        runs: Lengths of the runs, row by row from the top left: pixels outside, inside, outside ...
    """

    kind: ClassVar[str] = "mask"
    size: PictureSize
    runs: tuple[int, ...]

    @classmethod
    def from_array(cls, inside: BoolArray) -> Mask:
        """The mask of an array of shape (height, width)."""
        import numpy as np

        height, width = inside.shape
        flat = inside.reshape(-1)
        edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
        ends = [*edges.tolist(), flat.size]
        runs = [end - start for start, end in pairwise((0, *ends))]
        first = (0,) if flat.size and flat[0] else ()
        return cls(PictureSize(width, height), (*first, *runs))

    @property
    def num_pixels(self) -> int:
        """Pixels inside."""
        return sum(self.runs[1::2])

    @property
    def bounds_px(self) -> BoxPx:
        """The smallest box around its pixels; of an empty mask a point."""
        rows, columns = _inside_array(self).nonzero()
        if not len(rows):
            return (0.0, 0.0, 0.0, 0.0)
        corners = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        x1, y1, x2, y2 = map(float, corners)
        return (x1, y1, x2, y2)

    @property
    def inner_px(self) -> Point:
        """The middle of the pixel inside that is closest to the middle of all of them."""
        rows, columns = _inside_array(self).nonzero()
        if not len(rows):
            return Point(self.size.width / 2, self.size.height / 2)
        away = (rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2
        nearest = int(away.argmin())
        return Point(float(columns[nearest]) + 0.5, float(rows[nearest]) + 0.5)

    def contains(self, point: Point) -> bool:
        """Whether the pixel that holds the place is inside."""
        column, row = floor(point.x), floor(point.y)
        if not (0 <= column < self.size.width and 0 <= row < self.size.height):
            return False
        ends = tuple(accumulate(self.runs))
        return bisect_right(ends, row * self.size.width + column) % 2 == 1

    def distance_px(self, point: Point) -> float:
        """From a place to the middle of the nearest pixel inside; 0 inside."""
        if self.contains(point):
            return 0.0
        rows, columns = _inside_array(self).nonzero()
        if not len(rows):
            return hypot(self.size.width, self.size.height)
        away = (rows + 0.5 - point.y) ** 2 + (columns + 0.5 - point.x) ** 2
        return float(away.min()) ** 0.5


Region = Polygon | Mask


def region_to_json(region: Region) -> dict[str, Any]:
    """The fields of a region, without its kind."""
    if isinstance(region, Polygon):
        return {"vertices_px": [[float(x), float(y)] for x, y in region.vertices_px]}
    return {"size": list(region.size), "runs": list(region.runs)}


@lru_cache(maxsize=64)
def _inside_array(mask: Mask) -> BoolArray:
    """The mask as an array of shape (height, width)."""
    import numpy as np

    values = np.arange(len(mask.runs)) % 2 == 1
    flat: BoolArray = np.repeat(values, np.array(mask.runs, dtype=np.int64))
    return flat.reshape(mask.size.height, mask.size.width)


def _distance_to_edge(point: Point, edge: Sequence[Point]) -> float:
    first, second = edge
    dx, dy = second.x - first.x, second.y - first.y
    length = dx * dx + dy * dy
    along = ((point.x - first.x) * dx + (point.y - first.y) * dy) / length if length else 0.0
    share = min(1.0, max(0.0, along))
    return hypot(point.x - first.x - share * dx, point.y - first.y - share * dy)

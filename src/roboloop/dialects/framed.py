"""Dialects whose numbers are fractions of the picture times a frame: all known ones.

A frame is what the numbers of the right and bottom border are: (308, 168) for pixels of a resized
picture, (1000, 1000) for thousandths, (1, 1) for fractions. A dialect adds to it the rounding, the
order of x and y, and the notation around the numbers; this class writes JSON.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import ClassVar, NamedTuple

from roboloop.base.geometry import PictureSize, Point
from roboloop.dialects import reading
from roboloop.dialects.base import BoxesRead, Dialect, PointsRead, ReadStatus, Spatial
from roboloop.dialects.groups import Pair, RawBox
from roboloop.dialects.hints import hint
from roboloop.dialects.scanning import Number
from roboloop.records.answers import Box, Boxes, Points, Trajectory

SWAPPED = "the corners of a box are put in order"
OUTSIDE = "a coordinate lies outside the picture; it is kept as written"
FAR_OUTSIDE = "all places lie far outside the picture: the numbers are of another convention"
FRACTIONS = "all numbers are fractions of one: they are of another convention"
EMPTY = "the text is empty"
NO_DATA = "no coordinates in brackets, objects or tags"
FAR = 2.0
"""Places beyond so many widths or heights of the picture are not merely beside it."""
OTHER_FORM = "the form is not the one the dialect writes"


class Frame(NamedTuple):
    """The numbers x and y of the picture's right and bottom border."""

    x: float
    y: float


THOUSANDTHS = Frame(1000, 1000)
THOUSANDTHS_UNITS = {
    "en": "as integers from 0 to 1000, relative to width and height, x before y",
    "zh": "坐标为相对于图像宽和高的 0 到 1000 的整数，先 x 后 y",
}
UNIT = Frame(1, 1)
UNIT_UNITS = {
    "en": "as fractions of width and height from 0 to 1, x before y",
    "zh": "坐标为相对于图像宽和高的 0 到 1 的小数，先 x 后 y",
}


class FramedDialect(Dialect):
    """Numbers in a frame, rounded to the nearest with `digits` decimals, written as JSON.

    Class attributes:
        y_first: Whether unnamed numbers come as y, x.
        steps_of_error: Half a step for rounding to the nearest, a whole one for cutting off.
        gives_extent: Whether the second pair of a box is its width and height.
        box_key: Key of a box in a list of several.
        point_key: Key of a point in a list of labelled ones.
        units: How the numbers are meant, for a prompt, by language.
    """

    y_first: ClassVar[bool] = False
    steps_of_error: ClassVar[float] = 0.5
    gives_extent: ClassVar[bool] = False
    box_key: ClassVar[str] = "bbox_2d"
    point_key: ClassVar[str] = "point_2d"
    units: ClassVar[dict[str, str]]

    @property
    def digits(self) -> int:
        """Decimals of a written number."""
        return 0

    @abstractmethod
    def frame(self, size: PictureSize) -> Frame:
        """The frame for an original picture of `size`."""

    def view_size(self, size: PictureSize) -> PictureSize:
        """The original size: the numbers do not depend on how the processor resizes."""
        return size

    def numbers(self, point_px: Point, *, size: PictureSize) -> tuple[str, str]:
        """Both numbers in the frame as text; places outside the picture go to its border."""
        frame = self.frame(size)
        x = self._within(point_px.x * frame.x / size.width, border=frame.x)
        y = self._within(point_px.y * frame.y / size.height, border=frame.y)
        return (self._rounded(x), self._rounded(y))

    def point(self, x: float, y: float, *, size: PictureSize) -> Point:
        """The point in original pixels for the numbers x, y; not kept within the picture."""
        frame = self.frame(size)
        return Point(x * size.width / frame.x, y * size.height / frame.y)

    def resolution_px(self, size: PictureSize) -> Point:
        """Half a step of the numbers (a whole one where they are cut off), in original pixels."""
        frame = self.frame(size)
        steps = self.steps_of_error * 10.0**-self.digits
        return Point(steps * size.width / frame.x, steps * size.height / frame.y)

    def write(self, answer: Spatial, *, size: PictureSize, key: str) -> str:
        """`{"<key>": [x1, y1, x2, y2]}`, `{"<key>": [[x, y], ...]}`, or a list of objects."""
        match answer:
            case Box():
                return f"{{{_quoted(key)}: {self._box(answer, size=size)}}}"
            case Boxes():
                return self._list(
                    self._object(self.box_key, self._box(box, size=size), label=box.label)
                    for box in answer.items
                )
            case Points(labels=labels) if len(labels) == len(answer.points_px) > 0:
                return self._list(
                    self._object(self.point_key, self.write_inline(point, size=size), label=label)
                    for point, label in zip(answer.points_px, labels, strict=True)
                )
            case Points() | Trajectory():
                return f"{{{_quoted(key)}: {self.write_value(answer, size=size)}}}"

    def write_inline(self, point_px: Point, *, size: PictureSize) -> str:
        """`[x, y]`, or `[y, x]` where y comes first."""
        return f"[{', '.join(self._ordered(point_px, size=size))}]"

    def write_value(self, place: Box | Points | Trajectory, *, size: PictureSize) -> str:
        """The numbers of a box in one list, those of points in a list for each."""
        if isinstance(place, Box):
            return self._box(place, size=size)
        return self._list(self.write_inline(point, size=size) for point in place.points_px)

    def read_points(self, text: str, *, size: PictureSize) -> PointsRead:
        """All points; a box stands for its centre, a third number (depth) is left out."""
        found = reading.read_points(text)
        points_px = tuple(self._place(raw.place, size=size) for raw in found.points)
        given = [raw.label for raw in found.points]
        labels = tuple(label for label in given if label is not None)
        if len(labels) < len(points_px):
            labels = ()
        if not points_px and not found.is_empty_list:
            return PointsRead((), _status_of_none(found), _why_none(text, found))
        pairs = [pair for raw in found.points for pair in self._pairs(raw.place)]
        candidates = (Points(points_px, labels), Trajectory(points_px))
        status = self._status(found, pairs, candidates, size=size)
        note = self._note(found, status)
        return PointsRead(points_px, status, note, labels, found.words, found.place)

    def read_boxes(self, text: str, *, size: PictureSize) -> BoxesRead:
        """All boxes, labels where they are given; swapped corners are put in order."""
        found = reading.read_boxes(text)
        boxes = tuple(self._ordered_box(raw, found, size=size) for raw in found.boxes)
        if not boxes and not found.is_empty_list:
            return BoxesRead((), _status_of_none(found), _why_none(text, found))
        pairs = [pair for raw in found.boxes for pair in self._pairs(raw)]
        candidates = (*boxes[:1], Boxes(boxes))
        status = self._status(found, pairs, candidates, size=size)
        return BoxesRead(boxes, status, self._note(found, status), found.words, found.place)

    def format_hint(self, answer_kind: str, *, language: str, key: str | None = None) -> str:
        """One sentence for a prompt: the notation and the meaning of the numbers."""
        return hint(self._example(answer_kind, key=key), units=self.units, language=language)

    def _rounded(self, value: float) -> str:
        return f"{value:.{self.digits}f}"

    def _within(self, value: float, *, border: float) -> float:
        return min(max(value, 0.0), border) + 0.0  # adding zero turns -0.0 into 0.0

    def _ordered(self, point_px: Point, *, size: PictureSize) -> tuple[str, str]:
        """The numbers in the order in which they are written."""
        x, y = self.numbers(point_px, size=size)
        return (y, x) if self.y_first else (x, y)

    def _box(self, box: Box, *, size: PictureSize) -> str:
        start, end = Point(box.x1, box.y1), Point(box.x2, box.y2)
        near, far = self._ordered(start, size=size), self._ordered(end, size=size)
        if self.gives_extent:  # of the written numbers, so that the far corner is as exact
            far = (self._rounded(float(b) - float(a)) for a, b in zip(near, far, strict=True))
        return f"[{', '.join((*near, *far))}]"

    def _list(self, items: Iterable[str]) -> str:
        return f"[{', '.join(items)}]"

    def _object(self, key: str, numbers: str, *, label: str | None = None) -> str:
        named = "" if label is None else f', "label": {_quoted(label)}'
        return f"{{{_quoted(key)}: {numbers}{named}}}"

    def _example(self, answer_kind: str, *, key: str | None) -> str:
        x, y = ("y", "x") if self.y_first else ("x", "y")
        box = "[x, y, width, height]" if self.gives_extent else f"[{x}1, {y}1, {x}2, {y}2]"
        match answer_kind:
            case "box":
                return f"{{{_quoted(key or self.box_key)}: {box}}}"
            case "boxes":
                return f'[{{{_quoted(self.box_key)}: {box}, "label": "..."}}, ...]'
            case _:
                return f"{{{_quoted(key or answer_kind)}: [[{x}1, {y}1], [{x}2, {y}2], ...]}}"

    def _place(self, place: Pair | RawBox, *, size: PictureSize) -> Point:
        """A point in pixels: the point itself, or the centre of a box."""
        if isinstance(place, Pair):
            return self._point(place, size=size)
        start, end = (self._point(pair, size=size) for pair in self._pairs(place))
        return Point((start.x + end.x) / 2, (start.y + end.y) / 2)

    def _point(self, pair: Pair, *, size: PictureSize) -> Point:
        swap = self.y_first and not pair.named
        x, y = (pair.second, pair.first) if swap else (pair.first, pair.second)
        if not (x.is_percent or y.is_percent):
            return self.point(x.value, y.value, size=size)
        frame = self.frame(size)
        return self.point(
            x.value * frame.x / 100 if x.is_percent else x.value,
            y.value * frame.y / 100 if y.is_percent else y.value,
            size=size,
        )

    def _ordered_box(self, raw: RawBox, found: reading.Reading, *, size: PictureSize) -> Box:
        start, end = (self._point(pair, size=size) for pair in self._pairs(raw))
        if end.x < start.x or end.y < start.y:
            found.note(SWAPPED)
        x1, x2 = sorted((start.x, end.x))
        y1, y2 = sorted((start.y, end.y))
        return Box(x1, y1, x2, y2, raw.label)

    def _pairs(self, place: Pair | RawBox) -> tuple[Pair, ...]:
        """The point, or two opposite corners of the box."""
        if isinstance(place, Pair):
            return (place,)
        start, end = place.start, place.end
        if not self.gives_extent or end.named:
            return (start, end)
        x, y = (
            Number(place.value + length.value, length.is_percent)
            for place, length in zip(start[:2], end[:2], strict=True)
        )
        return (start, Pair(x, y))

    def _status(
        self,
        found: reading.Reading,
        pairs: Sequence[Pair],
        candidates: Iterable[Spatial],
        *,
        size: PictureSize,
    ) -> ReadStatus:
        """How what was read lies in the picture, and how it was written.

        Fractions of one are another convention, but not in a text as this dialect writes it: with
        decimals, all its numbers may be small near the picture's corner.
        """
        outside = self._outside(found, pairs, size=size)
        if outside is not None:
            return outside
        form = self._form(found, candidates, size=size)
        if form is ReadStatus.EXACT or min(self.frame(size)) <= 1 or not pairs:
            return form
        if all(map(_is_fraction, pairs)):
            found.note(FRACTIONS)
            return ReadStatus.OTHER_CONVENTION
        return form

    def _outside(
        self, found: reading.Reading, pairs: Sequence[Pair], *, size: PictureSize
    ) -> ReadStatus | None:
        """Whether places lie outside by more than the dialect's own resolution; None if not."""
        slack = self.resolution_px(size)
        points = [self._point(pair, size=size) for pair in pairs]
        inside = [
            -slack.x <= x <= size.width + slack.x and -slack.y <= y <= size.height + slack.y
            for x, y in points
        ]
        if not all(inside):
            reach = max(max(x / size.width, y / size.height) for x, y in points)
            is_other = reach > FAR and not any(inside)
            found.note(FAR_OUTSIDE if is_other else OUTSIDE)
            return ReadStatus.OTHER_CONVENTION if is_other else ReadStatus.OUTSIDE
        return None

    def _form(
        self, found: reading.Reading, candidates: Iterable[Spatial], *, size: PictureSize
    ) -> ReadStatus:
        """Exact when writing what was read gives the answer's text again, blanks aside."""
        given = _squeezed(found.told)
        for answer in candidates:
            if _squeezed(self.write(answer, size=size, key=found.key)) == given:
                return ReadStatus.EXACT
        return ReadStatus.REPAIRED

    def _note(self, found: reading.Reading, status: ReadStatus) -> str:
        note = "; ".join(found.notes)
        return note or (OTHER_FORM if status is ReadStatus.REPAIRED else "")


def _is_fraction(pair: Pair) -> bool:
    """Whether both numbers are fractions of one, and not both the whole numbers 0 or 1."""
    values = [number.value for number in pair[:2] if not number.is_percent]
    return (
        len(values) == 2
        and all(0 <= value <= 1 for value in values)
        and not all(value.is_integer() for value in values)
    )


def _status_of_none(found: reading.Reading) -> ReadStatus:
    return ReadStatus.CUT_OFF if found.is_cut_off else ReadStatus.UNREADABLE


def _why_none(text: str, found: reading.Reading) -> str:
    if not text.strip():
        return EMPTY
    return "; ".join(found.notes) or NO_DATA


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _squeezed(text: str) -> str:
    return "".join(text.split())

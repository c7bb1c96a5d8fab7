"""What all tasks with one box share: reading, scoring, drawing, and the best constant box."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import ClassVar

from roboloop.base.geometry import PictureSize, Point, box_iou
from roboloop.dialects.base import BoxesRead, Dialect, PointsRead, ReadStatus
from roboloop.records.answers import Answer, Box
from roboloop.records.record import Record
from roboloop.tasks.base import (
    EXACT,
    Mark,
    Metric,
    Parsed,
    ParseStatus,
    Task,
    Truth,
    unit_answer,
)
from roboloop.tasks.final_answer import keyed_part
from roboloop.tasks.tracked_text import Span

THRESHOLDS = (0.1, 0.25, 0.5, 0.75)
BOX_METRICS = (
    Metric("iou", worst=0.0),
    *(Metric(f"acc@{threshold:g}", worst=0.0) for threshold in THRESHOLDS),
)
STATUS = {
    ReadStatus.EXACT: ParseStatus.OK,
    ReadStatus.REPAIRED: ParseStatus.OK,
    ReadStatus.OUTSIDE: ParseStatus.OUT_OF_RANGE,
    ReadStatus.OTHER_CONVENTION: ParseStatus.CONVENTION_BREAK,
}
"""Of texts that hold coordinates."""
JSON_KEY = "json key"


class BoxTask(Task):
    """A task whose answer is one box. Its siblings differ in words, `key` and `mark_label`."""

    answer_kind = "box"
    metrics = BOX_METRICS
    key: ClassVar[str]
    mark_label: ClassVar[str]

    def render(self, answer: Answer, *, dialect: Dialect, size: PictureSize | None) -> str:
        """The box in the dialect's numbers, under the task's key."""
        assert isinstance(answer, Box) and size is not None
        return dialect.write(answer, size=size, key=self.key)

    def read(self, text: str, *, record: Record, dialect: Dialect) -> Parsed:
        """The one box in the text."""
        return parse_box(text, record=record, dialect=dialect, key=self.key)

    def score(self, answer: Answer, *, truth: Answer, size: PictureSize | None) -> dict[str, float]:
        """Intersection over union, and whether it reaches each threshold."""
        return score_box(answer, truth=truth)

    def best_constant(self, truths: Sequence[Truth]) -> Answer:
        """The median box, in fractions of the picture."""
        return median_box(truths)

    def marks(self, answer: Answer) -> tuple[Mark, ...]:
        """The box."""
        return (box_mark(answer, label=self.mark_label),)


def parse_box(text: str, *, record: Record, dialect: Dialect, key: str) -> Parsed:
    """The one box in a text, in pixels of the record's first picture.

    One box written several times is one answer. Several different boxes are none, unless the text
    itself says which is meant: by the last `key`, an answer tag, or `Answer:` before it.
    """
    size = record.picture_size
    assert size is not None, f"{record.id}: a box without a picture size"
    read = dialect.read_boxes(text, size=size)
    part = keyed_part(text, key=key)
    if len(_different(read)) > 1 and part is not None:
        keyed = dialect.read_boxes(part, size=size)
        read = keyed._replace(place=JSON_KEY) if keyed.boxes else read
    boxes = _different(read)
    if not boxes:
        return without_places(read, note="no box in the text")
    if len(boxes) > 1:
        note = f"{len(boxes)} different boxes: which is meant?"
        return Parsed(None, ParseStatus.AMBIGUOUS, note)
    parsed = parsed_places(boxes[0], read=read, text=text)
    if len(read.boxes) > 1:
        return parsed._replace(note="the same box several times", rule=read.place)
    return parsed


def parsed_places(answer: Answer, *, read: BoxesRead | PointsRead, text: str) -> Parsed:
    """An answer of places with what the dialect tells about its text."""
    rule = EXACT if read.status is ReadStatus.EXACT and read.place != JSON_KEY else read.place
    start = text.rfind(read.words) if read.words else -1
    span = Span(start, start + len(read.words)) if start >= 0 else None
    return Parsed(answer, STATUS[read.status], read.note, rule, span)


def without_places(read: BoxesRead | PointsRead, *, note: str) -> Parsed:
    """No answer: nothing can be read, or the text plainly says that there is nothing."""
    cut_off = read.status is ReadStatus.CUT_OFF
    status = ParseStatus.TRUNCATED if cut_off else ParseStatus.NO_ANSWER
    return Parsed(None, status, read.note or note)


def score_box(answer: Answer, *, truth: Answer) -> dict[str, float]:
    """Every one of `BOX_METRICS`."""
    assert isinstance(answer, Box) and isinstance(truth, Box)
    iou = box_iou(answer.corners_px, second_px=truth.corners_px)
    return {"iou": iou} | {f"acc@{edge:g}": float(iou >= edge) for edge in THRESHOLDS}


def median_box(truths: Sequence[Truth]) -> Box:
    """The median of each side, in fractions of the picture."""
    units = [unit_answer(truth.answer, size=_size(truth)) for truth in truths]
    corners = [unit.corners_px for unit in units if isinstance(unit, Box)]
    x1, y1, x2, y2 = (median(values) for values in zip(*corners, strict=True))
    return Box(x1, y1, x2, y2)


def box_mark(box: Answer, *, label: str) -> Mark:
    """The drawing of one box."""
    assert isinstance(box, Box)
    return Mark("box", (Point(box.x1, box.y1), Point(box.x2, box.y2)), label)


def _size(truth: Truth) -> PictureSize:
    assert truth.size is not None, "a spatial answer has a picture"
    return truth.size


def _different(read: BoxesRead) -> list[Box]:
    return list({box.corners_px: box for box in read.boxes}.values())

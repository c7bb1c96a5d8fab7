"""What all tasks with one box share: reading, scoring, drawing, and the best constant box."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import ClassVar

from roboloop.base.geometry import PictureSize, Point, box_iou
from roboloop.dialects.base import BoxesRead, Dialect, ReadStatus
from roboloop.records.answers import Answer, Box
from roboloop.records.record import Record
from roboloop.tasks.base import Mark, Metric, Parsed, ParseStatus, Task, Truth, unit_answer
from roboloop.tasks.final_answer import keyed_part

THRESHOLDS = (0.1, 0.25, 0.5, 0.75)
BOX_METRICS = (
    Metric("iou", worst=0.0),
    *(Metric(f"acc@{threshold:g}", worst=0.0) for threshold in THRESHOLDS),
)
STATUS = {
    ReadStatus.EXACT: ParseStatus.EXACT,
    ReadStatus.REPAIRED: ParseStatus.REPAIRED,
    ReadStatus.UNREADABLE: ParseStatus.UNPARSED,
}


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

    def parse(self, text: str, *, record: Record, dialect: Dialect) -> Parsed:
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
    if not text.strip():
        return Parsed(None, ParseStatus.EMPTY)
    size = record.picture_size
    assert size is not None, f"{record.id}: a box without a picture size"
    read = dialect.read_boxes(text, size=size)
    part = keyed_part(text, key=key)
    if len(_different(read)) > 1 and part is not None:
        keyed = dialect.read_boxes(part, size=size)
        read = keyed._replace(status=ReadStatus.REPAIRED) if keyed.boxes else read
    boxes = _different(read)
    if not boxes:
        return Parsed(None, ParseStatus.UNPARSED, read.note or "no box in the text")
    if len(boxes) > 1:
        return Parsed(None, ParseStatus.UNPARSED, f"{len(boxes)} different boxes: which is meant?")
    status = STATUS[read.status]
    if len(read.boxes) > 1:
        return Parsed(boxes[0], ParseStatus.REPAIRED, "the same box several times")
    return Parsed(boxes[0], status, read.note)


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

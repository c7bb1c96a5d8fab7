"""detect_objects: list all objects with their boxes."""

from __future__ import annotations

from collections.abc import Sequence

from roboloop.base.geometry import PictureSize, box_iou
from roboloop.base.matching import cheapest_matching
from roboloop.dialects.base import Dialect, ReadStatus
from roboloop.records.answers import Answer, Box, Boxes
from roboloop.records.record import Record
from roboloop.tasks.base import Mark, Metric, Parsed, Task, Truth, Wording, unit_answer
from roboloop.tasks.boxes import box_mark, parsed_places, without_places

KEY = "objects"
MIN_IOU = 0.5
MAX_CANDIDATES = 100


class DetectObjects(Task):
    """Every object of the picture, or of the kinds a `question` names, in no particular order.

    Each has its name and its box.
    """

    kind = "detect_objects"
    title = "All objects"
    family = "general"
    answer_kind = "boxes"
    metrics = (
        Metric("f1@0.5", worst=0.0),
        Metric("f1_unnamed@0.5", worst=0.0),
        Metric("mean_iou", worst=0.0),
    )
    wordings = (
        Wording("en", "All objects?"),
        Wording("en", "List all objects with their boxes."),
        Wording("en", "What can you see in this picture? Name each object and give its box."),
        Wording("en", "Detect every object and output its name and bounding box."),
        Wording("en", "{question}"),
        Wording("en", "{question} Give each with its name and box."),
        Wording("zh", "请列出所有物体及其边界框。"),
        Wording("zh", "画面中有哪些物体？请给出每个物体的名称和边界框。"),
        Wording("zh", "{question}请给出每个物体的名称和边界框。"),
    )

    def render(self, answer: Answer, *, dialect: Dialect, size: PictureSize | None) -> str:
        """All boxes with their labels, in the dialect's form."""
        assert isinstance(answer, Boxes) and size is not None
        return dialect.write(answer, size=size, key=KEY)

    def read(self, text: str, *, record: Record, dialect: Dialect) -> Parsed:
        """All different boxes of the text."""
        size = record.picture_size
        assert size is not None, f"{record.id}: boxes without a picture size"
        read = dialect.read_boxes(text, size=size)
        if read.status in (ReadStatus.UNREADABLE, ReadStatus.CUT_OFF):
            return without_places(read, note="no box in the text")
        boxes = tuple(dict.fromkeys(read.boxes))
        parsed = parsed_places(Boxes(boxes), read=read, text=text)
        if len(boxes) < len(read.boxes):
            return parsed._replace(note="the same box several times", rule=read.place)
        return parsed

    def score(self, answer: Answer, *, truth: Answer, size: PictureSize | None) -> dict[str, float]:
        """F1 of boxes that overlap by half and have the right name; F1 of boxes whatever the name.

        Boxes are matched one to one so that as many as possible count. `mean_iou` is the mean over
        the larger number of boxes, of the matching with most overlap.
        """
        assert isinstance(answer, Boxes) and isinstance(truth, Boxes)
        ious = [
            [box_iou(box.corners_px, second_px=other.corners_px) for other in truth.items]
            for box in answer.items
        ]
        named = [
            [iou * _same_name(box, other) for iou, other in zip(row, truth.items, strict=True)]
            for row, box in zip(ious, answer.items, strict=True)
        ]
        larger = max(len(answer.items), len(truth.items), 1)
        total = len(answer.items) + len(truth.items)
        return {
            "f1@0.5": 2 * _num_matched(named) / total if total else 1.0,
            "f1_unnamed@0.5": 2 * _num_matched(ious) / total if total else 1.0,
            "mean_iou": _most(ious) / larger if total else 1.0,
        }

    def best_constant(self, truths: Sequence[Truth]) -> Answer:
        """The truth that is most like all others, in fractions of its picture."""
        units = [unit_answer(t.answer, size=t.size) for t in truths if t.size is not None]
        step = max(1, len(units) // MAX_CANDIDATES)
        sample = units[::step]
        return max(sample, key=lambda unit: sum(self._likeness(unit, other) for other in sample))

    def marks(self, answer: Answer) -> tuple[Mark, ...]:
        """Every box with its name."""
        assert isinstance(answer, Boxes)
        return tuple(box_mark(box, label=box.label or "") for box in answer.items)

    def _likeness(self, unit: Answer, other: Answer) -> float:
        return sum(self.score(unit, truth=other, size=None).values())


def _same_name(box: Box, other: Box) -> bool:
    """Whether two names agree; a truth without a name agrees with any."""
    if other.label is None:
        return True
    return (box.label or "").casefold().split() == other.label.casefold().split()


def _num_matched(ious: Sequence[Sequence[float]]) -> int:
    """The largest number of pairs, one to one, that overlap by `MIN_IOU` or more."""
    costs = [[-float(iou >= MIN_IOU) for iou in row] for row in ious]
    return round(-sum(costs[row][column] for row, column in cheapest_matching(costs)))


def _most(ious: Sequence[Sequence[float]]) -> float:
    """The largest sum of overlaps of a one-to-one matching."""
    costs = [[-iou for iou in row] for row in ious]
    return -sum(costs[row][column] for row, column in cheapest_matching(costs))

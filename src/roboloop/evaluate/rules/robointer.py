"""RoboInter's published formulas over stored text, quirks included, to stand beside its paper.

Restated from its evaluation of the intermediate representations and of task planning (arXiv
2602.09973, repository InternRobotics/RoboInter, commit 481acfb). What a careful evaluation would
not do is kept on purpose and told in docs/evaluation.md; our own numbers are those of `tasks/`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from roboloop.base.geometry import BoxPx, PictureSize, Point, box_iou
from roboloop.base.paths import dtw_total
from roboloop.dialects.framed import Frame, FramedDialect
from roboloop.dialects.qwen3_vl import Qwen3VL
from roboloop.dialects.robointer import RoboInterLlava, RoboInterSmartResize
from roboloop.records.answers import Answer, Box, Choice, Text, Trajectory, YesNo
from roboloop.tasks.texts import bleu

Convention = Literal["qwen25", "intern", "llava", "api"]
"""How the kind of model writes places. The original takes it from the model's name: `qwen25` (also
RoboBrain) resized pixels, `intern` thousandths, `llava` fractions, `api` original pixels."""

MIN_IOU = 0.1
TAIL_LENGTH = 100
_SMART_RESIZE = RoboInterSmartResize(min_pixels=3136, max_pixels=1_003_520)
_TRUTH_DIALECT: dict[Convention, FramedDialect] = {
    "qwen25": _SMART_RESIZE,
    "intern": Qwen3VL(),
    "llava": RoboInterLlava(),
    "api": _SMART_RESIZE,
}
"""The published form of the truth that a kind of model is measured against."""
_RH20T_SIZE, _OTHER_SIZE = PictureSize(640, 480), PictureSize(320, 180)
_NUMBER = r"\d+(?:\.\d+)?"
_FOUR = re.compile(rf"({_NUMBER})\s*,\s*({_NUMBER})\s*,\s*({_NUMBER})\s*,\s*({_NUMBER})")
_WHOLE_CORNERS = re.compile(
    r"\[\s*\[\s*(\d+)\s*,\s*(\d+)\s*\]\s*,\s*\[\s*(\d+)\s*,\s*(\d+)\s*\]\s*\]"
)


class Measured(NamedTuple):
    """What an answer is worth in the published table.

    Attributes:
        column: What enters the column's mean; None for an answer that is left out of it.
        iou: Overlap, for boxes alone.
    """

    column: float | None
    iou: float | None = None


def assumed_size(record_id: str) -> PictureSize:
    """The picture size that the original takes for granted where none is stored with the answer."""
    return _RH20T_SIZE if "RH20T" in record_id else _OTHER_SIZE


def measure(
    text: str,
    *,
    truth: Answer,
    task: str,
    convention: Convention,
    true_size: PictureSize | None,
    size: PictureSize,
) -> Measured:
    """What the original makes of an answer.

    Args:
        text: The stored answer.
        truth: In pixels of the original picture.
        task: Kind of the question.
        convention: How this kind of model writes places.
        true_size: Of the original picture; None only for answers that are no places.
        size: To which places are scaled back: the true size, or `assumed_size`.
    """
    match truth:
        case Box(x1, y1, x2, y2):
            assert true_size is not None
            corners = (Point(x1, y1), Point(x2, y2))
            (a, b), (c, d) = _truth_places(corners, convention, true_size=true_size, size=size)
            iou = _overlap(_read_box(text, convention, size=size), (a, b, c, d))
            return Measured(float(iou > MIN_IOU), iou)
        case Trajectory(points_px):
            assert true_size is not None
            theirs = _truth_places(points_px, convention, true_size=true_size, size=size)
            ours = _read_path(text, convention, size=size)
            total = dtw_total(ours, second=theirs) if ours else 0.0
            return Measured(total or None)
        case Choice(letter):
            is_right = _planning_choice if task.startswith("planning") else _in_tail
            return Measured(float(is_right(text, letter)))
        case YesNo(value):
            word = "Yes" if value else "No"
            is_right = _planning_decide if task.startswith("planning") else _in_tail
            return Measured(float(is_right(text, word)))
        case Text(words):
            return Measured(bleu(_last_line(text), reference=words))
        case _:
            raise AssertionError(truth)


def _answer_frame(convention: Convention, *, size: PictureSize) -> Frame:
    """What the numbers of a prediction say for the right and the bottom border."""
    if convention == "api":
        return Frame(size.width, size.height)
    return _TRUTH_DIALECT[convention].frame(size)


def _truth_places(
    points_px: Sequence[Point],
    convention: Convention,
    *,
    true_size: PictureSize,
    size: PictureSize,
) -> list[Point]:
    """The truth, written in the published form and scaled to `size`: never cut off again."""
    dialect = _TRUTH_DIALECT[convention]
    written = [dialect.numbers(point, size=true_size) for point in points_px]
    frame = dialect.frame(size)
    return [
        Point(float(x) * size.width / frame.x, float(y) * size.height / frame.y) for x, y in written
    ]


def _read_box(text: str, convention: Convention, *, size: PictureSize) -> BoxPx:
    """Four numbers in a row; else two corners in whole numbers; else the first four; else zeros."""
    frame = _answer_frame(convention, size=size)
    whole = False
    if found := _FOUR.search(text):
        numbers = list(map(float, found.groups()))
    elif found := _WHOLE_CORNERS.search(text):
        numbers, whole = list(map(float, found.groups())), True
    else:
        numbers = [float(number) for number in re.findall(_NUMBER, text)[:4]]
        numbers = numbers if len(numbers) == 4 else [0.0] * 4
    scaled = [
        number * side / framed
        for number, side, framed in zip(numbers, size * 2, frame * 2, strict=True)
    ]
    x1, y1, x2, y2 = (float(int(value)) if whole else value for value in scaled)
    return (x1, y1, x2, y2)


def _read_path(text: str, convention: Convention, *, size: PictureSize) -> list[Point]:
    """Every number of the text in pairs; a last one without partner is dropped."""
    frame = _answer_frame(convention, size=size)
    numbers = [float(number) for number in re.findall(rf"-?{_NUMBER}", text)]
    pairs = zip(numbers[::2], numbers[1::2], strict=False)
    return [Point(x * size.width / frame.x, y * size.height / frame.y) for x, y in pairs]


def _overlap(first: BoxPx, second: BoxPx) -> float:
    """IoU; a box turned inside out has none."""
    x1, y1, x2, y2 = first
    return box_iou(first, second_px=second) if x1 < x2 and y1 < y2 else 0.0


def _in_tail(text: str, truth: str) -> bool:
    """The letter anywhere in the last 100 characters, or the answer anywhere in the truth."""
    return truth in text[-TAIL_LENGTH:] or text in truth


def _planning_choice(text: str, truth: str) -> bool:
    last, wanted = _last_line(text), truth.lower()
    return wanted in last or last in wanted


def _planning_decide(text: str, truth: str) -> bool:
    last = _last_line(text)
    said = "yes" if "yes" in last else "no" if "no" in last else last
    return said == truth.lower()


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2].lower()

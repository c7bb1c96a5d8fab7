"""contact_box: where will the gripper be when it first touches the object? ("grasp affordance")

This is the file to read first. A task is one class with five duties, in the order in which an
answer lives: it is *asked for* (`wordings`), *written* (`render`), *read* (`parse`), *measured*
(`score`) and *drawn* (`marks`). Coordinates are float pixels of the original picture throughout;
only the dialect, handed in from outside, knows which numbers a model writes. So the same file
serves training, evaluation and the report, for every model.

Most tasks inherit the last four duties from a family, such as `boxes.BoxTask`, and are little more
than their words. This one spells them out; a test holds both to the same behaviour.
"""

from __future__ import annotations

from collections.abc import Sequence

from roboloop.base.geometry import PictureSize
from roboloop.dialects.base import Dialect
from roboloop.records.answers import Answer, Box
from roboloop.records.record import Record
from roboloop.tasks.base import Mark, Parsed, Task, Truth, Wording
from roboloop.tasks.boxes import BOX_METRICS, box_mark, median_box, parse_box, score_box

KEY = "contact_bbox"
"""The name RoboInter publishes for this answer: `{"contact_bbox": [...]}`."""


class ContactBox(Task):
    """The gripper's box at the moment of first contact, asked about an earlier picture."""

    kind = "contact_box"
    title = "Gripper box at contact"
    family = "generation"
    answer_kind = "box"
    metrics = BOX_METRICS

    # 1. Asked for. A record's inputs fill the names in braces. The first wording is the shortest,
    # for models that are small; training draws among all of them, seeded by the record's id.
    wordings = (
        Wording("en", "'{instruction}': gripper box at contact?"),
        Wording(
            "en",
            "Task: '{instruction}'. Give the box of the gripper at the moment it touches the "
            "object.",
        ),
        Wording(
            "en",
            "The robot is told: '{instruction}'. Where will its gripper be when it makes contact? "
            "Answer with a bounding box.",
        ),
        Wording("en", "For '{instruction}', mark the region where the gripper grasps."),
        Wording("zh", "任务：“{instruction}”。请给出夹爪接触物体时的边界框。"),
        Wording("zh", "机器人要执行“{instruction}”。夹爪抓取时会在哪里？请用边界框回答。"),
    )

    # 2. Written: the text a perfect model would answer, and the text a model is trained on.
    def render(self, answer: Answer, *, dialect: Dialect, size: PictureSize | None) -> str:
        """`{"contact_bbox": [x1, y1, x2, y2]}` with the dialect's numbers."""
        assert isinstance(answer, Box) and size is not None
        return dialect.write(answer, size=size, key=KEY)

    # 3. Read. Models wrap their answer in thoughts, fences and phrases; what they mean is found,
    # and the status says whether it had to be. What cannot be understood is no answer: it scores
    # worst and stays in the denominator.
    def read(self, text: str, *, record: Record, dialect: Dialect) -> Parsed:
        """The one box in the text. Several different boxes are no answer: which one is meant?"""
        return parse_box(text, record=record, dialect=dialect, key=KEY)

    # 4. Measured, in pixels of the original picture, whatever the model wrote.
    def score(self, answer: Answer, *, truth: Answer, size: PictureSize | None) -> dict[str, float]:
        """Intersection over union, and whether it reaches 0.1, 0.25, 0.5 and 0.75."""
        return score_box(answer, truth=truth)

    # And the floor a model has to beat: the best answer that does not look at the question.
    def best_constant(self, truths: Sequence[Truth]) -> Answer:
        """The median box of the training set, in fractions of the picture."""
        return median_box(truths)

    # 5. Drawn: what the report puts over the picture, for truths and answers alike.
    def marks(self, answer: Answer) -> tuple[Mark, ...]:
        """The box."""
        return (box_mark(answer, label="contact"),)

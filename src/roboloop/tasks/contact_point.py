"""contact_point: which two places will the gripper's fingers touch?"""

from __future__ import annotations

from collections.abc import Sequence

from roboloop.base.geometry import PictureSize
from roboloop.dialects.base import Dialect
from roboloop.records.answers import Answer, Points
from roboloop.records.record import Record
from roboloop.tasks.base import Mark, Metric, Parsed, Task, Truth, Wording
from roboloop.tasks.points import DISTANCE_METRIC, matched_diagonals, median_points, parse_points

KEY = "contact_point"
HIT_DIAGONALS = (0.05, 0.1)


class ContactPoint(Task):
    """The contact points of the two fingers; which finger comes first does not matter."""

    kind = "contact_point"
    title = "Contact points of the fingers"
    family = "generation"
    answer_kind = "points"
    metrics = (DISTANCE_METRIC, *(Metric(f"hit@{reach:g}", worst=0.0) for reach in HIT_DIAGONALS))
    wordings = (
        Wording("en", "'{instruction}': contact points?"),
        Wording(
            "en", "Task: '{instruction}'. Give the two points where the fingers touch the object."
        ),
        Wording(
            "en",
            "The robot is told: '{instruction}'. Where on the object should the two fingers of its "
            "gripper make contact? Answer with two points.",
        ),
        Wording("en", "Mark the pair of grasp points for '{instruction}'."),
        Wording("zh", "任务：“{instruction}”。请给出两个手指接触物体的两个点。"),
        Wording(
            "zh", "机器人要执行“{instruction}”。夹爪的两个手指应接触物体的哪里？请用两个点回答。"
        ),
    )

    def render(self, answer: Answer, *, dialect: Dialect, size: PictureSize | None) -> str:
        """`{"contact_point": [[x, y], [x, y]]}` with the dialect's numbers."""
        assert isinstance(answer, Points) and size is not None
        return dialect.write(answer, size=size, key=KEY)

    def read(self, text: str, *, record: Record, dialect: Dialect) -> Parsed:
        """All points of the text."""
        return parse_points(text, record=record, dialect=dialect, key=KEY)

    def score(self, answer: Answer, *, truth: Answer, size: PictureSize | None) -> dict[str, float]:
        """Mean distance of the best matching; a point missing or too many counts one diagonal."""
        assert isinstance(answer, Points) and isinstance(truth, Points) and size is not None
        gaps = matched_diagonals(answer.points_px, truth_px=truth.points_px, size=size)
        hits = {f"hit@{r:g}": sum(gap <= r for gap in gaps) / len(gaps) for r in HIT_DIAGONALS}
        return {DISTANCE_METRIC.name: sum(gaps) / len(gaps)} | hits

    def best_constant(self, truths: Sequence[Truth]) -> Answer:
        """The median left and the median right point, in fractions of the picture."""
        return median_points(truths)

    def marks(self, answer: Answer) -> tuple[Mark, ...]:
        """The points."""
        assert isinstance(answer, Points)
        return (Mark("points", answer.points_px, "contact"),)

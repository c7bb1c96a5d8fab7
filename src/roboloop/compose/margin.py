"""A margin that makes "worse" true: by how much an answer wins under its task's main metric.

A pair teaches a model that one answer is better than another. That is only true of answers whose
scores differ by more than the truth itself is certain, so both are scored as an evaluation would
score them, and count as a pair only with a gap.
"""

from __future__ import annotations

from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from roboloop.base.errors import Place, RoboLoopError
from roboloop.records.answers import SPATIAL_KINDS, Answer, Text, check_answer
from roboloop.records.record import Record
from roboloop.tasks import Metric, load_task


class Scored(NamedTuple):
    """An answer and its value in the main metric of its task."""

    answer: Answer
    score: float


class Gap(NamedTuple):
    """Two answers under the main metric of their task.

    Attributes:
        metric: Its name, such as `iou`.
        chosen: Value of the better answer.
        rejected: Value of the worse one.
        by: How much better the chosen one is; negative when it is worse.
    """

    metric: str
    chosen: float
    rejected: float
    by: float


class Margin(BaseModel):
    """The smallest gap of a pair, by the unit of the task's main metric."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fraction: float = Field(default=0.5, gt=0, le=1)
    """Of metrics from 0 to 1, such as intersection over union and accuracy. At 0.5 a box that is
    rejected beside the true one overlaps it by less than evaluations count as found."""
    diagonals: float = Field(default=0.05, gt=0, le=1)
    """Of distances in picture diagonals, such as of paths and contact points. 0.05 is the strictest
    reach in which evaluations count a place as hit."""

    def least(self, metric: Metric) -> float:
        """The smallest gap in this metric."""
        return self.diagonals if metric.unit == "diagonals" else self.fraction

    def prove(self, record: Record, *, chosen: Scored, rejected: Scored) -> Gap:
        """The gap of a pair that is wide enough.

        Raises:
            RoboLoopError: E-PRF-001 when it is too small.
        """
        gap = gap_between(record, chosen=chosen, rejected=rejected)
        least = self.least(load_task(record.task).metrics[0])
        if gap.by < least:
            raise RoboLoopError(
                "E-PRF-001",
                f"{gap.metric} {gap.chosen:.3g} against {gap.rejected:.3g}, a gap of {gap.by:.3g}; "
                f"the margin is {least:g}",
                place=Place(record_id=record.id),
            )
        return gap


def gap_between(record: Record, *, chosen: Scored, rejected: Scored) -> Gap:
    """By how much one answer beats another in the main metric of the record's task."""
    metric = load_task(record.task).metrics[0]
    by = chosen.score - rejected.score
    signed = by if metric.higher_is_better else -by
    return Gap(metric.name, chosen.score, rejected.score, signed)


def scored(record: Record, *, answer: Answer) -> Scored:
    """An answer with its score against the record's truth.

    Free text that stands for an answer of another kind could not be read, and scores worst.

    Raises:
        RoboLoopError: E-REC-010 to E-REC-012 for coordinates that no answer can have.
    """
    truth, size, task = record.answer, record.picture_size, load_task(record.task)
    assert truth is not None, f"{record.id}: nothing to score against"
    check_answer(answer, size=size)
    is_unread = isinstance(answer, Text) and task.answer_kind != Text.kind
    values = task.worst(truth, size=size) if is_unread else task.score(
        answer, truth=truth, size=size
    )  # fmt: skip
    return Scored(answer, values[task.metrics[0].name])


def can_be_scored(record: Record) -> bool:
    """Whether the record has a truth of a kind that its task scores."""
    task = load_task(record.task)
    if record.answer is None or (
        record.answer.kind not in (task.answer_kind, *task.other_truth_kinds)
    ):
        return False
    return task.answer_kind not in SPATIAL_KINDS or record.picture_size is not None

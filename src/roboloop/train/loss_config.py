"""Recipe options of the loss of answers. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from roboloop.tasks import TASKS, load_task
from roboloop.train.known_tasks import check_tasks
from roboloop.train.optimizer_config import NotNegative


class TargetWeights(BaseModel):
    """How much each token of an answer counts in the loss.

    All factors that hold for a token are multiplied; without any it counts 1. A factor of 0 leaves
    a token out. The loss is the mean by these weights over all targets of a step.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    tasks: Mapping[str, NotNegative] = Field(default_factory=dict[str, float])
    """Task -> factor of all tokens of its answers."""
    families: Mapping[str, NotNegative] = Field(default_factory=dict[str, float])
    """Family of tasks, such as `planning` -> factor."""
    coordinates: NotNegative = 1.0
    """Factor of the numbers in an answer that is a place: a box, points, a path."""
    thinking: NotNegative = 1.0
    """Factor of what an answer says up to `</think>`, tags included."""
    record_key: str | None = None
    """Key in a record's `meta` that holds a factor of its own; 1 where it is missing."""

    @field_validator("tasks")
    @classmethod
    def _tasks_are_known(cls, tasks: Mapping[str, float]) -> Mapping[str, float]:
        check_tasks(tasks)
        return tasks

    @field_validator("families")
    @classmethod
    def _families_are_known(cls, families: Mapping[str, float]) -> Mapping[str, float]:
        known = sorted({load_task(kind).family for kind in TASKS.rows})
        if unknown := sorted(set(families) - set(known)):
            raise ValueError(f"no family {unknown[0]!r}; families are {', '.join(known)}")
        return families


class LossConfig(BaseModel):
    """The loss of the answers' tokens."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the probability that is spread over the whole vocabulary."""
    z_loss: Annotated[float, Field(ge=0)] = 0.0
    """Factor of the squared logarithm of the softmax's denominator; 1e-4 is usual."""
    chunk_tokens: int = Field(default=2048, gt=0)
    """Target tokens whose logits exist at once; more are taken in turn, and again backwards."""
    weights: TargetWeights | None = None
    """Weights of single tokens; left out, all count alike."""

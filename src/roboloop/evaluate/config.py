"""Options of the evaluation stage. Imports no torch, so that a recipe loads fast."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from roboloop.evaluate.gate import ForgettingGate
from roboloop.evaluate.question_types import QuestionType

BaselineName = Literal["untrained", "constant"]


class Measuring(BaseModel):
    """How models are asked and how sure the numbers are, whatever is asked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_new_tokens: int = Field(256, ge=1)
    """Longest answer; greedy decoding ends earlier at the model's end token."""
    batch_size: int = Field(32, ge=1)
    """Questions answered at once."""
    num_bootstrap: int = Field(1000, ge=100)
    """How often episodes are drawn again for an interval."""
    confidence: float = Field(0.95, gt=0.5, lt=1.0)
    """Share of such intervals that hold the true value."""
    seed: int = Field(0, ge=0)
    """Seed of the wording, the choice of records and the bootstrap."""


class EvaluateConfig(Measuring):
    """What is asked of a split's records, how, and how sure the numbers are."""

    tasks: tuple[str, ...] | None = None
    """Tasks to evaluate; all tasks of the split when left out."""
    split: str = "val"
    """Split whose records are asked."""
    more_splits: tuple[str, ...] = Field((), exclude_if=lambda splits: not splits)
    """Splits whose records are asked too, where there are any, such as ALFRED's `valid_seen`."""
    max_records_per_task: int | None = Field(None, ge=1)
    """Records per task, drawn by seed and record id; all when left out."""
    languages: tuple[Literal["en", "zh"], ...] = Field(("en",), min_length=1)
    """Languages of the questions that the tasks word themselves."""
    wording: Literal["first", "seeded"] = "first"
    """Ask every record in the task's first wording, or in one drawn by seed and record id."""
    question_type: QuestionType = "default"
    """How questions for places are framed, as RoboInter's evaluation does: `qwen_grounding` and
    `refindoor` frame questions for one box, `w2p` those for points; all others stay as they are."""
    format_hint: bool = False
    """Add a sentence that says how to write the answer: for models that were not trained on it."""
    baselines: tuple[BaselineName, ...] = ("untrained", "constant")
    """What the models are compared with, in the same table."""
    after_each_phase: bool = False
    """Ask the model after every phase of training, and draw the table of tasks and phases."""
    must_not_forget: ForgettingGate | None = None
    """Tasks that must not fall against a baseline; else the run ends with exit status 1."""

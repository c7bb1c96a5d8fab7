"""rubric: a score from 1 to 6 of question and answer together.

It comes from rules that anybody can check, from a judge behind an endpoint, or from a field that
the records bring along. Scores also decide which of two like records is the better one.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from roboloop.curate.asking import ask_of, asked_in_numbers, reply_columns, reply_row
from roboloop.curate.base import (
    ArrowBatch,
    ArrowTable,
    CurateContext,
    Flags,
    Judgement,
    MapOperator,
    Numbers,
)
from roboloop.curate.format_measures import cut_off, stray_marks
from roboloop.curate.rubric_rules import MARKS, marks_of
from roboloop.engines.judging.asking import Asking, told
from roboloop.tasks.rows import ASKED_COLUMNS

LOWEST, HIGHEST = 1.0, 6.0
PROMPT_VERSION = "rubric-1"
SYSTEM = (
    "You grade training data for a robot's vision-language model. You see a question and the "
    "answer a model would learn to give, with the picture if there is one. Give whole marks from "
    "1 (worst) to 6 (best) for: relevance (does the answer speak of what is asked), correctness "
    "(is it true of the picture, as far as you can tell), grounding (does it name objects and "
    "places that are there), format (is it complete and well formed), redundancy (6: nothing is "
    "said twice), and an overall score. Say the reason in one sentence. Answer with one JSON "
    "object."
)

Grade = Literal[1, 2, 3, 4, 5, 6]


class Grades(BaseModel):
    """What a judge answers."""

    model_config = ConfigDict(extra="forbid")

    relevance: Grade
    correctness: Grade
    grounding: Grade
    format: Grade
    redundancy: Grade
    score: Grade
    reason: str


class Weights(BaseModel):
    """How much each mark of the rules counts; see `curate.rubric_rules`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    relevance: float = Field(3.0, ge=0)
    grounding: float = Field(2.0, ge=0)
    form: float = Field(2.0, ge=0)
    novelty: float = Field(1.5, ge=0)
    length: float = Field(1.0, ge=0)
    detail: float = Field(0.5, ge=0)


class Scale(NamedTuple):
    """The ends of a field's own scale, which become 1 and 6."""

    low: float
    high: float


class Rubric(MapOperator, Asking):
    """Drop records whose score is below a threshold, or among the lowest of their family."""

    code: ClassVar[str] = "E-CUR-030"

    kind: Literal["rubric"] = "rubric"  # pyright: ignore[reportIncompatibleVariableOverride]
    by: Literal["rules", "judge", "field"] = "rules"
    field: str = ""
    """With `by: field`, the field of the records' `meta` that holds a number."""
    scale: Scale = Scale(LOWEST, HIGHEST)
    """The ends of that field's scale."""
    weights: Weights = Field(default_factory=lambda: Weights.model_validate({}))
    threshold: float | None = Field(None, ge=LOWEST, le=HIGHEST)
    """Scores below it are dropped."""
    lowest_share: float | None = Field(None, gt=0, lt=1)
    """Share of each family's records that is dropped, those with the lowest scores."""

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Rubric:
        if self.by == "judge" and self.endpoint is None:
            raise ValueError("by: judge needs an `endpoint`")
        if self.by == "field" and not self.field:
            raise ValueError("by: field needs a `field`")
        if self.scale.low == self.scale.high:
            raise ValueError("the ends of `scale` are equal")
        return self

    @property
    def judging_options(self) -> frozenset[str]:
        """Weights and thresholds."""
        return super().judging_options | {"weights", "threshold", "lowest_share"}

    @property
    def waits(self) -> bool:
        """Whether an endpoint is asked."""
        return self.by == "judge"

    @property
    def meta_fields(self) -> tuple[str, ...]:
        """The field that is the score."""
        return (self.field,) if self.by == "field" else ()

    @property
    def more_facts(self) -> tuple[str, ...]:
        """What a judge is told of the pictures."""
        return ("references",) if self.by == "judge" else ()

    def measure(self, batch: ArrowBatch, context: CurateContext) -> ArrowBatch:
        """Marks, grades or scores of each record."""
        match self.by:
            case "rules":
                return _marks(batch)
            case "judge":
                return self._grades(batch, context)
            case "field":
                return self._given(batch)

    def judge(self, values: ArrowTable, facts: ArrowTable, *, kept: Flags) -> Judgement:
        """The threshold first, then the lowest of each family."""
        scores = self.scores(values)
        judgement = Judgement.keep_all(facts.num_rows)
        judgement.value[:] = scores
        if self.threshold is not None:
            _drop_below(judgement, scores < self.threshold, self.threshold, "the score is too low")
        if self.lowest_share is not None:
            left = kept & ~judgement.drop & np.isfinite(scores)
            families = facts["family"].to_numpy()
            for family in np.unique(families[left]):
                of_family = left & (families == family)
                limit = float(np.quantile(scores[of_family], self.lowest_share))
                reason = f"the score is among the lowest of {family}"
                _drop_below(judgement, of_family & (scores < limit), limit, reason)
        return judgement

    def quality(self, values: ArrowTable) -> Numbers:
        """The score from 0 to 1; one half where there is none."""
        return np.nan_to_num((self.scores(values) - LOWEST) / (HIGHEST - LOWEST), nan=0.5)

    def about(self, values: ArrowTable, facts: ArrowTable) -> dict[str, Any]:
        """How many of a judge's answers could be used, and what they cost."""
        if self.by != "judge":
            return {}
        return asked_in_numbers(values, options=self)

    def scores(self, values: ArrowTable) -> Numbers:
        """The score of each record, NaN where there is none."""
        if self.by != "rules":
            return values["score"].to_numpy().astype(np.float64)
        weights = np.array([getattr(self.weights, name) for name in MARKS])
        marks = np.stack([values[name].to_numpy().astype(np.float64) for name in MARKS], axis=1)
        share = marks @ weights / max(weights.sum(), 1e-9)
        return LOWEST + (HIGHEST - LOWEST) * share

    def _grades(self, batch: ArrowBatch, context: CurateContext) -> ArrowBatch:
        import pyarrow as pa

        rows = batch.select(list(ASKED_COLUMNS)).to_pylist()
        replies = ask_of(
            list(map(told, rows)), rows, options=self, form=Grades, system=SYSTEM,
            prompt_version=PROMPT_VERSION, label=self.label, context=context,
        )  # fmt: skip
        found = [
            {**(reply.value.model_dump() if reply.value else {}), **reply_row(reply)}
            for reply in replies
        ]
        grades = [name for name in Grades.model_fields if name != "reason"]
        columns = [*((name, pa.float32()) for name in grades), ("reason", pa.string())]
        schema = pa.schema([*columns, *reply_columns()])
        return pa.RecordBatch.from_pylist(found, schema=schema)

    def _given(self, batch: ArrowBatch) -> ArrowBatch:
        import pyarrow as pa

        texts = batch[f"meta.{self.field}"].to_pylist()
        scores = [_on_scale(text, scale=self.scale) for text in texts]
        return pa.RecordBatch.from_arrays([pa.array(scores, pa.float32())], names=["score"])


def _marks(batch: ArrowBatch) -> ArrowBatch:
    import pyarrow as pa

    marks = marks_of(batch, cut_off=cut_off(batch), stray_marks=stray_marks(batch))
    columns = [pa.array(column) for column in marks.astype(np.float32).T]
    return pa.RecordBatch.from_arrays(columns, names=list(MARKS))


def _on_scale(text: str | None, *, scale: Scale) -> float | None:
    """A JSON number on the scale 1 to 6; None for anything else."""
    value = None if text is None else json.loads(text)
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        return None
    share = (value - scale.low) / (scale.high - scale.low)
    return LOWEST + (HIGHEST - LOWEST) * min(max(share, 0.0), 1.0)


def _drop_below(judgement: Judgement, records: Flags, limit: float, reason: str) -> None:
    judgement.drop[records] = True
    judgement.threshold[records] = limit
    judgement.reason[records] = reason

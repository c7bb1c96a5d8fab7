"""format: rules that a record must keep to be worth anything, each with a name.

Nothing here looks at pictures or judges meaning; the rules find what is broken for certain.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from roboloop.curate.base import (
    ArrowBatch,
    ArrowTable,
    CurateContext,
    Flags,
    Judgement,
    MapOperator,
)
from roboloop.curate.format_measures import box_side_px, measure_text, misread, outside_px
from roboloop.curate.format_rules import RULES, Limits, Seen


class FormatRules(MapOperator, Limits):
    """Drop records that break a rule of form; `curate.format_rules.RULES` has their names."""

    code: ClassVar[str] = "E-CUR-010"

    kind: Literal["format"] = "format"  # pyright: ignore[reportIncompatibleVariableOverride]
    reparse: Literal["words", "all", "none"] = "words"
    """Which answers are written as text and read again by their task: those in words, or all of
    them (about 0.3 ms for a trajectory). Answers of other kinds are checked by their parts."""
    off: tuple[str, ...] = Field(())
    """Names of rules that are not applied."""

    @model_validator(mode="after")
    def _rules_exist(self) -> FormatRules:
        if unknown := sorted(set(self.off) - set(RULES)):
            raise ValueError(f"there are no rules {unknown}; there are: {', '.join(RULES)}")
        return self

    @property
    def judging_options(self) -> frozenset[str]:
        """Every limit, and which rules apply."""
        return super().judging_options | set(Limits.model_fields) | {"off"}

    def measure(self, batch: ArrowBatch, context: CurateContext) -> ArrowBatch:
        """Lengths, scripts, signs of a cut-off text, what the task reads in its own answer."""
        import pyarrow as pa

        del context
        columns = measure_text(batch)
        columns["misread"] = pa.array(misread(batch, which=self.reparse), pa.string())
        columns["outside_px"] = pa.array(outside_px(batch))
        columns["box_side_px"] = pa.array(box_side_px(batch))
        return pa.RecordBatch.from_pydict(columns)

    def judge(self, values: ArrowTable, facts: ArrowTable, *, kept: Flags) -> Judgement:
        """Every rule that is on, in their order; the first that a record breaks is its reason."""
        del kept
        judgement = Judgement.keep_all(facts.num_rows)
        seen = Seen(facts, values)
        for name, rule in RULES.items():
            for fault in () if name in self.off else rule(seen, self):
                hit = fault.records & ~judgement.drop
                judgement.drop[hit] = True
                judgement.reason[hit] = f"{name}: {fault.reason}"
                judgement.value[hit] = np.broadcast_to(fault.value, hit.shape)[hit]
                judgement.threshold[hit] = np.broadcast_to(fault.threshold, hit.shape)[hit]
        return judgement

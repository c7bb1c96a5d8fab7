"""judge: a language model's verdict on records, and how far that verdict can be trusted.

A judge is a measuring instrument with an error of its own. So in every batch it also gets records
that were made bad on purpose, pairs are shown in both orders, and where the records bring labels
along its agreement with them is counted. `about.json` beside the verdicts has the figures.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from roboloop.curate.asking import ask_of, asked_in_numbers, reply_columns, reply_row
from roboloop.curate.base import (
    ArrowBatch,
    ArrowTable,
    CurateContext,
    Flags,
    Judgement,
    MapOperator,
)
from roboloop.engines.endpoint.chat import ChatReply
from roboloop.engines.judging.asking import Asking, Row, told, told_question
from roboloop.engines.judging.error import label_agreement, order_error, planted_error
from roboloop.engines.judging.pairs import pair_texts, pair_verdict
from roboloop.engines.judging.planted import plant_some
from roboloop.engines.judging.questions import (
    BADNESS,
    FORMS,
    PROMPT_VERSION,
    SYSTEMS,
    Verdict,
    reason_of,
    verdict_of,
)
from roboloop.tasks.rows import ASKED_COLUMNS, answer_text

EXEMPT = "exempt"
LABELS = {
    "true": "good", "1": "good", "1.0": "good", '"good"': "good", '"yes"': "good", '"safe"': "good",
    "false": "bad", "0": "bad", "0.0": "bad", '"bad"': "bad", '"no"': "bad", '"unsafe"': "bad",
}  # fmt: skip
"""JSON of a label -> the verdict it stands for."""


class Judge(MapOperator, Asking):
    """Drop records that a language model finds bad; what it cannot say is kept and counted."""

    code: ClassVar[str] = "E-CUR-031"

    kind: Literal["judge"] = "judge"  # pyright: ignore[reportIncompatibleVariableOverride]
    on: Literal["all", "kept"] = "kept"
    check: Literal["reasoning", "plan", "pairs"] = "reasoning"
    """What is judged: consistency and redundancy, whether a plan works, or whether the answer is
    better than the one the record rejects."""
    tasks: tuple[str, ...] = ()
    """Only records of these tasks; empty for all."""
    answer_kinds: tuple[str, ...] = ("text", "plan")
    """Only records with answers of these kinds."""
    planted_share: float = Field(0.05, ge=0, le=1)
    """For so many of the records asked about, at least one a batch, a spoiled copy is judged."""
    rejected_field: str = "rejected"
    """With `check: pairs`, the field of `meta` with the rejected answer: a text or steps."""
    label_field: str = ""
    """Field of `meta` with labels: true, 1, good, yes, safe or their opposites."""
    drop: tuple[Verdict, ...] = ("bad",)
    """Verdicts that drop a record."""

    @model_validator(mode="after")
    def _has_an_endpoint(self) -> Judge:
        if self.endpoint is None:
            raise ValueError("a judge needs an `endpoint`")
        return self

    @property
    def judging_options(self) -> frozenset[str]:
        """Which verdicts drop."""
        return super().judging_options | {"drop"}

    @property
    def waits(self) -> bool:
        """An endpoint is asked."""
        return True

    @property
    def meta_fields(self) -> tuple[str, ...]:
        """Labels, and what is rejected."""
        fields = [self.label_field] if self.label_field else []
        return (*fields, self.rejected_field) if self.check == "pairs" else tuple(fields)

    @property
    def more_facts(self) -> tuple[str, ...]:
        """Of the pictures, which are shown to the judge."""
        return ("references",)

    def measure(self, batch: ArrowBatch, context: CurateContext) -> ArrowBatch:
        """Verdicts on the records and on spoiled copies of some of them."""
        import pyarrow as pa

        rows = batch.select(
            [*ASKED_COLUMNS, *(f"meta.{field}" for field in self.meta_fields)]
        ).to_pylist()
        values: list[dict[str, Any]] = [{"status": EXEMPT} for _ in rows]
        if self.label_field:
            for value, row in zip(values, rows, strict=True):
                value["label"] = LABELS.get(row[f"meta.{self.label_field}"] or "")
        asked = [place for place, row in enumerate(rows) if self._is_asked(row)]
        if self.check == "pairs":
            self._judge_pairs(rows, asked=asked, values=values, context=context)
        else:
            self._judge_alone(rows, asked=asked, values=values, context=context)
        return pa.RecordBatch.from_pylist(values, schema=_schema())

    def judge(self, values: ArrowTable, facts: ArrowTable, *, kept: Flags) -> Judgement:
        """The verdicts as they are; what is invalid, failed or unpaid stays."""
        del facts, kept
        judgement = Judgement.keep_all(values.num_rows)
        verdicts, reasons = values["verdict"].to_pylist(), values["reason"].to_pylist()
        limit = min((BADNESS[verdict] for verdict in self.drop), default=np.nan)
        for record, verdict in enumerate(verdicts):
            if verdict is None:
                continue
            judgement.value[record] = BADNESS[verdict]
            if verdict in self.drop:
                judgement.drop[record] = True
                judgement.threshold[record] = limit
                judgement.reason[record] = f"{verdict}: {reasons[record]}"
        return judgement

    def about(self, values: ArrowTable, facts: ArrowTable) -> dict[str, Any]:
        """What the judge said in numbers, and its own error."""
        del facts
        rows = values.to_pylist()
        verdicts = Counter(row["verdict"] for row in rows if row["verdict"])
        return {
            "check": self.check,
            **asked_in_numbers(values, options=self),
            "verdicts": dict(sorted(verdicts.items())),
            "judge_invalid": sum(row["status"] == "invalid" for row in rows),
            **({"order": order_error(rows)} if self.check == "pairs" else planted_error(rows)),
            **({"labels": label_agreement(rows)} if self.label_field else {}),
        }

    def _is_asked(self, row: Row) -> bool:
        return (
            bool(row["question"])
            and row["answer_kind"] in self.answer_kinds
            and (not self.tasks or row["task"] in self.tasks)
            and (self.check != "pairs" or _rejected(row, field=self.rejected_field) is not None)
        )

    def _ask(
        self, texts: Sequence[str], rows: Sequence[Row], context: CurateContext
    ) -> list[ChatReply[Any]]:
        return list(
            ask_of(
                texts, rows, options=self, form=FORMS[self.check], system=SYSTEMS[self.check],
                prompt_version=PROMPT_VERSION, label=self.label, context=context,
            )
        )  # fmt: skip

    def _judge_alone(
        self,
        rows: Sequence[Row],
        *,
        asked: Sequence[int],
        values: list[dict[str, Any]],
        context: CurateContext,
    ) -> None:
        """Fill in the values of the records asked about, and of the spoiled ones among them."""
        spoiled = plant_some(
            rows, among=asked, share=self.planted_share, seed=context.seed, label=self.label
        )
        shown = [rows[place] for place in asked]
        # Spoiled copies first: a budget that ends early still tells the judge's error.
        copies = [planted.row for planted in spoiled.values()]
        replies = self._ask([told(row) for row in [*copies, *shown]], [*copies, *shown], context)
        for (place, planted), reply in zip(spoiled.items(), replies, strict=False):
            values[place]["planted"] = planted.fault
            values[place]["planted_verdict"] = verdict_of(reply.value)
        for place, reply in zip(asked, replies[len(copies) :], strict=True):
            values[place] |= reply_row(reply) | {
                "verdict": verdict_of(reply.value), "reason": reason_of(reply.value)
            }  # fmt: skip

    def _judge_pairs(
        self,
        rows: Sequence[Row],
        *,
        asked: Sequence[int],
        values: list[dict[str, Any]],
        context: CurateContext,
    ) -> None:
        """Fill in whether each record's answer beats the rejected one, in both orders."""
        texts: list[str] = []
        for place in asked:
            row = rows[place]
            other = _rejected(row, field=self.rejected_field) or ""
            texts += pair_texts(told_question(row), own=answer_text(row), other=other)
        doubled = [rows[place] for place in asked for _ in range(2)]
        replies = self._ask(texts, doubled, context)
        for place, first, second in zip(asked, replies[::2], replies[1::2], strict=True):
            worse = second if second.status != "ok" else first
            row = reply_row(worse)
            for name in ("tokens_in", "tokens_out"):
                row[name] = getattr(first.usage, name) + getattr(second.usage, name)
            values[place] |= row
            if first.value is not None and second.value is not None:
                both = pair_verdict(first.value.better, second=second.value.better)
                values[place] |= both._asdict()
                values[place]["reason"] = reason_of(first.value)


def _rejected(row: Row, *, field: str) -> str | None:
    """The rejected answer's text; steps are numbered."""
    text = row.get(f"meta.{field}")
    value: Any = None if text is None else json.loads(text)
    if isinstance(value, list) and value:
        return "\n".join(f"{number}. {step}" for number, step in enumerate(value, start=1))
    return value if isinstance(value, str) and value.strip() else None


def _schema() -> Any:
    import pyarrow as pa

    names = (
        "verdict", "reason", "label", "planted", "planted_verdict", "preferred",
        "swapped_preferred",
    )  # fmt: skip
    return pa.schema([*reply_columns(), *((name, pa.string()) for name in names)])

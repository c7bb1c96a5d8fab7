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

from roboloop.base.hashing import seeded_generator
from roboloop.curate.asking import (
    ASKED_COLUMNS,
    Asking,
    Row,
    ask_about,
    asked_in_numbers,
    reply_columns,
    reply_row,
    told,
)
from roboloop.curate.base import (
    ArrowBatch,
    ArrowTable,
    CurateContext,
    Flags,
    Judgement,
    MapOperator,
)
from roboloop.curate.judge_error import label_agreement, order_error, planted_error
from roboloop.curate.judge_questions import (
    PROMPT_VERSION,
    SYSTEMS,
    PlanQuality,
    Preference,
    Reasoning,
    Verdict,
)
from roboloop.curate.planted import Planted, plant
from roboloop.engines.endpoint.chat import ChatReply

BADNESS = {"good": 0.0, "unsure": 0.5, "bad": 1.0}
MAX_REASON_CHARS = 160
EXEMPT = "exempt"
LABELS = {
    "true": "good", "1": "good", "1.0": "good", '"good"': "good", '"yes"': "good", '"safe"': "good",
    "false": "bad", "0": "bad", "0.0": "bad", '"bad"': "bad", '"no"': "bad", '"unsafe"': "bad",
}  # fmt: skip
"""JSON of a label -> the verdict it stands for."""
FORMS = {"reasoning": Reasoning, "plan": PlanQuality, "pairs": Preference}


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
            ask_about(
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
        spoiled = self._plant(rows, asked=asked, seed=context.seed)
        shown = [rows[place] for place in asked]
        # Spoiled copies first: a budget that ends early still tells the judge's error.
        copies = [planted.row for planted in spoiled.values()]
        replies = self._ask([told(row) for row in [*copies, *shown]], [*copies, *shown], context)
        for (place, planted), reply in zip(spoiled.items(), replies, strict=False):
            values[place]["planted"] = planted.fault
            values[place]["planted_verdict"] = _verdict(reply.value)
        for place, reply in zip(asked, replies[len(copies) :], strict=True):
            values[place] |= reply_row(reply) | {
                "verdict": _verdict(reply.value), "reason": _reason(reply.value)
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
            question, _, own = told(rows[place]).partition("\n\nAnswer:\n")
            other = _rejected(rows[place], field=self.rejected_field) or ""
            texts += [f"{question}\n\nAnswer A:\n{a}\n\nAnswer B:\n{b}"
                      for a, b in ((own, other), (other, own))]  # fmt: skip
        doubled = [rows[place] for place in asked for _ in range(2)]
        replies = self._ask(texts, doubled, context)
        for place, first, second in zip(asked, replies[::2], replies[1::2], strict=True):
            worse = second if second.status != "ok" else first
            row = reply_row(worse)
            for name in ("tokens_in", "tokens_out"):
                row[name] = getattr(first.usage, name) + getattr(second.usage, name)
            values[place] |= row
            if first.value is not None and second.value is not None:
                values[place] |= _preference(first.value.better, second.value.better)
                values[place]["reason"] = _reason(first.value)

    def _plant(self, rows: Sequence[Row], *, asked: Sequence[int], seed: int) -> dict[int, Planted]:
        """Some of the records asked about with a fault each, by their place."""
        wanted = max(1, round(self.planted_share * len(asked))) if self.planted_share else 0
        draws = {p: seeded_generator(seed, self.label, "plant", rows[p]["id"]) for p in asked}
        order = sorted(asked, key=lambda place: (draws[place].random(), place))
        spoiled: dict[int, Planted] = {}
        for place in order:
            if len(spoiled) >= wanted:
                break
            if (planted := plant(rows[place], draw=draws[place])) is not None:
                spoiled[place] = planted
        return dict(sorted(spoiled.items()))


def _verdict(value: Any) -> Verdict | None:
    """One verdict from an answer's form: bad when one aspect is, good when all are."""
    if isinstance(value, PlanQuality):
        return value.verdict
    if isinstance(value, Reasoning):
        return max((value.consistency, value.redundancy), key=BADNESS.__getitem__)
    return None


def _reason(value: Any) -> str | None:
    """The judge's words, with the aspects that are not good."""
    if value is None:
        return None
    said = " ".join(value.reason.split())[:MAX_REASON_CHARS]
    aspects = [
        f"{name} {getattr(value, name)}"
        for name in ("consistency", "redundancy")
        if isinstance(value, Reasoning) and getattr(value, name) != "good"
    ]
    return f"{', '.join(aspects)}; {said}" if aspects else said


def _rejected(row: Row, *, field: str) -> str | None:
    """The rejected answer's text; steps are numbered."""
    text = row.get(f"meta.{field}")
    value: Any = None if text is None else json.loads(text)
    if isinstance(value, list) and value:
        return "\n".join(f"{number}. {step}" for number, step in enumerate(value, start=1))
    return value if isinstance(value, str) and value.strip() else None


def _preference(first: str, second: str) -> dict[str, Any]:
    """The verdict of both orders, own answer as A, then as B: a changed mind is unsure."""
    preferred = {"A": "own", "B": "other"}.get(first, "unsure")
    swapped = {"A": "other", "B": "own"}.get(second, "unsure")
    verdict = "unsure"
    if preferred == swapped:
        verdict = {"own": "good", "other": "bad"}.get(preferred, "unsure")
    return {"verdict": verdict, "preferred": preferred, "swapped_preferred": swapped}


def _schema() -> Any:
    import pyarrow as pa

    names = (
        "verdict", "reason", "label", "planted", "planted_verdict", "preferred",
        "swapped_preferred",
    )  # fmt: skip
    return pa.schema([*reply_columns(), *((name, pa.string()) for name in names)])

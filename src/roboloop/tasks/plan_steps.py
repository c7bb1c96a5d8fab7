"""plan_steps: the whole task as a numbered list of steps."""

from __future__ import annotations

import re
from collections.abc import Sequence

from roboloop.base.geometry import PictureSize
from roboloop.dialects.base import Dialect
from roboloop.records.answers import Answer, Plan
from roboloop.records.record import Record
from roboloop.tasks.base import (
    EXACT,
    Metric,
    Parsed,
    ParseStatus,
    Task,
    Truth,
    Wording,
    unanswered,
)
from roboloop.tasks.choices import commonest
from roboloop.tasks.final_answer import final_answer
from roboloop.tasks.texts import BLEU, BLEU_ORDERS, bleu_values, normalised

_ITEM = re.compile(
    r"^\s*(?:(?:step|第)?\s*\d+\s*步?\s*[.):,、]|step\s*\d+\s|[-•]\s|\(\d+\))\s*", re.IGNORECASE
)
_INLINE = re.compile(r"(?<=[.;,])\s+(?=(?:step\s*)?\d+\s*[.):])", re.IGNORECASE)


class PlanSteps(Task):
    """A plan in its order, of as many steps as it takes."""

    kind = "plan_steps"
    title = "Plan, step by step"
    family = "planning"
    answer_kind = "plan"
    metrics = (
        Metric("ordered_f1", worst=0.0),
        Metric("exact_plan", worst=0.0),
        BLEU,
        *BLEU_ORDERS,
    )
    wordings = (
        Wording("en", "'{instruction}': steps?"),
        Wording("en", "Task: '{instruction}'. List the steps the robot has to take."),
        Wording(
            "en",
            "The robot is told: '{instruction}'. Break this into a numbered plan, one action "
            "a line.",
        ),
        Wording("en", "Write a plan, step by step, for '{instruction}'."),
        Wording("en", "{question}"),
        Wording("zh", "任务：“{instruction}”。请列出机器人需要执行的步骤。"),
        Wording("zh", "机器人要执行“{instruction}”。请给出分步计划，每行一个动作。"),
        Wording("zh", "{question}请每行写一步。"),
    )

    def render(self, answer: Answer, *, dialect: Dialect, size: PictureSize | None) -> str:
        """`1. first step`, one line each."""
        assert isinstance(answer, Plan)
        return "\n".join(f"{number}. {step}" for number, step in enumerate(answer.steps, start=1))

    def read(self, text: str, *, record: Record, dialect: Dialect) -> Parsed:
        """The numbered or dashed lines; without any, every line is a step."""
        answer = final_answer(text)
        lines = [line for part in answer.text.splitlines() for line in _INLINE.split(part)]
        items = [line for line in lines if _ITEM.match(line)]
        steps = tuple(_ITEM.sub("", line).strip() for line in items or lines if line.strip())
        steps = tuple(step for step in steps if step)
        if not steps:
            return unanswered(answer, note="no step in the text")
        exact = text.strip() == self.render(Plan(steps), dialect=dialect, size=None)
        rule = EXACT if exact else "numbered lines" if items else "lines"
        return Parsed(Plan(steps), ParseStatus.OK, rule=rule, span=answer.span())

    def score(self, answer: Answer, *, truth: Answer, size: PictureSize | None) -> dict[str, float]:
        """F1 of the steps that are the same and in order, equality, and BLEU of the whole.

        Steps are the same when their normalised words are; as many as possible are matched without
        changing the order (longest common subsequence).
        """
        assert isinstance(answer, Plan) and isinstance(truth, Plan)
        ours, theirs = normalised_steps(answer), normalised_steps(truth)
        return {
            "ordered_f1": ordered_f1(ours, truth=theirs),
            "exact_plan": float(ours == theirs),
            **bleu_values(" ".join(answer.steps), reference=" ".join(truth.steps)),
        }

    def best_constant(self, truths: Sequence[Truth]) -> Answer:
        """The commonest plan."""
        plans = ["\n".join(t.answer.steps) for t in truths if isinstance(t.answer, Plan)]
        return Plan(tuple(commonest(plans).splitlines()))


def normalised_steps(plan: Plan) -> tuple[str, ...]:
    """The steps as they are compared."""
    return tuple(map(normalised, plan.steps))


def ordered_f1(steps: Sequence[str], *, truth: Sequence[str]) -> float:
    """F1 of the normalised steps that are the same and in order; 1 for two empty plans."""
    total = len(steps) + len(truth)
    return 2 * _num_in_order(steps, truth) / total if total else 1.0


def _num_in_order(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(second) + 1)
    for step in first:
        above = row
        row = [0]
        for index, other in enumerate(second):
            row.append(above[index] + 1 if step == other else max(above[index + 1], row[index]))
    return row[-1]

"""plan_review: will this plan work, and if not, why not?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Literal

from roboloop.base.hashing import seeded_generator
from roboloop.compose.base import ComposeContext, Composer, Refusal
from roboloop.compose.plan import question_record
from roboloop.compose.plan_parents import ShortPlan, plans_in_batches
from roboloop.compose.plan_questions import Asked
from roboloop.compose.preference_plans import Proven, exchanged, proven_mistakes
from roboloop.records.answers import Text, YesNo
from roboloop.records.episode_words import numbered
from roboloop.records.record import Record, Turn


class PlanReview(Composer):
    """A plan that works and one that the checker proves wrong, each judged; the reason in words."""

    kind: Literal["plan_review"] = "plan_review"  # pyright: ignore[reportIncompatibleVariableOverride]

    def compose(
        self, parents: Iterable[Record], context: ComposeContext
    ) -> Iterator[Record | Refusal]:
        """Three questions of every parent with a plan that a mistake can spoil."""
        for batch in plans_in_batches(parents):
            yield from (item for item in batch if isinstance(item, Refusal))
            plans = [item for item in batch if isinstance(item, ShortPlan)]
            for plan, partner in exchanged(plans, seed=context.seed, label=self.label):
                draw = seeded_generator(context.seed, self.label, plan.parent.id)
                proven = next(proven_mistakes(plan, partner=partner, draw=draw), None)
                if proven is None:
                    continue
                for name, asked in _questions(plan, proven):
                    record_id = f"{plan.parent.id}/{self.label}/{name}"
                    record = question_record(plan, asked, record_id=record_id, label=self.label)
                    yield word_for_word(record) if name == "why" else record


def word_for_word(record: Record) -> Record:
    """The record asked as it stands: no word for a picture it lacks, no wish for a short phrase."""
    return replace(record, turns=(Turn("user", str(record.inputs["question"])),))


def _questions(plan: ShortPlan, proven: Proven) -> Iterator[tuple[str, Asked]]:
    goal = plan.episode.instruction.rstrip(" .")
    evidence = {"violation": proven.violation._asdict(), "mistake": proven.mistake.kind}
    wrong = [step.text for step in proven.mistake.steps]
    for name, steps, works in (("works", plan.sentences, True), ("fails", wrong, False)):
        question = (
            f"A robot with one hand is told: '{goal}'. It means to do this:\n{numbered(steps)}\n"
            "Will this reach the goal?"
        )
        yield (
            name,
            Asked(
                "planning_decide", {"question": question}, YesNo(works),
                evidence={} if works else evidence,
            ),
        )  # fmt: skip
    question = (
        f"A robot with one hand is told: '{goal}'. It means to do this:\n{numbered(wrong)}\n"
        "Why will this not reach the goal?"
    )
    yield "why", Asked("vqa", {"question": question}, Text(proven.violation.reason), 0, evidence)

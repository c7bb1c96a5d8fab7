"""plan: plans of three to five steps, and questions about them, from episodes told in symbols."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from pydantic import Field

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.hashing import seeded_generator
from roboloop.compose.base import (
    COMPOSER_KEY,
    EVIDENCE_KEY,
    PARENTS_KEY,
    ComposeContext,
    Composer,
    Refusal,
)
from roboloop.compose.plan_outcomes import ask_outcome
from roboloop.compose.plan_parents import KEPT_META, ShortPlan, short_plans
from roboloop.compose.plan_questions import QUESTIONS, Asked, Question, ask
from roboloop.records.episode import episode_of
from roboloop.records.media import Media, media_from_json
from roboloop.records.record import Record


class PlanComposer(Composer):
    """Short plans, next and remaining steps, success and affordance, of every episode."""

    kind: Literal["plan"] = "plan"  # pyright: ignore[reportIncompatibleVariableOverride]
    questions: tuple[Question, ...] = Field(default=QUESTIONS, min_length=1)
    """`plan`: the steps in our sentences. `told`: in the words of a person who watched.
    `next_choice`: which step is next, the others cannot be done. `success`: is the goal reached?
    `affordance`: can this be done now? `outcome`: how did it end, and what went wrong?"""

    def compose(
        self, parents: Iterable[Record], context: ComposeContext
    ) -> Iterator[Record | Refusal]:
        """The questions of every parent that carries an episode.

        One that failed has no plan; what is asked of it is how it ended and what went wrong.
        """
        for parent in parents:
            try:
                episode = episode_of(parent)
                plans = short_plans(parent)
            except RoboLoopError as error:
                yield Refusal(error.located(Place(record_id=parent.id)), parent.id)
                continue
            for number, plan in enumerate(plans):
                part = f"{number}/" if len(plans) > 1 else ""
                yield from self._asked(plan, part=part, seed=context.seed)
            if episode is not None and "outcome" in self.questions:
                for name, asked in ask_outcome(episode):
                    plan = ShortPlan(parent, episode, episode.steps)
                    record_id = f"{parent.id}/{self.label}/{name}"
                    yield question_record(plan, asked, record_id=record_id, label=self.label)

    def _asked(self, plan: ShortPlan, *, part: str, seed: int) -> Iterator[Record]:
        for question in self.questions:
            if question == "outcome":
                continue
            record_id = f"{plan.parent.id}/{self.label}/{part}{question}"
            draw = seeded_generator(seed, record_id)
            asked = ask(plan, question, draw=draw)
            if asked is not None:
                yield question_record(plan, asked, record_id=record_id, label=self.label)


def question_record(plan: ShortPlan, asked: Asked, *, record_id: str, label: str) -> Record:
    """The question as a record of its own, with the picture that belongs to it."""
    parent = plan.parent
    return Record(
        id=record_id,
        task=asked.task,
        media=_picture(plan, num_done=asked.num_done),
        inputs=dict(asked.inputs),
        answer=asked.answer,
        source=parent.source,
        split=parent.split,
        licence=parent.licence,
        origin=parent.origin,
        meta={
            **{key: value for key, value in parent.meta.items() if key in KEPT_META},
            "num_done": asked.num_done,
            PARENTS_KEY: [parent.id],
            COMPOSER_KEY: label,
            EVIDENCE_KEY: {"steps": [step.action for step in plan.steps], **asked.evidence},
        },
    )


def _picture(plan: ShortPlan, *, num_done: int) -> tuple[Media, ...]:
    """The picture with which the next step begins; none where it is not known."""
    if num_done == 0 and plan.parent.media:
        return plan.parent.media
    is_over = num_done == len(plan.steps)
    media = plan.episode.last_media if is_over else plan.steps[num_done].media
    return () if media is None else (media_from_json(media),)

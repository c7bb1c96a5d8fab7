"""plan: plans of three to five steps, and questions about them, from episodes told in symbols."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
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
from roboloop.compose.plan_reason import REASONED, reason_about
from roboloop.compose.styles import MANNERS, Shares, draw_style
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
    styles: Shares = Field({"answer": 1.0})
    """How the answer is written, as of `reason`. Any but `answer` puts reasoning in front, derived
    from the steps so far and the goal; `told`, `outcome` and plans without symbols have none."""
    is_asked_for: bool = True
    """Whether a question asks for its reasoning, as of `reason`."""

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

    def _asked(self, plan: ShortPlan, *, part: str, seed: int) -> Iterator[Record | Refusal]:
        for question in self.questions:
            if question == "outcome":
                continue
            record_id = f"{plan.parent.id}/{self.label}/{part}{question}"
            draw = seeded_generator(seed, record_id)
            asked = ask(plan, question, draw=draw)
            if asked is not None:
                record = question_record(plan, asked, record_id=record_id, label=self.label)
                if question in REASONED and plan.episode.form == "symbolic":
                    yield from self._reasoned(record, plan=plan, asked=asked, seed=seed)
                else:
                    yield record

    def _reasoned(
        self, record: Record, *, plan: ShortPlan, asked: Asked, seed: int
    ) -> Iterator[Record | Refusal]:
        """The record with reasoning, in the style that is drawn for it."""
        style = draw_style(self.styles, draw=seeded_generator(seed, "style", record.id))
        manner = MANNERS[style]
        if manner is None:
            yield record
            return
        try:
            reasoning = reason_about(plan, asked)
        except RoboLoopError as error:
            yield Refusal(error.located(Place(record_id=record.id)), plan.parent.id)
            return
        written = {**manner._asdict(), "is_asked_for": self.is_asked_for}
        yield replace(record, reasoning=reasoning.model_copy(update=written))


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

"""preference_plans: a plan that works against one that the checker proves wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Literal, NamedTuple

import numpy as np
from pydantic import Field

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.hashing import seeded_generator
from roboloop.compose.balance import Balancer
from roboloop.compose.base import ComposeContext, Composer, Refusal
from roboloop.compose.margin import Margin, Scored
from roboloop.compose.plan_checker import Violation, find_violation
from roboloop.compose.plan_mistakes import Mistake, Partner, exchange, mistakes
from roboloop.compose.plan_parents import KEPT_META, ShortPlan, plans_in_batches
from roboloop.compose.preference import pair_of
from roboloop.records.answers import Plan
from roboloop.records.record import Record
from roboloop.tasks.plan_steps import normalised_steps, ordered_f1

ANY_GAP = Margin(fraction=1e-6)
"""What makes these answers wrong is the checker; the metric only has to agree."""


class Proven(NamedTuple):
    """A mistake, and what proves it to be one."""

    mistake: Mistake
    violation: Violation


class PreferencePlans(Composer):
    """Pairs of plans for one goal, one of which does not work, with the reason why."""

    kind: Literal["preference_plans"] = "preference_plans"  # pyright: ignore[reportIncompatibleVariableOverride]
    num_per_plan: int = Field(default=2, ge=1)
    """At most so many pairs of one telling of an episode, of different kinds of mistakes."""
    balance: bool = True
    """Choose mistakes, and drop pairs, so that length and looks do not tell which is worse."""

    def compose(
        self, parents: Iterable[Record], context: ComposeContext
    ) -> Iterator[Record | Refusal]:
        """Pairs of every parent that carries a symbolic episode.

        An episode that is no plan is refused as `symbolic_plan` says, one that no mistake spoils
        with E-CMP-023, a pair that would give itself away with E-PRF-002.
        """
        balancer = Balancer()
        for batch in plans_in_batches(parents):
            plans = [item for item in batch if isinstance(item, ShortPlan)]
            yield from (item for item in batch if isinstance(item, Refusal))
            for plan, partner in exchanged(plans, seed=context.seed, label=self.label):
                draw = seeded_generator(context.seed, self.label, plan.parent.id)
                pairs = self._pairs(plan, partner=partner, draw=draw)
                num_made = 0
                for pair in islice(pairs, self.num_per_plan):
                    num_made += 1
                    if self.balance:
                        yield from balancer.take(pair, others=pairs)
                    else:
                        yield pair
                if num_made == 0:
                    yield Refusal(_harmless(plan), plan.parent.id)
        yield from balancer.rest()

    def _pairs(
        self, plan: ShortPlan, *, partner: Partner, draw: np.random.Generator
    ) -> Iterator[Record]:
        question = as_question(plan)
        right = Plan(plan.sentences)
        truth, chosen = normalised_steps(right), Scored(right, 1.0)
        for proven in proven_mistakes(plan, partner=partner, draw=draw):
            wrong = Plan(tuple(step.text for step in proven.mistake.steps))
            rejected = Scored(wrong, ordered_f1(normalised_steps(wrong), truth=truth))
            gap = ANY_GAP.prove(question, chosen=chosen, rejected=rejected)
            yield pair_of(
                question, what=proven.mistake.kind, label=self.label, chosen=chosen.answer,
                rejected=rejected.answer,
                evidence={"gap": gap._asdict(), "violation": proven.violation._asdict()},
            )  # fmt: skip


def exchanged(
    plans: list[ShortPlan], *, seed: int, label: str
) -> Iterator[tuple[ShortPlan, Partner]]:
    """Each plan with what others name in its stead."""
    if plans:
        draw = seeded_generator(seed, label, "exchange", plans[0].parent.id)
        yield from zip(plans, exchange(plans, draw=draw), strict=True)


def proven_mistakes(
    plan: ShortPlan, *, partner: Partner, draw: np.random.Generator
) -> Iterator[Proven]:
    """The first mistake of each kind that the checker proves, kinds in a drawn order."""
    for kind in mistakes(plan, partner=partner, draw=draw):
        for mistake in kind:
            if violation := find_violation(plan.episode, mistake.steps):
                yield Proven(mistake, violation)
                break


def as_question(plan: ShortPlan) -> Record:
    """The parent as the question for a short plan."""
    parent = plan.parent
    meta = {key: value for key, value in parent.meta.items() if key in KEPT_META}
    return replace(
        parent,
        task="short_plan",
        inputs={"instruction": plan.episode.instruction},
        turns=(),
        answer=Plan(plan.sentences),
        rejected=None,
        meta=meta,
    )


def _harmless(plan: ShortPlan) -> RoboLoopError:
    return RoboLoopError(
        "E-CMP-023",
        "the checker finds nothing wrong with any change to its plan",
        place=Place(record_id=plan.parent.id),
    )

"""Reasoning before questions about a plan: what the steps so far made true, what is next, the goal.

    <think>See: the apple is sliced; the knife is in the sink; the hand holds the apple slice.
    Do: cool the apple slice.
    Expect: the apple slice is on the table; the apple slice is cold.</think>

No picture is needed: what is "seen" follows from the steps that the question tells. Each claim is
derived by doing the steps, and names the step, the fact of the goal or the rule that proves it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from roboloop.base.errors import RoboLoopError
from roboloop.compose.plan_checker import household_after
from roboloop.compose.plan_facts import Facts, facts_after_each, goal_words
from roboloop.compose.plan_parents import ShortPlan
from roboloop.compose.plan_questions import Asked, StepQuestion
from roboloop.records.episode import EpisodeStep
from roboloop.records.reasoning import Expectation, KnownFact, See, SeeDoExpect, Step

REASONED: tuple[StepQuestion, ...] = (
    "plan", "next_step", "next_choice", "remaining_steps", "success", "affordance",
)  # fmt: skip
"""Questions with reasoning; the words of a person who watched follow from no symbols."""
STOP = "stop"
NOTHING_LEFT = "stop, for nothing is left to do"
CANNOT = "it cannot be done: "


def reason_about(plan: ShortPlan, asked: Asked) -> SeeDoExpect:
    """What is known when the question is asked, what is done, and what holds then.

    Done is the step that is asked about, else the next one of the plan; expected is what that step
    changes or what stands in its way, else the goal.

    Raises:
        RoboLoopError: E-CMP-010 when the step changes nothing that can be told.
    """
    done = plan.steps[: asked.num_done]
    history = facts_after_each(done)
    known = tuple(
        KnownFact(fact=predicate, text=text, evidence=(_since(text, history=history),))
        for text, predicate in history[-1].items()
    )
    if asked.step is not None:
        step = _step(asked.step, evidence="asked")
        expected = list(_consequences(plan, asked.step, done=done))
    else:
        step = _next(plan, num_done=asked.num_done)
        expected = [
            Expectation(fact=fact.predicate, text=goal_words(fact), evidence=(f"goal:{number}",))
            for number, fact in enumerate(plan.episode.goal, start=1)
        ]
    if not expected:
        raise RoboLoopError("E-CMP-010", f"nothing is known of what it changes to {step.text!r}")
    return SeeDoExpect(see=See(facts=known), do=(step,), expect=tuple(expected))


def _since(text: str, *, history: Sequence[Facts]) -> str:
    """The evidence of a fact that holds: the step since which it does."""
    number = len(history) - 1
    while number > 0 and text in history[number - 1]:
        number -= 1
    return f"step:{number}" if number else "start"


def _next(plan: ShortPlan, *, num_done: int) -> Step:
    if num_done == len(plan.steps):
        return Step(action=STOP, text=NOTHING_LEFT, evidence=(f"step:{num_done}",))
    return _step(plan.steps[num_done], evidence=f"step:{num_done + 1}")


def _step(step: EpisodeStep, *, evidence: str) -> Step:
    return Step(action=step.action, text=step.text, evidence=(evidence,))


def _consequences(
    plan: ShortPlan, step: EpisodeStep, *, done: Sequence[EpisodeStep]
) -> Iterator[Expectation]:
    """What a step makes true that was not, or what stands in its way."""
    obstacle = household_after(plan.episode, done).do(step)
    if obstacle is not None:
        text = f"{CANNOT}{obstacle.reason}"
        yield Expectation(fact="cannot", text=text, evidence=("asked", f"rule:{obstacle.rule}"))
        return
    before, after = facts_after_each([*done, step])[-2:]
    for text, predicate in after.items():
        if text not in before:
            yield Expectation(fact=predicate, text=text, evidence=("asked",))

"""Questions about a short plan: the whole of it, what is next, what remains, what can be done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np

from roboloop.compose.plan_checker import household_after
from roboloop.compose.plan_parents import ShortPlan
from roboloop.records.answers import Answer, Choice, Plan, Text, YesNo
from roboloop.records.episode import EpisodeStep
from roboloop.records.episode_words import numbered
from roboloop.records.record import InputValue
from roboloop.tasks.base import LETTERS

StepQuestion = Literal[
    "plan", "told", "next_step", "next_choice", "remaining_steps", "success", "affordance"
]
Question = Literal[StepQuestion, "outcome"]
QUESTIONS: tuple[Question, ...] = (
    "plan", "told", "next_step", "next_choice", "remaining_steps", "success", "affordance",
    "outcome",
)  # fmt: skip
NEED_SYMBOLS = ("next_choice", "success", "affordance")
MAX_TOLD_WORDS = 40
"""A person's sentence with more words is no step of a short plan."""
NUM_OPTIONS = 4
_COUNTED = {3: "three", 4: "four", 5: "five"}
_SHORT = "a plan of three to five steps"
"""Sources ask what is next, and what remains, in plans of as many steps as it takes."""


class Asked(NamedTuple):
    """A question and its answer.

    Attributes:
        num_done: After how many steps of the plan it is asked.
        evidence: What proves the answer, beside the episode's own steps.
        step: The step that it asks about; None where it does not name one.
    """

    task: str
    inputs: Mapping[str, InputValue]
    answer: Answer
    num_done: int = 0
    evidence: Mapping[str, Any] = {}
    step: EpisodeStep | None = None


def ask(plan: ShortPlan, question: StepQuestion, *, draw: np.random.Generator) -> Asked | None:
    """The question about a plan; None where it cannot be asked of it.

    Of a plan without symbols only its own order is known, of a piece of one only what comes next.
    """
    if not plan.is_whole and question != "next_step":
        return None
    if plan.episode.form != "symbolic" and question in NEED_SYMBOLS:
        return None
    return _ASK[question](plan, draw)


def state_words(plan: ShortPlan, num_done: int) -> str:
    """The goal and what has been done of the plan, as a question begins."""
    goal = plan.episode.instruction.rstrip(" .")
    told = f"The goal is '{goal}'." if goal else "Somebody is at work."
    if num_done == 0:
        return f"{told} Nothing has been done yet." if goal else told
    return f"{told} Done so far:\n{numbered(plan.sentences[:num_done])}\n"


def _plan(plan: ShortPlan, draw: np.random.Generator) -> Asked | None:
    if not plan.episode.instruction:
        return None
    return Asked("short_plan", {"instruction": plan.episode.instruction}, Plan(plan.sentences))


def _told(plan: ShortPlan, draw: np.random.Generator) -> Asked | None:
    """The plan in the words of the person who watched, where there is a sentence for each step.

    People tell the way by what they see, so it takes a picture to ask for that.
    """
    told = tuple(step.told for step in plan.steps)
    if not plan.episode.instruction or not all(told):
        return None
    if not plan.parent.media and any(step.action == "go_to" for step in plan.steps):
        return None
    if max(len(sentence.split()) for sentence in told) > MAX_TOLD_WORDS:
        return None
    goal = plan.episode.instruction.rstrip(" .")
    question = (
        f"Somebody asks you how to do this: '{goal}'. Tell them in {_COUNTED[len(told)]} steps, "
        "as you would say it to a person."
    )
    return Asked("plan_steps", {"question": question}, Plan(told))


def _next_step(plan: ShortPlan, draw: np.random.Generator) -> Asked | None:
    num_done = int(draw.integers(0 if plan.episode.instruction else 1, len(plan.steps)))
    which = f"is the next step of {_SHORT}" if plan.is_whole else "should be done next"
    question = f"{_joined(state_words(plan, num_done))}What {which}?"
    return Asked("planning", {"question": question}, Text(plan.sentences[num_done]), num_done)


def _remaining_steps(plan: ShortPlan, draw: np.random.Generator) -> Asked | None:
    if not plan.episode.instruction:
        return None
    num_done = int(draw.integers(1, len(plan.steps)))
    question = f"{_joined(state_words(plan, num_done))}Which steps of {_SHORT} remain?"
    return Asked("plan_steps", {"question": question}, Plan(plan.sentences[num_done:]), num_done)


def _next_choice(plan: ShortPlan, draw: np.random.Generator) -> Asked | None:
    """The step that follows among steps of the same plan that cannot be done now."""
    num_done = int(draw.integers(len(plan.steps)))
    right = plan.steps[num_done]
    wrong = [step for step in _cannot_be_done(plan, num_done) if step.step.text != right.text]
    if len(wrong) < 2:
        return None
    order = draw.permutation(len(wrong))[: NUM_OPTIONS - 1]
    options = [right, *(wrong[int(index)].step for index in order)]
    shuffled = [options[int(index)].text for index in draw.permutation(len(options))]
    letter = LETTERS[shuffled.index(right.text)]
    question = f"{_joined(state_words(plan, num_done))}Which of these can be done next?"
    return Asked(
        "planning_choice",
        {"question": question, "options": tuple(shuffled)},
        Choice(letter, tuple(shuffled)),
        num_done,
        {"cannot_be_done": {w.step.text: w.reason for w in wrong if w.step.text in shuffled}},
    )


def _success(plan: ShortPlan, draw: np.random.Generator) -> Asked | None:
    """Whether the goal is reached: after all steps, or after some that the checker says lack it."""
    num_done = len(plan.steps)
    lack = None
    if draw.random() < 0.5:
        num_done = int(draw.integers(1, len(plan.steps)))
        lack = household_after(plan.episode, plan.steps[:num_done]).lacks(plan.episode.goal)
        if lack is None:
            return None
    question = f"{_joined(state_words(plan, num_done))}Has the goal been reached?"
    evidence = {} if lack is None else {"lack": lack.reason}
    return Asked("planning_decide", {"question": question}, YesNo(lack is None), num_done, evidence)


def _affordance(plan: ShortPlan, draw: np.random.Generator) -> Asked | None:
    """Whether a step can be done now: the next one, or one that something stands in the way of."""
    num_done = int(draw.integers(len(plan.steps)))
    asked, reason = plan.steps[num_done], ""
    if draw.random() < 0.5:
        wrong = _cannot_be_done(plan, num_done)
        if not wrong:
            return None
        asked, reason = wrong[int(draw.integers(len(wrong)))]
    if asked.action == "go_to":
        return None
    question = (
        f"{_joined(state_words(plan, num_done))}Apart from going there: can the robot, which has "
        f"one hand, now {asked.text} without doing anything else first?"
    )
    evidence = {"obstacle": reason} if reason else {}
    return Asked(
        "planning_decide", {"question": question}, YesNo(not reason), num_done, evidence, asked
    )


class _Impossible(NamedTuple):
    step: EpisodeStep
    reason: str


def _cannot_be_done(plan: ShortPlan, num_done: int) -> list[_Impossible]:
    """Steps of the plan, each sentence once, that something stands in the way of."""
    found: dict[str, _Impossible] = {}
    for step in plan.steps:
        house = household_after(plan.episode, plan.steps[:num_done])
        if obstacle := house.do(step):
            found.setdefault(step.text, _Impossible(step, obstacle.reason))
    return list(found.values())


def _joined(text: str) -> str:
    return text if text.endswith("\n") else f"{text} "


_ASK: dict[StepQuestion, Callable[[ShortPlan, np.random.Generator], Asked | None]] = {
    "plan": _plan, "told": _told, "next_step": _next_step, "next_choice": _next_choice,
    "remaining_steps": _remaining_steps, "success": _success, "affordance": _affordance,
}  # fmt: skip

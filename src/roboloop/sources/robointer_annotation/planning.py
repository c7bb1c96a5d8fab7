"""Planning questions: sixteen, named as RoboInter names them, made of an episode's clips.

The names follow RoboVQA and ShareRobot; the words of the questions are RoboLoop's. A name may hold
the answer (`Success_Positive_Task`), so it is kept in `meta` and never stands in a question.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from roboloop.records.answers import Answer, Text, YesNo
from roboloop.records.record import InputValue
from roboloop.sources.drafts import shuffled_options
from roboloop.sources.robointer_annotation.notes import Clip, EpisodeNotes
from roboloop.sources.robointer_annotation.texts import (
    PRIMITIVES,
    TextPool,
    foreign_texts,
    other_texts,
)

NUM_FRAMES = 8
NUM_WRONG = 3
MIN_CLIP_FRAMES = 4
"""Of a shorter clip no unfinished part is shown."""
UNFINISHED_FRACTION = 0.5
"""How much of a clip is shown when the question is whether it is done, and it is not."""


@dataclass(frozen=True, slots=True)
class PlanQuestion:
    """A question about frames `first` to `last`, both included; `task` is what it becomes."""

    task: str
    answer: Answer
    inputs: Mapping[str, InputValue]
    first: int
    last: int


class Story:
    """An episode as the questions see it: its goal and its clips, all of them with words.

    Attributes:
        clip: The clip asked about, drawn at random.
    """

    def __init__(
        self, notes: EpisodeNotes, *, pool: TextPool, rng: np.random.Generator, at_least: int = 0
    ) -> None:
        self.start = notes.frames[0]
        self.goal = notes.instruction
        self.clips = notes.clips
        self.pool = pool
        self.rng = rng
        self.clip = self.clips[int(rng.integers(at_least, len(self.clips)))]

    @property
    def texts(self) -> list[str]:
        """The words of all clips."""
        return [words(clip) for clip in self.clips]

    @property
    def rest(self) -> Sequence[Clip]:
        """The clip asked about and those after it."""
        return self.clips[self.clip.number :]

    @property
    def before(self) -> tuple[int, int]:
        """All frames before the clip, or the first frame of the episode."""
        return (self.start, max(self.start, self.clip.first - 1))


def words(clip: Clip) -> str:
    """The clip's sub-task."""
    assert clip.subtask is not None, "only clips with words are asked about"
    return clip.subtask


def can_be_asked(notes: EpisodeNotes) -> bool:
    """Whether the episode has frames, and clips that all have words."""
    return bool(notes.frames and notes.clips) and all(clip.subtask for clip in notes.clips)


def numbered(steps: Sequence[str]) -> str:
    """Steps in one line: `1. ...; 2. ...`."""
    return "; ".join(f"{number}. {step}" for number, step in enumerate(steps, start=1))


def _options(
    story: Story, question: str, *, right: str, wrong: Sequence[str], span: tuple[int, int]
) -> PlanQuestion | None:
    if len(wrong) < NUM_WRONG:
        return None
    choice = shuffled_options(right, wrong=wrong[:NUM_WRONG], rng=story.rng)
    inputs = {"question": question, "options": choice.options}
    return PlanQuestion("planning_choice", choice, inputs, *span)


def _wrong_steps(story: Story, *, right: str) -> list[str]:
    """Other steps of the episode first, then steps of other episodes."""
    own = other_texts(story.texts, besides=[right], num=2, rng=story.rng)
    foreign = other_texts(story.pool.subtasks, besides=story.texts, num=NUM_WRONG, rng=story.rng)
    return [*own, *foreign][:NUM_WRONG]


def _wrong_skills(story: Story, *, right: str) -> list[str]:
    return other_texts(PRIMITIVES, besides=[right], num=NUM_WRONG, rng=story.rng)


def _scene_understanding(story: Story) -> PlanQuestion | None:
    if story.goal is None:
        return None
    wrong = other_texts(
        story.pool.instructions,
        besides=[story.goal, *story.texts],
        num=NUM_WRONG,
        rng=story.rng,
    )
    question = "Which task is the robot working on in these pictures?"
    span = (story.start, story.clips[-1].last)
    return _options(story, question, right=story.goal, wrong=wrong, span=span)


def _temporal_understanding(story: Story) -> PlanQuestion | None:
    """Orders of the steps; where there are too few, orders with a step of another episode."""
    steps = story.texts
    if len(set(steps)) < 2:
        return None
    right = numbered(steps)
    orders = {numbered(steps[::-1]): None}
    for _ in range(2 * NUM_WRONG):
        orders[numbered([steps[int(i)] for i in story.rng.permutation(len(steps))])] = None
    for step in other_texts(story.pool.subtasks, besides=steps, num=NUM_WRONG, rng=story.rng):
        orders[numbered([*steps[:-1], step])] = None
    orders.pop(right, None)
    question = "Which steps did the robot carry out, and in which order?"
    span = (story.start, story.clips[-1].last)
    return _options(story, question, right=right, wrong=list(orders), span=span)


def _past_step(story: Story) -> PlanQuestion | None:
    right = words(story.clip)
    question = "Which step did the robot carry out in these pictures?"
    wrong = _wrong_steps(story, right=right)
    return _options(story, question, right=right, wrong=wrong, span=story.clip[1:3])


def _past_primitive(story: Story) -> PlanQuestion | None:
    right = story.clip.skill
    if right not in PRIMITIVES:
        return None
    question = "Which skill did the robot use in these pictures?"
    wrong = _wrong_skills(story, right=right)
    return _options(story, question, right=right, wrong=wrong, span=story.clip[1:3])


def _future_step(story: Story) -> PlanQuestion | None:
    right = words(story.clip)
    question = f"{_goal(story)}Which step comes next?"
    wrong = _wrong_steps(story, right=right)
    return _options(story, question, right=right, wrong=wrong, span=story.before)


def _future_primitive(story: Story) -> PlanQuestion | None:
    right = story.clip.skill
    if right not in PRIMITIVES:
        return None
    question = f"{_goal(story)}Which skill does the robot need next?"
    wrong = _wrong_skills(story, right=right)
    return _options(story, question, right=right, wrong=wrong, span=story.before)


def _goal(story: Story) -> str:
    return "" if story.goal is None else f"The goal is '{story.goal}'. "


def _decision(question: str, *, value: bool, span: tuple[int, int]) -> PlanQuestion:
    return PlanQuestion("planning_decide", YesNo(value), {"question": question}, *span)


def _success_positive(story: Story) -> PlanQuestion | None:
    question = f"Has the robot finished this step: '{words(story.clip)}'?"
    return _decision(question, value=True, span=story.clip[1:3])


def _success_negative(story: Story) -> PlanQuestion | None:
    first, last = story.clip[1:3]
    if last - first + 1 < MIN_CLIP_FRAMES:
        return None
    question = f"Has the robot finished this step: '{words(story.clip)}'?"
    seen_last = first + int((last - first) * UNFINISHED_FRACTION)
    return _decision(question, value=False, span=(first, seen_last))


def _affordance_positive(story: Story) -> PlanQuestion | None:
    question = f"Could the robot do this now: '{words(story.clip)}'?"
    return _decision(question, value=True, span=story.before)


def _affordance_negative(story: Story) -> PlanQuestion | None:
    """A step of another episode, with things that no step of this one names."""
    besides = [*story.texts, *([] if story.goal is None else [story.goal])]
    foreign = foreign_texts(story.pool.subtasks, besides=besides, num=1, rng=story.rng)
    if not foreign:
        return None
    question = f"Could the robot do this now: '{foreign[0]}'?"
    return _decision(question, value=False, span=story.before)


def _described(question: str, *, text: str, span: tuple[int, int]) -> PlanQuestion:
    return PlanQuestion("planning", Text(text), {"question": question}, *span)


def _planning_task(story: Story) -> PlanQuestion | None:
    if story.goal is None:
        return None
    question = f"{_goal(story)}What should the robot do next?"
    return _described(question, text=words(story.clip), span=story.before)


def _planning_with_context(story: Story) -> PlanQuestion | None:
    if story.goal is None:
        return None
    done = numbered(story.texts[: story.clip.number])
    question = f"{_goal(story)}These steps are done: {done}. Which step is next?"
    return _described(question, text=words(story.clip), span=story.before)


def _planning_remaining_steps(story: Story) -> PlanQuestion | None:
    if story.goal is None:
        return None
    question = f"{_goal(story)}Which steps remain to be done?"
    steps = numbered([words(clip) for clip in story.rest])
    return _described(question, text=steps, span=story.before)


def _past_description(story: Story) -> PlanQuestion | None:
    question = "What has the robot just done?"
    return _described(question, text=words(story.clip), span=story.clip[1:3])


def _generative_affordance(story: Story) -> PlanQuestion | None:
    question = "What could the robot do with what it sees now?"
    return _described(question, text=words(story.clip), span=story.before)


def _future_prediction(story: Story) -> PlanQuestion | None:
    question = "What will the robot most likely do next?"
    return _described(question, text=words(story.clip), span=story.before)


PLAN_QUESTIONS: Mapping[str, Callable[[Story], PlanQuestion | None]] = MappingProxyType(
    {
        "Scene_Understanding": _scene_understanding,
        "Temporal_Understanding": _temporal_understanding,
        "Past_Multi_task_Selection": _past_step,
        "Past_Primitive_Selection": _past_primitive,
        "Future_Multi_task_Selection": _future_step,
        "Future_Primitive_Selection": _future_primitive,
        "Success_Negative_Task": _success_negative,
        "Success_Positive_Task": _success_positive,
        "Discriminative_Affordance_Negative_Task": _affordance_negative,
        "Discriminative_Affordance_Positive_Task": _affordance_positive,
        "Planning_Task": _planning_task,
        "Planning_with_Context_Task": _planning_with_context,
        "Planning_Remaining_Steps_Task": _planning_remaining_steps,
        "Past_Description_Task": _past_description,
        "Generative_Affordance_Task": _generative_affordance,
        "Future_Prediction_Task": _future_prediction,
    }
)
"""RoboInter's name -> the question, None when the episode does not allow it."""
NEEDS_A_PAST = frozenset({"Planning_with_Context_Task", "Future_Prediction_Task"})
"""Asked only about clips with another one before them."""


def ask(
    name: str, notes: EpisodeNotes, *, pool: TextPool, rng: np.random.Generator
) -> PlanQuestion | None:
    """The question of that name about the episode, None when it does not allow it."""
    at_least = 1 if name in NEEDS_A_PAST else 0
    if not can_be_asked(notes) or len(notes.clips) <= at_least:
        return None
    return PLAN_QUESTIONS[name](Story(notes, pool=pool, rng=rng, at_least=at_least))


def evenly(frames: Sequence[int], *, num: int = NUM_FRAMES) -> list[int]:
    """Up to `num` of the frames, evenly spread, the first and the last among them."""
    if len(frames) <= num:
        return list(frames)
    return [frames[part * (len(frames) - 1) // (num - 1)] for part in range(num)]

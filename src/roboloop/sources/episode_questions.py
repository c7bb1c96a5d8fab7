"""What can be asked of an episode of which only pictures and words are known. No box is invented.

Which task the robot does and which step of it, what comes next, whether it is this or that task:
all answers are words of the data set itself. Wrong options are other tasks of the same data set.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from roboloop.records.answers import Answer, Choice, Plan, Text, YesNo
from roboloop.records.media import Media
from roboloop.records.record import InputValue
from roboloop.tasks.base import LETTERS
from roboloop.tasks.texts import normalised

NUM_OPTIONS = 4
WHICH_TASK = "Which task is the robot doing?"


class Step(NamedTuple):
    """A part of an episode with words of its own: frames `first` to `last`, both inside it."""

    first: int
    last: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RobotEpisode:
    """One demonstration: what its cameras saw, and what is said about it.

    Attributes:
        key: Unique and stable within the data set, such as `episode_000003`; may hold `/`.
        origin: Where a person finds it, as `file:line` or `file!key`.
        num_frames: Steps in time; `steps` counts in them.
        cameras: Camera -> one medium for each of the `num_frames`, in the order of time, not yet
            measured. A source whose cameras keep their own clocks matches them first.
        instructions: The task in words, the best first, the others meaning the same; empty when
            only the steps have words.
        steps: Its parts in the order of time, without overlap; empty when not known.
        success: Whether the task was done; None when not known. Never a guess.
        split: As published.
        licence: Of this episode; empty for that of the source.
        meta: Whatever else is worth keeping; plain JSON values.
    """

    key: str
    origin: str
    num_frames: int
    cameras: Mapping[str, Sequence[Media]]
    instructions: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    success: bool | None = None
    split: str = "train"
    licence: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeQuestion:
    """A question about some frames of an episode, in the order of time, and its answer.

    Attributes:
        suffix: Tells several questions of one task about one episode apart.
    """

    suffix: str
    frames: tuple[int, ...]
    answer: Answer
    inputs: Mapping[str, InputValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """One episode while it is asked about.

    Attributes:
        num_pictures: The most pictures a question may have.
        other_tasks: What else is done in the data set, for wrong options; may hold this
            episode's own task.
        draw: Seeded by the episode and the task of the question.
    """

    episode: RobotEpisode
    num_pictures: int
    other_tasks: Sequence[str]
    draw: np.random.Generator

    @property
    def instruction(self) -> str:
        """The task in words; empty when only its steps have some."""
        return next(iter(self.episode.instructions), "")

    def wrong_tasks(self) -> list[str]:
        """Other tasks of the data set, no two of them and none of them meaning the episode's."""
        return distinct(self.other_tasks, but=self.episode.instructions)

    def frames(self, first: int, last: int) -> tuple[int, ...]:
        """Frames spread evenly over `first` to `last`."""
        chosen = evenly_spread(last + 1 - first, num_wanted=self.num_pictures)
        return tuple(first + number for number in chosen)

    def all_frames(self) -> tuple[int, ...]:
        """Frames spread evenly over the episode."""
        return self.frames(0, self.episode.num_frames - 1)


def evenly_spread(num_items: int, *, num_wanted: int) -> tuple[int, ...]:
    """The middles of `num_wanted` equal parts of `num_items` things; all of them if fewer."""
    count = min(num_wanted, num_items)
    return tuple((2 * part + 1) * num_items // (2 * count) for part in range(count))


def distinct(texts: Sequence[str], *, but: Sequence[str] = ()) -> list[str]:
    """The texts in their order without repeats and without those of `but`, by their words."""
    met = {normalised(text) for text in but}
    kept: list[str] = []
    for text in texts:
        words = normalised(text)
        if words and words not in met:
            met.add(words)
            kept.append(text)
    return kept


class Words(NamedTuple):
    """What the words given for every frame say: of the whole episode, or of its parts."""

    instruction: str
    steps: tuple[Step, ...]


def words_of(texts: Sequence[str]) -> Words:
    """One text for each frame: an instruction if it never changes, else a step for each run.

    Frames without words belong to no step.
    """
    steps: list[Step] = []
    for text, run in itertools.groupby(enumerate(texts), key=lambda item: item[1].strip()):
        frames = [frame for frame, _ in run]
        if text:
            steps.append(Step(frames[0], frames[-1], text))
    if len({step.text for step in steps}) > 1:
        return Words("", tuple(steps))
    return Words(steps[0].text if steps else "", ())


def ask(asking: Asking, *, task: str) -> Iterator[EpisodeQuestion]:
    """Every question of one task; none where what is known does not support it."""
    yield from QUESTIONS[task](asking)


def _planning(asking: Asking) -> Iterator[EpisodeQuestion]:
    """The task in words; then each step, and the one after it."""
    if asking.instruction:
        yield EpisodeQuestion(
            suffix="task",
            frames=asking.all_frames(),
            answer=Text(asking.instruction),
            inputs={"question": WHICH_TASK},
        )
    for step in _several(asking.episode.steps):
        yield EpisodeQuestion(
            suffix=f"now-{step.first:04d}",
            frames=asking.frames(step.first, step.last),
            answer=Text(step.text),
            inputs={"question": _with_goal(asking, "Which step is the robot doing now?")},
        )
    for before, after in _changes(asking.episode.steps):
        yield EpisodeQuestion(
            suffix=f"next-{after.first:04d}",
            frames=asking.frames(0, before.last),
            answer=Text(after.text),
            inputs=_next_step(asking),
        )


def _planning_choice(asking: Asking) -> Iterator[EpisodeQuestion]:
    """The task among others of the data set; the next step among others of the episode."""
    if asking.instruction:
        choice = _choice(asking.instruction, wrong=asking.wrong_tasks(), draw=asking.draw)
        if choice is not None:
            yield EpisodeQuestion(
                suffix="task",
                frames=asking.all_frames(),
                answer=choice,
                inputs={"question": WHICH_TASK, "options": choice.options},
            )
    texts = [step.text for step in asking.episode.steps]
    for before, after in _changes(asking.episode.steps):
        choice = _choice(after.text, wrong=distinct(texts, but=[after.text]), draw=asking.draw)
        if choice is not None:
            yield EpisodeQuestion(
                suffix=f"next-{after.first:04d}",
                frames=asking.frames(0, before.last),
                answer=choice,
                inputs={**_next_step(asking), "options": choice.options},
            )


def _planning_decide(asking: Asking) -> Iterator[EpisodeQuestion]:
    """Whether it is this task or, as often, another one; and whether it succeeded, if known."""
    if not asking.instruction:
        return
    if wrong := asking.wrong_tasks():
        is_true = bool(asking.draw.integers(2))
        named = asking.instruction if is_true else wrong[int(asking.draw.integers(len(wrong)))]
        yield EpisodeQuestion(
            suffix="task",
            frames=asking.all_frames(),
            answer=YesNo(is_true),
            inputs={"question": f"Is the robot doing this task: '{named}'?"},
        )
    if asking.episode.success is not None:
        yield EpisodeQuestion(
            suffix="done",
            frames=asking.all_frames(),
            answer=YesNo(asking.episode.success),
            inputs={"instruction": asking.instruction},
        )


def _plan_steps(asking: Asking) -> Iterator[EpisodeQuestion]:
    """All steps, asked about the first picture."""
    steps = _several(asking.episode.steps)
    if asking.instruction and steps:
        yield EpisodeQuestion(
            suffix="",
            frames=(0,),
            answer=Plan(tuple(step.text for step in steps)),
            inputs={"instruction": asking.instruction},
        )


QUESTIONS: Mapping[str, Callable[[Asking], Iterator[EpisodeQuestion]]] = MappingProxyType(
    {
        "planning": _planning,
        "planning_choice": _planning_choice,
        "planning_decide": _planning_decide,
        "plan_steps": _plan_steps,
    }
)
"""Task -> what it asks about an episode."""


def _several(steps: Sequence[Step]) -> Sequence[Step]:
    """The steps if there are two or more; one alone is the task over again."""
    return steps if len(steps) > 1 else ()


def _changes(steps: Sequence[Step]) -> Iterator[tuple[Step, Step]]:
    yield from itertools.pairwise(steps)


def _with_goal(asking: Asking, question: str) -> str:
    return f"The goal is '{asking.instruction}'. {question}" if asking.instruction else question


def _next_step(asking: Asking) -> dict[str, InputValue]:
    """With a goal the task's own wordings ask for the next step."""
    if asking.instruction:
        return {"instruction": asking.instruction}
    return {"question": "What will the robot do next?"}


def _choice(right: str, *, wrong: Sequence[str], draw: np.random.Generator) -> Choice | None:
    """The right text among three wrong ones, in an order drawn; None with fewer wrong ones."""
    if len(wrong) < NUM_OPTIONS - 1:
        return None
    chosen = draw.choice(len(wrong), size=NUM_OPTIONS - 1, replace=False)
    options = [right, *(wrong[int(index)] for index in chosen)]
    order = [int(index) for index in draw.permutation(NUM_OPTIONS)]
    return Choice(LETTERS[order.index(0)], tuple(options[index] for index in order))

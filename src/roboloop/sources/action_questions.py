"""Questions about what a person does in a video, from its actions in the order of time.

With frames the question is about what they show; without, what was done stands in the question.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

import numpy as np

from roboloop.records.answers import Choice, Text
from roboloop.sources.frame_choice import spread
from roboloop.sources.record_drafts import RecordDraft, sample
from roboloop.tasks.base import LETTERS

NUM_BEFORE = 3
"""Actions before the one that is asked for."""
GOAL_AHEAD = 3
"""How many actions ahead the goal of an `egoplan` question lies."""
NUM_OPTIONS = 4

ActionQuestion = Literal["next_action", "action_name", "action_choice", "egoplan"]


class Moment(NamedTuple):
    """A frame's number as the annotation counts, and its time in seconds."""

    frame: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One action of a video.

    Attributes:
        meaning: What makes it the same action as another, such as the classes of verb and noun.
        follows: Whether the action before it in the list is known to be the one before it in the
            video; an entry that could not be read may stand between them.
    """

    key: str
    text: str
    start: Moment
    stop: Moment
    meaning: tuple[object, ...]
    follows: bool = True
    meta: Mapping[str, Any] = field(default_factory=dict[str, Any])


class Asked(NamedTuple):
    """A question and the moments of the video that its pictures show, if it has any."""

    draft: RecordDraft
    moments: tuple[Moment, ...]


class _Continued(NamedTuple):
    before: Sequence[Action]
    then: Action


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionAsker:
    """A video and how it is asked about.

    Attributes:
        num_frames: Pictures in a question; 0 when the video is not there.
        draw: Chooses wrong options and their order.
    """

    actions: Sequence[Action]
    num_frames: int
    draw: np.random.Generator

    def ask(self, question: ActionQuestion) -> Iterator[Asked]:
        """Every question of one type, in the order of the video."""
        match question:
            case "next_action":
                yield from self._next_actions()
            case "action_name":
                yield from self._names()
            case "action_choice":
                yield from self._choices()
            case "egoplan":
                yield from self._plans()

    def _next_actions(self) -> Iterator[Asked]:
        for before, then in self._continued():
            if self.num_frames:
                text = "These pictures show what a person has just done. What do they do next?"
            else:
                text = f"A person has just done this:\n{_listed(before)}\nWhat do they do next?"
            yield self._about(before, then, task="planning", answer=Text(then.text), text=text)

    def _names(self) -> Iterator[Asked]:
        for action in self.actions if self.num_frames else ():
            yield Asked(
                RecordDraft(
                    task="vqa",
                    key=action.key,
                    inputs={"question": "What does the person do in these pictures?"},
                    answer=Text(action.text),
                    meta=action.meta,
                ),
                moments_between(action.start, action.stop, count=self.num_frames),
            )

    def _choices(self) -> Iterator[Asked]:
        for action in self.actions if self.num_frames else ():
            options = self._options(action, others=self.actions)
            if options is not None:
                draft = _choice(
                    "choice_vqa", action, options, text="Which action do these pictures show?"
                )
                moments = moments_between(action.start, action.stop, count=self.num_frames)
                yield Asked(draft, moments)

    def _plans(self) -> Iterator[Asked]:
        """EgoPlan's form (arXiv 2312.06722): a goal, the progress so far, four next actions.

        EPIC-KITCHENS knows no goals; a later action of the same unbroken run stands for one. Wrong
        options are other actions around it, as in EgoPlan.
        """
        place = {action.key: index for index, action in enumerate(self.actions)}
        for before, then in self._continued():
            first, now = place[before[0].key], place[then.key]
            ahead = self.actions[now + 1 : now + 1 + GOAL_AHEAD]
            if len(ahead) < GOAL_AHEAD or not all(action.follows for action in ahead):
                continue
            options = self._options(then, others=[*self.actions[first:now], *ahead])
            if options is None:
                continue
            goal = ahead[-1].text
            text = egoplan_question(goal)
            if not self.num_frames:
                text = f"So far I have done this:\n{_listed(before)}\n{text}"
            draft = _choice("planning_choice", then, options, text=text)
            draft = replace(draft, meta={**draft.meta, "task_goal": goal})
            yield Asked(draft, self._seen(before, then))

    def _continued(self) -> Iterator[_Continued]:
        """Up to `NUM_BEFORE` actions and the one that follows them, without a gap."""
        for index in range(1, len(self.actions)):
            then = self.actions[index]
            first = index
            while first > 0 and index - first < NUM_BEFORE and self.actions[first].follows:
                first -= 1
            if first < index and then.meaning != self.actions[index - 1].meaning:
                yield _Continued(self.actions[first:index], then)

    def _about(
        self, before: Sequence[Action], then: Action, *, task: str, answer: Text, text: str
    ) -> Asked:
        draft = RecordDraft(
            task=task,
            key=then.key,
            inputs={"question": text},
            answer=answer,
            meta={**then.meta, "actions_before": [action.text for action in before]},
        )
        return Asked(draft, self._seen(before, then))

    def _seen(self, before: Sequence[Action], then: Action) -> tuple[Moment, ...]:
        """Moments of what was done before, none after the start of `then`: actions may overlap."""
        if not self.num_frames:
            return ()
        stop = min(before[-1].stop, then.start)
        return moments_between(before[0].start, stop, count=self.num_frames)

    def _options(self, action: Action, *, others: Sequence[Action]) -> tuple[str, ...] | None:
        """The right action and three others in random order; None when there are too few."""
        wrong: dict[tuple[object, ...], str] = {}
        for other in others:
            if other.meaning != action.meaning and other.text != action.text:
                wrong.setdefault(other.meaning, other.text)
        texts = sorted(set(wrong.values()))
        if len(texts) < NUM_OPTIONS - 1:
            return None
        options = [*sample(texts, count=NUM_OPTIONS - 1, draw=self.draw), action.text]
        return tuple(options[int(index)] for index in self.draw.permutation(NUM_OPTIONS))


def egoplan_question(goal: str) -> str:
    """The question as EgoPlan's data set words it, for a goal such as `store cereal`."""
    return (
        "Considering the progress shown in the video and my current observation in the last "
        f"frame, what action should I take next in order to {goal}?"
    )


def moments_between(start: Moment, stop: Moment, *, count: int) -> tuple[Moment, ...]:
    """Up to `count` moments spread evenly from start to stop, both among them."""
    num_frames = max(stop.frame - start.frame, 0) + 1
    length = max(num_frames - 1, 1)
    return tuple(
        Moment(
            start.frame + offset,
            start.seconds + (stop.seconds - start.seconds) * offset / length,
        )
        for offset in spread(num_frames, count=count)
    )


def _listed(actions: Sequence[Action]) -> str:
    return "\n".join(f"{number}. {action.text}" for number, action in enumerate(actions, start=1))


def _choice(task: str, action: Action, options: tuple[str, ...], *, text: str) -> RecordDraft:
    letter = LETTERS[options.index(action.text)]
    return RecordDraft(
        task=task,
        key=action.key,
        inputs={"question": text, "options": options},
        answer=Choice(letter, options),
        meta=action.meta,
    )

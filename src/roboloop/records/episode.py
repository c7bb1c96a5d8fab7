"""What happened in an episode, in symbols: its goal, its steps, where things stood at the start.

A record asks one question; this is what a composer must know besides to make new ones that are
true. Sources write it into `Record.meta["episode_facts"]` (`meta["episode"]` is the name of the
recording) and `compose/` reads it back.

Things are called by their words, such as `butter knife`. Several of one kind are numbered from 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args

from pydantic import ConfigDict, TypeAdapter, ValidationError

from roboloop.base.errors import RoboLoopError
from roboloop.records.media import Media, media_to_json
from roboloop.records.record import Record

EPISODE_KEY = "episode_facts"
"""Key of `Record.meta`."""

Form = Literal["symbolic", "plain"]
Predicate = Literal["at", "holding", "on", "clean", "hot", "cold", "open", "filled"]
Action = Literal[
    "go_to", "pick_up", "put", "slice", "clean", "heat", "cool", "turn_on", "turn_off", "open",
    "close", "fill", "pour", "push", "drop", "throw", "break", "dirty", "move", "cut",
]  # fmt: skip
"""What a robot with one hand does in a household.

`move` is `pick_up` and `put` in one step, `cut` is `pick_up` of a tool, `slice` and `put` of the
tool; only plans of a few steps have them. `pour` empties what is in hand over `object`.
"""
ACTIONS: tuple[Action, ...] = get_args(Action)

_STRICT = ConfigDict(extra="forbid", strict=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeStep:
    """One step.

    Attributes:
        action: One of `ACTIONS` in a symbolic episode, else the annotation's own verb.
        object: What it is done to; empty where only the hand or a place is meant.
        place: Where to: the receptacle of `put`, `move` and `cut`, the destination of `go_to`.
        inside: Whether the object comes to lie in the place, not on it.
        tool: What `slice` and `cut` are done with, where it is known.
        number: Which one of several objects of this kind.
        count: How many of them from that number on; more than one only for `cut`.
        text: The step as a sentence, without a full stop.
        told: The step in the words of a person who watched; empty where nobody said it.
        span: First and last frame of the recording; empty where it is not known.
        media: The picture with which the step begins, as `media_to_json` writes it.
        failure: Why the step failed; empty for one that was done.
    """

    __pydantic_config__ = _STRICT

    action: str
    object: str = ""
    place: str = ""
    inside: bool = False
    tool: str = ""
    number: int = 1
    count: int = 1
    text: str
    told: str = ""
    span: tuple[int, ...] = ()
    media: dict[str, Any] | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalFact:
    """What holds at the end of an episode that succeeds: `object` at a `place`, hot, in hand ...

    Attributes:
        count: How many of the kind it holds for, each one for all its facts.
    """

    __pydantic_config__ = _STRICT

    predicate: Predicate
    object: str
    place: str = ""
    inside: bool = False
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a thing stands at the start."""

    __pydantic_config__ = _STRICT

    object: str
    number: int = 1
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """An episode.

    Attributes:
        form: `symbolic` when the steps are `ACTIONS` and can be checked, else `plain`.
        instruction: What was to be done, in a person's words; empty where nobody said.
        steps: All of them, in the order of time, with those that failed.
        goal: Empty where it is not known as facts.
        standing: Where things stood at the start, as far as it is known.
        success: None where it is not known.
        failure: What went wrong, as a sentence without a full stop; empty where nothing did.
        last_media: The picture at the end, as `media_to_json` writes it.
    """

    __pydantic_config__ = _STRICT

    id: str
    form: Form
    instruction: str = ""
    steps: tuple[EpisodeStep, ...]
    goal: tuple[GoalFact, ...] = ()
    standing: tuple[Standing, ...] = ()
    scene: str = ""
    task_type: str = ""
    success: bool | None = None
    failure: str = ""
    last_media: dict[str, Any] | None = None


def plain_episode(
    episode_id: str,
    sentences: Sequence[str],
    *,
    instruction: str = "",
    spans: Sequence[tuple[int, int]] = (),
    pictures: Sequence[Media] = (),
) -> Episode:
    """An episode of which only the order of its steps is known.

    Args:
        episode_id: Its name.
        sentences: The steps.
        instruction: What they were for, where somebody said so.
        spans: First and last frame of each step, or nothing.
        pictures: The picture with which each step begins, or nothing.
    """
    steps: list[EpisodeStep] = []
    for index, text in enumerate(sentences):
        step = EpisodeStep(
            action=text.split()[0] if text.split() else "",
            text=text,
            span=spans[index] if spans else (),
            media=media_to_json(pictures[index]) if pictures else None,
        )
        steps.append(step)
    return Episode(id=episode_id, form="plain", instruction=instruction, steps=tuple(steps))


@cache
def _adapter() -> TypeAdapter[Episode]:
    return TypeAdapter(Episode)


def episode_to_json(episode: Episode) -> dict[str, Any]:
    """The episode as a JSON object; fields at their default are left out."""
    return _adapter().dump_python(episode, mode="json", exclude_defaults=True)


def episode_from_json(value: Any) -> Episode:
    """The inverse of `episode_to_json`.

    Raises:
        RoboLoopError: E-REC-003 for another form, or an unknown action in a symbolic episode.
    """
    try:
        episode = _adapter().validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise RoboLoopError("E-REC-003", f"not an episode: {where}: {first['msg']}") from None
    if not episode.steps:
        raise RoboLoopError("E-REC-003", f"episode {episode.id!r} has no step")
    if episode.form == "symbolic":
        for step in episode.steps:
            if step.action not in ACTIONS:
                raise RoboLoopError("E-REC-003", f"{step.action!r} is no action of an episode")
    return episode


def episode_of(record: Record) -> Episode | None:
    """The episode that a record carries; None where it carries none.

    Raises:
        RoboLoopError: E-REC-003 when it is malformed.
    """
    given: Mapping[str, Any] | None = record.meta.get(EPISODE_KEY)
    return None if given is None else episode_from_json(given)

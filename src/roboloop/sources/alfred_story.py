"""ALFRED's plans as typed episodes: numbered things, where they stood, and the goal as facts.

The goal follows from the task's type and arguments (`task_type` and `pddl_params`, as in
askforalfred/alfred, gen/goal_library.py). Every published episode has reached it in the simulator,
and two things that a plan leaves out are taken from that: which of several things of a kind is
meant, and where a thing stood that is never picked up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from roboloop.records.episode import Action, Episode, EpisodeStep, GoalFact, Predicate, Standing
from roboloop.records.episode_words import step_words
from roboloop.records.media import Media, media_to_json
from roboloop.sources.alfred_episodes import AlfredEpisode, Telling
from roboloop.sources.alfred_words import HighAction, is_container, object_words, spelled_out

_ACTIONS: dict[str, Action] = {
    "GotoLocation": "go_to", "PickupObject": "pick_up", "PutObject": "put", "SliceObject": "slice",
    "CleanObject": "clean", "HeatObject": "heat", "CoolObject": "cool", "ToggleObject": "turn_on",
}  # fmt: skip
_TREATMENTS: dict[str, Predicate] = {
    "pick_clean_then_place_in_recep": "clean",
    "pick_heat_then_place_in_recep": "hot",
    "pick_cool_then_place_in_recep": "cold",
}


SLICE = " slice"


class _Thing(NamedTuple):
    name: str
    number: int


class _Story(NamedTuple):
    """The steps of a plan and where the things stood before them."""

    steps: tuple[EpisodeStep, ...]
    standing: tuple[Standing, ...]


def episode_facts(episode: AlfredEpisode) -> Episode:
    """The typed episode of one that has a plan, before anybody tells it.

    Raises:
        RoboLoopError: E-DAT-004 when its plan cannot be read.
    """
    goal = goal_facts(episode.task_type, episode.goal_arguments)
    told = _story(spelled_out(episode.actions), goal=goal)
    return Episode(
        id=episode.id,
        form="symbolic",
        steps=tuple(
            replace(step, span=episode.spans.get(index, ()))
            for index, step in enumerate(told.steps)
        ),
        goal=goal,
        standing=told.standing,
        scene=episode.scene,
        task_type=episode.task_type or "",
        success=True,
    )


def told_by(episode: Episode, *, telling: Telling, pictures: Sequence[Sequence[Media]]) -> Episode:
    """The episode with a person's goal, and their sentences where there is one for each step.

    Args:
        episode: The typed episode.
        telling: Whose words.
        pictures: For each step the picture with which it begins, or nothing.
    """
    told = telling.steps if len(telling.steps) == len(episode.steps) else [""] * len(episode.steps)
    steps = tuple(
        replace(step, told=words, media=media_to_json(begins[0]) if begins else None)
        for step, words, begins in zip(episode.steps, told, pictures, strict=True)
    )
    return replace(episode, instruction=telling.goal, steps=steps)


def goal_facts(task_type: str | None, arguments: Mapping[str, Any]) -> tuple[GoalFact, ...]:
    """The goal of an ALFRED task; none where its type is not public."""
    if task_type is None:
        return ()
    named = {key: str(value).lower() for key, value in arguments.items() if value}
    thing = object_words(named.get("object_target", ""))
    if arguments.get("object_sliced"):
        thing += SLICE
    if task_type == "look_at_obj_in_light":
        lamp = object_words(named.get("toggle_target", ""))
        return (
            GoalFact(predicate="holding", object=thing),
            GoalFact(predicate="on", object=lamp),
        )
    place = named.get("parent_target", "")
    if task_type == "pick_and_place_with_movable_recep":
        carrier = named.get("mrecep_target", "")
        return (_at(thing, carrier), _at(object_words(carrier), place))
    count = 2 if task_type == "pick_two_obj_and_place" else 1
    treated = _TREATMENTS.get(task_type)
    facts = (_at(thing, place, count=count),)
    return facts if treated is None else (GoalFact(predicate=treated, object=thing), *facts)


def _story(actions: Sequence[HighAction], *, goal: Sequence[GoalFact]) -> _Story:
    """The plan as steps; the actions are without `NoOp` and empty arguments.

    Once something has been sliced, its slices are spoken of: ALFRED's plans keep its name.
    """
    teller = _Teller({fact.object: fact.count for fact in goal})
    steps = tuple(teller.step(action) for action in actions)
    for fact in goal:
        if fact.predicate == "at":
            teller.stands_there(fact)
    return _Story(steps, tuple(teller.standing))


@dataclass(slots=True)
class _Teller:
    """Follows a plan and numbers the things of a kind.

    Attributes:
        wanted: How many of a kind the goal asks for.
        places: Kind -> where each one of it is now; empty where it is not known, and in the hand.
        num_sliced: Kind -> how many of it have been sliced.
        at: Where the robot went last.
    """

    wanted: Mapping[str, int]
    places: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    num_sliced: Counter[str] = field(default_factory=Counter[str])
    standing: list[Standing] = field(default_factory=list[Standing])
    in_hand: _Thing | None = None
    at: str = ""

    def step(self, action: HighAction) -> EpisodeStep:
        """The step of an action."""
        kind = _ACTIONS[action.name]
        named = object_words(action.arguments[0])
        place, inside, tool = "", False, ""
        match kind:
            case "go_to":
                self.at = place = named
                thing = _Thing("", 1)
            case "pick_up":
                thing = self.in_hand = self._pick_up(named)
            case "put":
                place, inside = object_words(action.arguments[1]), is_container(action.arguments[1])
                thing = self._held(named)
                self.places.setdefault(thing.name, [""])[thing.number - 1] = place
                self.in_hand = None
            case "slice":
                self.num_sliced[named] += 1
                thing = _Thing(named, self.num_sliced[named])
                tool = "" if self.in_hand is None else self.in_hand.name
            case "turn_on":
                thing = _Thing(named, 1)
            case _:
                thing = self._held(named)
        step = EpisodeStep(
            action=kind, object=thing.name, number=thing.number, place=place, inside=inside,
            tool=tool, text="",
        )  # fmt: skip
        return replace(step, text=step_words(step))

    def stands_there(self, fact: GoalFact) -> None:
        """A thing of the goal that nobody picked up has stood where it belongs from the start."""
        whole = fact.object.removesuffix(SLICE)
        if fact.object not in self.places and whole not in {s.object for s in self.standing}:
            self.standing.append(Standing(object=whole, place=fact.place))

    def _held(self, named: str) -> _Thing:
        """What is in the hand, if it is of the kind that the plan names."""
        held = self.in_hand
        return held if held and held.name in (named, named + SLICE) else _Thing(named, 1)

    def _pick_up(self, named: str) -> _Thing:
        """One that stands here, unless the goal wants more of the kind than have been seen."""
        name = named + SLICE if named in self.num_sliced else named
        known = self.places.setdefault(name, [])
        here = [number for number, place in enumerate(known, start=1) if place == self.at]
        if here and len(known) >= self.wanted.get(name, 1):
            known[here[-1] - 1] = ""
            return _Thing(name, here[-1])
        known.append("")
        if name == named and self.at not in ("", named):
            self.standing.append(Standing(object=name, number=len(known), place=self.at))
        return _Thing(name, len(known))


def _at(thing: str, place: str, *, count: int = 1) -> GoalFact:
    return GoalFact(
        predicate="at", object=thing, place=object_words(place), inside=is_container(place),
        count=count,
    )  # fmt: skip

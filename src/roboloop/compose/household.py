"""A household of symbols: one hand, what it holds, tools, places, and what has become of things.

It knows little and says so: what an episode does not tell is taken to be as a step needs it. So a
step is refused only when it contradicts what is known or what the steps before it did. The robot
travels by itself to where a step happens; a `go_to` just before a step must then be to that place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from roboloop.records.episode import EpisodeStep, GoalFact, Predicate, Standing
from roboloop.records.episode_words import thing_words

Rule = Literal["hand", "tool", "place", "missing", "goal"]
SLICE = " slice"
"""Ends the name of what slicing makes."""
KNIFE = "knife"
"""Ends the name of every tool that slices."""
CARRIERS = frozenset({"plate", "pan", "bowl", "pot", "mug", "cup", "box"})
"""Receptacles that are no fixed place."""

_BECOMES: dict[str, Predicate] = {"clean": "clean", "heat": "hot", "cool": "cold"}
_SWITCHES: dict[str, tuple[Predicate, bool]] = {
    "turn_on": ("on", True), "turn_off": ("on", False),
    "open": ("open", True), "close": ("open", False), "fill": ("filled", True),
}  # fmt: skip
_UNDOES: dict[Predicate, Predicate] = {"hot": "cold", "cold": "hot"}
STATE_WORDS: dict[Predicate, str] = {
    "holding": "in the hand", "on": "turned on", "open": "open", "filled": "filled",
    "clean": "clean", "hot": "hot", "cold": "cold",
}  # fmt: skip
"""State -> what a thing is then, after `is`."""
_LEAVES_HAND = ("drop", "throw")
_FEW = ("no", "only one", "only two", "only three")


class Obstacle(NamedTuple):
    """Why a step cannot be done or a goal is not reached: the rule, and a clause that says it."""

    rule: Rule
    reason: str


class Thing(NamedTuple):
    """One thing of a kind."""

    name: str
    number: int = 1

    def __str__(self) -> str:
        return thing_words(self.name, number=self.number)


@dataclass(slots=True)
class Household:
    """What is known after some steps.

    Attributes:
        places: Where things are; a thing that is not there may be anywhere.
        states: What things have become.
        sliced: Whole things that have been sliced.
        held: What the hand holds.
        went_to: Where a `go_to` just before the next step went.
    """

    places: dict[Thing, str]
    states: set[tuple[Thing, Predicate]] = field(default_factory=set[tuple[Thing, Predicate]])
    sliced: set[Thing] = field(default_factory=set[Thing])
    held: Thing | None = None
    went_to: str = ""

    @classmethod
    def at_the_start(cls, standing: Iterable[Standing]) -> Household:
        """The household before the first step."""
        return cls({Thing(item.object, item.number): item.place for item in standing})

    def do(self, step: EpisodeStep) -> Obstacle | None:
        """Do a step, or tell what stands in its way; a household that met an obstacle is spent."""
        went_to, self.went_to = self.went_to, step.place if step.action == "go_to" else ""
        thing = Thing(step.object, step.number)
        match step.action:
            case "go_to":
                return None
            case "pick_up":
                return self._pick_up(thing, went_to=went_to)
            case "put":
                return self._put(thing, place=step.place, went_to=went_to)
            case "move":
                return self._pick_up(thing, went_to=went_to) or self._put(thing, place=step.place)
            case "slice":
                return self._slice(thing, went_to=went_to)
            case "cut":
                tool = Thing(step.tool)
                return (
                    self._pick_up(tool, went_to=went_to)
                    or self._slice_all(step)
                    or self._put(tool, place=step.place)
                )
            case _:
                return self._change(step.action, thing, went_to=went_to)

    def lacks(self, goal: Sequence[GoalFact]) -> Obstacle | None:
        """The first fact of the goal that does not hold."""
        for fact in goal:
            match fact.predicate:
                case "at":
                    lack = self._not_there(fact, goal=goal)
                case "clean" | "hot" | "cold" if _is_placed(fact.object, goal=goal):
                    continue  # asked of what lies at the place
                case "holding":
                    lack = None if self.held and self.held.name == fact.object else fact.object
                case state:
                    done = any(t.name == fact.object and s == state for t, s in self.states)
                    lack = None if done else fact.object
            if isinstance(lack, str):
                state = STATE_WORDS[fact.predicate]
                return Obstacle("goal", f"in the end the {lack} is not {state}")
            if lack is not None:
                return lack
        return None

    def _pick_up(self, thing: Thing, *, went_to: str) -> Obstacle | None:
        if self.held is not None:
            return Obstacle("hand", f"the hand already holds the {self.held}")
        if thing.name.endswith(SLICE):
            wholes = [t for t in self.sliced if t.name == thing.name.removesuffix(SLICE)]
            if not wholes:
                whole = thing.name.removesuffix(SLICE)
                return Obstacle("missing", f"the {whole} has not been sliced yet")
        elif thing in self.sliced:
            return Obstacle("missing", f"the {thing} has been sliced")
        if away := self._is_away(thing, went_to=went_to):
            return away
        self.held = thing
        self.places.pop(thing, None)
        return None

    def _put(self, thing: Thing, *, place: str, went_to: str = "") -> Obstacle | None:
        if self.held != thing:
            return self._not_in_hand(thing)
        if place == thing.name:
            return Obstacle("place", f"the {thing} cannot be put into itself")
        if place not in CARRIERS and went_to not in ("", place):
            return Obstacle("place", f"the robot went to the {went_to}, not to the {place}")
        self.held = None
        self.places[thing] = place
        return None

    def _slice(self, thing: Thing, *, went_to: str = "") -> Obstacle | None:
        if self.held is None or not self.held.name.endswith(KNIFE):
            return Obstacle("tool", f"no knife is in the hand to slice the {thing} with")
        if thing in self.sliced:
            return Obstacle("missing", f"the {thing} has been sliced already")
        if away := self._is_away(thing, went_to=went_to):
            return away
        self.sliced.add(thing)
        return None

    def _slice_all(self, step: EpisodeStep) -> Obstacle | None:
        for number in range(step.number, step.number + step.count):
            if obstacle := self._slice(Thing(step.object, number)):
                return obstacle
        return None

    def _change(self, action: str, thing: Thing, *, went_to: str) -> Obstacle | None:
        """Whatever changes no place but that of a thing let go."""
        if action in _BECOMES or action in _LEAVES_HAND:
            if self.held is None or (thing.name and self.held != thing):
                return self._not_in_hand(thing)
            thing = self.held
        elif away := self._is_away(thing, went_to=went_to):
            return away
        if action == "pour" and self.held is None:
            return Obstacle("hand", "nothing is in the hand to pour")
        if action in _LEAVES_HAND:
            self.held = None
        if action in _BECOMES:
            state = _BECOMES[action]
            self.states.add((thing, state))
            if state in _UNDOES:
                self.states.discard((thing, _UNDOES[state]))
        elif action in _SWITCHES:
            state, holds = _SWITCHES[action]
            (self.states.add if holds else self.states.discard)((thing, state))
        return None

    def _not_in_hand(self, thing: Thing) -> Obstacle:
        if self.held is None:
            return Obstacle("hand", "the hand is empty")
        return Obstacle("hand", f"the hand holds the {self.held}, not the {thing}")

    def _is_away(self, thing: Thing, *, went_to: str) -> Obstacle | None:
        """An obstacle when the robot went to a place where the thing is known not to be."""
        around = list(self._around(thing))
        if not went_to or len(around) == 1 or went_to in around:
            return None
        return Obstacle("place", f"the {thing} is at the {around[-1]}, not at the {went_to}")

    def _around(self, thing: Thing) -> Iterator[str]:
        """The thing, its place, and the place of that, as far as it is known."""
        seen = {thing.name}
        yield thing.name
        place = self.places.get(thing)
        while place and place not in seen:
            seen.add(place)
            yield place
            place = self.places.get(Thing(place))

    def _not_there(self, fact: GoalFact, *, goal: Sequence[GoalFact]) -> Obstacle | None:
        """An obstacle when too few things are where the goal wants them, treated as it wants."""
        where = f"{'in' if fact.inside else 'on'} the {fact.place}"
        whole = fact.object.removesuffix(SLICE)
        there = [t for t, place in self.places.items() if place == fact.place]
        if whole != fact.object and any(t.name == whole and t in self.sliced for t in there):
            return None
        there = [t for t in there if t.name == fact.object]
        if len(there) < fact.count:
            few = _FEW[len(there)]
            return Obstacle("goal", f"in the end {few} {fact.object} is {where}")
        for treated in goal:
            if treated.object != fact.object or treated.predicate not in _BECOMES.values():
                continue
            if not any((thing, treated.predicate) in self.states for thing in there):
                state = STATE_WORDS[treated.predicate]
                return Obstacle("goal", f"in the end the {fact.object} {where} is not {state}")
        return None


def _is_placed(name: str, *, goal: Sequence[GoalFact]) -> bool:
    return any(fact.predicate == "at" and fact.object == name for fact in goal)

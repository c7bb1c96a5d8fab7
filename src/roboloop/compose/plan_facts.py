"""What is known after each step of a plan, and what its goal wants, as facts in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from roboloop.compose.household import STATE_WORDS, Household
from roboloop.records.episode import EpisodeStep, GoalFact
from roboloop.records.episode_words import thing_words

Facts = Mapping[str, str]
"""A fact in words -> its predicate; the oldest fact comes first."""

_PLACING = ("put", "move", "cut")


def facts_after_each(steps: Sequence[EpisodeStep]) -> list[Facts]:
    """What is known after none of the steps, after the first, and so on.

    Told is what follows from the steps alone: where things stood at the start stands in no
    question. So the steps have to be known to work.
    """
    house = Household.at_the_start(())
    where: dict[str, str] = {}
    found: list[Facts] = [dict(_facts(house, where=where))]
    for step in steps:
        obstacle = house.do(step)
        assert obstacle is None, obstacle
        if step.action in _PLACING:
            where[step.place] = "in" if step.inside else "on"
        now = dict(_facts(house, where=where))
        found.append({text: now[text] for text in found[-1] if text in now} | now)
    return found


def goal_words(fact: GoalFact) -> str:
    """A fact of a goal: `the mug and the second mug are on the shelf`."""
    if fact.predicate == "holding":
        return f"the hand holds the {fact.object}"
    numbers = range(1, fact.count + 1)
    things = " and the ".join(thing_words(fact.object, number=number) for number in numbers)
    held = _at("in" if fact.inside else "on", fact.place) if fact.predicate == "at" else None
    return (
        f"the {things} {'is' if fact.count == 1 else 'are'} {held or STATE_WORDS[fact.predicate]}"
    )


def _facts(house: Household, *, where: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Facts in words with their predicates.

    Args:
        house: What is known.
        where: Place -> whether things lie `in` or `on` it.
    """
    if house.held is None:
        yield "the hand is empty", "empty"
    else:
        yield f"the hand holds the {house.held}", "holding"
    for thing, place in house.places.items():
        yield f"the {thing} is {_at(where[place], place)}", "at"
    for thing in sorted(house.sliced):
        yield f"the {thing} is sliced", "sliced"
    for thing, state in sorted(house.states):
        yield f"the {thing} is {STATE_WORDS[state]}", state


def _at(where: str, place: str) -> str:
    return f"{where} the {place}"

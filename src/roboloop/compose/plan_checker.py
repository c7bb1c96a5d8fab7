"""Does a plan work? It proves plans wrong, and only that; see `household` for what it knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from roboloop.compose.household import Household, Rule
from roboloop.records.episode import Episode, EpisodeStep


class Violation(NamedTuple):
    """What is wrong with a plan.

    Attributes:
        rule: Which rule it breaks.
        step: Index of the step that breaks it; None for the goal.
        reason: A sentence that says it, with its full stop.
    """

    rule: Rule
    step: int | None
    reason: str


def find_violation(episode: Episode, steps: Sequence[EpisodeStep]) -> Violation | None:
    """The first thing that proves a plan for the episode's goal wrong; None when nothing does."""
    house = Household.at_the_start(episode.standing)
    for index, step in enumerate(steps):
        if obstacle := house.do(step):
            reason = f"Step {index + 1}, '{step.text}', cannot be done: {obstacle.reason}."
            return Violation(obstacle.rule, index, reason)
    if lack := house.lacks(episode.goal):
        return Violation(lack.rule, None, f"The goal is not reached: {lack.reason}.")
    return None


def household_after(episode: Episode, steps: Sequence[EpisodeStep]) -> Household:
    """What is known after steps that are known to work."""
    house = Household.at_the_start(episode.standing)
    for step in steps:
        obstacle = house.do(step)
        assert obstacle is None, obstacle
    return house

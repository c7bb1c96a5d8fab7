"""Short plans that are known to work, read from the episodes that records carry."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from roboloop.base.errors import Place, RoboLoopError
from roboloop.compose.base import Refusal
from roboloop.compose.household import SLICE
from roboloop.compose.plan_checker import find_violation
from roboloop.compose.plan_compress import MAX_STEPS, MIN_STEPS, compress
from roboloop.records.episode import Episode, EpisodeStep, episode_of
from roboloop.records.record import Record

KEPT_META = ("episode", "task_type", "scene", "telling")
"""What a composed record keeps of its parent's `meta`."""
BATCH = 4096
"""Plans that are read before the first is worked on."""
NEVER_MIXED_UP = (
    ("apple", "bread", "egg", "lettuce", "potato", "tomato"),
    ("salt", "pepper"),
    ("pen", "pencil"),
)
"""Kinds that nobody calls by the name of another one, unless by mistake."""
TREATMENT_WORDS = {
    "clean": re.compile(r"clean|wash|rins|wet|soak|dip|dirt|damp|water|scrub", re.IGNORECASE),
    "heat": re.compile(r"heat|hot|warm|microwav|cook|boil|toast|bak", re.IGNORECASE),
    "cool": re.compile(r"cool|cold|chill|fridge|refrig|froz|freez|\bice", re.IGNORECASE),
}
"""How an instruction asks for what a plan does to a thing."""
_SEVERAL = re.compile(
    r"\b(?:two|2|three|one|both|pair|second|another|each|either|all|couple|other|double|set|more|"
    r"several|multiple|them|together|rest|and|with|as well|\w+'s)\b|,|[a-z]{2,}(?<!s)s\b",
    re.IGNORECASE,
)
"""How an instruction speaks of more than one thing: a number, a plural, or two names."""
_BREAKS_OFF = re.compile(
    r"\b(?:a|an|the|and|with|into|of|to|from|its|their)\W*\Z|\A\W*\w+\W*\Z", re.IGNORECASE
)
"""An instruction of one word, or one that ends before its last noun: "Put a"."""
_NEEDS_NO_THING = ("go_to", "pour", "drop", "throw")
_NEEDS_PLACE = ("go_to", "put", "move", "cut", "push")


class ShortPlan(NamedTuple):
    """A plan of three to five steps that the checker passes, or one of an episode without symbols.

    Attributes:
        parent: The record that carries the episode.
        episode: What the plan was made of.
        steps: The plan.
        is_whole: Whether it is all of the episode, not a piece.
    """

    parent: Record
    episode: Episode
    steps: tuple[EpisodeStep, ...]
    is_whole: bool = True

    @property
    def sentences(self) -> tuple[str, ...]:
        """The steps in words."""
        return tuple(step.text for step in self.steps)


def symbolic_plan(record: Record) -> ShortPlan | None:
    """The short plan of a record with a symbolic episode that did not fail; None for all others.

    Raises:
        RoboLoopError: E-REC-003 for a malformed episode, E-CMP-020 when a step or the goal names
            nothing the episode has, E-CMP-021 when its plan does not reach its goal or its
            instruction speaks of another thing, of one where it wants two, or leaves a treatment
            out, E-CMP-022 when it cannot be told in three to five steps.
    """
    episode = episode_of(record)
    if episode is None or episode.form != "symbolic" or episode.success is False:
        return None
    if not episode.instruction or not episode.goal:
        raise RoboLoopError("E-CMP-020", "it has no goal in words and facts")
    _check_named(episode)
    _check_told(episode)
    steps = compress([step for step in episode.steps if not step.failure])
    if violation := find_violation(episode, steps):
        raise RoboLoopError("E-CMP-021", violation.reason)
    return ShortPlan(record, episode, steps)


def plans_in_batches(parents: Iterable[Record]) -> Iterator[list[ShortPlan | Refusal]]:
    """The short plans of all parents with a symbolic episode, and refusals of those that have none.

    Batches are large enough to exchange things among the plans of one.
    """
    read = (item for parent in parents if (item := _plan_or_refusal(parent)) is not None)
    while batch := list(islice(read, BATCH)):
        yield batch


def _plan_or_refusal(parent: Record) -> ShortPlan | Refusal | None:
    try:
        return symbolic_plan(parent)
    except RoboLoopError as error:
        return Refusal(error.located(Place(record_id=parent.id)), parent.id)


def _check_told(episode: Episode) -> None:
    """Refuse an episode whose telling breaks off, or is of another thing or another treatment."""
    if _BREAKS_OFF.search(episode.instruction):
        raise RoboLoopError("E-CMP-021", f"its instruction breaks off: {episode.instruction!r}")
    for action, words in TREATMENT_WORDS.items():
        if any(step.action == action for step in episode.steps) and not words.search(
            episode.instruction
        ):
            raise RoboLoopError("E-CMP-021", f"its instruction does not say to {action} anything")
    for fact in episode.goal:
        if fact.predicate == "at" and fact.count > 1 and not _SEVERAL.search(episode.instruction):
            raise RoboLoopError(
                "E-CMP-021", f"its goal is {fact.count} times {fact.object}, its instruction one"
            )
    things = {word for fact in episode.goal for word in fact.object.split()}
    told = episode.instruction.lower()
    for kinds in NEVER_MIXED_UP:
        meant = things.intersection(kinds)
        spoken_of = {kind for kind in kinds if re.search(rf"\b{kind}(?:e?s)?\b", told)}
        if meant and spoken_of and not meant & spoken_of:
            raise RoboLoopError(
                "E-CMP-021",
                f"its goal is about the {min(meant)}, its instruction about the {min(spoken_of)}",
            )


def _check_named(episode: Episode) -> None:
    for number, step in enumerate(episode.steps, start=1):
        lacks_thing = not step.object and step.action not in _NEEDS_NO_THING
        lacks_place = not step.place and step.action in _NEEDS_PLACE
        if lacks_thing or lacks_place:
            what = "thing" if lacks_thing else "place"
            raise RoboLoopError("E-CMP-020", f"step {number} ({step.action}) names no {what}")
    known = {step.object for step in episode.steps} | {thing.object for thing in episode.standing}
    for fact in episode.goal:
        if not {fact.object, fact.object.removesuffix(SLICE)} & known:
            raise RoboLoopError(
                "E-CMP-020", f"the goal speaks of the {fact.object}, which the episode lacks"
            )


def short_plans(record: Record) -> list[ShortPlan]:
    """Every short plan of a record: one of a symbolic episode, or pieces of a plain one.

    Raises:
        RoboLoopError: As `symbolic_plan` says.
    """
    episode = episode_of(record)
    if episode is None or episode.success is False:
        return []
    if episode.form == "symbolic":
        plan = symbolic_plan(record)
        return [] if plan is None else [plan]
    steps = tuple(step for step in episode.steps if not step.failure)
    if len(steps) < MIN_STEPS:
        raise RoboLoopError("E-CMP-022", f"it has {len(steps)} steps")
    pieces = _pieces(len(steps))
    return [
        ShortPlan(record, episode, steps[start:end], is_whole=len(pieces) == 1)
        for start, end in pieces
    ]


def _pieces(num_steps: int) -> list[tuple[int, int]]:
    """Where to cut so many steps into the fewest pieces of three to five, as even as can be."""
    num_pieces = -(-num_steps // MAX_STEPS)
    ends = [num_steps * (piece + 1) // num_pieces for piece in range(num_pieces)]
    return list(zip([0, *ends[:-1]], ends, strict=True))

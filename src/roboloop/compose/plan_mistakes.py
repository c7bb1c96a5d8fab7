"""Plans that should not work, made of ones that do.

No mistake may be known by its looks alone. Steps are dropped and put in, so that a wrong plan is as
often longer as shorter, and stays within three to five steps. Wrong things, places and ways are
exchanged between two plans (`exchange`), so that over all plans nothing is named more often in
wrong ones than in right ones. Things that people mix up in words, and things that the instruction
names, are never the wrong ones.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np

from roboloop.compose.household import CARRIERS, SLICE
from roboloop.compose.plan_compress import MAX_STEPS, MIN_STEPS
from roboloop.compose.plan_parents import ShortPlan
from roboloop.records.episode import EpisodeStep
from roboloop.records.episode_words import step_words

Kind = Literal[
    "dropped", "inserted", "swapped", "wrong_object", "wrong_receptacle", "wrong_start",
    "wrong_treatment",
]  # fmt: skip
TREATMENTS = ("clean", "heat", "cool")
_MIXED_UP = (
    ("knife", "butter knife"),
    ("cup", "mug", "bowl", "plate", "pan", "pot", "kettle", "vase", "watering can", "glass bottle"),
    ("cloth", "hand towel", "dish sponge", "toilet paper", "tissue box", "box"),
    ("soap bar", "soap bottle", "spray bottle", "wine bottle", "salt shaker", "pepper shaker"),
    ("pen", "pencil", "candle", "plunger"),
    ("book", "newspaper", "laptop"),
    ("remote control", "cell phone", "credit card", "key chain", "watch", "alarm clock", "CD"),
    ("spoon", "ladle", "fork", "spatula"),
    ("apple", "tomato", "potato"),
    ("baseball bat", "tennis racket", "basketball"),
    ("statue", "pillow"),
    ("desk lamp", "floor lamp"),
    ("side table", "coffee table", "dining table", "desk", "countertop", "dresser", "shelf", "cart",
     "cabinet", "drawer", "tv stand", "safe"),
    ("sofa", "armchair", "ottoman", "bed"),
    ("sink", "bathtub", "toilet", "toilet paper hanger"),
    ("coffee machine", "stove burner"),
)  # fmt: skip
"""Names that people use for one another, and places that are often near one another."""
_FAMILY = {name: family for family, names in enumerate(_MIXED_UP) for name in names}


class Mistake(NamedTuple):
    """A plan that should not work."""

    kind: Kind
    steps: tuple[EpisodeStep, ...]


class Named(NamedTuple):
    """Something a plan names that another plan may name instead."""

    name: str
    inside: bool = False


class Partner(NamedTuple):
    """What to name instead, from plans that name in turn what this one names."""

    thing: Named | None = None
    receptacle: Named | None = None
    start: Named | None = None


def exchange(plans: Sequence[ShortPlan], *, draw: np.random.Generator) -> list[Partner]:
    """For each plan what another of the same kind of task names in its stead.

    Two plans exchange what they name, or neither does.
    """
    found = [
        _exchanged([named(plan) for plan in plans], plans=plans, order=draw.permutation(len(plans)))
        for named in (_thing_of, _receptacle_of, _start_of)
    ]
    return [Partner(*(role.get(index) for role in found)) for index in range(len(plans))]


def mistakes(
    plan: ShortPlan, *, partner: Partner, draw: np.random.Generator
) -> Iterator[Iterator[Mistake]]:
    """The kinds of mistakes in a drawn order; of each kind those there are, in a drawn order."""
    makers = (_dropped, _inserted, _swapped, _wrong_object, _wrong_receptacle, _wrong_start,
              _wrong_treatment)  # fmt: skip
    for index in draw.permutation(len(makers)):
        yield makers[int(index)](plan, partner, draw)


def _exchanged(
    named: Sequence[Named | None], *, plans: Sequence[ShortPlan], order: Iterable[int]
) -> dict[int, Named]:
    """Index of a plan -> what another names, such that the other gets what this one names."""
    waiting: defaultdict[object, list[int]] = defaultdict(list)
    chosen: dict[int, Named] = {}
    for index in map(int, order):
        mine = named[index]
        if mine is None:
            continue
        queue = waiting[_kind_of_task(plans[index])]
        for place, other_index in enumerate(queue):
            other = named[other_index]
            assert other is not None
            if _may_stand_for(mine, other, plans[other_index]) and _may_stand_for(
                other, mine, plans[index]
            ):
                chosen[index], chosen[other_index] = other, mine
                del queue[place]
                break
        else:
            queue.append(index)
    return chosen


def _kind_of_task(plan: ShortPlan) -> tuple[str, bool]:
    return plan.episode.task_type, any(step.action in ("slice", "cut") for step in plan.steps)


def _may_stand_for(new: Named, old: Named, plan: ShortPlan) -> bool:
    """Whether a plan that names `new` instead of `old` is wrong in the instruction's words, too."""
    if _FAMILY.get(new.name, new.name) == _FAMILY.get(old.name, old.name):
        return False
    if _speaks_of(plan, new.name):
        return False
    return all(new.name not in (step.object, step.place) for step in plan.steps)


def _speaks_of(plan: ShortPlan, name: str) -> bool:
    """Whether the instruction has the last word of a name: the `clock` of an alarm clock."""
    word = re.escape(name.split()[-1].lower())
    return re.search(rf"\b{word}", plan.episode.instruction.lower()) is not None


def _thing_of(plan: ShortPlan) -> Named | None:
    """The thing that the goal is about."""
    name = plan.episode.goal[0].object.removesuffix(SLICE)
    is_handled = any(
        step.action in ("pick_up", "move") and step.object.removesuffix(SLICE) == name
        for step in plan.steps
    )
    return Named(name) if is_handled else None


def _receptacle_of(plan: ShortPlan) -> Named | None:
    """The fixed place to which the goal wants something."""
    last = plan.steps[-1]
    if last.action not in ("put", "move") or last.place in CARRIERS:
        return None
    return Named(last.place, inside=last.inside)


def _start_of(plan: ShortPlan) -> Named | None:
    """Where the plan begins to look, if whoever is asked can know: from a picture, or told so."""
    first = plan.steps[0]
    if first.action != "go_to" or not (plan.parent.media or _speaks_of(plan, first.place)):
        return None
    is_a_place = any(first.place == thing.place for thing in plan.episode.standing)
    return Named(first.place) if is_a_place else None


def _worded(step: EpisodeStep) -> EpisodeStep:
    return replace(step, text=step_words(step), told="")


def _dropped(plan: ShortPlan, partner: Partner, draw: np.random.Generator) -> Iterator[Mistake]:
    steps = plan.steps
    if len(steps) > MIN_STEPS:
        for index in map(int, draw.permutation(len(steps))):
            yield Mistake("dropped", (*steps[:index], *steps[index + 1 :]))


def _inserted(plan: ShortPlan, partner: Partner, draw: np.random.Generator) -> Iterator[Mistake]:
    """While the hand holds something: take another thing too, or put it down too early."""
    steps = plan.steps
    if len(steps) == MAX_STEPS:
        return
    picks = [index for index, step in enumerate(steps) if step.action == "pick_up"]
    puts = [step for step in steps if step.action in ("put", "move")]
    for index in (picks[int(number)] for number in draw.permutation(len(picks))):
        held = steps[index]
        extra: list[EpisodeStep] = []
        if partner.thing is not None:
            extra.append(replace(held, object=partner.thing.name, number=1))
        places = [(step.place, step.inside) for step in puts[-1:] if step.place != held.object]
        if partner.receptacle is not None:
            places.append(partner.receptacle)
        extra += [
            replace(held, action="put", place=place, inside=inside) for place, inside in places
        ]
        for number in draw.permutation(len(extra)):
            wrong = _worded(extra[int(number)])
            yield Mistake("inserted", (*steps[: index + 1], wrong, *steps[index + 1 :]))


def _swapped(plan: ShortPlan, partner: Partner, draw: np.random.Generator) -> Iterator[Mistake]:
    steps = plan.steps
    for index in map(int, draw.permutation(len(steps) - 1)):
        first, second = steps[index : index + 2]
        yield Mistake("swapped", (*steps[:index], second, first, *steps[index + 2 :]))


def _wrong_object(
    plan: ShortPlan, partner: Partner, draw: np.random.Generator
) -> Iterator[Mistake]:
    """The same plan with another thing, all through."""
    right = _thing_of(plan)
    if right is None or partner.thing is None:
        return
    names = {right.name: partner.thing.name, right.name + SLICE: partner.thing.name + SLICE}
    steps: list[EpisodeStep] = []
    for step in plan.steps:
        if step.object in names:
            step = _worded(replace(step, object=names[step.object]))
        if step.place in names:
            step = _worded(replace(step, place=names[step.place]))
        steps.append(step)
    yield Mistake("wrong_object", tuple(steps))


def _wrong_receptacle(
    plan: ShortPlan, partner: Partner, draw: np.random.Generator
) -> Iterator[Mistake]:
    """Everything that belongs at one place is brought to another."""
    right, wrong = _receptacle_of(plan), partner.receptacle
    if right is None or wrong is None:
        return
    steps = tuple(
        _worded(replace(step, place=wrong.name, inside=wrong.inside))
        if step.action in ("put", "move") and step.place == right.name
        else step
        for step in plan.steps
    )
    yield Mistake("wrong_receptacle", steps)


def _wrong_start(plan: ShortPlan, partner: Partner, draw: np.random.Generator) -> Iterator[Mistake]:
    """The way leads to where the thing is not."""
    if partner.start is not None:
        first = _worded(replace(plan.steps[0], place=partner.start.name))
        yield Mistake("wrong_start", (first, *plan.steps[1:]))


def _wrong_treatment(
    plan: ShortPlan, partner: Partner, draw: np.random.Generator
) -> Iterator[Mistake]:
    """Cleaned instead of heated, and so on."""
    for index, step in enumerate(plan.steps):
        if step.action not in TREATMENTS:
            continue
        others = [action for action in TREATMENTS if action != step.action]
        for number in draw.permutation(len(others)):
            wrong = _worded(replace(step, action=others[int(number)]))
            yield Mistake("wrong_treatment", (*plan.steps[:index], wrong, *plan.steps[index + 1 :]))

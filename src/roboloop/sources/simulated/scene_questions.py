"""Questions in words: what comes next, is it done, what is there, how things stand together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

import numpy as np

from roboloop.records.answers import Number, Plan, Text, YesNo
from roboloop.sources.drafts import Draft, shuffled_options
from roboloop.sources.simulated.objects import COLOURS, KINDS, SATURATED
from roboloop.sources.simulated.questions import Sight, is_asked_for
from roboloop.sources.simulated.truth import RelationTruth

RELATION_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "left": "to the left of",
        "right": "to the right of",
        "front": "in front of",
        "behind": "behind",
    }
)
OPPOSITE: Mapping[str, str] = MappingProxyType(
    {"left": "right", "right": "left", "front": "behind", "behind": "front"}
)
NEXT_STEP: Mapping[str, str] = MappingProxyType(
    {
        "settle": "move above the {target}",
        "reach": "lower the gripper to the {target}",
        "descend": "close the gripper on the {target}",
        "grasp": "lift the {target}",
        "lift": "carry the {target} over the {goal}",
        "transport": "lower the {target} to the {goal}",
        "lower": "open the gripper",
        "release": "move the gripper away",
    }
)
"""Phase -> the step that follows it."""


def plan_of(sight: Sight) -> tuple[str, ...]:
    """The steps of the whole instruction."""
    names = {"target": sight.story.target, "goal": sight.story.destination}
    chosen = ("settle", "descend", "grasp", "lift", "lower")
    return tuple(NEXT_STEP[phase].format(**names) for phase in chosen)


def next_step(sight: Sight) -> str | None:
    """What the robot does next in words; None at the end."""
    names = {"target": sight.story.target, "goal": sight.story.destination}
    step = NEXT_STEP.get(sight.truth.phase)
    return None if step is None else step.format(**names)


def _planning(sight: Sight, rng: np.random.Generator) -> Iterator[Draft]:
    step = next_step(sight)
    if sight.story.success and step is not None:
        inputs = {"instruction": sight.story.instruction}
        yield Draft(Text(step), inputs, media=sight.history)


def _planning_choice(sight: Sight, rng: np.random.Generator) -> Iterator[Draft]:
    step = next_step(sight)
    if not sight.story.success or step is None:
        return
    names = {"target": sight.story.target, "goal": sight.story.destination}
    others = sorted({text.format(**names) for text in NEXT_STEP.values()} - {step})
    wrong = [others[int(i)] for i in rng.choice(len(others), size=3, replace=False)]
    yield _with_options(
        step,
        wrong=wrong,
        rng=rng,
        inputs={"instruction": sight.story.instruction},
        sight=sight,
        with_history=True,
    )


def _with_options(
    right: str,
    *,
    wrong: list[str],
    rng: np.random.Generator,
    inputs: dict[str, str],
    sight: Sight,
    with_history: bool = False,
    suffix: str = "",
    about: tuple[str, ...] = (),
) -> Draft:
    """A choice among texts in random order."""
    choice = shuffled_options(right, wrong=wrong, rng=rng)
    media = sight.history if with_history else ()
    return Draft(choice, {**inputs, "options": choice.options}, suffix, media, about=about)


def _planning_decide(sight: Sight, rng: np.random.Generator) -> Iterator[Draft]:
    """Done or not: asked while it is under way, and after the release."""
    done = sight.truth.phase == "retreat" and sight.story.success
    inputs = {"instruction": sight.story.instruction}
    # Around the release itself the answer would hang on a few millimetres.
    if sight.truth.phase not in ("lower", "release"):
        yield Draft(YesNo(done), inputs, media=sight.history)


def _plan_steps(sight: Sight, rng: np.random.Generator) -> Iterator[Draft]:
    if sight.truth.phase in ("settle", "reach"):
        yield Draft(Plan(plan_of(sight)), {"instruction": sight.story.instruction})


def seen_relations(sight: Sight) -> list[RelationTruth]:
    """Relations between things that are well seen and lie on the table."""
    seen = {thing.name for thing in sight.truth.objects if is_asked_for(thing)}
    held = {sight.story.grasped} if sight.truth.in_contact else set[str]()
    return [
        relation
        for relation in sight.truth.relations
        if {relation.subject, relation.reference} <= seen - held
    ]


def _choice_vqa(sight: Sight, rng: np.random.Generator) -> Iterator[Draft]:
    relations = seen_relations(sight)
    if not relations:
        return
    one = relations[int(rng.integers(len(relations)))]
    question = f"Seen from the camera, where is the {one.subject}?"
    texts = {name: f"{words} the {one.reference}" for name, words in RELATION_WORDS.items()}
    wrong = [text for name, text in texts.items() if name != one.relation]
    yield _with_options(
        texts[one.relation],
        wrong=wrong,
        rng=rng,
        inputs={"question": question},
        sight=sight,
        suffix="relation",
        about=(one.subject, one.reference),
    )


def _yes_no_vqa(sight: Sight, rng: np.random.Generator) -> Iterator[Draft]:
    relations = seen_relations(sight)
    if relations:
        one = relations[int(rng.integers(len(relations)))]
        is_true = bool(rng.random() < 0.5)
        said = one.relation if is_true else OPPOSITE[one.relation]
        question = (
            f"Seen from the camera, is the {one.subject} {RELATION_WORDS[said]} "
            f"the {one.reference}?"
        )
        yield Draft(
            YesNo(is_true), {"question": question}, "relation", about=(one.subject, one.reference)
        )
    present = {thing.name for thing in sight.truth.objects}
    if rng.random() < 0.5:
        seen = sorted(thing.name for thing in sight.truth.objects if is_asked_for(thing))
        if not seen:
            return
        name, there = seen[int(rng.integers(len(seen)))], True
    else:
        absent = [
            f"{colour} {kind}"
            for kind in KINDS
            for colour in SATURATED
            if colour in KINDS[kind].colours and f"{colour} {kind}" not in present
        ]
        name, there = absent[int(rng.integers(len(absent)))], False
    question = f"Is there {_article(name)} {name}?"
    yield Draft(YesNo(there), {"question": question}, "presence", asked_name=name)


def _article(name: str) -> str:
    return "an" if name[0] in "aeiou" else "a"


def _number_vqa(sight: Sight, rng: np.random.Generator) -> Iterator[Draft]:
    things = [thing for thing in sight.truth.objects if thing.role != "destination"]
    # A count is exact only while every object is well seen.
    if all(is_asked_for(thing) for thing in things):
        question = (
            f"How many objects are there, without the robot and the {sight.story.destination}?"
        )
        about = tuple(thing.name for thing in things)
        yield Draft(Number(float(len(things))), {"question": question}, "count", about=about)


def _vqa(sight: Sight, rng: np.random.Generator) -> Iterator[Draft]:
    seen = [thing for thing in sight.truth.objects if is_asked_for(thing)]
    kinds = [thing.kind for thing in seen]
    alone = [thing for thing in seen if kinds.count(thing.kind) == 1]
    if not alone:
        return
    thing = alone[int(rng.integers(len(alone)))]
    assert thing.colour in COLOURS, "an object wears a named colour"
    question = f"What colour is the {thing.kind}?"
    yield Draft(Text(thing.colour), {"question": question}, "colour", about=(thing.name,))


WORD_QUESTIONS: Mapping[str, Callable[[Sight, np.random.Generator], Iterator[Draft]]] = (
    MappingProxyType(
        {
            "planning": _planning,
            "planning_choice": _planning_choice,
            "planning_decide": _planning_decide,
            "plan_steps": _plan_steps,
            "choice_vqa": _choice_vqa,
            "yes_no_vqa": _yes_no_vqa,
            "number_vqa": _number_vqa,
            "vqa": _vqa,
        }
    )
)
"""Task -> what it asks about one picture; draws come from the given generator."""

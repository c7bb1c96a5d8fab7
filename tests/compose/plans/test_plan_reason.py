"""Reasoning about plans: what it claims is so, by the household that does the steps."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from pydantic import ValidationError

from roboloop.base.errors import RoboLoopError
from roboloop.compose.base import ComposeContext
from roboloop.compose.household import Household
from roboloop.compose.plan import PlanComposer
from roboloop.compose.plan_facts import Facts, facts_after_each, goal_words
from roboloop.compose.plan_parents import ShortPlan, symbolic_plan
from roboloop.compose.plan_questions import QUESTIONS, Asked
from roboloop.compose.plan_reason import NOTHING_LEFT, REASONED, reason_about
from roboloop.dialects import load_dialect
from roboloop.records import Choice, Plan, Record, Text, YesNo
from roboloop.records.episode import (
    EPISODE_KEY,
    Episode,
    EpisodeStep,
    GoalFact,
    episode_to_json,
    plain_episode,
)
from roboloop.records.reasoning import SeeDoExpect
from roboloop.records.record import check_record, record_from_json, record_to_json
from roboloop.tasks import load_task

MakeStep = Callable[..., EpisodeStep]
ASKED = Asked("planning", {"question": "?"}, Text("-"))


def carrying(episode: Episode) -> Record:
    return Record(
        id=episode.id, task="plan_steps",
        meta={"episode": episode.id, EPISODE_KEY: episode_to_json(episode)},
    )  # fmt: skip


def short(episode: Episode) -> ShortPlan:
    plan = symbolic_plan(carrying(episode))
    assert plan is not None
    return plan


def composed(*episodes: Episode, **options: object) -> list[Record]:
    composer = PlanComposer.model_validate({"kind": "plan", **options})
    made = composer.compose(map(carrying, episodes), ComposeContext(3, Path("store")))
    return [item for item in made if isinstance(item, Record)]


@pytest.fixture(scope="module")
def told(alfred: list[Episode]) -> list[Episode]:
    """A seventh of ALFRED's episodes, with a goal in words that leaves nothing out."""
    return [
        replace(episode, instruction=f"Wash, heat or cool for {episode.id}")
        for episode in alfred[::7]
    ]


class Moment(NamedTuple):
    """A household after some steps of a plan, and what is said to be known then."""

    plan: ShortPlan
    house: Household
    facts: Facts


def moments(episodes: list[Episode]) -> Iterator[Moment]:
    for plan in plans(episodes):
        house = Household.at_the_start(plan.episode.standing)
        history = facts_after_each(plan.steps)
        assert len(history) == len(plan.steps) + 1
        yield Moment(plan, house, history[0])
        for step, facts in zip(plan.steps, history[1:], strict=True):
            assert house.do(step) is None
            yield Moment(plan, house, facts)


def plans(episodes: list[Episode]) -> Iterator[ShortPlan]:
    for episode in episodes:
        try:
            yield short(episode)
        except RoboLoopError as error:
            assert error.code in ("E-CMP-021", "E-CMP-022")


def test_what_is_known_is_what_the_household_says(told: list[Episode]) -> None:
    predicates: Counter[str] = Counter()
    for _, house, facts in moments(told):
        held = f"the hand holds the {house.held}" if house.held else "the hand is empty"
        assert [text for text in facts if facts[text] in ("holding", "empty")] == [held]
        for text, predicate in facts.items():
            predicates[predicate] += 1
            match predicate:
                case "at":
                    lying = {(f"the {thing} is", place) for thing, place in house.places.items()}
                    assert tuple(re.split(" (?:in|on) the ", text)) in lying
                case "sliced":
                    assert text in {f"the {thing} is sliced" for thing in house.sliced}
                case "holding" | "empty":
                    pass
                case state:
                    holding = [t for t, s in house.states if s == state and f"the {t} is" in text]
                    assert holding, text
    assert {"at", "sliced", "holding", "empty", "hot", "cold", "clean", "on"} <= set(predicates)


def test_after_all_steps_the_goal_is_among_what_is_known(told: list[Episode]) -> None:
    """Of things that the plan brings; what stood there before follows from no step."""
    counts: Counter[bool] = Counter()
    for plan in plans(told):
        last = facts_after_each(plan.steps)[-1]
        for fact in plan.episode.goal:
            if fact.count == 1:
                counts[goal_words(fact) in last] += 1
    assert counts.total() > 1000
    assert counts[False] / counts.total() < 0.01


def test_a_fact_names_the_step_since_which_it_holds(potato: Episode) -> None:
    reasoning = reason_about(short(potato), ASKED._replace(num_done=3))
    assert [(fact.text, fact.fact, fact.evidence) for fact in reasoning.see.facts] == [
        ("the knife is in the drawer", "at", ("step:1",)),
        ("the potato is sliced", "sliced", ("step:1",)),
        ("the hand holds the potato slice", "holding", ("step:2",)),
        ("the potato slice is hot", "hot", ("step:3",)),
    ]
    (step,) = reasoning.do
    assert (step.text, step.evidence) == ("put the potato slice on the table", ("step:4",))
    assert [(fact.text, fact.evidence) for fact in reasoning.expect] == [
        ("the potato slice is hot", ("goal:1",)),
        ("the potato slice is on the table", ("goal:2",)),
    ]


def test_what_held_before_and_holds_again_is_new(do: MakeStep) -> None:
    steps = (do("pick_up", "mug"), do("put", "mug", "shelf"))
    reasoning = reason_about(
        ShortPlan(Record(id="r", task="planning"), goal_of_a_mug(steps), steps),
        ASKED._replace(num_done=2),
    )
    assert {fact.text: fact.evidence for fact in reasoning.see.facts} == {
        "the hand is empty": ("step:2",),
        "the mug is on the shelf": ("step:2",),
    }
    assert [step.text for step in reasoning.do] == [NOTHING_LEFT]


def goal_of_a_mug(steps: tuple[EpisodeStep, ...]) -> Episode:
    goal = (GoalFact(predicate="at", object="mug", place="shelf"),)
    return Episode(id="mug", form="symbolic", instruction="Put it away.", steps=steps, goal=goal)


@pytest.mark.parametrize(
    ("action", "thing", "expected", "evidence"),
    [
        ("heat", "potato slice", "the potato slice is hot", ("asked",)),
        ("pick_up", "knife", "it cannot be done: the hand already holds the potato slice",
         ("asked", "rule:hand")),
        ("slice", "potato", "it cannot be done: no knife is in the hand to slice the potato with",
         ("asked", "rule:tool")),
    ],
)  # fmt: skip
def test_of_a_step_that_is_asked_about_the_outcome_is_expected(
    potato: Episode, do: MakeStep, action: str, thing: str, expected: str, evidence: tuple[str, ...]
) -> None:
    asked = ASKED._replace(num_done=2, step=do(action, thing))
    reasoning = reason_about(short(potato), asked)
    assert [(fact.text, fact.evidence) for fact in reasoning.expect] == [(expected, evidence)]


def test_a_step_that_changes_nothing_known_is_not_reasoned_about(
    potato: Episode, do: MakeStep
) -> None:
    with pytest.raises(RoboLoopError, match="E-CMP-010"):
        reason_about(short(potato), ASKED._replace(num_done=2, step=do("push", "bowl", "shelf")))


def test_goals_of_several_things() -> None:
    for count, words in (
        (1, "the pen is in the cup"),
        (2, "the pen and the second pen are in the cup"),
    ):
        fact = GoalFact(predicate="at", object="pen", place="cup", inside=True, count=count)
        assert goal_words(fact) == words
    assert goal_words(GoalFact(predicate="holding", object="pen")) == "the hand holds the pen"
    assert goal_words(GoalFact(predicate="on", object="lamp")) == "the lamp is turned on"


def test_reasoning_spells_out_the_answer(told: list[Episode]) -> None:
    num_seen: Counter[str] = Counter()
    for record in composed(*told, styles={"think_prose": 1}):
        question = record.id.rpartition("/")[2]
        if record.reasoning is None:
            assert question == "told"
            continue
        assert isinstance(record.reasoning, SeeDoExpect)
        num_seen[question] += 1
        step, first = record.reasoning.do[0], record.reasoning.expect[0]
        match question, record.answer:
            case "success", YesNo(value):
                assert (step.text == NOTHING_LEFT) == value
            case "affordance", YesNo(value):
                assert (first.fact != "cannot") == value
            case "next_step", Text(text):
                assert step.text == text
            case "next_choice", Choice(letter, options):
                assert options["ABCD".index(letter)] == step.text
            case _, Plan(steps):
                assert steps[0] == step.text
            case _:
                raise AssertionError(record)
    assert min(num_seen[question] for question in QUESTIONS if question in REASONED) > 300


@pytest.mark.parametrize("style", ["think", "think_prose", "json", "prose"])
def test_the_task_reads_the_answer_behind_the_reasoning(told: list[Episode], style: str) -> None:
    dialect = load_dialect("qwen25_vl")
    for record in composed(*told[::20], styles={style: 1}):
        check_record(record)
        assert record_from_json(json.loads(json.dumps(record_to_json(record)))) == record
        task = load_task(record.task)
        text = task.target(record, dialect=dialect)
        assert ("the hand " in text) == (record.reasoning is not None)
        assert task.parse(text, record=record, dialect=dialect).answer == record.answer, text


def test_styles_change_what_is_written_and_nothing_else(told: list[Episode]) -> None:
    dialect = load_dialect("qwen25_vl")
    plain = composed(*told[::5])
    asked = composed(*told[::5], styles={"think": 1, "answer": 1})
    unasked = composed(*told[::5], styles={"think": 1, "answer": 1}, is_asked_for=False)
    num_reasoned = 0
    for first, second, third in zip(plain, asked, unasked, strict=True):
        assert replace(second, reasoning=None) == first == replace(third, reasoning=None)
        num_reasoned += second.reasoning is not None
        task = load_task(first.task)
        question = task.question(first, dialect=dialect)
        assert task.question(third, dialect=dialect) == question
        assert (task.question(second, dialect=dialect) != question) == bool(second.reasoning)
    can = [record for record in plain if not record.id.endswith("/told")]
    assert 0.4 < num_reasoned / len(can) < 0.6


def test_a_plan_of_which_only_the_order_is_known_has_no_reasoning() -> None:
    episode = plain_episode("tea", ["boil water", "pour it", "wait"], instruction="Make tea.")
    made = composed(episode, styles={"think": 1})
    assert made and all(record.reasoning is None for record in made)


@pytest.mark.parametrize("styles", [{}, {"shout": 1}, {"think": 0}])
def test_styles_that_there_are_not(styles: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match="styles"):
        PlanComposer.model_validate({"kind": "plan", "styles": styles})

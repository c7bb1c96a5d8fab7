"""Questions about short plans: each answer follows from the episode."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from roboloop.compose.base import ComposeContext, Refusal
from roboloop.compose.plan import PlanComposer
from roboloop.dialects import load_dialect
from roboloop.records import Choice, FilePicture, Plan, Record, Text, YesNo
from roboloop.records.episode import EPISODE_KEY, Episode, EpisodeStep, episode_to_json
from roboloop.records.media import media_to_json
from roboloop.records.record import check_record
from roboloop.tasks import load_task

MakeStep = Callable[..., EpisodeStep]
CONTEXT = ComposeContext(seed=0, store=Path("store"))


def compose(*episodes: Episode, seed: int = 0, **options: object) -> list[Record]:
    parents = [
        Record(id=episode.id, task="plan_steps", split="train",
               meta={"episode": episode.id, EPISODE_KEY: episode_to_json(episode)})
        for episode in episodes
    ]  # fmt: skip
    composer = PlanComposer.model_validate({"kind": "plan", **options})
    made = list(composer.compose(parents, ComposeContext(seed, Path("store"))))
    assert not [item for item in made if isinstance(item, Refusal)]
    return [item for item in made if isinstance(item, Record)]


@pytest.fixture(scope="module")
def asked(alfred: list[Episode]) -> dict[str, list[Record]]:
    told = [
        replace(
            episode, instruction=f"Wash, heat or cool for {episode.id}",
            steps=tuple(replace(step, told=f"{step.text}, please.") for step in episode.steps),
        )
        for episode in alfred[::9]
    ]  # fmt: skip
    by_question: defaultdict[str, list[Record]] = defaultdict(list)
    parents = [
        Record(id=e.id, task="plan_steps", meta={"episode": e.id, EPISODE_KEY: episode_to_json(e)})
        for e in told
    ]
    made = list(PlanComposer().compose(parents, CONTEXT))
    assert [item.error.code for item in made if isinstance(item, Refusal)] == ["E-CMP-022"]
    for record in (item for item in made if isinstance(item, Record)):
        by_question[record.id.rpartition("/")[2]].append(record)
    return by_question


def test_an_instruction_that_breaks_off_makes_no_plan(alfred: list[Episode]) -> None:
    told = replace(alfred[0], instruction="Put a")
    record = Record(id="a", task="plan_steps", meta={EPISODE_KEY: episode_to_json(told)})
    (refusal,) = PlanComposer().compose([record], CONTEXT)
    assert isinstance(refusal, Refusal) and refusal.error.code == "E-CMP-021"


def test_an_instruction_that_leaves_the_treatment_out_makes_no_plan(alfred: list[Episode]) -> None:
    heated = next(
        episode for episode in alfred if any(step.action == "heat" for step in episode.steps)
    )
    for instruction, is_told in (
        ("Put it on the table.", False),
        ("Put the washed one on the table.", False),
        ("Put the warmed one on the table.", True),
    ):
        told = replace(heated, instruction=instruction)
        record = Record(id="a", task="plan_steps", meta={EPISODE_KEY: episode_to_json(told)})
        made = list(PlanComposer().compose([record], CONTEXT))
        refused = [item.error for item in made if isinstance(item, Refusal)]
        assert bool(refused) != is_told, instruction
        assert all("does not say to heat" in error.detail for error in refused)


@pytest.mark.parametrize(
    ("instruction", "is_refused"),
    [
        ("Move the newspaper to the chair by the window.", True),
        ("Place soap in the tub.", True),
        ("Put a slice of bread in the fridge.", True),
        ("Place two of them on the chair.", False),
        ("Put newspapers on the chair.", False),
        ("Put the newspaper and the magazine on the chair.", False),
        ("Put a red object, a vase on the table.", False),
    ],
)
def test_an_instruction_of_one_thing_makes_no_plan_of_two(
    alfred: list[Episode], instruction: str, *, is_refused: bool
) -> None:
    of_two = next(episode for episode in alfred if any(fact.count > 1 for fact in episode.goal))
    of_one = next(episode for episode in alfred if all(fact.count == 1 for fact in episode.goal))
    for episode, refused in ((of_two, is_refused), (of_one, False)):
        told = replace(episode, instruction=instruction)
        record = Record(id="a", task="plan_steps", meta={EPISODE_KEY: episode_to_json(told)})
        made = list(PlanComposer(questions=("plan",)).compose([record], CONTEXT))
        assert [isinstance(item, Refusal) for item in made] == [refused]


def test_every_question_is_asked_and_can_be_answered(asked: dict[str, list[Record]]) -> None:
    dialect = load_dialect("plain")
    assert set(asked) == {
        "plan", "told", "next_step", "next_choice", "remaining_steps", "success", "affordance",
    }  # fmt: skip
    for records in asked.values():
        for record in records[::7]:
            check_record(record)
            json.dumps(record.meta)
            task = load_task(record.task)
            assert record.answer is not None and record.meta["parents"]
            for language in ("en", "zh"):
                wording = task.choose_wording(record, languages=(language,), seed=1)
                assert task.question(record, dialect=dialect, wording=wording)
            text = task.render(record.answer, dialect=dialect, size=None)
            parsed = task.parse(text, record=record, dialect=dialect)
            assert parsed.answer == record.answer, (text, parsed)


def test_next_and_remaining_steps_are_those_of_the_plan(asked: dict[str, list[Record]]) -> None:
    plans = {record.meta["episode"]: record.answer for record in asked["plan"]}
    for record in asked["next_step"]:
        plan = plans[record.meta["episode"]]
        assert isinstance(plan, Plan) and isinstance(record.answer, Text)
        assert record.answer.text == plan.steps[record.meta["num_done"]]
    for record in asked["remaining_steps"]:
        plan = plans[record.meta["episode"]]
        assert isinstance(plan, Plan) and record.meta["num_done"] > 0
        assert record.answer == Plan(plan.steps[record.meta["num_done"] :])


def test_yes_and_no_are_as_common(asked: dict[str, list[Record]]) -> None:
    for question in ("success", "affordance"):
        counts = Counter(r.answer.value for r in asked[question] if isinstance(r.answer, YesNo))
        assert 0.4 < counts[True] / counts.total() < 0.6
        for record in asked[question]:
            assert isinstance(record.answer, YesNo)
            assert ("lack" in record.meta["evidence"] or "obstacle" in record.meta["evidence"]) == (
                not record.answer.value
            )


def test_only_one_option_can_be_done(asked: dict[str, list[Record]]) -> None:
    letters = Counter(r.answer.letter for r in asked["next_choice"] if isinstance(r.answer, Choice))
    assert letters.keys() >= {"A", "B", "C"} and max(letters.values()) < 0.5 * letters.total()
    for record in asked["next_choice"]:
        assert isinstance(record.answer, Choice)
        right = record.answer.options["ABCD".index(record.answer.letter)]
        assert set(record.meta["evidence"]["cannot_be_done"]) == {*record.answer.options} - {right}


def test_each_question_gets_the_picture_with_which_its_step_begins(potato: Episode) -> None:
    steps = tuple(
        replace(step, media=media_to_json(FilePicture(path=f"{index}.jpg")))
        for index, step in enumerate(potato.steps)
    )
    first_of = [1, 5, 7, 9]  # of the folded knife, the slice, the oven, the table
    for seed in range(8):
        (record,) = compose(replace(potato, steps=steps), seed=seed, questions=["next_step"])
        (medium,) = record.media
        assert medium == FilePicture(path=f"{first_of[record.meta['num_done']]}.jpg")


def test_people_tell_the_way_only_with_a_picture(do: MakeStep, potato: Episode) -> None:
    steps = (do("go_to", place="shelf", told="Turn left."), do("pick_up", "pen", told="Take it."),
             do("put", "pen", "bed", told="Drop it."))  # fmt: skip
    way = replace(potato, steps=steps, standing=(), goal=(
        replace(potato.goal[1], object="pen", place="bed"),))  # fmt: skip
    assert compose(way, questions=["told"]) == []
    told = replace(potato, steps=tuple(replace(step, told="Do it.") for step in potato.steps))
    (record,) = compose(told, questions=["told"])
    assert record.answer == Plan(("Do it. Do it. Do it.", "Do it.", "Do it.", "Do it."))


def test_a_sequence_without_symbols_is_cut_into_pieces() -> None:
    steps = tuple(EpisodeStep(action="do", text=f"do thing {index}") for index in range(12))
    plain = Episode(id="p", form="plain", instruction="Cook.", steps=steps)
    made = compose(plain)
    assert [record.id for record in made] == [f"p/plan/{piece}/next_step" for piece in range(3)]
    for piece, record in enumerate(made):
        assert record.answer == Text(f"do thing {4 * piece + record.meta['num_done']}")
    short = compose(replace(plain, steps=steps[:4]))
    assert [record.id for record in short] == [
        "p/plan/plan", "p/plan/next_step", "p/plan/remaining_steps",
    ]  # fmt: skip


def test_a_failed_episode_has_no_plan(potato: Episode) -> None:
    assert compose(replace(potato, success=False)) == []

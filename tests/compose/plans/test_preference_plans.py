"""Pairs of plans: the rejected one is proved wrong, and nothing but that tells the two apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from roboloop.compose.base import ComposeContext, Refusal
from roboloop.compose.plan_checker import find_violation
from roboloop.compose.preference_plans import PreferencePlans
from roboloop.records import Plan, Record
from roboloop.records.episode import (
    EPISODE_KEY,
    Episode,
    EpisodeStep,
    GoalFact,
    episode_of,
    episode_to_json,
)
from roboloop.records.record import check_record
from roboloop.tasks import load_task

MakeStep = Callable[..., EpisodeStep]
CONTEXT = ComposeContext(seed=0, store=Path("store"))


def parent(episode: Episode, *, name: str = "") -> Record:
    return Record(
        id=name or episode.id,
        task="plan_steps",
        inputs={"instruction": episode.instruction},
        answer=Plan(tuple(step.text for step in episode.steps)),
        source="made",
        licence="MIT",
        meta={"episode": episode.id, EPISODE_KEY: episode_to_json(episode)},
    )


@pytest.fixture(scope="module")
def parents(alfred: list[Episode]) -> list[Record]:
    """Every fourth episode, told plainly."""
    told = [
        replace(
            episode,
            instruction=f"Begin at the {episode.steps[0].place}; wash, heat or cool: {episode.id}.",
        )
        for episode in alfred[::4]
    ]
    return [parent(episode) for episode in told]


@pytest.fixture(scope="module")
def pairs(parents: list[Record]) -> list[Record]:
    made = PreferencePlans().compose(parents, CONTEXT)
    return [item for item in made if isinstance(item, Record)]


def test_every_pair_is_one(parents: list[Record], pairs: list[Record]) -> None:
    by_id = {record.id: record for record in parents}
    task = load_task("plan_steps")
    assert len(pairs) >= 1.5 * len(parents)
    assert len({pair.id for pair in pairs}) == len(pairs)
    for pair in pairs:
        check_record(pair)
        assert isinstance(pair.answer, Plan) and isinstance(pair.rejected, Plan)
        assert 3 <= len(pair.answer.steps) <= 5 and 3 <= len(pair.rejected.steps) <= 5
        scores = [
            task.score(answer, truth=pair.answer, size=None)["ordered_f1"]
            for answer in (pair.answer, pair.rejected)
        ]
        assert scores[0] == 1 and scores[1] < 1
        (parent_id,) = pair.meta["parents"]
        assert pair.meta["evidence"]["violation"]["reason"].endswith(".")
        assert pair.inputs == by_id[parent_id].inputs and EPISODE_KEY not in pair.meta


def test_length_and_words_give_nothing_away(pairs: list[Record]) -> None:
    extra: Counter[int] = Counter()
    words: Counter[str] = Counter()
    for pair in pairs:
        assert isinstance(pair.answer, Plan) and isinstance(pair.rejected, Plan)
        extra[len(pair.rejected.steps) - len(pair.answer.steps)] += 1
        words.update(" ".join(pair.rejected.steps).split())
        words.subtract(" ".join(pair.answer.steps).split())
    assert extra[1] == extra[-1] > 0
    total = sum(
        len(" ".join(pair.answer.steps).split()) for pair in pairs if isinstance(pair.answer, Plan)
    )
    assert max(map(abs, words.values())) < 0.01 * total, words.most_common(5)


def test_each_kind_of_mistake_is_made(pairs: list[Record]) -> None:
    kinds = Counter(pair.meta["evidence"]["what"] for pair in pairs)
    assert kinds.keys() == {
        "dropped", "inserted", "swapped", "wrong_object", "wrong_receptacle", "wrong_start",
        "wrong_treatment",
    }  # fmt: skip
    assert min(kinds.values()) > 50


def test_the_same_seed_gives_the_same_pairs(parents: list[Record]) -> None:
    def made(seed: int) -> list[Record]:
        items = PreferencePlans().compose(parents[:60], ComposeContext(seed, Path("store")))
        return [item for item in items if isinstance(item, Record)]

    assert made(0) == made(0) != made(1)


def test_harmless_changes_make_no_pair(do: MakeStep) -> None:
    """The lamp may be turned on before or after: the order is no mistake."""
    episode = Episode(
        id="lamp", form="symbolic", instruction="Look at the pen in the light.",
        steps=(do("pick_up", "pen"), do("turn_on", "desk lamp"), do("open", "drawer")),
        goal=(GoalFact(predicate="on", object="desk lamp"),),
    )  # fmt: skip
    made = list(PreferencePlans(balance=False, num_per_plan=9).compose([parent(episode)], CONTEXT))
    assert [item.error.code for item in made if isinstance(item, Refusal)] == ["E-CMP-023"]


def test_bad_episodes_are_refused_and_cost_only_themselves(potato: Episode) -> None:
    good = parent(potato)
    nameless = replace(
        potato, id="nameless", steps=(replace(potato.steps[1], object=""), *potato.steps[2:])
    )
    lost = replace(potato, id="lost", goal=(GoalFact(predicate="at", object="pear", place="bed"),))
    unreached = replace(
        potato, id="unreached",
        goal=(GoalFact(predicate="at", object="potato slice", place="bed"),),
    )  # fmt: skip
    mistold = replace(potato, id="mistold", instruction="Put hot tomatoes on the table.")
    short = replace(potato, id="short", steps=potato.steps[:2])
    malformed = replace(good, id="malformed", meta={EPISODE_KEY: {"id": 3}})
    others = [
        replace(good, id="plain", meta={}),
        parent(replace(potato, id="failed", success=False)),
    ]
    made = PreferencePlans(balance=False).compose(
        [malformed, *map(parent, (nameless, lost, unreached, mistold, short)), *others, good],
        CONTEXT,
    )
    refused, kept = [], []
    for item in made:
        if isinstance(item, Refusal):
            refused.append((item.parent_id, item.error.code))
        else:
            kept.append(item)
    assert refused == [
        ("malformed", "E-REC-003"), ("nameless", "E-CMP-020"), ("lost", "E-CMP-020"),
        ("unreached", "E-CMP-021"), ("mistold", "E-CMP-021"), ("short", "E-CMP-022"),
    ]  # fmt: skip
    assert {pair.meta["parents"][0] for pair in kept} == {"potato"}
    for pair in kept:
        episode = episode_of(good)
        assert episode is not None and isinstance(pair.rejected, Plan)
        assert find_violation(episode, episode.steps) is None

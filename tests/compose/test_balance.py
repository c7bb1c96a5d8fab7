"""Length and looks must not tell which answer of a pair is worse."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from roboloop.compose import COMPOSERS
from roboloop.compose.balance import Balancer, lean_of
from roboloop.compose.balance_facts import PairTally, blind_accuracy
from roboloop.compose.base import ComposeContext, Refusal
from roboloop.records.answers import Text
from roboloop.records.record import Record


def pair(name: str, chosen: str, rejected: str, *, task: str = "vqa") -> Record:
    return Record(
        id=name, task=task, inputs={"question": "Why?"}, answer=Text(chosen),
        rejected=Text(rejected), meta={"parents": [name], "composer": "made"},
    )  # fmt: skip


LONG = "because the cup stands behind the plate on the table"
SHORT = "it stands behind the plate"


def test_a_pair_that_leans_waits_for_one_that_leans_the_other_way() -> None:
    balancer = Balancer()
    longer, shorter = pair("a", LONG, SHORT), pair("b", SHORT, LONG)
    assert balancer.take(longer, others=iter(())) == []
    assert balancer.take(pair("c", LONG, SHORT), others=iter(())) == []
    assert balancer.take(shorter, others=iter(())) == [longer, shorter]
    (left,) = balancer.rest()
    assert isinstance(left, Refusal) and left.parent_id == "c"
    assert left.error.code == "E-PRF-002" and "characters +5" in str(left.error)


def test_pairs_of_different_tasks_do_not_balance_one_another() -> None:
    balancer = Balancer()
    assert balancer.take(pair("a", LONG, SHORT), others=iter(())) == []
    assert balancer.take(pair("b", SHORT, LONG, task="planning"), others=iter(())) == []
    assert {one.parent_id for one in balancer.rest() if isinstance(one, Refusal)} == {"a", "b"}


def test_a_pair_that_waits_in_vain_is_drawn_again() -> None:
    balancer = Balancer()
    alike = pair("a2", SHORT, "it stands beside the plate")
    assert lean_of(alike) == ()
    assert balancer.take(pair("a", LONG, SHORT), others=iter([alike])) == []
    assert list(balancer.rest()) == [alike]


@pytest.mark.parametrize(
    "kind", ["preference_boxes", "preference_points", "preference_trajectories"]
)
def test_as_many_chosen_as_rejected_answers_are_the_longer_ones(
    kind: str, ten_episodes: list[Record]
) -> None:
    tally = PairTally()
    for item in COMPOSERS.resolve(kind)().compose(ten_episodes, ComposeContext(0, Path("unused"))):
        if isinstance(item, Record):
            tally.add(item)
    (facts,) = tally.facts()
    characters = facts["characters"]
    assert characters["chosen_longer"] == characters["rejected_longer"]
    assert sum(characters["counts"]) == facts["num_pairs"] == sum(facts["mistakes"].values())
    if kind != "preference_trajectories":  # there are too few of them to say
        assert facts["blind"]["low"] <= 0.5


def test_a_give_away_is_found_by_the_classifier() -> None:
    draw = np.random.default_rng(0)
    pictures = [f"p{number}" for number in range(400)]
    noise = [{"length": float(draw.normal()), "extent": float(draw.normal())} for _ in pictures]
    blind = blind_accuracy(noise, pictures=pictures)
    assert blind is not None and blind["low"] < 0.5 < blind["high"]
    leaning = [{**one, "length": one["length"] - 1.0} for one in noise]
    told = blind_accuracy(leaning, pictures=pictures)
    assert told is not None and told["low"] > 0.7 and told["strongest"] == "length"
    assert blind_accuracy(noise[:30], pictures=pictures[:30]) is None


def test_only_pairs_of_composers_are_counted() -> None:
    tally = PairTally()
    tally.add(Record(id="a", task="vqa", answer=Text("x"), rejected=Text("y")))
    tally.add(Record(id="b", task="vqa", answer=Text("x"), meta={"composer": "reason"}))
    assert tally.facts() == []

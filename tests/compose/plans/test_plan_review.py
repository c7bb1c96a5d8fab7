"""plan_review: the verdict is the checker's, and so is the reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from roboloop.compose.base import ComposeContext
from roboloop.compose.plan_review import PlanReview
from roboloop.records import Record, Text, YesNo
from roboloop.records.episode import EPISODE_KEY, Episode, episode_to_json
from roboloop.records.record import check_record


def test_a_plan_that_works_and_one_that_does_not(alfred: list[Episode]) -> None:
    parents = [
        Record(
            id=episode.id,
            task="plan_steps",
            meta={
                EPISODE_KEY: episode_to_json(replace(episode, instruction="Wash, heat or cool it."))
            },
        )
        for episode in alfred[::200]
    ]
    made = list(PlanReview().compose(parents, ComposeContext(0, Path("store"))))
    records = [item for item in made if isinstance(item, Record)]
    assert len(records) >= 3 * (len(parents) - 1)
    for works, fails, why in zip(*[iter(records)] * 3, strict=True):
        for record in (works, fails, why):
            check_record(record)
            assert record.meta["parents"] == works.meta["parents"]
        assert (works.answer, fails.answer) == (YesNo(True), YesNo(False))
        reason = fails.meta["evidence"]["violation"]["reason"]
        assert why.answer == Text(reason)
        assert why.turns[-1].text == why.inputs["question"], "asked as it stands"
        assert works.inputs["question"] != fails.inputs["question"]

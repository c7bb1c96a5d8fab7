"""template_quota: templates are capped and spread, never deleted."""

from __future__ import annotations

from collections import Counter

import numpy as np
from operate import Operated, operate, told

from roboloop.curate.template_quota import TemplateQuota
from roboloop.records.answers import Box, YesNo
from roboloop.records.record import Record
from roboloop.tasks import load_task


def quota(records: list[Record], *, rank: list[float] | None = None, **options: object) -> Operated:
    return operate(TemplateQuota.model_validate(options), records, rank=rank)


def box(number: int, *, question: str = "Where is cup {n}?", episode: str = "") -> Record:
    meta = {"episode": episode, "frame": number} if episode else None
    return told(
        Box(number, 1, 50 + number, 60), question=question.format(n=number),
        picture=f"{number}.jpg", task="current_box", name=f"r{number}", meta=meta,
    )  # fmt: skip


def test_a_template_keeps_its_quota_and_others_are_not_touched() -> None:
    records = [box(number) for number in range(20)]
    records += [box(number, question="Where is the kettle?") for number in range(20, 23)]
    found = quota(records, quota=5)
    assert len(found.dropped()) == 15
    assert all(number < 20 for number in found.dropped())
    judged = found.judgement
    assert set(judged.value[judged.drop]) == {20.0}
    assert set(judged.threshold[judged.drop]) == {5.0}
    assert not quota(records, quota=20).dropped()


def test_what_stays_is_spread_over_recordings() -> None:
    records = [
        box(number, episode=f"e{number // 10 if number < 40 else 4}") for number in range(50)
    ]
    left = set(range(50)) - set(quota(records, quota=10).dropped())
    assert Counter(number // 10 for number in left) == {0: 2, 1: 2, 2: 2, 3: 2, 4: 2}


def test_both_answers_of_a_question_stay() -> None:
    records = [
        told(
            YesNo(number >= 30),
            question="Is it open?",
            picture=f"{number % 2}.jpg",
            name=f"{number}",
        )
        for number in range(32)
    ]
    left = set(range(32)) - set(quota(records, quota=4).dropped())
    assert Counter(number >= 30 for number in left) == {False: 2, True: 2}


def test_the_best_stay() -> None:
    records = [box(number) for number in range(10)]
    rank = [float(number % 5) for number in range(10)]
    left = set(range(10)) - set(quota(records, rank=rank, quota=2, keep="best").dropped())
    assert left == {4, 9}
    left = set(range(10)) - set(quota(records, rank=rank, quota=2).dropped())
    assert left == {4, 9}, "each picture is a recording of its own"


def test_a_family_may_have_its_own_quota() -> None:
    records = [box(number) for number in range(10)]
    family = load_task("current_box").family
    assert len(quota(records, quota=2, families={family: 7, "general": 1}).dropped()) == 3
    assert len(quota(records, quota=2, families={"general": 1}).dropped()) == 8


def test_only_records_that_are_left_count() -> None:
    records = [box(number) for number in range(6)]
    kept = [False, True, False, True, True, True]
    found = operate(TemplateQuota.model_validate({"quota": 2}), records, kept=kept)
    assert len(found.dropped()) == 2
    assert not np.flatnonzero(found.judgement.drop & ~np.array(kept)).tolist()

"""What is next after a failure that the picture shows, and after none."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from roboloop.compose.balance_facts import PairTally
from roboloop.compose.base import ComposeContext, Refusal
from roboloop.compose.preference_failures import Moment, PreferenceFailures, moments
from roboloop.records.answers import Text, YesNo
from roboloop.records.record import Record, check_record
from roboloop.sources.base import SourceContext
from roboloop.sources.simulated.records import SimulatedSource


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    source = SimulatedSource(tasks=("planning_decide",), scenes=True, split="val")
    found = source.read(SourceContext(tmp_path_factory.mktemp("made"), 0))
    return [record for record in found if isinstance(record, Record)]


def made(records: list[Record]) -> tuple[list[Record], list[Refusal]]:
    out = list(PreferenceFailures().compose(records, ComposeContext(0, Path("unused"))))
    pairs = [item for item in out if isinstance(item, Record)]
    return pairs, [item for item in out if isinstance(item, Refusal)]


def test_going_back_is_right_exactly_where_the_simulation_failed(asked: list[Record]) -> None:
    truths = {record.id: record.meta["success"] for record in asked}
    pairs, refused = made(asked)
    causes = Counter(pair.meta["evidence"]["what"] for pair in pairs)
    assert {"missed_grasp", "drop"} <= causes.keys() and len(pairs) > 30
    for pair in pairs:
        check_record(pair)
        assert pair.task == "planning" and isinstance(pair.answer, Text)
        goes_back = pair.answer.text.startswith(("go back", "put the"))
        assert goes_back is not truths[pair.meta["parents"][0]]
    assert not {one.parent_id for one in refused} & {pair.meta["parents"][0] for pair in pairs}


def test_every_sentence_is_right_as_often_as_wrong(asked: list[Record]) -> None:
    pairs, _ = made(asked)
    tally = PairTally()
    for pair in pairs:
        tally.add(pair)
    (facts,) = tally.facts()
    lengths = facts["characters"]
    assert lengths["chosen_longer"] == lengths["rejected_longer"] == len(pairs) // 2
    firsts = [
        Counter(answer.text.split()[0] for answer in answers if isinstance(answer, Text))
        for answers in ([p.answer for p in pairs], [p.rejected for p in pairs])
    ]
    assert firsts[0] == firsts[1]


def picture(phase: str, *, holds: str, cause: str | None) -> Record:
    names = ("gripper", "mug", "tray", "can")
    relation = {"subject": "gripper", "predicate": "holds", "object": holds}
    scene = {
        "objects": [{"id": name, "name": name} for name in names],
        "relations": [relation] if holds else [],
        "robot": {
            "gripper": "gripper", "target": "mug", "destination": "tray", "succeeds": not cause,
        },
    }  # fmt: skip
    return Record(
        id="p", task="planning_decide", inputs={"instruction": "put the mug in the tray"},
        answer=YesNo(False), meta={"phase": phase, "failure_cause": cause, "scene": scene},
    )  # fmt: skip


def shown(record: Record) -> list[Moment]:
    return list(moments(record, draw=np.random.default_rng(0)))


def test_the_step_depends_on_what_is_in_the_hand() -> None:
    (missed,) = shown(picture("lift", holds="", cause="missed_grasp"))
    assert (missed.is_failure, missed.go_back) == (True, "go back and grasp the mug")
    (wrong,) = shown(picture("transport", holds="can", cause="wrong_object"))
    assert (wrong.is_failure, wrong.go_back) == (True, "put the can back and grasp the mug")
    fine = shown(picture("lift", holds="mug", cause=None))
    assert [(one.form, one.is_failure) for one in fine] == [("empty", False), ("other", False)]
    (over,) = shown(picture("retreat", holds="", cause="drop"))
    assert (over.go_on, over.go_back) == ("stop, it is done", "go back and grasp the mug")


def test_pictures_that_show_no_failure_yet_are_passed_over() -> None:
    assert shown(picture("transport", holds="mug", cause="drop")) == []
    assert shown(picture("reach", holds="", cause="missed_grasp")) == []
    without = replace(picture("lift", holds="", cause="drop"), meta={"phase": "lift"})
    assert shown(without) == []


def test_a_failure_without_counterpart_is_refused() -> None:
    pairs, refused = made([picture("lift", holds="", cause="missed_grasp")])
    assert not pairs
    assert [(one.parent_id, one.error.code) for one in refused] == [("p", "E-PRF-002")]

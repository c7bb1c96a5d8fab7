"""Sources keep what happened: simulated successes and failures, and plain sequences of actions."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from roboloop.compose.base import ComposeContext
from roboloop.compose.plan import PlanComposer
from roboloop.compose.plan_checker import find_violation
from roboloop.records import Record, Text, YesNo
from roboloop.records.episode import episode_of
from roboloop.records.record import check_record
from roboloop.sources.base import SourceContext
from roboloop.sources.simulated.records import SimulatedSource


def simulated() -> list[Record]:
    source = SimulatedSource(episodes=True, tasks=("plan_steps",))
    read = source.read(SourceContext(Path("made"), 0))
    return [r for r in read if isinstance(r, Record) and r.id.endswith("/episode")]


def test_simulated_episodes_tell_what_went_wrong() -> None:
    records = simulated()
    assert len(records) > 400
    rules: Counter[object] = Counter()
    for record in records:
        episode = episode_of(record)
        assert episode is not None and episode.success is record.meta["success"]
        done = [step for step in episode.steps if not step.failure]
        found = find_violation(episode, done)
        assert (found is None) is episode.success  # the checker agrees with the physics
        assert bool(episode.failure) is not episode.success
        rules[record.meta["failure_cause"]] += 1
    assert set(rules) == {None, "drop", "missed_grasp", "wrong_object"}


def test_how_an_episode_ended_is_asked_with_its_last_picture() -> None:
    records = simulated()
    composer = PlanComposer(questions=("outcome",), splits=("train", "val"))
    made = list(composer.compose(records, ComposeContext(0, Path("store"))))
    asked = [item for item in made if isinstance(item, Record)]
    assert len(asked) == len(made)
    by_id = {record.id: record for record in records}
    for record in asked:
        check_record(record)
        parent = by_id[record.meta["parents"][0]]
        assert record.media and record.media[0] != parent.media[0]
        if record.task == "planning_decide":
            assert record.answer == YesNo(parent.meta["success"])
        else:
            assert isinstance(record.answer, Text) and not parent.meta["success"]
    assert Counter(record.task for record in asked)["vqa"] > 10

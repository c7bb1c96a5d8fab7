"""The typed episode: there and back through JSON, and what is no episode."""

from __future__ import annotations

import json
from typing import Any

import pytest

from roboloop.base.errors import RoboLoopError
from roboloop.records import Record
from roboloop.records.episode import (
    EPISODE_KEY,
    Episode,
    episode_from_json,
    episode_of,
    episode_to_json,
)


def test_an_episode_survives_json(alfred: list[Episode], potato: Episode) -> None:
    for episode in (potato, *alfred[::500]):
        written = json.loads(json.dumps(episode_to_json(episode)))
        assert episode_from_json(written) == episode
        record = Record(id="r", task="plan_steps", meta={EPISODE_KEY: written})
        assert episode_of(record) == episode
    assert episode_of(Record(id="r", task="plan_steps")) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"form": "poem"},
        {"steps": []},
        {"steps": [{"action": "fly", "text": "fly"}]},
        {"steps": [{"action": "put"}]},
        {"steps": [{"action": "put", "text": "put it", "colour": "red"}]},
        {"goal": [{"predicate": "likes", "object": "mug"}]},
        {"id": None},
    ],
)
def test_what_is_no_episode(potato: Episode, changed: dict[str, Any]) -> None:
    with pytest.raises(RoboLoopError, match="E-REC-003"):
        episode_from_json({**episode_to_json(potato), **changed})


def test_a_plain_episode_may_have_any_verb() -> None:
    value = {"id": "e", "form": "plain", "steps": [{"action": "fly", "text": "fly to the moon"}]}
    assert episode_from_json(value).steps[0].action == "fly"

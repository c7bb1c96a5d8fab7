"""ALFRED's real episodes, and a small household of our own."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from roboloop.records.episode import Episode, EpisodeStep, GoalFact, Standing
from roboloop.records.episode_words import step_words
from roboloop.sources.alfred_episodes import distilled_episode
from roboloop.sources.alfred_story import episode_facts

PLANS = Path(__file__).resolve().parents[3] / "../shared/data/alfred_plans/alfred_plans.jsonl.gz"

MakeStep = Callable[..., EpisodeStep]


@pytest.fixture(scope="session")
def alfred() -> list[Episode]:
    """Every ALFRED episode whose plan is public, before anybody tells it."""
    file = PLANS.resolve()
    if not file.exists():
        pytest.skip("the real sample alfred_plans is not there")
    with gzip.open(file) as lines:
        found = [distilled_episode(json.loads(line)) for line in lines]
    return [episode_facts(episode) for episode in found if episode.actions]


@pytest.fixture(scope="session")
def do() -> MakeStep:
    """Makes a step from its action, thing and place, with its sentence."""

    def make(action: str, thing: str = "", place: str = "", **more: Any) -> EpisodeStep:
        made = EpisodeStep(action=action, object=thing, place=place, text="", **more)
        return replace(made, text=step_words(made))

    return make


@pytest.fixture(scope="session")
def potato(do: MakeStep) -> Episode:
    """Slice a potato, heat a slice, put it on the table."""
    return Episode(
        id="potato",
        form="symbolic",
        instruction="Put a hot potato slice on the table.",
        steps=(
            do("go_to", place="counter"), do("pick_up", "knife"), do("go_to", place="shelf"),
            do("slice", "potato", tool="knife"), do("put", "knife", "drawer", inside=True),
            do("pick_up", "potato slice"), do("go_to", place="microwave"),
            do("heat", "potato slice"), do("go_to", place="table"),
            do("put", "potato slice", "table"),
        ),
        goal=(
            GoalFact(predicate="hot", object="potato slice"),
            GoalFact(predicate="at", object="potato slice", place="table"),
        ),
        standing=(
            Standing(object="knife", place="counter"), Standing(object="potato", place="shelf"),
        ),
        success=True,
    )  # fmt: skip

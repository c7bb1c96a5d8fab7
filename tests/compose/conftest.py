"""Records of the rendered pack with their scenes; `count_words.py` can be imported."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from roboloop.compose.base import ComposeContext
from roboloop.records.record import Record
from roboloop.sources.base import SourceContext
from roboloop.sources.simulated.records import SimulatedSource

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    """Every question about a few simulated episodes, scenes included."""
    made = tmp_path_factory.mktemp("made")
    source = SimulatedSource(scenes=True, max_episodes=5)
    found = source.read(SourceContext(made_folder=made, seed=0))
    return [record for record in found if isinstance(record, Record)]


@pytest.fixture
def context(tmp_path: Path) -> ComposeContext:
    return ComposeContext(seed=0, store=tmp_path)


@pytest.fixture(scope="session")
def ten_episodes(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    """Every question about the pictures of ten episodes, but those with drawn options."""
    source = SimulatedSource(max_episodes=10, max_drawn_per_episode=0)
    found = source.read(SourceContext(made_folder=tmp_path_factory.mktemp("made"), seed=0))
    return [record for record in found if isinstance(record, Record)]

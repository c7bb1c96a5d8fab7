"""Fixtures for the simulator; tests that need OpenGL are skipped, with the reason, without it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from roboloop.base.errors import RoboLoopError
from roboloop.sources.simulated.pack import Pack, read_pack


@pytest.fixture(scope="session")
def pack() -> Pack:
    return read_pack()


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Skips unless an episode can be drawn here."""
    from roboloop.sources.simulated.assets import robot_model
    from roboloop.sources.simulated.render import Painter, load_mujoco

    try:
        robot_model()
        mujoco = load_mujoco()
        Painter(mujoco.MjModel.from_xml_string("<mujoco/>"), width=32, height=32).close()
    except RoboLoopError as error:
        pytest.skip(f"no simulator here: {error}")
    yield


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return tmp_path / "made"

"""Recordings to write in DROID's and RH20T's layouts: real scenes and cameras of the shipped pack.

Pictures are plain; the tool's path joins the places it has in the pack's own frames, and its true
place in a picture comes from the pack's projection matrix, which no layout stores.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from roboloop.base.geometry import Point
from roboloop.sources.simulated.pack import PackEpisode, read_pack
from roboloop.sources.simulated.recording import (
    ArmTable,
    FullEpisode,
    Recording,
    write_recording,
)
from roboloop.sources.simulated.truth import FrameTruth

NUM_FRAMES = 24
CHANGES = (9, 17)
"""Frames at which the gripper closes and opens again."""
VIEWS = ("exterior_1", "exterior_2")


class Filmed(NamedTuple):
    """A recording and where its tool truly is: view -> a place for each frame."""

    recording: Recording
    tool_px: dict[str, list[Point]]


def pictures(shade: int) -> np.ndarray:
    """Frames (T, 180, 320, 3) of a square that moves."""
    drawn = np.full((NUM_FRAMES, 180, 320, 3), shade, dtype=np.uint8)
    for index in range(NUM_FRAMES):
        drawn[index, 40:80, 10 * index : 10 * index + 40] = (250, 200 - 8 * index, 30)
    return drawn


def tool_path(episode: PackEpisode) -> np.ndarray:
    """Places of the tool (T, 3), metres."""
    known = {frame.truth.frame: frame.truth.tool_metres for frame in episode.frames}
    times = sorted(known)
    places = np.array([known[time] for time in times])
    wanted = np.linspace(times[0], times[-1], NUM_FRAMES)
    return np.stack([np.interp(wanted, times, places[:, axis]) for axis in range(3)], axis=1)


def film(episode: PackEpisode, *, folder: Path) -> Filmed:
    path = tool_path(episode)
    homogeneous = np.column_stack([path, np.ones(NUM_FRAMES)])
    tool_px: dict[str, list[Point]] = {}
    frames: dict[str, list[FrameTruth]] = {}
    for view in VIEWS:
        seen = homogeneous @ episode.truth.view(view).projection.T
        tool_px[view] = [Point(*place) for place in (seen[:, :2] / seen[:, 2:]).tolist()]
        first = next(frame.truth for frame in episode.frames if frame.truth.view == view)
        frames[view] = [replace(first, frame=index) for index in range(NUM_FRAMES)]
    rng = np.random.default_rng(3)
    turns = rng.normal(size=(1, 3)) + np.linspace(0, 0.5, NUM_FRAMES)[:, None]
    gripper = np.zeros((NUM_FRAMES, 1))
    gripper[CHANGES[0] : CHANGES[1]] = 0.8
    states = np.concatenate([path, turns, gripper], axis=1)
    arm = ArmTable(states, states[:, :7] / 2, np.zeros((NUM_FRAMES, 7)))
    story = replace(episode.truth, num_frames=NUM_FRAMES, clips=episode.truth.clips[:1])
    shades = dict(zip((*VIEWS, "wrist"), (40, 90, 140), strict=True))
    full = FullEpisode(
        folder.name, story, frames, {view: pictures(shade) for view, shade in shades.items()}, arm
    )
    return Filmed(write_recording(folder, episode=full), tool_px)


@pytest.fixture(scope="session")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> list[Filmed]:
    """Four successes and a failure."""
    pytest.importorskip("av", reason="av is not installed")
    pytest.importorskip("h5py", reason="h5py is not installed")
    episodes = read_pack().episodes
    chosen = [e for e in episodes if e.truth.success][:4]
    chosen += [e for e in episodes if not e.truth.success][:1]
    work = tmp_path_factory.mktemp("work")
    return [film(episode, folder=work / f"sim-{n}") for n, episode in enumerate(chosen)]

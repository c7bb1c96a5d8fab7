"""Draw every frame of an episode in every camera: what the full formats are written from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from roboloop.sources.simulated.camera import quaternion_of
from roboloop.sources.simulated.episode import Episode, FrameState
from roboloop.sources.simulated.observe import Observer
from roboloop.sources.simulated.recording import WRIST, ArmTable, FullEpisode
from roboloop.sources.simulated.robot import NUM_JOINTS
from roboloop.sources.simulated.truth import FrameTruth


def film_episode(episode: Episode, *, episode_id: str) -> FullEpisode:
    """Draw an episode whole. Takes about 0.1 s of one core per frame."""
    frames: dict[str, list[FrameTruth]] = {c.name: [] for c in episode.layout.cameras}
    pictures: dict[str, list[NDArray[np.uint8]]] = {name: [] for name in (*frames, WRIST)}
    with Observer(episode, is_fine=False) as observer:
        for state in episode.frames:
            for seen in observer.observe(state.frame):
                frames[seen.truth.view].append(seen.truth)
                pictures[seen.truth.view].append(seen.rgb)
            pictures[WRIST].append(observer.draw_wrist(state.frame))
        truth = observer.episode_truth()
    stacked = {name: np.stack(drawn) for name, drawn in pictures.items()}
    return FullEpisode(episode_id, truth, frames, stacked, arm_table(episode.frames))


def arm_table(frames: tuple[FrameState, ...]) -> ArmTable:
    """States, joints and actions of every frame."""
    poses = np.array([[*s.tool, *rotation_vector(s.tool_rotation)] for s in frames])
    closed = np.array([[s.gripper_closed_fraction] for s in frames])
    joints = np.array([s.positions[:NUM_JOINTS] for s in frames])
    # The last frame has no next one: its command stays.
    following = [*range(1, len(frames)), len(frames) - 1]
    actions: list[list[float]] = []
    for state, index in zip(frames, following, strict=True):
        command = frames[index].command
        step = command[:3] - state.tool
        turn = command[3] - state.command[3]
        actions.append([*step, 0.0, 0.0, turn, command[4]])
    return ArmTable(np.concatenate([poses, closed], axis=1), joints, np.array(actions))


def rotation_vector(rotation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Axis times angle of a rotation matrix, radians (3,); the angle lies between 0 and pi."""
    w, x, y, z = quaternion_of(rotation)
    axis = np.array([x, y, z]) * (1.0 if w >= 0 else -1.0)
    sine = float(np.linalg.norm(axis))
    if sine < 1e-12:
        return np.zeros(3)
    return axis / sine * (2.0 * float(np.arctan2(sine, abs(w))))

"""One episode: physics from a seed, frame by frame, without any picture yet."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from roboloop.base.hashing import seeded_generator
from roboloop.sources.simulated.assets import robot_model
from roboloop.sources.simulated.controller import (
    Failure,
    Phase,
    Segment,
    choose_grasp,
    plan_segments,
    settle_segment,
    spoil_grasp,
    target_at,
)
from roboloop.sources.simulated.layout import Layout, LayoutOptions, draw_layout
from roboloop.sources.simulated.render import load_mujoco
from roboloop.sources.simulated.robot import Arm
from roboloop.sources.simulated.scene import (
    STEPS_PER_FRAME,
    TIMESTEP_SECONDS,
    Scene,
    build_scene,
)

STEPS_PER_COMMAND = 4


@dataclass(frozen=True, slots=True)
class EpisodeOptions:
    """What may vary between episodes.

    Attributes:
        layout: Bounds of the scene's random draws.
        failure: The way in which the episode shall fail; None for one that shall succeed.
    """

    layout: LayoutOptions = field(default_factory=LayoutOptions)
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class FrameState:
    """The world at one frame.

    Attributes:
        positions: qpos of the whole model: enough to draw the frame.
        tool: Tool centre point, metres (3,).
        tool_rotation: Its orientation, 3 x 3.
        command: Tool target and gripper command that held at this frame: x, y, z, turn, gripper.
        touching: Index of the object that both fingers touch, or None.
        finger_points: Mean place of the contacts of the left and right finger, (2, 3), or None.
        object_positions: Centres of mass, (num_objects, 3).
        gripper_closed_fraction: 0 open, 1 closed.
    """

    frame: int
    phase: Phase
    positions: NDArray[np.float64]
    tool: NDArray[np.float64]
    tool_rotation: NDArray[np.float64]
    command: NDArray[np.float64]
    touching: int | None
    finger_points: NDArray[np.float64] | None
    object_positions: NDArray[np.float64]
    gripper_closed_fraction: float


@dataclass(frozen=True, slots=True)
class Episode:
    """What happened, and the model that can be drawn.

    Attributes:
        grasped: Index of the object that the arm went for.
        contact_frame: First frame in which both fingers touch it, or None.
        release_frame: First frame after that without touch, or None.
        success: The named object lies in its destination at the end.
        cause: Why not, or None.
    """

    seed: int
    scene: Scene
    frames: tuple[FrameState, ...]
    grasped: int
    contact_frame: int | None
    release_frame: int | None
    success: bool
    cause: str | None
    planned_failure: Failure | None

    @property
    def layout(self) -> Layout:
        """The scene that was drawn."""
        return self.scene.layout


class _Grip(NamedTuple):
    touching: int | None
    points: NDArray[np.float64] | None


def simulate_episode(seed: int, *, options: EpisodeOptions) -> Episode:
    """Run the physics of one episode. The same seed and options give the same episode.

    Raises:
        RoboLoopError: E-SIM-001 or E-SIM-002 when OpenGL or the robot's files are missing.
        MissingDependencyError: when mujoco is not installed.
    """
    layout = draw_layout(seeded_generator("simulated", "layout", seed), options=options.layout)
    scene = build_scene(layout, robot_file=robot_model())
    return run_script(seed, scene=scene, failure=options.failure)


def run_script(seed: int, *, scene: Scene, failure: Failure | None) -> Episode:
    """Play the scripted pick and place in a scene."""
    mujoco = load_mujoco()
    rng = seeded_generator("simulated", "script", seed)
    data: Any = mujoco.MjData(scene.model)
    arm = Arm(scene, data=data)
    start = np.array([rng.uniform(0.36, 0.50), rng.uniform(-0.12, 0.12), rng.uniform(0.19, 0.25)])
    start_turn = float(rng.uniform(-0.5, 0.5))
    arm.place(start, turn=start_turn)
    mujoco.mj_forward(scene.model, data)
    recorder = _Recorder(scene, data=data, arm=arm)
    recorder.play(settle_segment(start, turn=start_turn))
    grasped = scene.layout.target
    if failure == "wrong_object":
        grasped = 1 + int(rng.integers(len(scene.layout.objects) - 1))
    thing = scene.layout.objects[grasped]
    centres = recorder.object_positions()
    others: list[NDArray[np.float64]] = [
        centres[index] for index in range(len(centres)) if index != grasped
    ]
    others.append(np.array([scene.layout.destination.x, scene.layout.destination.y]))
    grasp = choose_grasp(
        thing,
        centre=centres[grasped],
        yaw=recorder.object_yaw(grasped),
        others=others,
        closing_yaw=arm.closing_yaw,
    )
    if failure == "missed_grasp":
        grasp = spoil_grasp(grasp, thing=thing, closing_yaw=arm.closing_yaw, rng=rng)
    for segment in plan_segments(
        start,
        start_turn=start_turn,
        grasp=grasp,
        destination=scene.layout.destination,
        rng=rng,
        failure=failure,
    ):
        recorder.play(segment)
    return _judge(
        seed, scene=scene, frames=tuple(recorder.frames), grasped=grasped, failure=failure
    )


class _Recorder:
    """Steps the physics and keeps a state per frame."""

    def __init__(self, scene: Scene, *, data: Any, arm: Arm) -> None:
        self._mujoco: Any = load_mujoco()
        self._scene = scene
        self._model: Any = scene.model
        self._data: Any = data
        self._arm = arm
        self._steps = 0
        self.frames: list[FrameState] = []
        self._bodies = [
            int(self._model.body(f"object{i}").id) for i in range(len(scene.layout.objects))
        ]
        self._driver = int(self._model.jnt_qposadr[self._model.joint("right_driver_joint").id])

    def object_positions(self) -> NDArray[np.float64]:
        """Centres of mass, (num_objects, 3)."""
        return np.array([self._data.xipos[body] for body in self._bodies])

    def object_yaw(self, index: int) -> float:
        """Turn about the vertical, radians."""
        matrix = np.array(self._data.xmat[self._bodies[index]]).reshape(3, 3)
        return math.atan2(matrix[1, 0], matrix[0, 0])

    def play(self, segment: Segment) -> None:
        """Step through one segment."""
        num_commands = round(segment.seconds / (TIMESTEP_SECONDS * STEPS_PER_COMMAND))
        for index in range(num_commands):
            wanted = target_at(segment, seconds=index * TIMESTEP_SECONDS * STEPS_PER_COMMAND)
            self._arm.command(wanted.position, turn=wanted.turn, gripper=wanted.gripper)
            if self._steps % STEPS_PER_FRAME == 0:
                command = np.array([*wanted.position, wanted.turn, wanted.gripper / 255.0])
                self._record(segment.phase, command)
            self._mujoco.mj_step(self._model, self._data, STEPS_PER_COMMAND)
            self._steps += STEPS_PER_COMMAND

    def _record(self, phase: Phase, command: NDArray[np.float64]) -> None:
        grip = self._grip()
        site = self._model.site("pinch").id
        self.frames.append(
            FrameState(
                frame=len(self.frames),
                phase=phase,
                positions=np.array(self._data.qpos),
                tool=self._arm.tool_position(),
                tool_rotation=np.array(self._data.site_xmat[site]).reshape(3, 3),
                command=command,
                touching=grip.touching,
                finger_points=grip.points,
                object_positions=self.object_positions(),
                gripper_closed_fraction=float(
                    np.clip(self._data.qpos[self._driver] / 0.8, 0.0, 1.0)
                ),
            )
        )

    def _grip(self) -> _Grip:
        """The object both fingers touch, and where."""
        num_contacts = int(self._data.ncon)
        pairs = np.asarray(self._data.contact.geom)[:num_contacts]
        places = np.asarray(self._data.contact.pos)[:num_contacts]
        for index, geoms in enumerate(self._scene.object_geoms):
            points: list[NDArray[np.float64]] = []
            for pads in self._scene.finger_geoms:
                touches = np.isin(pairs, geoms).any(axis=1) & np.isin(pairs, pads).any(axis=1)
                if touches.any():
                    points.append(places[touches].mean(axis=0))
            if len(points) == 2:
                return _Grip(index, np.array(points))
        return _Grip(None, None)


def _judge(
    seed: int,
    *,
    scene: Scene,
    frames: tuple[FrameState, ...],
    grasped: int,
    failure: Failure | None,
) -> Episode:
    """Find contact and release, and whether the named object arrived."""
    touched = [state.frame for state in frames if state.touching == grasped]
    contact = touched[0] if touched else None
    release = None
    if contact is not None:
        later = [s.frame for s in frames if s.frame > touched[-1]]
        release = later[0] if later else None
    layout = scene.layout
    last = frames[-1].object_positions
    goal = np.array([layout.destination.x, layout.destination.y])
    radius = layout.destination.kind.inner_radius * layout.destination.scale

    def arrived(index: int) -> bool:
        away = float(np.linalg.norm(last[index][:2] - goal))
        return away <= radius and float(last[index][2]) < 0.12

    success = arrived(layout.target)
    return Episode(
        seed=seed,
        scene=scene,
        frames=frames,
        grasped=grasped,
        contact_frame=contact,
        release_frame=release,
        success=success,
        planned_failure=failure,
        cause=None
        if success
        else _cause(
            frames,
            grasped=grasped,
            target=layout.target,
            contact=contact,
            placed=arrived(grasped),
        ),
    )


def _cause(
    frames: tuple[FrameState, ...],
    *,
    grasped: int,
    target: int,
    contact: int | None,
    placed: bool,
) -> str:
    """Why the named object is not where it should be, told from what was seen."""
    if grasped != target and placed:
        return "wrong_object"
    if contact is None:
        return "missed_grasp"
    held = any(s.touching == grasped and s.phase in ("lift", "transport", "lower") for s in frames)
    if not held:
        return "missed_grasp"
    released_early = not any(s.touching == grasped and s.phase == "lower" for s in frames)
    return "drop" if released_early else "misplaced"

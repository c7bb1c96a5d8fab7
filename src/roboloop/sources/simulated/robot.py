"""The arm: inverse kinematics by damped least squares, joint servos, gripper command.

The target of the tool centre point (between the finger pads) is a place and a turn about the
vertical; the gripper always points down.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roboloop.sources.simulated.render import load_mujoco
from roboloop.sources.simulated.scene import TCP_SITE, Scene

HOME = (0.0, 0.195, 0.0, -2.43, 0.0, 2.62, 0.785)
NUM_JOINTS = 7
GRIPPER_OPEN, GRIPPER_CLOSED = 0.0, 255.0
DAMPING = 0.03
POSTURE_GAIN = 0.05
MAX_JOINT_STEP = 0.05


class Arm:
    """Follows a tool target in a scene.

    Args:
        scene: The compiled scene.
        data: The mujoco.MjData whose controls are set.
    """

    def __init__(self, scene: Scene, *, data: Any) -> None:
        mujoco = load_mujoco()
        self._mujoco = mujoco
        self._model: Any = scene.model
        self._data: Any = data
        self._site = int(self._model.site(TCP_SITE).id)
        self._plan: Any = mujoco.MjData(self._model)
        home = np.array(HOME)
        self._plan.qpos[:NUM_JOINTS] = home
        mujoco.mj_kinematics(self._model, self._plan)
        self._down = self._rotation()
        self.closing_yaw = math.atan2(self._down[1, 1], self._down[0, 1])
        """Direction in the room in which the fingers close at turn 0, radians."""
        self.joints: NDArray[np.float64] = home

    def _rotation(self) -> NDArray[np.float64]:
        return np.array(self._plan.site_xmat[self._site]).reshape(3, 3)

    def solve(
        self, position: NDArray[np.float64], *, turn: float, num_iterations: int
    ) -> NDArray[np.float64]:
        """Move the planned joints towards a tool target; gives the joints, radians (7,).

        One damped least-squares step is dq = J^T (J J^T + d^2 I)^-1 e, with a pull towards the
        home posture in the null space (Nakamura and Hanafusa, 1986).
        """
        mujoco, model, plan = self._mujoco, self._model, self._plan
        cosine, sine = math.cos(turn), math.sin(turn)
        about = np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])
        wanted = about @ self._down
        linear = np.zeros((3, model.nv))
        angular = np.zeros((3, model.nv))
        for _ in range(num_iterations):
            plan.qpos[:NUM_JOINTS] = self.joints
            mujoco.mj_kinematics(model, plan)
            mujoco.mj_comPos(model, plan)
            mujoco.mj_jacSite(model, plan, linear, angular, self._site)
            jacobian = np.concatenate([linear[:, :NUM_JOINTS], angular[:, :NUM_JOINTS]])
            error = np.concatenate(
                [position - plan.site_xpos[self._site], _rotation_error(self._rotation(), wanted)]
            )
            square = jacobian @ jacobian.T + DAMPING**2 * np.eye(6)
            step = jacobian.T @ np.linalg.solve(square, error)
            posture = POSTURE_GAIN * (np.array(HOME) - self.joints)
            posture[6] = 0.0
            step += posture - jacobian.T @ np.linalg.solve(square, jacobian @ posture)
            self.joints = self.joints + np.clip(step, -MAX_JOINT_STEP, MAX_JOINT_STEP)
        return self.joints

    def place(self, position: NDArray[np.float64], *, turn: float) -> None:
        """Put the real arm at a tool target at once: used before an episode starts."""
        joints = self.solve(position, turn=turn, num_iterations=150)
        self._data.qpos[:NUM_JOINTS] = joints
        self._data.ctrl[:NUM_JOINTS] = joints
        self._data.ctrl[NUM_JOINTS] = GRIPPER_OPEN

    def command(self, position: NDArray[np.float64], *, turn: float, gripper: float) -> None:
        """Set the controls for a tool target and a gripper opening (0 open, 255 closed)."""
        self._data.ctrl[:NUM_JOINTS] = self.solve(position, turn=turn, num_iterations=1)
        self._data.ctrl[NUM_JOINTS] = gripper

    def tool_position(self) -> NDArray[np.float64]:
        """Where the tool centre point really is, metres (3,)."""
        return np.array(self._data.site_xpos[self._site])


def _rotation_error(
    current: NDArray[np.float64], wanted: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Small-angle vector that turns `current` to `wanted`: half the sum of the axes' crosses."""
    crossed = np.cross(current.T, wanted.T)
    return 0.5 * np.asarray(crossed.sum(axis=0))


def nearest_turn(angle: float, *, period: float) -> float:
    """The angle equal to `angle` modulo `period` that is nearest to 0."""
    return angle - period * round(angle / period)

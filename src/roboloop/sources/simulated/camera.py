"""Pinhole cameras: where they stand, and how a point of the room lands in the picture.

The camera frame is OpenCV's: x to the right, y down, z forwards. MuJoCo's own (x right, y up,
looking along -z) is turned into it in one place, `Camera.mujoco_quaternion`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from roboloop.sources.simulated.objects import Quaternion, Vector


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera without distortion.

    Attributes:
        name: View name, such as `exterior_1`.
        rotation: World to camera, 3 x 3.
        position: Optical centre in the room, metres.
        fovy_degrees: Vertical angle of view.
        width, height: Picture size in pixels.
    """

    name: str
    rotation: NDArray[np.float64]
    position: NDArray[np.float64]
    fovy_degrees: float
    width: int = 320
    height: int = 180

    @property
    def focal_px(self) -> float:
        """Focal length in pixels, the same for x and y."""
        return 0.5 * self.height / math.tan(math.radians(0.5 * self.fovy_degrees))

    @property
    def intrinsic(self) -> NDArray[np.float64]:
        """K, 3 x 3; the principal point is the middle of the picture."""
        focal = self.focal_px
        return np.array(
            [[focal, 0.0, 0.5 * self.width], [0.0, focal, 0.5 * self.height], [0.0, 0.0, 1.0]]
        )

    @property
    def extrinsic(self) -> NDArray[np.float64]:
        """World to camera, 4 x 4."""
        matrix = np.eye(4)
        matrix[:3, :3] = self.rotation
        matrix[:3, 3] = -self.rotation @ self.position
        return matrix

    @property
    def projection(self) -> NDArray[np.float64]:
        """K [R | t], 3 x 4: homogeneous room coordinates to homogeneous pixels."""
        return self.intrinsic @ self.extrinsic[:3]

    def depth(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Distance along the optical axis of room points (N, 3), metres."""
        return (points - self.position) @ self.rotation[2]

    def project(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Room points (N, 3) in metres to pixels (N, 2); points must lie before the camera."""
        seen = (np.atleast_2d(points) - self.position) @ self.rotation.T
        middle = np.array([0.5 * self.width, 0.5 * self.height])
        return seen[:, :2] / seen[:, 2:] * self.focal_px + middle

    def table_points(self, pixels: NDArray[np.float64], *, height: float) -> NDArray[np.float64]:
        """Where the rays of pixels (N, 2) meet the horizontal plane at `height`: (N, 3)."""
        middle = np.array([0.5 * self.width, 0.5 * self.height])
        rays = np.column_stack([(pixels - middle) / self.focal_px, np.ones(len(pixels))])
        rays = rays @ self.rotation
        reach = (height - self.position[2]) / rays[:, 2]
        return self.position + rays * reach[:, None]

    def mujoco_quaternion(self) -> Quaternion:
        """Orientation for MuJoCo: camera to world with y up and the view along -z."""
        columns = (self.rotation * np.array([[1.0], [-1.0], [-1.0]])).T
        return quaternion_of(columns)


def quaternion_of(rotation: NDArray[np.float64]) -> Quaternion:
    """Quaternion w, x, y, z of a rotation matrix (largest-component method, stable anywhere)."""
    m = rotation
    candidates = np.array(
        [
            1 + m[0, 0] + m[1, 1] + m[2, 2],
            1 + m[0, 0] - m[1, 1] - m[2, 2],
            1 - m[0, 0] + m[1, 1] - m[2, 2],
            1 - m[0, 0] - m[1, 1] + m[2, 2],
        ]
    )
    best = int(np.argmax(candidates))
    whole = np.array(
        [
            [candidates[0], m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]],
            [m[2, 1] - m[1, 2], candidates[1], m[0, 1] + m[1, 0], m[0, 2] + m[2, 0]],
            [m[0, 2] - m[2, 0], m[0, 1] + m[1, 0], candidates[2], m[1, 2] + m[2, 1]],
            [m[1, 0] - m[0, 1], m[0, 2] + m[2, 0], m[1, 2] + m[2, 1], candidates[3]],
        ]
    )[best]
    w, x, y, z = whole / np.linalg.norm(whole)
    return (float(w), float(x), float(y), float(z))


def look_at(
    name: str,
    *,
    position: NDArray[np.float64],
    target: NDArray[np.float64],
    fovy_degrees: float,
    roll: float = 0.0,
    width: int = 320,
    height: int = 180,
) -> Camera:
    """A camera at `position` whose optical axis goes through `target`; roll in radians."""
    forward = (target - position) / np.linalg.norm(target - position)
    right = np.cross(forward, np.array([0.0, 0.0, 1.0]))
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    turned_right = math.cos(roll) * right + math.sin(roll) * down
    turned_down = math.cos(roll) * down - math.sin(roll) * right
    rotation = np.stack([turned_right, turned_down, forward])
    return Camera(name, rotation, position, fovy_degrees, width, height)


def around(
    target: Vector, *, azimuth: float, elevation: float, distance: float
) -> NDArray[np.float64]:
    """The point at `distance` metres from `target`; angles in radians, azimuth 0 along +x."""
    flat = distance * math.cos(elevation)
    offset = (flat * math.cos(azimuth), flat * math.sin(azimuth), distance * math.sin(elevation))
    return np.array(target) + np.array(offset)

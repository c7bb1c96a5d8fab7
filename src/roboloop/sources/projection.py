"""Poses of robots and cameras, and where a point of the room lands in a picture.

Metres and radians; the camera's axes point right, down and forwards (OpenCV).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

NEAREST_METRES = 0.01
"""Points nearer to the camera's plane than this, or behind it, land nowhere."""


def rotation_of_euler(angles: Array) -> Array:
    """Rotation matrix (3, 3) of turns about the fixed axes x, then y, then z (`xyz` of SciPy)."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles), np.sin(angles)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def euler_of_rotation(rotation: Array) -> Array:
    """The inverse of `rotation_of_euler`; the turn about y lies between -pi/2 and pi/2."""
    return np.array(
        [
            np.arctan2(rotation[2, 1], rotation[2, 2]),
            np.arcsin(np.clip(-rotation[2, 0], -1.0, 1.0)),
            np.arctan2(rotation[1, 0], rotation[0, 0]),
        ]
    )


def rotation_of_vector(vector: Array) -> Array:
    """Rotation matrix (3, 3) of an axis times its angle (Rodrigues)."""
    angle = float(np.linalg.norm(vector))
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)


def pose_matrix(pose: Array) -> Array:
    """4 x 4 of a place and three Euler angles (6,): from the posed thing's frame to the outer."""
    matrix = np.eye(4)
    matrix[:3, :3] = rotation_of_euler(pose[3:6])
    matrix[:3, 3] = pose[:3]
    return matrix


def in_camera(points: Array, *, camera_pose: Array) -> Array:
    """Points (N, 3) of the room in the frame of a camera that stands there with a pose (4, 4)."""
    return (points - camera_pose[:3, 3]) @ camera_pose[:3, :3]


def project(points: Array, *, intrinsic: Array) -> Array:
    """Points (N, 3) in the camera's frame to pixels (N, 2); NaN where they lie behind it."""
    depth = points[:, 2:]
    with np.errstate(divide="ignore", invalid="ignore"):
        pixels = (points @ intrinsic[:3, :3].T)[:, :2] / depth
    return np.where(depth > NEAREST_METRES, pixels, np.nan)


def fits_picture(intrinsic: Array, *, width: int, height: int) -> bool:
    """Whether the optical axis meets the middle third of the picture: else K is of another size."""
    x, y = float(intrinsic[0, 2]), float(intrinsic[1, 2])
    return width / 3 < x < 2 * width / 3 and height / 3 < y < 2 * height / 3

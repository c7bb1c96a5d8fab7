"""Measures between two paths in a picture, in the unit of their points (pixels, mostly)."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import numpy as np
from numpy.typing import NDArray

from roboloop.base.geometry import Point

Path = Sequence[Point]
"""One point or more, in the order of time."""


def path_length(path: Path) -> float:
    """Sum of the distances between neighbours."""
    steps = np.diff(_array(path), axis=0)
    return float(np.hypot(steps[:, 0], steps[:, 1]).sum())


def resample_path(path: Path, *, num_points: int) -> tuple[Point, ...]:
    """`num_points` points spread evenly over the path's length, first and last kept.

    A path that never moves gives its first point over and over.
    """
    points = _array(path)
    steps = np.diff(points, axis=0)
    walked = np.concatenate(([0.0], np.cumsum(np.hypot(steps[:, 0], steps[:, 1]))))
    wanted = np.linspace(0.0, walked[-1], num_points)
    x = np.interp(wanted, walked, points[:, 0])
    y = np.interp(wanted, walked, points[:, 1])
    return tuple(Point(float(a), float(b)) for a, b in zip(x, y, strict=True))


def dtw_total(first: Path, *, second: Path) -> float:
    """Dynamic time warping, the plain sum of the distances of aligned points.

    This is the number RoboInter reports. It grows with the number of points and the picture.
    """
    return _warp(_distances(first, second), diagonal_weight=1.0)


def dtw_mean(first: Path, *, second: Path) -> float:
    """Dynamic time warping as a mean distance: independent of the number of points.

    Symmetric form of Sakoe and Chiba (1978): a step along both paths counts twice, so the weights
    of any alignment of n and m points sum to n + m. Never above the largest distance of two points.
    """
    distances = _distances(first, second)
    return _warp(distances, diagonal_weight=2.0) / sum(distances.shape)


def discrete_frechet(first: Path, *, second: Path) -> float:
    """The longest leash needed when both walk forward point by point (Eiter and Mannila, 1994)."""
    above = [-inf] + [inf] * len(second)
    for row in _distances(first, second).tolist():
        reach = [inf]
        for column, here in enumerate(row):
            reach.append(max(here, min(above[column + 1], reach[column], above[column])))
        above = reach
    return above[-1]


def hausdorff(first: Path, *, second: Path) -> float:
    """The largest distance from a point of one path to the nearest point of the other."""
    distances = _distances(first, second)
    return float(max(distances.min(axis=0).max(), distances.min(axis=1).max()))


def aligned_distances(first: Path, *, second: Path, num_points: int) -> NDArray[np.float64]:
    """Distances, in shape (num_points,), at equal shares of each path's length."""
    ours = _array(resample_path(first, num_points=num_points))
    theirs = _array(resample_path(second, num_points=num_points))
    return np.hypot(*(ours - theirs).T)


def _warp(distances: NDArray[np.float64], *, diagonal_weight: float) -> float:
    # Python's own numbers: numpy's are several times slower one at a time.
    above = [0.0] + [inf] * distances.shape[1]
    for row in distances.tolist():
        total = [inf]
        for column, here in enumerate(row):
            beside = min(above[column + 1], total[column]) + here
            total.append(min(beside, above[column] + diagonal_weight * here))
        above = total
    return above[-1]


def _distances(first: Path, second: Path) -> NDArray[np.float64]:
    """Distance of every pair, in shape (points of first, points of second)."""
    gaps = _array(first)[:, None] - _array(second)[None]
    return np.hypot(gaps[..., 0], gaps[..., 1])


def _array(path: Path) -> NDArray[np.float64]:
    assert path, "a path has at least one point"
    return np.asarray(path, dtype=np.float64).reshape(-1, 2)

"""Where on the table something could be put down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from roboloop.sources.simulated.camera import Camera

STRIDE = 4
"""The mask has one cell per 4 x 4 pixels."""
CLEARANCE_METRES = 0.05
REACH_X = (0.28, 0.75)
REACH_Y = (-0.38, 0.38)


class Footprint(NamedTuple):
    """A circle on the table that is taken, metres."""

    x: float
    y: float
    radius: float


def free_space_mask(
    table: NDArray[np.bool_], *, camera: Camera, taken: Sequence[Footprint]
) -> NDArray[np.bool_]:
    """Cells that show bare table within reach, at least 5 cm from anything.

    Args:
        table: (H, W) pixels that show the table top.
        camera: The view.
        taken: What stands on the table.

    Returns:
        (H / 4, W / 4) bool; cell (r, c) stands for the pixel at ((c + 0.5) * 4, (r + 0.5) * 4).
    """
    rows, columns = table.shape[0] // STRIDE, table.shape[1] // STRIDE
    y, x = np.mgrid[0:rows, 0:columns]
    pixels = np.stack([(x.ravel() + 0.5) * STRIDE, (y.ravel() + 0.5) * STRIDE], axis=1)
    seen = table[pixels[:, 1].astype(int), pixels[:, 0].astype(int)]
    places = camera.table_points(pixels, height=0.0)
    free = seen & (places[:, 0] > REACH_X[0]) & (places[:, 0] < REACH_X[1])
    free &= (places[:, 1] > REACH_Y[0]) & (places[:, 1] < REACH_Y[1])
    for circle in taken:
        away = np.hypot(places[:, 0] - circle.x, places[:, 1] - circle.y)
        free &= away > circle.radius + CLEARANCE_METRES
    return free.reshape(rows, columns)

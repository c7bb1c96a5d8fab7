"""Left, right, front and behind, from the place of the viewer, on the table's plane."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from roboloop.sources.simulated.camera import Camera
from roboloop.sources.simulated.truth import Relation, RelationTruth

MIN_APART_METRES = 0.05
CLEARER_THAN_OTHER = 1.3
"""How much larger the named direction must be than the one across it."""


def find_relations(
    names: Sequence[str], *, positions: NDArray[np.float64], camera: Camera
) -> tuple[RelationTruth, ...]:
    """Every pair with a clear relation, both ways round.

    Args:
        names: Names of the things.
        positions: Their middles in the room, metres (N, 3).
        camera: The viewer. Its optical axis, laid flat, points "behind".
    """
    ahead = camera.rotation[2, :2] / np.linalg.norm(camera.rotation[2, :2])
    right = np.array([ahead[1], -ahead[0]])
    found: list[RelationTruth] = []
    for i, subject in enumerate(names):
        for j, reference in enumerate(names):
            if i == j:
                continue
            offset = positions[i, :2] - positions[j, :2]
            relation = _relation(float(offset @ right), away=float(offset @ ahead))
            if relation is not None:
                found.append(RelationTruth(subject, relation, reference))
    return tuple(found)


def _relation(aside: float, *, away: float) -> Relation | None:
    """Name an offset: `aside` metres to the right, `away` metres away from the viewer."""
    if abs(aside) >= MIN_APART_METRES and abs(aside) > CLEARER_THAN_OTHER * abs(away):
        return "right" if aside > 0 else "left"
    if abs(away) >= MIN_APART_METRES and abs(away) > CLEARER_THAN_OTHER * abs(aside):
        return "behind" if away > 0 else "front"
    return None

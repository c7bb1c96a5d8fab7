"""A worse answer beside the true one: the place of another object in the same picture."""

from __future__ import annotations

import numpy as np

from roboloop.base.geometry import box_iou
from roboloop.records.answers import Answer, Box, YesNo
from roboloop.sources.simulated.questions import Sight, is_asked_for

MAX_IOU = 0.2
"""A box that overlaps the true one more is not clearly wrong."""


def worse_answer(truth: Answer, *, sight: Sight, rng: np.random.Generator) -> Answer | None:
    """An answer that is wrong for certain; None where the picture offers none.

    Args:
        truth: A box, or yes or no; other answers get none.
        sight: The picture.
        rng: Draws among the objects.
    """
    if isinstance(truth, YesNo):
        return YesNo(not truth.value)
    if not isinstance(truth, Box):
        return None
    others = [
        Box(*thing.box_px)
        for thing in sight.truth.objects
        if thing.box_px is not None
        and is_asked_for(thing)
        and box_iou(thing.box_px, second_px=truth.corners_px) <= MAX_IOU
    ]
    return others[int(rng.integers(len(others)))] if others else None

"""Questions about a box in the picture: the corners are inputs, so every dialect can write them."""

from __future__ import annotations

from collections.abc import Mapping

from roboloop.base.geometry import Point
from roboloop.records.answers import Box, Points
from roboloop.records.record import InputValue


def region_inputs(box: Box, *, about: str) -> Mapping[str, InputValue]:
    """The inputs of a `vqa` record that asks `about` the inside of a box."""
    return {
        "about": about,
        "top_left": Points((Point(box.x1, box.y1),)),
        "bottom_right": Points((Point(box.x2, box.y2),)),
    }

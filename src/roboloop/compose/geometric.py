"""Relations that follow from two boxes alone, in the plane of the picture.

`a left of b` when a ends before b begins, part of a is level with part of b, and the way between
their middles is clearly more sideways than up or down; likewise `above`. Depth is not looked at:
nothing is said of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from roboloop.base.geometry import BoxPx

CLEARER_THAN_OTHER = 1.5
"""How much longer the way along the named direction must be than the one across it."""

OPPOSITE: Mapping[str, str] = MappingProxyType(
    {
        "left of": "right of",
        "right of": "left of",
        "above": "below",
        "below": "above",
        "in front of": "behind",
        "behind": "in front of",
    }
)
"""Predicate -> what holds the other way round, and never the same way round."""

TOUCHING = frozenset(
    {"carries", "carrying", "has", "have", "holding", "holds", "in", "inside", "inside of", "on",
     "on top of", "parked on", "riding", "sitting in", "sitting on", "standing on", "wearing",
     "wears", "with"}
)  # fmt: skip
"""Predicates of things that touch: their boxes meet, or the annotation means another thing."""
SLACK = 0.25
"""How far apart boxes of things that touch may be drawn, in lengths of their longest side."""


def geometric_predicate(subject_px: BoxPx, *, other_px: BoxPx) -> str | None:
    """How the first box stands to the second: left of, right of, above, below, or not clear."""
    ax1, ay1, ax2, ay2 = subject_px
    bx1, by1, bx2, by2 = other_px
    aside = (ax1 + ax2 - bx1 - bx2) / 2
    down = (ay1 + ay2 - by1 - by2) / 2
    is_level, is_in_line = ay1 < by2 and by1 < ay2, ax1 < bx2 and bx1 < ax2
    if is_level and abs(aside) > CLEARER_THAN_OTHER * abs(down):
        if ax2 <= bx1:
            return "left of"
        if bx2 <= ax1:
            return "right of"
    if is_in_line and abs(down) > CLEARER_THAN_OTHER * abs(aside):
        if ay2 <= by1:
            return "above"
        if by2 <= ay1:
            return "below"
    return None


def are_apart(first_px: BoxPx, *, second_px: BoxPx) -> bool:
    """Whether two boxes are further apart than `SLACK`, so that their things cannot touch."""
    ax1, ay1, ax2, ay2 = first_px
    bx1, by1, bx2, by2 = second_px
    gap = max(bx1 - ax2, ax1 - bx2, by1 - ay2, ay1 - by2, 0.0)
    return gap > SLACK * max(ax2 - ax1, ay2 - ay1, bx2 - bx1, by2 - by1)

"""Relations that follow from two boxes alone, in the plane of the picture.

`a left of b` when a ends before b begins and the way between their middles is clearly more
sideways than up or down; likewise `above`. Depth is not looked at: nothing is said of it.
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


def geometric_predicate(subject_px: BoxPx, *, other_px: BoxPx) -> str | None:
    """How the first box stands to the second: left of, right of, above, below, or not clear."""
    ax1, ay1, ax2, ay2 = subject_px
    bx1, by1, bx2, by2 = other_px
    aside = (ax1 + ax2 - bx1 - bx2) / 2
    down = (ay1 + ay2 - by1 - by2) / 2
    if abs(aside) > CLEARER_THAN_OTHER * abs(down):
        if ax2 <= bx1:
            return "left of"
        if bx2 <= ax1:
            return "right of"
    if abs(down) > CLEARER_THAN_OTHER * abs(aside):
        if ay2 <= by1:
            return "above"
        if by2 <= ay1:
            return "below"
    return None

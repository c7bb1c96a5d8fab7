"""RefSpatial-Bench, part location: point at the object a sentence refers to."""

from __future__ import annotations

from roboloop.evaluate.benchmarks.base import Anchor
from roboloop.evaluate.benchmarks.refspatial import RE_RUN, RefSpatial
from roboloop.evaluate.benchmarks.robobrain import robobrain_anchors


class RefSpatialLocation(RefSpatial):
    """RefSpatial-Bench, location: 100 questions."""

    kind = "refspatial_location"
    title = "RefSpatial-Bench, location"
    part = "location"
    num_items = 100
    anchors = (
        *robobrain_anchors("refspatial_location"),
        Anchor("RoboRefer-2B-SFT", 51.0, RE_RUN),
    )

"""RefSpatial-Bench, part placement: point at the free space a sentence refers to."""

from __future__ import annotations

from roboloop.evaluate.benchmarks.base import Anchor
from roboloop.evaluate.benchmarks.refspatial import RE_RUN, RefSpatial
from roboloop.evaluate.benchmarks.robobrain import robobrain_anchors


class RefSpatialPlacement(RefSpatial):
    """RefSpatial-Bench, placement: 100 questions."""

    kind = "refspatial_placement"
    title = "RefSpatial-Bench, placement"
    part = "placement"
    num_items = 100
    anchors = (
        *robobrain_anchors("refspatial_placement"),
        Anchor("RoboRefer-2B-SFT", 49.0, RE_RUN),
    )

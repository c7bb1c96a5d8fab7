"""RefSpatial-Bench, part unseen: point at relations that its training data lack."""

from __future__ import annotations

from roboloop.evaluate.benchmarks.base import Anchor
from roboloop.evaluate.benchmarks.refspatial import RE_RUN, RefSpatial


class RefSpatialUnseen(RefSpatial):
    """RefSpatial-Bench, unseen: 77 questions."""

    kind = "refspatial_unseen"
    title = "RefSpatial-Bench, unseen"
    part = "unseen"
    num_items = 77
    anchors = (Anchor("RoboRefer-2B-SFT", 39.0, RE_RUN),)

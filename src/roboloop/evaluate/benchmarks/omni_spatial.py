"""OmniSpatial as FlagEvalMM reads it: `data.json` and one zip for each task at the hub's root.

That layout is older than the archives `OmniSpatial-test.zip` and `OmniSpatial-train.zip` of today's
hub, which is why tables that were made with FlagEvalMM have two rows for it. The items are the
same; so are their number and anchors. Only files of the old layout are read here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from roboloop.evaluate.benchmarks.base import AUTHOR, Prompt
from roboloop.evaluate.benchmarks.omni_spatial_test import OmniSpatialTest


class OmniSpatial(OmniSpatialTest):
    """OmniSpatial in the layout of its first release, asked as FlagEvalMM asks."""

    kind = "omni_spatial"
    title = "OmniSpatial (first layout)"
    hub = ("qizekun/OmniSpatial",)
    prompts: ClassVar[Mapping[str, Prompt]] = {
        **OmniSpatialTest.prompts,
        AUTHOR: OmniSpatialTest.prompts["flagevalmm"],
        "reasoned": OmniSpatialTest.prompts[AUTHOR],
    }
    archive = "*_*.zip"

"""Benchmarks, one file each. `BENCHMARKS` is the whole table; nothing is imported before use.

Files that are no benchmark hold what several share: `choice`, `areas`, `texts`, `captions`.
"""

from __future__ import annotations

from functools import cache

from roboloop.base.table import Table
from roboloop.evaluate.benchmarks.base import Benchmark

_HERE = "roboloop.evaluate.benchmarks"

BENCHMARKS = Table(
    "benchmarks",
    rows={
        # Embodied: the 17 of the RoboBrain final.
        "all_angles": f"{_HERE}.all_angles:AllAngles",
        "blink": f"{_HERE}.blink:Blink",
        "cvbench": f"{_HERE}.cvbench:CVBench",
        "egoplan": f"{_HERE}.egoplan:EgoPlan",
        "embspatial": f"{_HERE}.embspatial:EmbSpatial",
        "erqa": f"{_HERE}.erqa:Erqa",
        "mmsi": f"{_HERE}.mmsi:Mmsi",
        "omni_spatial": f"{_HERE}.omni_spatial:OmniSpatial",
        "omni_spatial_test": f"{_HERE}.omni_spatial_test:OmniSpatialTest",
        "realworldqa": f"{_HERE}.realworldqa:RealWorldQa",
        "refspatial_location": f"{_HERE}.refspatial_location:RefSpatialLocation",
        "refspatial_placement": f"{_HERE}.refspatial_placement:RefSpatialPlacement",
        "refspatial_unseen": f"{_HERE}.refspatial_unseen:RefSpatialUnseen",
        "robo_spatial": f"{_HERE}.robo_spatial:RoboSpatial",
        "sat": f"{_HERE}.sat:Sat",
        "vsibench": f"{_HERE}.vsibench:VsiBench",
        "where2place": f"{_HERE}.where2place:Where2Place",
        # General: what a model must not forget.
        "coco_caption": f"{_HERE}.coco_caption:CocoCaption",
        "mmvet": f"{_HERE}.mmvet:MMVet",
        "ocrbench": f"{_HERE}.ocrbench:OcrBench",
        "pope": f"{_HERE}.pope:Pope",
        "refcoco": f"{_HERE}.refcoco:RefCoco",
        "refcoco_g": f"{_HERE}.refcoco:RefCocoG",
        "refcoco_plus": f"{_HERE}.refcoco:RefCocoPlus",
        "textvqa": f"{_HERE}.textvqa:TextVqa",
    },
)

ALIASES = {
    "refspatial_planning": "refspatial_placement",
    "refspatial_planing": "refspatial_placement",
    "omini_spatial": "omni_spatial",
    "omini_spatial_test": "omni_spatial_test",
}
"""Other spellings in the field's tables."""


@cache
def load_benchmark(kind: str) -> Benchmark:
    """The benchmark of this name or alias.

    Raises:
        RoboLoopError: E-CFG-006 for an unknown name, with the nearest known one.
    """
    return BENCHMARKS.resolve(ALIASES.get(kind, kind))()


__all__ = ["ALIASES", "BENCHMARKS", "Benchmark", "load_benchmark"]

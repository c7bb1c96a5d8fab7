"""The tables of the RoboBrain 2.0 report (arXiv 2507.02029), measured by FlagEvalMM.

They are published beside the models as the field's reference for embodied benchmarks. Its BLINK
column is the mean of two tasks and its RefSpatial column leaves the unseen part out.
"""

from __future__ import annotations

from roboloop.evaluate.benchmarks.base import Anchor

ORIGIN = "RoboBrain 2.0 report (FlagEvalMM)"
MODELS = (
    "Gemini-2.5-Pro", "Gemini-2.5-Flash", "o4-mini", "GPT-4o-1120", "Claude-Sonnet-4",
    "Qwen2.5-VL-32B", "Qwen2.5-VL-72B", "RoboBrain2.0-3B", "RoboBrain2.0-7B", "RoboBrain2.0-32B",
)  # fmt: skip
COLUMNS: dict[str, tuple[float, ...]] = {
    "cvbench": (84.6, 84.0, 85.2, 78.6, 78.4, 81.6, 82.7, 86.5, 85.8, 83.9),
    "embspatial": (78.7, 74.8, 78.3, 71.9, 64.3, 74.5, 73.3, 75.4, 76.3, 78.6),
    "robo_spatial": (59.9, 54.1, 51.3, 44.4, 51.3, 52.2, 48.3, 64.5, 54.2, 72.4),
    "refspatial_location": (44.6, 37.5, 15.0, 8.0, 5.0, 16.8, 23.5, 47.0, 36.0, 54.0),
    "refspatial_placement": (31.7, 23.0, 19.6, 9.6, 10.4, 10.6, 15.8, 46.0, 29.0, 54.0),
    "sat": (79.3, 74.0, 82.0, 66.7, 75.3, 80.0, 58.7, 79.3, 75.3, 86.7),
    "vsibench": (47.8, 48.8, 42.0, 43.6, 47.0, 36.1, 35.5, 28.8, 36.1, 42.7),
    "where2place": (42.4, 28.6, 26.6, 20.4, 25.6, 22.5, 39.9, 64.2, 63.6, 73.6),
    "where2place seen": (42.9, 31.5, 26.6, 20.3, 21.6, 18.2, 35.7, 66.3, 64.3, 74.0),
    "where2place unseen": (41.1, 21.7, 26.5, 20.7, 35.1, 32.6, 49.7, 59.3, 61.9, 72.7),
    "egoplan": (42.9, 37.1, 41.1, 41.8, 41.3, 56.3, 53.8, 41.8, 33.2, 57.2),
    "blink Relative_Depth": (79.0, 77.4, 79.0, 72.6, 75.8, 77.4, 74.2, 86.3, 84.7, 79.8),
    "blink Spatial_Relation": (84.6, 79.0, 88.1, 83.2, 80.4, 85.3, 78.3, 79.1, 83.2, 87.4),
}


def robobrain_anchors(benchmark: str, *, part: str = "") -> tuple[Anchor, ...]:
    """Every model's published value on a benchmark, or on one of its parts."""
    column = COLUMNS[f"{benchmark} {part}".strip()]
    return tuple(
        Anchor(model, value, ORIGIN, part) for model, value in zip(MODELS, column, strict=True)
    )

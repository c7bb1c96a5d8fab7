"""What RoboInter's paper says of general benchmarks (arXiv 2602.09973, table 2; VLMEvalKit).

The table comes along for `roboloop compare robointer_table2`. Its column of COCO captions names no
metric, so it is no anchor; its columns of RefCOCO are of the validation split.
"""

from __future__ import annotations

from functools import cache

from roboloop.evaluate.benchmarks.base import Anchor
from roboloop.evaluate.compare.recorded import RecordedTable, load_table, shipped_tables

ORIGIN = "RoboInter paper, table 2 (VLMEvalKit)"


def robointer_anchors(row: str, *, part: str = "", scale: float = 1.0) -> tuple[Anchor, ...]:
    """Every model's published value in a row of the table, times `scale` in percent."""
    table = _table()
    return tuple(
        Anchor(model.replace("QwenVL2.5", "Qwen2.5-VL"), round(value * scale, 9), ORIGIN, part)
        for model, value in zip(table.models, table.rows[row].values, strict=True)
        if value is not None
    )


@cache
def _table() -> RecordedTable:
    return load_table(shipped_tables()["robointer_table2"])

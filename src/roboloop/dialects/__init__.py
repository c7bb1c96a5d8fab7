"""Model conventions, one file each. `DIALECTS` is the whole table."""

from __future__ import annotations

from typing import Any

from roboloop.base.errors import RoboLoopError
from roboloop.base.table import Table
from roboloop.dialects.base import BoxesRead, Dialect, PointsRead, ReadStatus

DIALECTS = Table(
    "dialects",
    rows={
        "gemini": "roboloop.dialects.gemini:Gemini",
        "internvl": "roboloop.dialects.internvl:InternVL",
        "llava": "roboloop.dialects.llava:Llava",
        "molmo": "roboloop.dialects.molmo:Molmo",
        "plain": "roboloop.dialects.plain:Plain",
        "qwen25_vl": "roboloop.dialects.qwen25_vl:Qwen25VL",
        "qwen3_vl": "roboloop.dialects.qwen3_vl:Qwen3VL",
        "robointer_llava": "roboloop.dialects.robointer:RoboInterLlava",
        "robointer_origin": "roboloop.dialects.robointer:RoboInterOrigin",
        "robointer_smart_resize": "roboloop.dialects.robointer:RoboInterSmartResize",
        "unit_xywh": "roboloop.dialects.unit_xywh:UnitXywh",
    },
)


def load_dialect(kind: str, **options: Any) -> Dialect:
    """The dialect of this kind with its options, such as `max_pixels`.

    Raises:
        RoboLoopError: E-CFG-006 for an unknown kind, E-CFG-003 for an unknown option.
    """
    try:
        return DIALECTS.resolve(kind)(**options)
    except TypeError as error:
        raise RoboLoopError("E-CFG-003", f"dialect {kind!r}: {error}") from error


__all__ = ["DIALECTS", "BoxesRead", "Dialect", "PointsRead", "ReadStatus", "load_dialect"]

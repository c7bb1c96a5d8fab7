"""unit_xywh: fractions of width and height; a box is its top left corner, its width and height."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from roboloop.dialects.llava import Llava


@dataclass(frozen=True, kw_only=True)
class UnitXywh(Llava):
    """Points as in `llava`; boxes as [x, y, width, height]."""

    kind: ClassVar[str] = "unit_xywh"
    title: ClassVar[str] = "Fractions; boxes as corner, width and height"
    gives_extent: ClassVar[bool] = True

"""qwen3_vl: thousandths of the picture's width and height, whatever it was resized to.

Qwen3-VL and RoboBrain 2.5. The resized picture has sides that are multiples of 32 and decides the
number of tokens, not the coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from roboloop.base.geometry import PictureSize
from roboloop.dialects.framed import THOUSANDTHS, THOUSANDTHS_UNITS, Frame
from roboloop.dialects.qwen25_vl import Qwen25VL


@dataclass(frozen=True, kw_only=True)
class Qwen3VL(Qwen25VL):
    """Integers from 0 to 1000; the resize rule is Qwen2.5-VL's with a factor of 32."""

    kind: ClassVar[str] = "qwen3_vl"
    title: ClassVar[str] = "Qwen3-VL: thousandths of width and height"
    units: ClassVar[dict[str, str]] = THOUSANDTHS_UNITS
    factor: int = 32
    min_pixels: int = 65536
    max_pixels: int = 16777216

    def frame(self, size: PictureSize) -> Frame:
        """A thousand by a thousand."""
        return THOUSANDTHS

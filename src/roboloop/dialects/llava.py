"""llava: fractions of the picture's width and height, from 0 to 1.

RoboBrain 1.0, RoboPoint and LLaVA-like models. The fractions are of the picture as it is, without
the border that some processors pad it to a square with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize
from roboloop.dialects.framed import UNIT, UNIT_UNITS, Frame, FramedDialect


@dataclass(frozen=True, kw_only=True)
class Llava(FramedDialect):
    """Fractions with 2 to 4 decimals.

    Attributes:
        decimals: Digits after the point. Two are the custom and cost 1.6 px in a width of 320.
    """

    kind: ClassVar[str] = "llava"
    title: ClassVar[str] = "LLaVA: fractions of width and height"
    units: ClassVar[dict[str, str]] = UNIT_UNITS
    decimals: int = 2

    def __post_init__(self) -> None:
        if self.decimals not in (2, 3, 4):
            raise RoboLoopError("E-CFG-003", f"llava: decimals={self.decimals} is not 2, 3 or 4")

    @property
    def digits(self) -> int:
        """`decimals`."""
        return self.decimals

    def frame(self, size: PictureSize) -> Frame:
        """One by one."""
        return UNIT

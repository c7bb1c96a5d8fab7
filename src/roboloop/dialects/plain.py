"""plain: pixels of the original picture, for models and people without a frame of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize
from roboloop.dialects.framed import Frame, FramedDialect


@dataclass(frozen=True, kw_only=True)
class Plain(FramedDialect):
    """Pixels of the original picture with 0 to 2 decimals.

    Attributes:
        decimals: Digits after the point; 0 writes integers.
    """

    kind: ClassVar[str] = "plain"
    title: ClassVar[str] = "Pixels of the original picture"
    units: ClassVar[dict[str, str]] = {
        "en": "in pixels of the original picture, x to the right, y down",
        "zh": "单位为原图像素，x 向右，y 向下",
    }
    decimals: int = 0

    def __post_init__(self) -> None:
        if self.decimals not in (0, 1, 2):
            raise RoboLoopError("E-CFG-003", f"plain: decimals={self.decimals} is not 0, 1 or 2")

    @property
    def digits(self) -> int:
        """`decimals`."""
        return self.decimals

    def frame(self, size: PictureSize) -> Frame:
        """The picture itself."""
        return Frame(size.width, size.height)

"""qwen25_vl: whole pixels of the picture after the processor resized it.

Qwen2.5-VL and its descendants (RoboBrain 2.0) are trained on absolute pixels of the resized
picture. Serving with another pixel budget than in training shifts every box, so the budget is an
option here and belongs in the recipe.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from roboloop.base.geometry import PictureSize
from roboloop.dialects.framed import Frame, FramedDialect
from roboloop.dialects.resize import check_budget, smart_resize


@dataclass(frozen=True, kw_only=True)
class Qwen25VL(FramedDialect):
    """Integer pixels of the picture after `smart_resize`.

    Attributes:
        factor: Patch size times merge size; both sides of the resized picture are multiples.
        min_pixels: Smaller pictures are enlarged to at least this area.
        max_pixels: Larger pictures are shrunk to at most this area.
    """

    kind: ClassVar[str] = "qwen25_vl"
    title: ClassVar[str] = "Qwen2.5-VL: pixels of the resized picture"
    units: ClassVar[dict[str, str]] = {
        "en": "in whole pixels of the picture as you see it, x to the right, y down",
        "zh": "单位为你所看到的图像的整数像素，x 向右，y 向下",
    }
    factor: int = 28
    min_pixels: int = 3136
    max_pixels: int = 12845056

    def __post_init__(self) -> None:
        check_budget(factor=self.factor, min_pixels=self.min_pixels, max_pixels=self.max_pixels)

    def view_size(self, size: PictureSize) -> PictureSize:
        """The size after `smart_resize`.

        Raises:
            RoboLoopError: E-DIA-001 for an empty or too elongated picture.
        """
        return smart_resize(
            size, factor=self.factor, min_pixels=self.min_pixels, max_pixels=self.max_pixels
        )

    def picture_tokens(self, size: PictureSize) -> int | None:
        """One token for each square of `factor` pixels a side of the resized picture."""
        width, height = self.view_size(size)
        return (width // self.factor) * (height // self.factor)

    def frame(self, size: PictureSize) -> Frame:
        """The resized picture."""
        return Frame(*self.view_size(size))

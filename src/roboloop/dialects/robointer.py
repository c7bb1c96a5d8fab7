"""RoboInter's three published coordinate formats, with exactly its rules.

RoboInter publishes one answer three times: [[72, 102], [192, 179]] in pixels of a 320 x 180 picture
is [[0.22, 0.57], [0.60, 0.99]] as fractions and [[69, 95], [184, 167]] in the picture resized to
308 x 168 (its README_DATA.md). So pixels are cut off, not rounded (192 * 308 / 320 = 184.8 gives
184), and fractions are rounded as numpy does, halves to even (72 / 320 = 0.225 gives 0.22).
Boxes are two corners; points are read at the number itself, as RoboInter's evaluation does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from roboloop.base.geometry import PictureSize, Point
from roboloop.dialects.framed import UNIT, UNIT_UNITS, Frame, FramedDialect
from roboloop.dialects.qwen25_vl import Qwen25VL
from roboloop.records.answers import Box

ALMOST_WHOLE = 1e-9
"""A number this little below a whole one is that number: 69 * 320 / 308 * 308 / 320 is 69."""


class RoboInterFormat(FramedDialect):
    """A box is written as two corners, [[x1, y1], [x2, y2]]."""

    def _box(self, box: Box, *, size: PictureSize) -> str:
        corners = (Point(box.x1, box.y1), Point(box.x2, box.y2))
        return self._list(self.write_inline(corner, size=size) for corner in corners)

    def _example(self, answer_kind: str, *, key: str | None) -> str:
        example = FramedDialect._example(self, answer_kind, key=key)
        return example.replace("[x1, y1, x2, y2]", "[[x1, y1], [x2, y2]]")


class CutOffFormat(RoboInterFormat):
    """Whole numbers, cut off."""

    steps_of_error: ClassVar[float] = 1.0

    def _rounded(self, value: float) -> str:
        return str(math.floor(value + ALMOST_WHOLE))


@dataclass(frozen=True, kw_only=True)
class RoboInterOrigin(CutOffFormat):
    """Whole pixels of the original picture."""

    kind: ClassVar[str] = "robointer_origin"
    title: ClassVar[str] = "RoboInter origin_format: pixels of the original picture, cut off"
    units: ClassVar[dict[str, str]] = {
        "en": "in whole pixels of the original picture, x to the right, y down",
        "zh": "单位为原图的整数像素，x 向右，y 向下",
    }

    def frame(self, size: PictureSize) -> Frame:
        """The picture itself."""
        return Frame(size.width, size.height)


@dataclass(frozen=True, kw_only=True)
class RoboInterLlava(RoboInterFormat):
    """Fractions with two decimals, halves to even."""

    kind: ClassVar[str] = "robointer_llava"
    title: ClassVar[str] = "RoboInter llava_format: fractions, two decimals, halves to even"
    units: ClassVar[dict[str, str]] = UNIT_UNITS

    @property
    def digits(self) -> int:
        """Two."""
        return 2

    def frame(self, size: PictureSize) -> Frame:
        """One by one."""
        return UNIT

    def _rounded(self, value: float) -> str:
        # numpy multiplies, rounds halves to even and divides; Python's own round gives 0.23
        # for 0.225, because that number lies a little above its decimal name.
        return f"{round(value * 100) / 100:.2f}"


@dataclass(frozen=True, kw_only=True)
class RoboInterSmartResize(CutOffFormat, Qwen25VL):
    """Whole pixels of the picture after `smart_resize`, cut off; the options are qwen25_vl's."""

    kind: ClassVar[str] = "robointer_smart_resize"
    title: ClassVar[str] = "RoboInter smart_resize_format: pixels of the resized picture, cut off"

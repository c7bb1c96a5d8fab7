"""gemini: thousandths with y before x: `box_2d` is [ymin, xmin, ymax, xmax], `point` is [y, x]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from roboloop.base.geometry import PictureSize
from roboloop.dialects.base import Spatial
from roboloop.dialects.framed import THOUSANDTHS, Frame, FramedDialect
from roboloop.records.answers import Box, Boxes, Points, Trajectory


@dataclass(frozen=True, kw_only=True)
class Gemini(FramedDialect):
    """A list of objects, `[{"box_2d": [y1, x1, y2, x2], "label": "mug"}]`; the key is not used."""

    kind: ClassVar[str] = "gemini"
    title: ClassVar[str] = "Gemini: thousandths, y before x"
    units: ClassVar[dict[str, str]] = {
        "en": "as integers from 0 to 1000, relative to height and width, y before x",
        "zh": "坐标为相对于图像高和宽的 0 到 1000 的整数，先 y 后 x",
    }
    y_first: ClassVar[bool] = True
    box_key: ClassVar[str] = "box_2d"
    point_key: ClassVar[str] = "point"

    def frame(self, size: PictureSize) -> Frame:
        """A thousand by a thousand."""
        return THOUSANDTHS

    def write(self, answer: Spatial, *, size: PictureSize, key: str) -> str:
        """A list of objects, one for each box or point."""
        match answer:
            case Box():
                answer = Boxes((answer,))
            case Points(labels=()) | Trajectory():
                points = (self.write_inline(point, size=size) for point in answer.points_px)
                return self._list(self._object(self.point_key, point) for point in points)
            case Boxes() | Points():
                pass
        return FramedDialect.write(self, answer, size=size, key=key)

    def _example(self, answer_kind: str, *, key: str | None) -> str:
        if answer_kind in ("box", "boxes"):
            more = ", ..." if answer_kind == "boxes" else ""
            return f'[{{"box_2d": [ymin, xmin, ymax, xmax], "label": "..."}}{more}]'
        return '[{"point": [y, x]}, ...]'

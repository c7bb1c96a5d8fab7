"""molmo: percent of width and height in XML, `<point x="63.5" y="44.5" alt="mug">mug</point>`.

Molmo points and has no boxes of its own; a box is written as its two corners.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import ClassVar

from roboloop.base.geometry import PictureSize, Point
from roboloop.dialects.base import Spatial
from roboloop.dialects.framed import Frame, FramedDialect
from roboloop.records.answers import Box, Boxes, Points, Trajectory

NOTHING = "<points></points>"


@dataclass(frozen=True, kw_only=True)
class Molmo(FramedDialect):
    """Percent with one decimal. Points of one label share a tag; without a label it is the key."""

    kind: ClassVar[str] = "molmo"
    title: ClassVar[str] = "Molmo: percent of width and height in XML"
    units: ClassVar[dict[str, str]] = {
        "en": "x in percent of the width and y in percent of the height, with one decimal",
        "zh": "x 为宽度的百分比，y 为高度的百分比，保留一位小数",
    }

    @property
    def digits(self) -> int:
        """One."""
        return 1

    def frame(self, size: PictureSize) -> Frame:
        """A hundred by a hundred."""
        return Frame(100, 100)

    def write(self, answer: Spatial, *, size: PictureSize, key: str) -> str:
        """One tag for each box, or for each run of points with one label."""
        match answer:
            case Box(label=label):
                corners = (Point(answer.x1, answer.y1), Point(answer.x2, answer.y2))
                return self._tag(corners, size=size, label=key if label is None else label)
            case Boxes():
                return "\n".join(self.write(box, size=size, key=key) for box in answer.items) or (
                    NOTHING
                )
            case Points(labels=labels) if labels:
                runs = groupby(zip(answer.points_px, labels, strict=True), key=lambda pair: pair[1])
                return "\n".join(
                    self._tag([point for point, _ in run], size=size, label=label)
                    for label, run in runs
                )
            case Points() | Trajectory():
                return self._tag(answer.points_px, size=size, label=key)

    def _tag(self, points_px: Sequence[Point], *, size: PictureSize, label: str) -> str:
        if not points_px:
            return NOTHING
        text = html.escape(label.strip())
        name, places = "point", ""
        for index, point in enumerate(points_px, start=1):
            x, y = self.numbers(point, size=size)
            number = "" if len(points_px) == 1 else str(index)
            places += f' x{number}="{x}" y{number}="{y}"'
        if len(points_px) > 1:
            name = "points"
        return f'<{name}{places} alt="{text}">{text}</{name}>'

    def _example(self, answer_kind: str, *, key: str | None) -> str:
        if answer_kind in ("box", "boxes"):
            return '<points x1="..." y1="..." x2="..." y2="..." alt="...">...</points>'
        return '<points x1="..." y1="..." x2="..." y2="..." ... alt="...">...</points>'

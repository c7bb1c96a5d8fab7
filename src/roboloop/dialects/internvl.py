"""internvl: thousandths between tags, `<ref>mug</ref><box>[[x1, y1, x2, y2]]</box>`."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import ClassVar

from roboloop.base.geometry import PictureSize
from roboloop.dialects.base import Spatial
from roboloop.dialects.framed import THOUSANDTHS, THOUSANDTHS_UNITS, Frame, FramedDialect
from roboloop.records.answers import Box, Boxes, Points, Trajectory


@dataclass(frozen=True, kw_only=True)
class InternVL(FramedDialect):
    """One line for each box or labelled point; points and paths without labels are one list."""

    kind: ClassVar[str] = "internvl"
    title: ClassVar[str] = "InternVL: thousandths between tags"
    units: ClassVar[dict[str, str]] = THOUSANDTHS_UNITS

    def frame(self, size: PictureSize) -> Frame:
        """A thousand by a thousand."""
        return THOUSANDTHS

    def write(self, answer: Spatial, *, size: PictureSize, key: str) -> str:
        """Tagged text; the key is not used."""
        match answer:
            case Box():
                return _tagged("box", [self._box(answer, size=size)], label=answer.label)
            case Boxes(items=()):
                return _tagged("box", [])
            case Boxes():
                return "\n".join(self.write(box, size=size, key=key) for box in answer.items)
            case Points(labels=labels) if labels:
                return "\n".join(
                    _tagged("point", [self.write_inline(point, size=size)], label=label)
                    for point, label in zip(answer.points_px, labels, strict=True)
                )
            case Points() | Trajectory():
                points = [self.write_inline(point, size=size) for point in answer.points_px]
                return _tagged("point", points)

    def _example(self, answer_kind: str, *, key: str | None) -> str:
        match answer_kind:
            case "box":
                return "<box>[[x1, y1, x2, y2]]</box>"
            case "boxes":
                return "<ref>...</ref><box>[[x1, y1, x2, y2]]</box>"
            case _:
                return "<point>[[x1, y1], [x2, y2], ...]</point>"


def _tagged(tag: str, items: list[str], *, label: str | None = None) -> str:
    named = "" if label is None else f"<ref>{html.escape(label.strip(), quote=False)}</ref>"
    return f"{named}<{tag}>[{', '.join(items)}]</{tag}>"

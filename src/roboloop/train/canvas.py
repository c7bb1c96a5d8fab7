"""Two surfaces to draw a figure on: an SVG document and a PNG picture, with equal measures.

Both take points in units of the figure, x to the right and y down. Neither needs a font or a
library from outside: the SVG leaves letters to who shows it, the PNG uses the one in Pillow.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from html import escape
from typing import Literal, Protocol

from PIL import Image, ImageDraw, ImageFont

Anchor = Literal["start", "middle", "end"]
Points = Sequence[tuple[float, float]]

PNG_SCALE = 2
"""Pixels of the PNG for each unit."""
SMOOTHING_SCALE = 2
"""Each pixel is the mean of so many by so many: Pillow draws lines with hard edges."""
PAPER = "#ffffff"
LETTER_SIZE = 11.0


class Canvas(Protocol):
    """What a figure is drawn on."""

    def line(self, points: Points, *, colour: str, width: float) -> None:
        """A line through the points."""
        ...

    def dot(self, x: float, y: float, *, radius: float, colour: str) -> None:
        """A full circle."""
        ...

    def text(
        self, x: float, y: float, text: str, *, anchor: Anchor, colour: str,
        size: float = LETTER_SIZE,
    ) -> None:  # fmt: skip
        """Letters on a base line through y."""
        ...


class SvgCanvas:
    """Draws into an SVG document that needs nothing else."""

    def __init__(self, width: int, height: int, *, title: str) -> None:
        self._parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img" '
            f'font-family="system-ui, sans-serif">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{width}" height="{height}" fill="{PAPER}"/>',
        ]

    def line(self, points: Points, *, colour: str, width: float) -> None:
        """A line through the points."""
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._parts.append(
            f'<polyline points="{places}" fill="none" stroke="{colour}" '
            f'stroke-width="{width:g}" stroke-linejoin="round"/>'
        )

    def dot(self, x: float, y: float, *, radius: float, colour: str) -> None:
        """A full circle."""
        self._parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{colour}"/>')

    def text(
        self, x: float, y: float, text: str, *, anchor: Anchor, colour: str,
        size: float = LETTER_SIZE,
    ) -> None:  # fmt: skip
        """Letters on a base line through y."""
        self._parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" '
            f'font-size="{size:g}">{escape(text)}</text>'
        )

    def document(self) -> str:
        """The whole document."""
        return "\n".join([*self._parts, "</svg>", ""])


class PngCanvas:
    """Draws into a picture."""

    def __init__(self, width: int, height: int) -> None:
        self._scale = PNG_SCALE * SMOOTHING_SCALE
        self._image = Image.new("RGB", (width * self._scale, height * self._scale), PAPER)
        self._draw = ImageDraw.Draw(self._image)

    def line(self, points: Points, *, colour: str, width: float) -> None:
        """A line through the points."""
        places = [(x * self._scale, y * self._scale) for x, y in points]
        if len(places) > 1:
            self._draw.line(places, fill=colour, width=round(width * self._scale), joint="curve")

    def dot(self, x: float, y: float, *, radius: float, colour: str) -> None:
        """A full circle."""
        edges = (x - radius, y - radius, x + radius, y + radius)
        self._draw.ellipse([edge * self._scale for edge in edges], fill=colour)

    def text(
        self, x: float, y: float, text: str, *, anchor: Anchor, colour: str,
        size: float = LETTER_SIZE,
    ) -> None:  # fmt: skip
        """Letters on a base line through y."""
        font = ImageFont.load_default(size * self._scale)
        side = {"start": "l", "middle": "m", "end": "r"}[anchor]
        place = (x * self._scale, y * self._scale)
        self._draw.text(place, text, fill=colour, font=font, anchor=f"{side}s")

    def data(self) -> bytes:
        """The picture as a PNG file."""
        stream = io.BytesIO()
        self._image.reduce(SMOOTHING_SCALE).save(stream, "PNG")
        return stream.getvalue()

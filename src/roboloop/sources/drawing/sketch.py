"""Pictures with options drawn into them: lettered panels, arrows, forks and paths.

All drawing is at twice the size and scaled down, so that thin lines stay smooth. The same input
gives the same bytes.
"""

from __future__ import annotations

import copy
import io
import math
from collections.abc import Sequence
from functools import cache

from PIL import Image, ImageDraw, ImageFont

from roboloop.base.geometry import BoxPx, PointPx

SMOOTH = 2
Rgb = tuple[int, int, int]
PURPLE: Rgb = (160, 32, 240)
ORANGE: Rgb = (255, 140, 0)
ARROW_COLOURS: tuple[Rgb, ...] = ((230, 25, 75), (0, 200, 80), (30, 110, 255), (255, 210, 0))
ARROW_PIXELS = (14.0, 40.0)
"""Where an arrow begins and ends, measured from the tool centre point."""


class Sketch:
    """A picture to draw on, in the coordinates of the original."""

    def __init__(self, picture: Image.Image) -> None:
        self.size = picture.size
        width, height = picture.size
        self._image = picture.resize((width * SMOOTH, height * SMOOTH), Image.Resampling.BILINEAR)
        self._draw = ImageDraw.Draw(self._image)

    def copy(self) -> Sketch:
        """The same picture, to be drawn on in another way."""
        other = copy.copy(self)
        other._image = self._image.copy()
        other._draw = ImageDraw.Draw(other._image)
        return other

    def box(self, box_px: BoxPx, *, colour: Rgb) -> None:
        """Outline a box."""
        self._draw.rectangle([v * SMOOTH for v in box_px], outline=colour, width=2 * SMOOTH)

    def line(self, points_px: Sequence[PointPx], *, colour: Rgb, width: float = 2.0) -> None:
        """A line through points."""
        scaled = [(x * SMOOTH, y * SMOOTH) for x, y in points_px]
        self._draw.line(scaled, fill=colour, width=round(width * SMOOTH), joint="curve")

    def dot(self, point_px: PointPx, *, colour: Rgb, radius: float) -> None:
        """A filled circle."""
        (x, y), r = point_px, radius * SMOOTH
        x, y = x * SMOOTH, y * SMOOTH
        self._draw.ellipse([x - r, y - r, x + r, y + r], fill=colour)

    def path(self, points_px: Sequence[PointPx]) -> None:
        """A path whose colour goes from green (now) to red (later)."""
        last = len(points_px) - 1
        for index in range(last):
            part = (index + 0.5) / last
            colour = (round(255 * part), round(220 * (1 - part)), 0)
            self.line(points_px[index : index + 2], colour=colour, width=2.5)
        self.dot(points_px[0], colour=(0, 220, 0), radius=3.0)
        self.dot(points_px[-1], colour=(255, 0, 0), radius=3.0)

    def arrow(self, start_px: PointPx, *, end_px: PointPx, colour: Rgb) -> None:
        """An arrow with a filled head."""
        angle = math.atan2(end_px[1] - start_px[1], end_px[0] - start_px[0])
        base = (end_px[0] - 7 * math.cos(angle), end_px[1] - 7 * math.sin(angle))
        self.line([start_px, base], colour=colour, width=3.0)
        sides = [
            (base[0] + 5 * math.cos(angle + turn), base[1] + 5 * math.sin(angle + turn))
            for turn in (-math.pi / 2, math.pi / 2)
        ]
        corners = [(x * SMOOTH, y * SMOOTH) for x, y in (end_px, *sides)]
        self._draw.polygon(corners, fill=colour)

    def fork(self, points_px: tuple[PointPx, PointPx], *, colour: Rgb = ORANGE) -> None:
        """A gripper glyph: two prongs at the points, joined above, with a stem."""
        (ax, ay), (bx, by) = points_px
        length = max(math.dist(points_px[0], points_px[1]), 12.0)
        up = 0.8 * length
        middle = ((ax + bx) / 2, (ay + by) / 2 - up)
        self.line([(ax, ay), (ax, ay - up), (bx, by - up), (bx, by)], colour=colour, width=3.0)
        self.line([middle, (middle[0], middle[1] - 0.6 * length)], colour=colour, width=3.0)

    def letter(self, text: str, *, at_px: PointPx, colour: Rgb = (255, 255, 255)) -> None:
        """A letter on a black disc, centred at a point and kept inside the picture."""
        width, height = self.size
        x = min(max(at_px[0], 8.0), width - 8.0) * SMOOTH
        y = min(max(at_px[1], 8.0), height - 8.0) * SMOOTH
        radius = 7.5 * SMOOTH
        self._draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=(0, 0, 0))
        font = _font()
        self._draw.text((x, y), text, fill=colour, font=font, anchor="mm")

    def picture(self) -> Image.Image:
        """The result at the original size."""
        return self._image.reduce(SMOOTH)


def four_panels(panels: Sequence[Sketch]) -> Image.Image:
    """Sketches of one size in a grid of two columns, lettered A, B, C, D at their top left."""
    width, height = panels[0].size
    rows = (len(panels) + 1) // 2
    sheet = Image.new("RGB", (2 * width, rows * height))
    for index, panel in enumerate(panels):
        panel.letter("ABCDEFGH"[index], at_px=(9.0, 9.0))
        sheet.paste(panel.picture(), ((index % 2) * width, (index // 2) * height))
    draw = ImageDraw.Draw(sheet)
    draw.line([(width, 0), (width, rows * height)], fill=(255, 255, 255), width=2)
    draw.line([(0, height), (2 * width, height)], fill=(255, 255, 255), width=2)
    return sheet


@cache
def _font() -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(size=11 * SMOOTH)


def encode(picture: Image.Image) -> bytes:
    """The picture as WebP."""
    stream = io.BytesIO()
    picture.save(stream, "WEBP", quality=82, method=1)
    return stream.getvalue()

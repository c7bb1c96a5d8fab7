"""A record's picture as a small JPEG with its answer drawn over it."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw

from roboloop.tasks.base import Mark

THUMBNAIL_WIDTH = 420
MAX_HEIGHT = 420
JPEG_QUALITY = 88
INK, CASING = (69, 185, 255), (8, 9, 11)


def drawn_thumbnail(picture: Image.Image, *, marks: Sequence[Mark]) -> bytes:
    """The picture, scaled down to fit, with boxes, places and paths; as JPEG.

    Args:
        picture: Upright, RGB.
        marks: In pixels of the picture.
    """
    scale = min(THUMBNAIL_WIDTH / picture.width, MAX_HEIGHT / picture.height, 2.0)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    small = picture.resize(size, Image.Resampling.LANCZOS)
    draw_marks(small, marks=marks, scale=scale)
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return stream.getvalue()


def draw_marks(picture: Image.Image, *, marks: Sequence[Mark], scale: float = 1.0) -> None:
    """Draw boxes, places and paths over a picture.

    Args:
        picture: RGB; it is changed.
        marks: In pixels of the original.
        scale: From the original to this picture.
    """
    draw = ImageDraw.Draw(picture)
    for mark in marks:
        places = [(x * scale, y * scale) for x, y in mark.points_px]
        for colour, more in ((CASING, 2), (INK, 0)):
            _draw(draw, mark.shape, places=places, colour=colour, more=more)


def _draw(
    draw: ImageDraw.ImageDraw,
    shape: str,
    *,
    places: Sequence[tuple[float, float]],
    colour: tuple[int, int, int],
    more: int,
) -> None:
    """One mark in one colour; its casing is `more` pixels wider."""
    if shape == "box" and len(places) == 2:
        (x1, y1), (x2, y2) = places
        out = more / 2  # Pillow draws inwards from these corners
        corners = (x1 - out, y1 - out, max(x1, x2) + out, max(y1, y2) + out)
        draw.rectangle(corners, outline=colour, width=3 + more)
        return
    if shape == "path" and len(places) > 1:
        draw.line(list(places), fill=colour, width=3 + more, joint="curve")
    ends = places[-1:] if shape == "path" else places
    for x, y in ends:
        radius = 4 + more / 2
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)

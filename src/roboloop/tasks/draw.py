"""Draws the marks of answers and of reasoning over a picture."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw

from roboloop.tasks.base import Mark

INK, CASING = (69, 185, 255), (8, 9, 11)


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

"""A record's picture as a small JPEG with its answer drawn over it."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image

from roboloop.tasks.base import Mark
from roboloop.tasks.draw import draw_marks

THUMBNAIL_WIDTH = 420
MAX_HEIGHT = 420
JPEG_QUALITY = 88


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

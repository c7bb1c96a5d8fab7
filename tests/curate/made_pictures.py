"""Scenes drawn on the spot: a room, and one object in it."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIZE = (320, 180)


def scene(seed: int, *, object_at: tuple[int, int] = (60, 90)) -> Image.Image:
    """A room of large shapes, the same for a seed, and a dark object somewhere in it."""
    random = np.random.default_rng(seed)
    grey = Image.fromarray(random.integers(40, 220, (6, 9), dtype=np.uint8))
    room = grey.resize(SIZE, Image.Resampling.BICUBIC).convert("RGB")
    x, y = object_at
    ImageDraw.Draw(room).ellipse((x, y, x + 34, y + 34), fill=(20, 10, 10))
    return room.filter(ImageFilter.GaussianBlur(1))


def encoded(picture: Image.Image, *, kind: str = "PNG", quality: int = 90) -> bytes:
    """The picture as bytes of a file."""
    stream = BytesIO()
    picture.save(stream, kind, **({"quality": quality} if kind == "JPEG" else {}))
    return stream.getvalue()

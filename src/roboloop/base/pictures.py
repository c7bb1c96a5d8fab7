"""Encoded bytes -> a plain RGB picture, upright, or an error that says what is wrong with it.

Every consumer sees the same pixels: EXIF rotation is applied, transparency is laid over white,
16-bit grey is reduced to its high byte, of an animation the first frame is taken.
"""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize

MAX_PICTURE_PIXELS = 80_000_000
"""Decoded as RGB this is 240 MB. Below Pillow's own limit, so ours is the one that speaks."""

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
"""The formats that are read; others, such as PostScript, would run foreign programs."""

_MEDIA_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png"}
_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDES_SWAPPED = (5, 6, 7, 8)


def decode_picture(data: bytes, *, max_pixels: int = MAX_PICTURE_PIXELS) -> Image.Image:
    """The whole picture as RGB, upright.

    Raises:
        RoboLoopError: E-MED-002 for no bytes, E-MED-003 when they are no picture or only a part of
            one, E-MED-006 when it has more than `max_pixels`.
    """
    with _opened(data, max_pixels=max_pixels) as picture:
        turn = _UPRIGHT.get(_orientation(picture))
        rgb = _as_rgb(picture)
        upright = rgb if turn is None else rgb.transpose(turn)
        upright.info.clear()  # its EXIF, profile and transparency are spent
        return upright


def decode_grey(
    data: bytes, *, least_side: int, max_pixels: int = MAX_PICTURE_PIXELS
) -> Image.Image:
    """The picture in grey, upright, as small as its decoder makes it at no cost.

    A JPEG is decoded at 1/2, 1/4 or 1/8 of its size, as long as no side falls below `least_side`.

    Raises:
        RoboLoopError: As `decode_picture`.
    """
    with _opened(data, max_pixels=max_pixels) as picture:
        turn = _UPRIGHT.get(_orientation(picture))
        is_plain = picture.mode in ("L", "RGB", "YCbCr") and "transparency" not in picture.info
        if is_plain:
            picture.draft("L", (least_side, least_side))
        grey = (picture if is_plain else _as_rgb(picture)).convert("L")
        return grey if turn is None else grey.transpose(turn)


def picture_size(data: bytes | Path, *, max_pixels: int = MAX_PICTURE_PIXELS) -> PictureSize:
    """Width and height after EXIF rotation, from the header alone: nothing is decoded.

    Raises:
        RoboLoopError: E-MED-002, E-MED-003 or E-MED-006, as `decode_picture`.
    """
    with _opened(data, max_pixels=max_pixels) as picture:
        width, height = picture.size
        swapped = _orientation(picture) in _SIDES_SWAPPED
        return PictureSize(height, width) if swapped else PictureSize(width, height)


def plain_media_type(data: bytes) -> str | None:
    """`image/jpeg` or `image/png` when any reader sees what `decode_picture` gives; else None.

    Readers differ about rotation in the metadata, transparency, palettes, more than 8 bits and
    several pictures in one file. Of these only the header is looked at.

    Raises:
        RoboLoopError: E-MED-002, E-MED-003 or E-MED-006, as `decode_picture`.
    """
    with _opened(data, max_pixels=MAX_PICTURE_PIXELS) as picture:
        is_plain = (
            picture.mode in ("RGB", "L")
            and "transparency" not in picture.info
            and getattr(picture, "n_frames", 1) == 1
            and _orientation(picture) == 1
        )
        return _MEDIA_TYPES.get(picture.format or "") if is_plain else None


def encode_png(picture: Image.Image) -> bytes:
    """The picture as PNG, without loss; the same pixels give the same bytes."""
    stream = io.BytesIO()
    picture.save(stream, format="PNG", compress_level=3)
    return stream.getvalue()


@contextmanager
def _opened(data: bytes | Path, *, max_pixels: int) -> Generator[Image.Image]:
    """Pillow's lazy picture; whatever Pillow raises about its content becomes an E-MED code."""
    if (len(data) if isinstance(data, bytes) else data.stat().st_size) == 0:
        raise RoboLoopError("E-MED-002", "it has 0 bytes")
    try:
        with warnings.catch_warnings():
            # Pillow warns of corrupt metadata and of many pixels; we decide about both ourselves.
            warnings.simplefilter("ignore")
            source = io.BytesIO(data) if isinstance(data, bytes) else data
            with Image.open(source, formats=FORMATS) as picture:
                _check_pixels(picture.size, max_pixels=max_pixels)
                yield picture
    except RoboLoopError:
        raise
    except Image.DecompressionBombError as error:
        raise RoboLoopError("E-MED-006", str(error).rstrip(".")) from error
    except UnidentifiedImageError as error:
        kinds = ", ".join(FORMATS)
        raise RoboLoopError("E-MED-003", f"its bytes are none of {kinds}") from error
    except MemoryError as error:
        raise RoboLoopError("E-MED-006", "it does not fit in memory") from error
    except _DECODER_ERRORS as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the file system speaks, not the decoder
        reason = str(error).rstrip(".") or type(error).__name__
        raise RoboLoopError("E-MED-003", f"decoding failed: {reason}") from error


_DECODER_ERRORS = (
    OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError, EOFError, OverflowError,
    ZeroDivisionError, AttributeError, struct.error,
)  # fmt: skip
"""What Pillow's decoders raise on broken bytes."""


def _check_pixels(size: tuple[int, int], *, max_pixels: int) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise RoboLoopError("E-MED-003", f"its header says {width}x{height} pixels")
    if width * height > max_pixels:
        raise RoboLoopError(
            "E-MED-006", f"{width}x{height} is more than the {max_pixels:,} pixels allowed"
        )


def _orientation(picture: Image.Image) -> int:
    """The EXIF orientation, 1 (upright) to 8; broken metadata counts as upright.

    Only what stands before the pixels is looked at, so that the size needs no decoding. Pillow
    turns TIFF pictures and states their size as turned.
    """
    if picture.format == "TIFF" or not picture.info.get("exif"):
        return 1
    try:
        value = picture.getexif().get(_ORIENTATION_TAG, 1)
    except _DECODER_ERRORS:
        return 1
    return value if isinstance(value, int) else 1


def _as_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode == "RGB" and "transparency" not in picture.info:
        return picture.copy()
    if picture.mode.startswith("I;16"):
        return picture.convert("I").point(lambda value: value / 256).convert("L").convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        seen = picture.convert("RGBA")
        white = Image.new("RGBA", seen.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, seen).convert("RGB")
    if picture.mode in ("F", "I"):
        raise RoboLoopError("E-MED-003", f"pixels of mode {picture.mode} have no colours")
    return picture.convert("RGB")

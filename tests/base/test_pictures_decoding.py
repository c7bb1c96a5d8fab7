"""Pictures: what Pillow and numpy say is the oracle; broken bytes always end in an E-MED code."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from roboloop.base.errors import RoboLoopError
from roboloop.base.pictures import decode_picture, encode_png, picture_size

ORIENTATION = 0x0112


def noise(width: int = 48, height: int = 32, *, channels: int = 3) -> Image.Image:
    shape = (height, width, channels) if channels > 1 else (height, width)
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    return Image.fromarray(pixels)


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, format=kind, **options)  # type: ignore[arg-type]
    return stream.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG file that promises a size and holds nothing."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_comes_out_upright(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    data = encoded(noise(), kind, exif=exif)
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    ours = decode_picture(data)
    assert np.array_equal(np.asarray(ours), np.asarray(expected))
    assert picture_size(data) == ours.size == ((32, 48) if orientation > 4 else (48, 32))


def test_broken_exif_counts_as_upright() -> None:
    data = encoded(noise(), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff")
    assert decode_picture(data).size == picture_size(data) == (48, 32)


def test_decoded_picture_carries_nothing_of_its_file() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    picture = decode_picture(encoded(noise(), "JPEG", exif=exif, icc_profile=b"x" * 40))
    assert type(picture) is Image.Image and picture.info == {}


def test_transparency_lies_over_white() -> None:
    rgba = np.asarray(noise(channels=4)).astype(float)
    alpha = rgba[..., 3:] / 255
    expected = rgba[..., :3] * alpha + 255 * (1 - alpha)
    ours = np.asarray(decode_picture(encoded(noise(channels=4), "PNG"))).astype(float)
    assert np.abs(ours - expected).max() <= 1.0


def test_transparent_palette_lies_over_white() -> None:
    palette = noise().convert("P")
    clear = int(np.asarray(palette)[0, 0])
    picture = decode_picture(encoded(palette, "PNG", transparency=clear))
    assert picture.getpixel((0, 0)) == (255, 255, 255)


def test_sixteen_bit_grey_keeps_its_high_byte() -> None:
    values = np.array([[0, 256, 32768, 65535]], dtype=np.uint16)
    picture = decode_picture(encoded(Image.fromarray(values), "PNG"))
    assert np.asarray(picture)[0, :, 0].tolist() == [0, 1, 128, 255]


@pytest.mark.parametrize("mode", ["L", "CMYK", "YCbCr", "1"])
def test_other_modes_become_rgb_as_pillow_does(mode: str) -> None:
    picture = noise().convert(mode)
    kind = "TIFF" if mode != "1" else "PNG"
    expected = np.asarray(picture.convert("RGB"))
    assert np.array_equal(np.asarray(decode_picture(encoded(picture, kind))), expected)


def test_animation_gives_its_first_frame() -> None:
    first, second = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    data = encoded(first, "GIF", save_all=True, append_images=[second])
    assert decode_picture(data).getpixel((0, 0)) == (255, 0, 0)


def test_png_is_lossless_and_the_same_each_time() -> None:
    picture = noise()
    assert np.array_equal(np.asarray(decode_picture(encode_png(picture))), np.asarray(picture))
    assert encode_png(picture) == encode_png(picture.copy())


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "E-MED-002"),
        (b"<html>404 not found</html>", "E-MED-003"),
        (png_header(100_000, 100_000), "E-MED-006"),
        (png_header(9_000, 9_000), "E-MED-006"),
        (png_header(0, 5), "E-MED-003"),
        (png_header(64, 64), "E-MED-003"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "E-MED-003"),
    ],
)
def test_no_picture_has_a_code(data: bytes, code: str) -> None:
    with pytest.raises(RoboLoopError) as caught:
        decode_picture(data)
    assert caught.value.code == code


def test_pixel_limit_can_be_lowered() -> None:
    with pytest.raises(RoboLoopError, match="48x32") as caught:
        picture_size(encode_png(noise()), max_pixels=1000)
    assert caught.value.code == "E-MED-006"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_cut_off_picture_is_an_error_though_its_header_is_whole(kind: str, share: float) -> None:
    data = encoded(noise(320, 180), kind)
    cut = data[: int(len(data) * share)]
    with pytest.raises(RoboLoopError) as caught:
        decode_picture(cut)
    assert caught.value.code == "E-MED-003"
    if kind != "WEBP":  # its header states the length of the file
        assert picture_size(cut) == (320, 180)


def test_size_of_a_file_is_read_without_reading_the_file(tmp_path: Path) -> None:
    path = tmp_path / "half.jpg"
    path.write_bytes(encoded(noise(320, 180), "JPEG")[:3000])
    assert picture_size(path) == (320, 180)
    with pytest.raises(FileNotFoundError):
        picture_size(tmp_path / "none.jpg")


@settings(deadline=None)
@given(
    kind=st.sampled_from(["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"]),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8),
    keep=st.floats(0, 1),
)
def test_damaged_bytes_never_raise_anything_else(
    kind: str, changes: list[tuple[float, int]], keep: float
) -> None:
    data = bytearray(encoded(noise(), kind))
    for place, value in changes:
        data[int(place * len(data))] = value
    try:
        picture = decode_picture(bytes(data[: int(keep * len(data))]))
    except RoboLoopError as error:
        assert error.code in ("E-MED-002", "E-MED-003", "E-MED-006")
    else:
        assert picture.mode == "RGB"

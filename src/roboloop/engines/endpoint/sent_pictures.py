"""Pictures as they are sent: their own bytes, unless the dialect shows the model a smaller one.

A dialect with a budget of pixels says at which size a picture is seen. A larger picture is made
that small here, so that a server with another budget cannot shift the places in an answer: the
dialect carries them back from that very size. All other pictures go out as they are.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import NamedTuple

from PIL import Image

from roboloop.base.geometry import PictureSize
from roboloop.base.pictures import encode_png, picture_size, plain_media_type
from roboloop.dialects.base import Dialect
from roboloop.engines.base import Request


class SentPicture(NamedTuple):
    """A picture for a request.

    Attributes:
        url: It as a `data:` address.
        size: As sent.
        is_smaller: Than the original.
    """

    url: str
    size: PictureSize
    is_smaller: bool


def sent_pictures(request: Request, *, dialect: Dialect) -> list[SentPicture]:
    """The pictures of a request, in order.

    Raises:
        RoboLoopError: E-MED-* for a picture that cannot be read, E-DIA-001 for one that the model's
            processor would refuse.
    """
    encoded = list(request.encoded()) if request.encoded is not None else None
    if encoded is not None and all(encoded):
        sizes = [picture_size(data) for data in encoded if data]
        if not any(_is_over_budget(size, dialect=dialect) for size in sizes):
            return [
                SentPicture(_data_url(data, kind=plain_media_type(data)), size, False)
                for data, size in zip(encoded, sizes, strict=True)
                if data
            ]
    opened = list(request.pictures())
    known: Sequence[bytes | None] = encoded or [None] * len(opened)
    return [
        _sent(picture, data=data, dialect=dialect)
        for picture, data in zip(opened, known, strict=True)
    ]


def _sent(picture: Image.Image, *, data: bytes | None, dialect: Dialect) -> SentPicture:
    size = PictureSize(*picture.size)
    if _is_over_budget(size, dialect=dialect):
        seen = dialect.view_size(size)
        small = picture.convert("RGB").resize(seen, Image.Resampling.BICUBIC)
        return SentPicture(_data_url(encode_png(small), kind="image/png"), seen, True)
    if data is not None:
        return SentPicture(_data_url(data, kind=plain_media_type(data)), size, False)
    return SentPicture(_data_url(encode_png(picture), kind="image/png"), size, False)


def _is_over_budget(size: PictureSize, *, dialect: Dialect) -> bool:
    """Whether the dialect shows less than rounding to whole patches would leave."""
    budget: int | None = getattr(dialect, "max_pixels", None)
    seen = dialect.view_size(size)
    return budget is not None and size.width * size.height > budget and seen != size


def _data_url(data: bytes, *, kind: str | None) -> str:
    assert kind is not None, "only plain pictures are sent as they are"
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"

"""References to pictures: where they lie, not their pixels.

A reference is data; `records.media_open` resolves it below a media root. `size` is the picture's
width and height as stored (after EXIF rotation), so that coordinates can be checked and tokens
counted without opening anything. `content_hash` is the BLAKE2b of the encoded bytes (of a video
frame: of the video's bytes and the frame's number), so that a replaced picture is noticed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache
from operator import attrgetter
from typing import Any, ClassVar

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePicture:
    """A picture file, `path` relative to the media root."""

    kind: ClassVar[str] = "file"
    path: str
    size: PictureSize | None = None
    content_hash: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivePicture:
    """A member of a zip or tar archive; of a zip in parts, `archive` is the first part."""

    kind: ClassVar[str] = "archive"
    archive: str
    member: str
    size: PictureSize | None = None
    content_hash: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParquetPicture:
    """Encoded bytes in a cell of a Parquet file: `column` of row `row`, counted from 0.

    `item` counts in the cell's list, where it holds a list of pictures.
    """

    kind: ClassVar[str] = "parquet"
    path: str
    column: str
    row: int
    item: int | None = None
    size: PictureSize | None = None
    content_hash: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LmdbPicture:
    """A frame of an episode's LMDB store, as in RoboInter's `episode#frame`."""

    kind: ClassVar[str] = "lmdb"
    store: str
    episode: str
    frame: int
    view: str = "primary"
    size: PictureSize | None = None
    content_hash: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFrame:
    """Frame number `frame` (from 0) of a video file."""

    kind: ClassVar[str] = "video_frame"
    path: str
    frame: int
    size: PictureSize | None = None
    content_hash: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanPicture:
    """Encoded bytes inside a file, such as in a TFRecord: `num_bytes` of them from byte `offset`.

    With `encoding` `base64` they are text, such as in a table.
    """

    kind: ClassVar[str] = "span"
    path: str
    offset: int
    num_bytes: int
    encoding: str | None = None
    size: PictureSize | None = None
    content_hash: str | None = None


Media = FilePicture | ArchivePicture | ParquetPicture | LmdbPicture | VideoFrame | SpanPicture

MEDIA_TYPES: dict[str, type[Media]] = {
    kind.kind: kind
    for kind in (
        FilePicture, ArchivePicture, ParquetPicture, LmdbPicture, VideoFrame, SpanPicture,
    )
}  # fmt: skip
WHOLE_NUMBERS = ("row", "item", "frame", "offset", "num_bytes")


def media_to_json(media: Media) -> dict[str, Any]:
    """The reference as a JSON object with its `kind`; `size` as [width, height]."""
    names, values_of = _fields(type(media))
    value: dict[str, Any] = {"kind": media.kind}
    for name, item in zip(names, values_of(media), strict=True):
        if item is not None:
            value[name] = item
    if media.size is not None:
        value["size"] = list(media.size)
    return value


@cache
def _fields(kind: type[Media]) -> tuple[tuple[str, ...], Callable[[Media], tuple[Any, ...]]]:
    """The names of a kind's fields, and what takes their values."""
    names = tuple(field.name for field in fields(kind))
    return names, attrgetter(*names)


def media_from_json(value: Any) -> Media:
    """The inverse of `media_to_json`.

    Raises:
        RoboLoopError: E-REC-002 for missing or unknown keys, E-REC-003 for a wrong type.
    """
    kind_name: Any = value.get("kind") if isinstance(value, dict) else None
    if not isinstance(kind_name, str) or kind_name not in MEDIA_TYPES:
        kinds = ", ".join(MEDIA_TYPES)
        raise RoboLoopError(
            "E-REC-002", f"media is an object with 'kind' one of {kinds}: {value!r}"
        )
    given: dict[str, Any] = dict(value)
    kind = MEDIA_TYPES[given.pop("kind")]
    if (size := given.get("size")) is not None:
        if not (isinstance(size, list) and len(size) == 2 and all(type(n) is int for n in size)):  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
            raise RoboLoopError("E-REC-003", f"size is [width, height], not {size!r}")
        given["size"] = PictureSize(*size)  # pyright: ignore[reportUnknownArgumentType]
    for name, item in given.items():
        wanted = int if name in WHOLE_NUMBERS else str
        if name != "size" and type(item) is not wanted:
            raise RoboLoopError("E-REC-003", f"media {name!r} is {wanted.__name__}, not {item!r}")
    try:
        return kind(**given)
    except TypeError as error:
        raise RoboLoopError("E-REC-002", f"media of kind {kind.kind!r}: {error}") from error

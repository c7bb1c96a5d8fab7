"""Open what a media reference points at.

Paths in references are written `root:relative`. A root's folder comes from a table kept beside the
records, and nothing outside the roots is ever opened. Whatever is wrong with a medium becomes an
`E-MED` error whose text names it.
"""

from __future__ import annotations

import base64
import binascii
import re
import stat
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from roboloop.base.errors import MissingDependencyError, RoboLoopError
from roboloop.base.files import path_below
from roboloop.base.geometry import PictureSize
from roboloop.base.hashing import hash_bytes, hash_file, hash_value
from roboloop.base.pictures import (
    decode_picture,
    encode_png,
    picture_size,
    plain_media_type,
)
from roboloop.records.containers import (
    LMDB_FILE,
    MAX_ENCODED_BYTES,
    LmdbStore,
    ParquetTable,
    TarFolder,
    ZipFolder,
    opened,
    read_span,
)
from roboloop.records.media import (
    ArchivePicture,
    FilePicture,
    LmdbPicture,
    Media,
    ParquetPicture,
    SpanPicture,
    VideoFrame,
)
from roboloop.records.split_files import is_zip_name
from roboloop.records.video import Video

_DROID_EPISODE = re.compile(r"\d+_exterior_image_[12]_left")


class RootedPath(NamedTuple):
    """The two halves of `root:relative`."""

    root: str
    relative: str


def split_path(text: str) -> RootedPath:
    """`root:relative` taken apart at the first colon.

    Raises:
        RoboLoopError: E-MED-001 when there is no colon.
    """
    root, colon, relative = text.partition(":")
    if not colon:
        raise RoboLoopError("E-MED-001", f"{text!r} names no media root, as in 'root:{text}'")
    return RootedPath(root, relative)


def medium_name(media: Media) -> str:
    """A reference as short text, such as `made:panels.zip!12.png`."""
    match media:
        case FilePicture():
            return media.path
        case ArchivePicture():
            return f"{media.archive}!{media.member}"
        case ParquetPicture():
            item = "" if media.item is None else f"[{media.item}]"
            return f"{media.path}!{media.column}[{media.row}]{item}"
        case LmdbPicture():
            return f"{media.store}!{media.episode}#{media.frame} ({media.view})"
        case VideoFrame():
            return f"{media.path}#{media.frame}"
        case SpanPicture():
            return f"{media.path}@{media.offset}+{media.num_bytes}"


def with_root(media: Media, *, rename: Callable[[str], str]) -> Media:
    """The same reference with another name for its root.

    Raises:
        RoboLoopError: E-MED-001 when its path names no root.
    """
    match media:
        case FilePicture() | ParquetPicture() | VideoFrame() | SpanPicture():
            return replace(media, path=_renamed(media.path, rename))
        case ArchivePicture():
            return replace(media, archive=_renamed(media.archive, rename))
        case LmdbPicture():
            return replace(media, store=_renamed(media.store, rename))


def _renamed(path: str, rename: Callable[[str], str]) -> str:
    root, relative = split_path(path)
    return f"{rename(root)}:{relative}"


class Measured(NamedTuple):
    """What a medium is like: its size, and the hash of its content where it was read whole."""

    size: PictureSize
    content_hash: str | None


class MediaStore:
    """Opens the media of records below their roots. Holds no handle, so it may be pickled.

    Args:
        roots: Root name -> folder.
    """

    def __init__(self, roots: Mapping[str, Path]) -> None:
        self.roots = dict(roots)

    def open(self, media: Media) -> Image.Image:
        """The picture as RGB, upright.

        Raises:
            RoboLoopError: E-MED-001 to E-MED-008; E-ENV-001 when lmdb or av is not installed.
        """
        with _named(medium_name(media)):
            if isinstance(media, VideoFrame):
                with opened.use(Video, self._file(media.path)) as video:
                    return video.frame(media.frame)
            picture = decode_picture(self._encoded(media))
            if isinstance(media, LmdbPicture) and _has_swapped_channels(media.episode):
                red, green, blue = picture.split()
                return Image.merge("RGB", (blue, green, red))
            return picture

    def read_bytes(self, media: Media) -> bytes:
        """The encoded picture as stored; of a video frame the same as PNG.

        The bytes of DROID frames in RoboInter's LMDB stores have red and blue exchanged; `open`
        puts that right.

        Raises:
            RoboLoopError: As `open`, but E-MED-002 and E-MED-003 only when reading shows them.
        """
        if isinstance(media, VideoFrame):
            return encode_png(self.open(media))
        with _named(medium_name(media)):
            return self._encoded(media)

    def plain_bytes(self, media: Media) -> bytes | None:
        """The encoded picture as stored, when any reader sees in it what `open` gives; else None.

        Raises:
            RoboLoopError: As `read_bytes`.
        """
        is_swapped = isinstance(media, LmdbPicture) and _has_swapped_channels(media.episode)
        if isinstance(media, VideoFrame) or is_swapped:
            return None
        with _named(medium_name(media)):
            data = self._encoded(media)
            return data if plain_media_type(data) else None

    def size(self, media: Media) -> PictureSize:
        """Width and height after rotation, read from the header; stated sizes are not trusted.

        Raises:
            RoboLoopError: As `open`; damage behind the header is not seen.
        """
        with _named(medium_name(media)):
            match media:
                case FilePicture():
                    return picture_size(self._file(media.path))
                case VideoFrame():
                    with opened.use(Video, self._file(media.path)) as video:
                        return video.size()
                case _:
                    return picture_size(self._encoded(media))

    def measure(self, media: Media) -> Measured:
        """Decode the picture and give its size and the hash of its content.

        Raises:
            RoboLoopError: As `open`.
        """
        if isinstance(media, VideoFrame):
            size = PictureSize(*self.open(media).size)
            return Measured(size, self.content_hash(media))
        with _named(medium_name(media)):
            data = self._encoded(media)
            return Measured(PictureSize(*decode_picture(data).size), hash_bytes(data))

    def content_hash(self, media: Media) -> str:
        """The hash of the encoded bytes; of a video frame of the video's bytes and its number.

        Raises:
            RoboLoopError: As `read_bytes`; nothing is decoded.
        """
        if not isinstance(media, VideoFrame):
            return hash_bytes(self.read_bytes(media))
        with _named(medium_name(media)):
            video = self._file(media.path)
            whole = _file_hash(video, video.stat().st_mtime_ns)
        return hash_value([whole, media.frame])

    def num_frames(self, path: str) -> int:
        """How many frames the video at `root:relative` has.

        Raises:
            RoboLoopError: As `open`.
        """
        with _named(path), opened.use(Video, self._file(path)) as video:
            return video.num_frames

    def frame_seconds(self, path: str, *, frame: int) -> float:
        """When a frame of the video at `root:relative` is shown, in seconds after its first one.

        Raises:
            RoboLoopError: As `open`.
        """
        with _named(path), opened.use(Video, self._file(path)) as video:
            return video.seconds(frame)

    def locate(self, path: str) -> Path:
        """The absolute path behind `root:relative`, whether or not something is there.

        Raises:
            RoboLoopError: E-MED-001 for an unknown root, E-MED-005 when it leads out of the root.
        """
        root, relative = split_path(path)
        if root not in self.roots:
            known = ", ".join(sorted(self.roots)) or "none"
            raise RoboLoopError("E-MED-001", f"media root {root!r} is not known; known: {known}")
        return path_below(self.roots[root], relative=relative)

    def _file(self, path: str) -> Path:
        """The regular file behind `root:relative`."""
        found = self.locate(path)
        status = found.stat()
        if not stat.S_ISREG(status.st_mode):
            raise RoboLoopError("E-MED-001", "it is not a file")
        return found

    def _encoded(self, media: Media) -> bytes:
        """The encoded bytes of anything but a video frame."""
        match media:
            case FilePicture():
                path = self._file(media.path)
                if path.stat().st_size > MAX_ENCODED_BYTES:
                    raise RoboLoopError("E-MED-003", "it has too many bytes for one picture")
                return path.read_bytes()
            case ArchivePicture():
                kind = ZipFolder if is_zip_name(media.archive) else TarFolder
                with opened.use(kind, self._file(media.archive)) as archive:
                    return archive.read(media.member)
            case ParquetPicture():
                with opened.use(ParquetTable, self._file(media.path)) as table:
                    return table.read(media.column, row=media.row, item=media.item)
            case LmdbPicture():
                root, store_folder = split_path(media.store)
                folders = [part for part in (store_folder, media.episode) if part]
                file = f"{root}:{'/'.join((*folders, 'lmdb', LMDB_FILE))}"
                with opened.use(LmdbStore, self._file(file)) as store:
                    return store.picture(f"{media.view}_image/{media.frame:04d}")
            case SpanPicture():
                stored = read_span(
                    self._file(media.path), offset=media.offset, num_bytes=media.num_bytes
                )
                return _decoded(stored, encoding=media.encoding)
            case VideoFrame():
                raise AssertionError("a video has no encoded pictures")


def _decoded(stored: bytes, *, encoding: str | None) -> bytes:
    """The bytes of a picture behind those that a file holds."""
    if encoding is None:
        return stored
    if encoding != "base64":
        raise RoboLoopError("E-MED-007", f"encoding {encoding!r} is not known; base64 is")
    try:
        return base64.b64decode(stored, validate=True)
    except binascii.Error as error:
        raise RoboLoopError("E-MED-003", f"not base64: {error}") from error


@lru_cache(maxsize=1024)
def _file_hash(path: Path, mtime_ns: int) -> str:
    """Hash of a file, taken once for all frames of a video."""
    del mtime_ns
    return hash_file(path)


def _has_swapped_channels(episode: str) -> bool:
    """Whether an episode's LMDB frames were encoded with red and blue exchanged.

    So RoboInter's DROID frames are; its RH20T frames are not. The episode's name tells.
    """
    return _DROID_EPISODE.fullmatch(episode.rsplit("/", 1)[-1]) is not None


@contextmanager
def _named(name: str) -> Generator[None]:
    """Name the medium in every error, and give errors of the file system their code."""
    try:
        yield
    except MissingDependencyError:
        raise
    except RoboLoopError as error:
        detail = f"{name}: {error.detail}"
        raise RoboLoopError(error.code, detail, place=error.place, fix=error.fix) from error
    except FileNotFoundError as error:
        raise RoboLoopError("E-MED-001", f"{name} does not exist") from error
    except (OSError, RuntimeError, ValueError) as error:
        # No permission, a name too long, a loop of links, a null byte in the name ...
        raise RoboLoopError("E-MED-001", f"{name} cannot be read: {error}") from error

"""Picture files for entries that can only name files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path

from PIL import Image

from roboloop.base.files import atomic_write_bytes
from roboloop.base.hashing import hash_bytes
from roboloop.base.pictures import encode_png
from roboloop.records.media import FilePicture, LmdbPicture, Media, VideoFrame
from roboloop.records.media_open import MediaStore, split_path

AS_STORED = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "BMP": ".bmp", "GIF": ".gif"}


class PictureFiles:
    """Gives the path of each medium below one folder; writes a file where there is none.

    Args:
        media: All media that will be asked for.
        roots: Root name -> folder.
        made: Folder for pictures that are in no file of their own: members of archives, cells of
            tables, frames of videos.
        copy: Put the others there as well.

    Attributes:
        folder: What the paths are relative to.
    """

    def __init__(
        self, media: Iterable[Media], *, roots: Mapping[str, Path], made: Path, copy: bool = False
    ) -> None:
        self._store = MediaStore(roots)
        self._made = made
        self._copy = copy
        used = {made} if copy else {self._home(medium) for medium in media}
        self.folder = Path(os.path.commonpath([path.resolve() for path in used or {made.parent}]))
        self._written: dict[Media, Path] = {}

    def path(self, media: Media) -> str:
        """The path of a medium below `folder`.

        Raises:
            RoboLoopError: E-MED-* when it cannot be opened.
        """
        if isinstance(media, FilePicture) and not self._copy:
            file = self._store.locate(media.path)
        else:
            if media not in self._written:
                self._written[media] = self._write(media)
            file = self._written[media]
        return Path(os.path.relpath(file.resolve(), self.folder)).as_posix()

    def _home(self, media: Media) -> Path:
        """The folder below which a medium's file is or will be."""
        if not isinstance(media, FilePicture):
            return self._made
        return self._store.roots.get(split_path(media.path).root, self._made)

    def _write(self, media: Media) -> Path:
        """The picture as a file named by its content."""
        data, suffix = self._encoded(media)
        file = self._made / f"{hash_bytes(data)}{suffix}"
        if not file.exists():
            atomic_write_bytes(file, data=data)
        return file

    def _encoded(self, media: Media) -> tuple[bytes, str]:
        """The bytes as stored where they are a picture as it is seen, else as PNG."""
        if not isinstance(media, VideoFrame | LmdbPicture):
            data = self._store.read_bytes(media)
            with Image.open(BytesIO(data)) as picture:
                suffix = AS_STORED.get(picture.format or "")
            if suffix is not None:
                return data, suffix
        return encode_png(self._store.open(media)), ".png"

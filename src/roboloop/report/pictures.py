"""Pictures of a report: each copied once, named by its content, its bytes as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize
from roboloop.base.hashing import hash_bytes
from roboloop.base.pictures import decode_picture, encode_png, picture_size
from roboloop.records.media import LmdbPicture, Media
from roboloop.records.media_open import MediaStore

FOLDER = "media"


class ShownPicture(NamedTuple):
    """A picture as the viewer finds it.

    Attributes:
        file: Path below the report; None when it cannot be shown.
        size: Width and height after EXIF rotation, the frame of all marks; None when unknown.
        problem: Why it cannot be shown; empty when it can.
    """

    file: str | None
    size: PictureSize | None
    problem: str = ""

    def as_json(self) -> dict[str, Any]:
        """As it stands in a row."""
        width, height = self.size or (None, None)
        picture = {"file": self.file, "width": width, "height": height}
        return {**picture, "problem": self.problem} if self.problem else picture


class PictureFolder:
    """Copies pictures into a report.

    Args:
        report: The report's folder.
        store: Opens the references; None leaves pictures out.
    """

    def __init__(self, report: Path, *, store: MediaStore | None) -> None:
        self.num_missing = 0
        self._report = report
        self._store = store
        self._known: dict[Media, ShownPicture] = {}
        self._files: set[str] = set()

    @property
    def num_files(self) -> int:
        """Distinct pictures copied so far."""
        return len(self._files)

    def add(self, media: Media) -> ShownPicture:
        """Copy the picture unless it is there; a picture that cannot be read says why."""
        if media not in self._known:
            self._known[media] = self._copy(media)
        return self._known[media]

    def _copy(self, media: Media) -> ShownPicture:
        if self._store is None:
            return ShownPicture(None, media.size, "pictures were left out of this report")
        try:
            data, suffix = _shown_bytes(media, store=self._store)
            size = media.size or picture_size(data)
        except RoboLoopError as error:
            self.num_missing += 1
            return ShownPicture(None, media.size, f"{error.code} {error.detail}")
        name = f"{FOLDER}/{hash_bytes(data)}.{suffix}"
        if name not in self._files:
            path = self._report / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)  # the whole folder is renamed into place at the end
            self._files.add(name)
        return ShownPicture(name, size)


class _Shown(NamedTuple):
    data: bytes
    suffix: str


def _shown_bytes(media: Media, *, store: MediaStore) -> _Shown:
    """The stored bytes where a browser shows them as the models see them, else a PNG."""
    data = store.read_bytes(media)
    suffix = _browser_suffix(data)
    if suffix is None:
        return _Shown(encode_png(decode_picture(data)), "png")
    if isinstance(media, LmdbPicture):  # some stores hold red and blue exchanged
        picture = store.open(media)
        if picture.tobytes() != decode_picture(data).tobytes():
            return _Shown(encode_png(picture), "png")
    return _Shown(data, suffix)


def _browser_suffix(data: bytes) -> str | None:
    """File suffix when every browser can show these bytes, by their first few."""
    if data.startswith(b"\xff\xd8\xff"):
        return "jpg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return None

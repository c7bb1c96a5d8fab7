"""Zip archives of millions of pictures, whole, in parts or in volumes, read at random.

Python's zipfile holds an object for every member: 600 bytes, gigabytes for the largest published
archives, in each process. Here a member costs 16 bytes: the hash of its name, and where its entry
stands in the central directory, which is read again when the member is asked for. Volumes, whose
positions count from the start of their own volume, need only one addition more.
Format: PKWARE's APPNOTE 6.3.10, sections 4.3 and 4.5.3. Members are decoded by zipfile.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from roboloop.base.errors import RoboLoopError
from roboloop.records.split_files import JoinedFiles, archive_parts, is_in_volumes

CHUNK_BYTES = 1 << 20
MAX_COMMENT_BYTES = 1 << 16
ENCRYPTED = 0x1
_UTF8_NAME = 0x800
_ZIP64_EXTRA = 1
_FULL = 0xFFFFFFFF
"""A 32-bit field whose value stands in the zip64 extra field."""

_END = struct.Struct("<4s2H4x2LH")
"""Signature, this volume, the directory's volume, its bytes and start, length of the comment."""
_END64_PLACE = struct.Struct("<4sLQL")
"""Signature, volume and start of the zip64 end record, number of volumes."""
_END64 = struct.Struct("<4s16xL16x2Q")
"""Signature, the directory's volume, its bytes and start."""
_MEMBER = struct.Struct("<4s4x2H4x3L4H2x2L")
"""Signature, flags, method, checksum, packed and unpacked bytes, lengths of name, extra field and
comment, volume, attributes, start."""
_LOCAL = struct.Struct("<4s22x2H")
"""Signature, lengths of name and extra field."""


class _Directory(NamedTuple):
    """Where the central directory is, and what is added to the start of each member in it."""

    start: int
    num_bytes: int
    shift: int


class ZipReader:
    """An open zip archive.

    Args:
        path: The archive, or one of its parts or volumes.

    Raises:
        RoboLoopError: E-MED-008 when it is no whole archive.
    """

    def __init__(self, path: Path) -> None:
        parts = archive_parts(path)
        joined = JoinedFiles(parts)
        self._starts = joined.starts if is_in_volumes(path) else ()
        self._stream = io.BufferedReader(joined)
        self.num_bytes = self._stream.seek(0, io.SEEK_END)
        try:
            self._directory = self._find_directory()
            self._index()
        except (zipfile.BadZipFile, ValueError, struct.error) as error:
            self.close()
            raise RoboLoopError("E-MED-008", f"not a whole zip archive: {error}") from error

    def find(self, name: str) -> zipfile.ZipInfo | None:
        """The member of this name, of several the last one; None when there is none."""
        key = hash(name)
        first = int(np.searchsorted(self._hashes, key, side="left"))
        last = int(np.searchsorted(self._hashes, key, side="right"))
        for index in range(last - 1, first - 1, -1):
            info = next(self._members(int(self._places[index]), most=1))
            if info.filename == name:
                return info
        return None

    def members(self) -> Iterator[zipfile.ZipInfo]:
        """Every member in the order of the directory."""
        return self._members(self._directory.start)

    @property
    def has_repeats(self) -> bool:
        """Whether two members may have one name."""
        return bool((self._hashes[1:] == self._hashes[:-1]).any())

    def __len__(self) -> int:
        """Number of members."""
        return len(self._places)

    def open(self, info: zipfile.ZipInfo) -> zipfile.ZipExtFile:
        """A member's content, to be read to its end before anything else is read.

        Raises:
            RoboLoopError: E-MED-008 when it is encrypted or packed in an unknown way.
            zipfile.BadZipFile, zlib.error, EOFError: When it is damaged, also while it is read.
        """
        if info.flag_bits & ENCRYPTED:
            raise RoboLoopError("E-MED-008", "the member cannot be unpacked: it is encrypted")
        self._stream.seek(max(0, info.header_offset))
        header = self._stream.read(_LOCAL.size if info.header_offset >= 0 else 0)
        if len(header) < _LOCAL.size or header[:4] != b"PK\x03\x04":
            raise zipfile.BadZipFile("there is no member where the directory says")
        _, name, extra = _LOCAL.unpack(header)
        self._stream.seek(name + extra, io.SEEK_CUR)
        try:
            return zipfile.ZipExtFile(self._stream, "r", info)
        except NotImplementedError as error:
            detail = f"the member cannot be unpacked: {error}"
            raise RoboLoopError("E-MED-008", detail) from error

    def read(self, info: zipfile.ZipInfo) -> bytes:
        """All of a member's content.

        Raises:
            RoboLoopError: E-MED-003 when it is damaged, E-MED-008 as `open`.
        """
        try:
            with self.open(info) as content:
                return content.read()
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise RoboLoopError("E-MED-003", f"the member is damaged: {error}") from error

    def close(self) -> None:
        """Close all files."""
        self._stream.close()

    def _find_directory(self) -> _Directory:
        """Read the records at the end."""
        tail_start = max(0, self.num_bytes - MAX_COMMENT_BYTES - _END.size - _END64_PLACE.size)
        self._stream.seek(tail_start)
        tail = self._stream.read()
        place = tail.rfind(b"PK\x05\x06")
        if place < 0 or len(tail) - place < _END.size:
            raise zipfile.BadZipFile("it has no end record")
        _, this_volume, volume, num_bytes, start, _ = _END.unpack_from(tail, place)
        if this_volume not in (0, 0xFFFF) and not self._starts:
            raise zipfile.BadZipFile("it is the last of several volumes; the others are missing")
        end = tail_start + place
        if place >= _END64_PLACE.size:
            locator = _END64_PLACE.unpack_from(tail, place - _END64_PLACE.size)
            if locator[0] == b"PK\x06\x07":
                end = self._position(locator[1], locator[2])
                if not self._starts:  # whatever stands in front of the archive
                    end = tail_start + place - _END64_PLACE.size - 56
                self._stream.seek(max(0, end))
                record = self._stream.read(_END64.size)
                if len(record) < _END64.size or record[:4] != b"PK\x06\x06":
                    raise zipfile.BadZipFile("it has no zip64 end record")
                _, volume, num_bytes, start = _END64.unpack(record)
        if self._starts:
            return _Directory(self._position(volume, start), num_bytes, 0)
        shift = end - num_bytes - start
        if start + shift < 0:
            raise zipfile.BadZipFile("its directory is not there")
        return _Directory(start + shift, num_bytes, shift)

    def _position(self, volume: int, start: int) -> int:
        """A position in a volume as one in all volumes together."""
        if not self._starts:
            return start
        if volume >= len(self._starts):
            raise zipfile.BadZipFile(f"volume {volume + 1} is missing")
        return self._starts[volume] + start

    def _index(self) -> None:
        """Go through the directory once."""
        hashes, places = array("q"), array("q")
        for place, fields, name, _ in self._entries(self._directory.start):
            if self._starts:
                self._position(fields[9], 0)  # a lost volume is better noticed now
            hashes.append(hash(name))
            places.append(place)
        order = np.argsort(np.frombuffer(hashes, np.int64), kind="stable")
        self._hashes = np.frombuffer(hashes, np.int64)[order]
        self._places = np.frombuffer(places, np.int64)[order]

    def _members(self, place: int, *, most: int | None = None) -> Iterator[zipfile.ZipInfo]:
        """The members whose entries stand from `place` on."""
        for _, fields, name, extra in self._entries(place, most=most):
            info = zipfile.ZipInfo(name)
            (_, info.flag_bits, info.compress_type, info.CRC, packed, unpacked, _, _, _, volume,
             info.external_attr, start) = fields  # fmt: skip
            if _FULL in (packed, unpacked, start):
                unpacked, packed, start = _zip64(
                    extra, unpacked=unpacked, packed=packed, start=start
                )
            info.file_size, info.compress_size = unpacked, packed
            info.header_offset = self._position(volume, start) + self._directory.shift
            yield info

    def _entries(
        self, place: int, *, most: int | None = None
    ) -> Iterator[tuple[int, tuple[int, ...], str, bytes]]:
        """Entries of the directory from `place` on: place, fields, name and extra field."""
        end = self._directory.start + self._directory.num_bytes
        chunk, at, num = b"", 0, 0
        wanted = CHUNK_BYTES if most is None else 1024
        while place < end and (most is None or num < most):
            size = _MEMBER.size
            fields: tuple[int, ...] | None = None
            if len(chunk) - at >= size:
                fields = _MEMBER.unpack_from(chunk, at)
                size += fields[6] + fields[7] + fields[8]
            if fields is None or len(chunk) - at < size:
                self._stream.seek(place)
                chunk, at = self._stream.read(max(wanted, size)), 0
                if len(chunk) < size:
                    raise zipfile.BadZipFile("its directory is cut off")
                continue
            if fields[0] != b"PK\x01\x02":  # pyright: ignore[reportUnnecessaryComparison]
                raise zipfile.BadZipFile("its directory is damaged")
            name_at = at + _MEMBER.size
            extra_at = name_at + fields[6]
            code = "utf-8" if fields[1] & _UTF8_NAME else "cp437"
            name = chunk[name_at:extra_at].decode(code)
            yield place, fields, name, chunk[extra_at : extra_at + fields[7]]
            place, at, num = place + size, at + size, num + 1


class _Long(NamedTuple):
    """Fields of a member, some of them from the zip64 extra field."""

    unpacked: int
    packed: int
    start: int


def _zip64(extra: bytes, *, unpacked: int, packed: int, start: int) -> _Long:
    """Take the fields that are full from the zip64 extra field, where they stand in this order."""
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<2H", extra, at)
        if kind == _ZIP64_EXTRA:
            numbers = iter(struct.unpack_from(f"<{min(size // 8, 3)}Q", extra, at + 4))
            found = [next(numbers, field) if field == _FULL else field
                     for field in (unpacked, packed, start)]  # fmt: skip
            return _Long(*found)
        at += 4 + size
    return _Long(unpacked, packed, start)

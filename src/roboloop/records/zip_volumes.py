"""Zip archives in volumes, as `zip -s` writes them: made readable for Python's zipfile.

Laid end to end, volumes are one archive whose members start where the central directory says, but
counted from the start of their own volume (its number stands beside). So a central directory that
counts from the start of the first one is all that is needed to read them.
Format: PKWARE's APPNOTE 6.3.10, sections 4.3.12 and 4.3.16.
"""

from __future__ import annotations

import struct
import zipfile
from typing import IO

_END = struct.Struct("<4s4H2LH")
"""End record: signature, this volume, volume of the directory, members here, members, bytes and
start of the directory, length of the comment."""
_MEMBER = struct.Struct("<4s24x4H6xL")
"""Of a directory entry: signature, lengths of name, extra and comment, volume, start."""
_MAX_COMMENT_BYTES = 1 << 16
_MAX_START = (1 << 32) - 2


def whole_directory(stream: IO[bytes], *, starts: tuple[int, ...]) -> bytes:
    """The end of an archive, from its central directory on, rewritten for one whole file.

    Args:
        stream: All volumes, end to end.
        starts: Where each of them starts.

    Raises:
        zipfile.BadZipFile: When it is damaged.
        NotImplementedError: For more than 4 GiB or 65,535 members.
    """
    num_bytes = stream.seek(0, 2)
    stream.seek(max(0, num_bytes - _MAX_COMMENT_BYTES - _END.size))
    end = stream.read()
    place = end.rfind(b"PK\x05\x06")
    if place < 0 or len(end) - place < _END.size:
        raise zipfile.BadZipFile("it has no end record")
    _, _, volume, _, num_members, size, start, comment = _END.unpack_from(end, place)
    if volume >= len(starts):
        raise zipfile.BadZipFile(f"volume {volume + 1} is missing")
    start += starts[volume]
    if num_members == 0xFFFF or start > _MAX_START:
        raise NotImplementedError("volumes of more than 4 GiB or 65,535 members are not read")
    stream.seek(start)
    tail = bytearray(stream.read())
    at = 0
    for _ in range(num_members):
        if len(tail) - at < _MEMBER.size or bytes(tail[at : at + 4]) != b"PK\x01\x02":
            raise zipfile.BadZipFile("its directory is damaged")
        _, name, extra, note, volume, offset = _MEMBER.unpack_from(tail, at)
        if volume >= len(starts):
            raise zipfile.BadZipFile(f"volume {volume + 1} is missing")
        struct.pack_into("<H", tail, at + 34, 0)
        struct.pack_into("<L", tail, at + 42, starts[volume] + offset)
        at += _MEMBER.size + name + extra + note
    record = _END.pack(b"PK\x05\x06", 0, 0, num_members, num_members, size, start, comment)
    end_at = len(tail) - (len(end) - place)
    tail[end_at : end_at + _END.size] = record
    return bytes(tail)

"""TFRecord files of `tf.train.Example` records, read without TensorFlow.

A file is a row of records: length (8 bytes), its masked CRC-32C (4), the data, its masked CRC-32C
(4), all little-endian. An Example is a protocol buffer that maps names to lists of bytes, floats or
whole numbers; pictures inside are not copied, only their place in the file is given. Formats:
tensorflow.org/tutorials/load_data/tfrecord and protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from roboloop.base.crc32c import masked_crc32c
from roboloop.base.errors import Place, RoboLoopError
from roboloop.records.jsonl import Broken

LENGTH_BYTES = 8
CHECKSUM_BYTES = 4
HEAD_BYTES = LENGTH_BYTES + CHECKSUM_BYTES
_VARINT, _LENGTH, _FOUR_BYTES, _EIGHT_BYTES = 0, 2, 5, 1


class Tfrecord(NamedTuple):
    """One record: its number in the file from 0, the byte its data starts at, and the data."""

    number: int
    offset: int
    data: memoryview


class Span(NamedTuple):
    """`num_bytes` bytes of a file from byte `offset`."""

    offset: int
    num_bytes: int


def scan_tfrecords(path: Path, *, verify: bool = True) -> Iterator[Tfrecord | Broken]:
    """Every record of a file in order, or what is wrong with it.

    A record whose data do not match their checksum costs only itself; a damaged length or a file
    that was cut off costs the rest of the file, as one `Broken`.

    Args:
        path: The file.
        verify: Compare the checksums of the data; those of the lengths always are.

    Raises:
        RoboLoopError: E-DAT-001 when the file cannot be opened.
    """
    data = _mapped(path)
    offset = number = 0
    while offset < len(data):
        end = _end_of_record(data, offset)
        if isinstance(end, RoboLoopError):
            yield Broken(end.located(Place(f"{path}!{number}")))
            return
        start = offset + HEAD_BYTES
        record = Tfrecord(number, start, data[start : end - CHECKSUM_BYTES])
        if verify and not _matches(record.data, data[end - CHECKSUM_BYTES : end]):
            yield Broken(_damaged("its checksum is wrong").located(Place(f"{path}!{number}")))
        else:
            yield record
        offset = end
        number += 1


class Example:
    """The features of a record.

    Args:
        record: A serialised `tf.train.Example`.

    Raises:
        RoboLoopError: E-DAT-006 when its bytes are no Example.
    """

    def __init__(self, record: Tfrecord) -> None:
        self._data = record.data
        self._offset = record.offset
        self._features: dict[str, Span] = {}
        for features in self._inner(Span(0, len(record.data)), field=1):
            for entry in self._inner(features, field=1):
                for key in self._inner(entry, field=1):
                    for value in self._inner(entry, field=2):
                        self._features[self._text(key)] = value

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its features."""
        return tuple(self._features)

    def spans(self, name: str) -> list[Span]:
        """Where the values of a list of bytes lie in the file; none of a feature that is absent."""
        return [Span(self._offset + start, size) for start, size in self._bytes(name)]

    def texts(self, name: str) -> list[str]:
        """The values of a list of bytes as text."""
        return [self._text(span) for span in self._bytes(name)]

    def whole_numbers(self, name: str) -> list[int]:
        """The values of a list of whole numbers."""
        found: list[int] = []
        for values in self._lists(name, field=3):
            for field, wire, span in self._fields(values):
                if field != 1:
                    continue
                position, end = span.offset, span.offset + span.num_bytes
                if wire not in (_VARINT, _LENGTH):
                    raise _damaged(f"{name!r} is no list of whole numbers")
                while position < end:
                    value, position = self._varint(position, end)
                    found.append(value - (1 << 64) if value >> 63 else value)
        return found

    def _lists(self, name: str, *, field: int) -> Iterator[Span]:
        if (feature := self._features.get(name)) is not None:
            yield from self._inner(feature, field=field)

    def _bytes(self, name: str) -> Iterator[Span]:
        for values in self._lists(name, field=1):
            yield from self._inner(values, field=1)

    def _inner(self, span: Span, *, field: int) -> Iterator[Span]:
        """The messages or bytes under a field's number, each where it lies in the data."""
        for number, wire, inner in self._fields(span):
            if number == field:
                if wire != _LENGTH:
                    raise _damaged(f"field {number} is of wire type {wire}")
                yield inner

    def _fields(self, span: Span) -> Iterator[tuple[int, int, Span]]:
        """Every field of a message: its number, its wire type, and where its value lies."""
        position, end = span.offset, span.offset + span.num_bytes
        while position < end:
            key, position = self._varint(position, end)
            number, wire = key >> 3, key & 7
            if wire == _LENGTH:
                size, position = self._varint(position, end)
            elif wire == _VARINT:
                size = self._varint(position, end)[1] - position
            elif wire in (_FOUR_BYTES, _EIGHT_BYTES):
                size = 4 if wire == _FOUR_BYTES else 8
            else:
                raise _damaged(f"wire type {wire} does not exist")
            if number == 0 or position + size > end:
                raise _damaged("a field reaches over its end")
            yield number, wire, Span(position, size)
            position += size

    def _varint(self, position: int, end: int) -> tuple[int, int]:
        """A whole number of up to ten bytes, and the position behind it."""
        value = 0
        for index in range(min(10, end - position)):
            byte = self._data[position + index]
            value |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                return value & ((1 << 64) - 1), position + index + 1
        raise _damaged("a whole number has no end")

    def _text(self, span: Span) -> str:
        raw = bytes(self._data[span.offset : span.offset + span.num_bytes])
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            raise _damaged(f"a text is not UTF-8 at byte {error.start + 1}") from error


def _mapped(path: Path) -> memoryview:
    try:
        with path.open("rb") as stream:
            if path.stat().st_size == 0:
                return memoryview(b"")
            return memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
    except OSError as error:
        raise RoboLoopError("E-DAT-001", f"cannot be opened: {error}", place=Place(path)) from error


def _end_of_record(data: memoryview, offset: int) -> int | RoboLoopError:
    """The byte behind the record that starts at `offset`, or why that cannot be known."""
    head = data[offset : offset + HEAD_BYTES]
    if len(head) < HEAD_BYTES:
        return RoboLoopError("E-REC-014", f"the file ends at byte {len(data):,}, within a record")
    if not _matches(head[:LENGTH_BYTES], head[LENGTH_BYTES:]):
        return _damaged(f"the length at byte {offset:,} does not match its checksum")
    (length,) = struct.unpack("<Q", head[:LENGTH_BYTES])
    end = offset + HEAD_BYTES + length + CHECKSUM_BYTES
    if end > len(data):
        return RoboLoopError(
            "E-REC-014", f"the file ends at byte {len(data):,}, its record at byte {end:,}"
        )
    return end


def _matches(data: memoryview, stored: memoryview) -> bool:
    return masked_crc32c(data) == int.from_bytes(stored, "little")


def _damaged(detail: str) -> RoboLoopError:
    return RoboLoopError("E-DAT-006", detail)

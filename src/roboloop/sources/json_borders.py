"""Where a JSON file may be cut between two of its entries, found without parsing it.

Outside of strings only brackets count, and a string ends at the next quote that has no backslash
before it. So a chunk is gone through with a few searches and counts, each at the speed of memory;
only the entry that a piece ends with is looked at token by token.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO, NamedTuple

CHUNK_BYTES = 1 << 18
MAX_ENTRY_BYTES = 1 << 26
"""Nothing longer is looked through for the end of one entry: the rest of the file is one piece."""

_TOKEN = re.compile(rb'"[^"]*"?|[][{},]')


class Border(NamedTuple):
    """The end of a piece.

    Attributes:
        end: In bytes from the start of the file.
        num_newlines: In the piece.
        line_start: Where the line starts that the border is in; None when that is where the piece
            before it started.
    """

    end: int
    num_newlines: int
    line_start: int | None


def line_borders(stream: IO[bytes], *, piece_bytes: int) -> Iterator[Border]:
    """Borders after so many bytes each, between two lines, from the stream's position on."""
    end = stream.tell()
    while piece := stream.read(piece_bytes):
        if not piece.endswith(b"\n"):
            piece += stream.readline()
        end += len(piece)
        yield Border(end, piece.count(b"\n"), end)


def list_borders(stream: IO[bytes], *, piece_bytes: int) -> Iterator[Border]:
    """Borders after so many bytes each, behind the `,` between two entries of a list.

    The stream stands at the list's `[`. In a file that is no JSON, the borders before the first
    mistake are right and those behind it anywhere.
    """
    outline = _Outline()
    end = stream.tell()
    chunk = b""
    while True:
        start, num_newlines, line_start = end, 0, None
        found = False
        while not found:
            chunk = chunk or _masked_chunk(stream)
            if not chunk or end - start > piece_bytes + MAX_ENTRY_BYTES:
                return
            if end - start < piece_bytes:
                length = min(len(chunk), piece_bytes - (end - start))
                outline.pass_over(chunk[:length])
            else:
                border = outline.next_border(chunk)
                found = border is not None
                length = len(chunk) if border is None else border
            if outline.depth <= 0:
                return
            passed, chunk = chunk[:length], chunk[length:]
            if newlines := passed.count(b"\n"):
                num_newlines += newlines
                line_start = end + passed.rindex(b"\n") + 1
            end += length
        yield Border(end, num_newlines, line_start)


class _Outline:
    """How deep in brackets a position is, and whether in a string."""

    def __init__(self) -> None:
        self.depth = 0
        self._in_string = False

    def pass_over(self, masked: bytes) -> None:
        """Go on to the end of this text."""
        pieces = masked.split(b'"')
        outside = b"".join(pieces[self._in_string :: 2])
        self.depth += outside.count(b"{") + outside.count(b"[")
        self.depth -= outside.count(b"}") + outside.count(b"]")
        if len(pieces) % 2 == 0:
            self._in_string = not self._in_string

    def next_border(self, masked: bytes) -> int | None:
        """Go on to the end of the first `,` between two entries, or of the text or the list."""
        start = 0
        if self._in_string:
            start = masked.find(b'"') + 1
            if start == 0:
                return None
            self._in_string = False
        for token in _TOKEN.finditer(masked, start):
            text = token[0]
            if text in b"{[":
                self.depth += 1
            elif text in b"}]":
                self.depth -= 1
                if self.depth == 0:
                    return None
            elif text == b"," and self.depth == 1:
                return token.end()
            elif text == b'"' or not text.endswith(b'"'):
                self._in_string = text != b","
        return None


def _masked_chunk(stream: IO[bytes]) -> bytes:
    """The next bytes, escapes overwritten: each quote left opens or closes a string."""
    chunk = stream.read(CHUNK_BYTES)
    while chunk.endswith(b"\\") and (more := stream.read(min(len(chunk), MAX_ENTRY_BYTES))):
        chunk += more  # or an escape might be cut in two
    return chunk.replace(b"\\\\", b"__").replace(b'\\"', b"__")

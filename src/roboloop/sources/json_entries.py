"""Entries of a published JSON file, one by one, each with its line: never the whole file at once.

A file is a list of entries (`.json`) or has one entry a line (`.jsonl`). In a list, an entry that
holds NaN or bytes that are no UTF-8 costs only itself; broken syntax ends the reading with an
error, for nobody knows how many entries follow it.

So that several processes can read one file, `entry_pieces` cuts it and `scan_piece` reads a piece;
the pieces in order give what `scan_entries` gives, errors included. A piece is a fitting part of a
`DataSetSource`.
"""

from __future__ import annotations

import io
import json
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, NamedTuple

from roboloop.base.errors import Place, RoboLoopError
from roboloop.records.jsonl import Broken, JsonLine, scan_json_lines
from roboloop.sources.json_borders import line_borders, list_borders
from roboloop.sources.json_list import ListScanner
from roboloop.sources.json_plain import plain_entries

PIECE_BYTES = 1 << 21

_LINE_SUFFIXES = (".jsonl", ".ndjson")
_BOM = b"\xef\xbb\xbf"
_SPACES = b" \t\r\n"


class Piece(NamedTuple):
    """Whole entries of a file that stand one after the other: a range of its bytes.

    Attributes:
        file: The file.
        number: Of the piece, from 0.
        start: Where it starts, in bytes; in a list at the `[` or behind a `,`.
        end: Where it ends; None for the end of the file.
        line: The number of the line it starts in.
        line_start: Where that line starts.
        is_list: Whether the file is a list; otherwise it has an entry a line.
    """

    file: Path
    number: int
    start: int
    end: int | None
    line: int
    line_start: int
    is_list: bool


def scan_entries(path: Path) -> Iterator[JsonLine | Broken]:
    """Every entry of a file in order, as its value or as what is wrong with it.

    Raises:
        RoboLoopError: E-DAT-001 without the file, E-DAT-002 when it is neither a list nor lines,
            E-REC-001 for broken syntax in a list, E-REC-014 for a list that is cut off.
    """
    yield from scan_piece(_whole(path))


def entry_pieces(path: Path, *, piece_bytes: int = PIECE_BYTES) -> Iterator[Piece]:
    """Cut a file into pieces of whole entries, several times faster than they can be read.

    What is wrong with an entry comes out when its piece is read.

    Args:
        path: A JSON list, or a file with one entry a line.
        piece_bytes: How long a piece is at least, but the last.

    Raises:
        RoboLoopError: E-DAT-001 without the file, E-DAT-002 when it is neither a list nor lines.
    """
    piece = _whole(path)
    borders = list_borders if piece.is_list else line_borders
    with _opened(path) as stream:
        stream.seek(piece.start)
        for end, num_newlines, line_start in borders(stream, piece_bytes=piece_bytes):
            yield piece._replace(end=end)
            piece = piece._replace(
                number=piece.number + 1,
                start=end,
                line=piece.line + num_newlines,
                line_start=piece.line_start if line_start is None else line_start,
            )
    yield piece


def scan_piece(piece: Piece) -> Iterator[JsonLine | Broken]:
    """Every entry of a piece in order, as its value or as what is wrong with it.

    Raises:
        RoboLoopError: E-DAT-001 without the file, E-REC-001 for broken syntax in a list, E-REC-014
            for a list that is cut off.
    """
    if not piece.is_list:
        yield from scan_json_lines(piece.file, start=piece.start, end=piece.end, line=piece.line)
        return
    with _opened(piece.file) as stream:
        here = yield from _plain_part(stream, piece=piece)
        stream.seek(here.position)
        text = ""
        if piece.end is not None:
            text = stream.read(piece.end - here.position).decode(errors="surrogateescape")
        rest = io.TextIOWrapper(stream, encoding="utf-8", errors="surrogateescape", newline="")
        scanner = ListScanner(rest, path=piece.file, line=here.line, column=here.column, text=text)
        try:
            if here.position > piece.start or piece.number > 0 or scanner.open_list():
                yield from scanner.entries(num_chars=None if piece.end is None else len(text))
        except RoboLoopError as error:
            raise _with_column_of_line(error, piece=piece) from None


class _Here(NamedTuple):
    """A position in a file, its line, and the characters of that line from the piece's start on."""

    position: int
    line: int
    column: int = 0


def _plain_part(stream: IO[bytes], *, piece: Piece) -> Generator[JsonLine, None, _Here]:
    """The plain entries a piece begins with, and where they end: as a rule before the last one."""
    here = _Here(piece.start, piece.line)
    while here.position != piece.end:
        stream.seek(here.position)
        text = stream.read(PIECE_BYTES if piece.end is None else piece.end - here.position)
        opened = here.position == piece.start and piece.number == 0  # with the `[` of the list
        passed, line = yield from plain_entries(
            text, start=int(opened), path=piece.file, line=here.line
        )
        if passed == 0:
            break
        column = _num_chars(text[text.rfind(b"\n", 0, passed) + 1 : passed])
        if line == here.line:
            column += here.column
        here = _Here(here.position + passed, line, column)
    return here


def _whole(path: Path) -> Piece:
    """All of a file as one piece."""
    whole = Piece(path, 0, start=0, end=None, line=1, line_start=0, is_list=False)
    with _opened(path) as stream:
        if path.suffix.lower() in _LINE_SUFFIXES:
            return whole
        start = len(_BOM) if stream.read(len(_BOM)) == _BOM else 0
        stream.seek(start)
        line, line_start, first = 1, start, b""
        while not first and (chunk := stream.read(1 << 16)):
            text = chunk.lstrip(_SPACES)
            first = text[:1]
            spaces = chunk[: len(chunk) - len(text)]
            if b"\n" in spaces:
                line += spaces.count(b"\n")
                line_start = start + spaces.rindex(b"\n") + 1
            start += len(spaces)
    if first == b"[":
        return whole._replace(start=start, line=line, line_start=line_start, is_list=True)
    if first == b"{" and _first_line_is_json(path):
        return whole
    raise RoboLoopError(
        "E-DAT-002", "it is neither a JSON list nor one entry a line", place=Place(path)
    )


def _with_column_of_line(error: RoboLoopError, *, piece: Piece) -> RoboLoopError:
    """The error with its column counted from the start of the line, not of the piece."""
    if error.place.column is None or error.place.line != piece.line:
        return error
    with _opened(piece.file) as stream:
        stream.seek(piece.line_start)
        before = stream.read(piece.start - piece.line_start)
    place = replace(error.place, column=error.place.column + _num_chars(before))
    return RoboLoopError(error.code, error.detail, place=place, fix=error.fix)


def _num_chars(text: bytes) -> int:
    return len(text.decode(errors="surrogateescape"))


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise RoboLoopError("E-DAT-001", f"cannot be opened: {error}", place=Place(path)) from error


def _first_line_is_json(path: Path) -> bool:
    with path.open("rb") as stream:
        for line in stream:
            if line.strip():
                try:
                    json.loads(line)
                except ValueError:
                    return False
                return True
    return False

"""Rows of a table of tab-separated values, with the place of every cell in the file.

The file is mapped, not read: a table with gigabytes of pictures in base64 costs little memory.
Cells follow RFC 4180 with tabs: a cell that begins with a quote ends with one, doubled quotes stand
for one, and such a cell may hold tabs and line breaks. (Python's `csv` stops at cells of 131,072
characters and does not say where they are.)
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from roboloop.base.errors import Place, RoboLoopError

BROKEN = "the quotes of a cell do not close where it ends"
_QUOTED = re.compile(rb'"([^"]*(?:""[^"]*)*)"')


class Cell(NamedTuple):
    """Where the text of a cell stands: bytes `start` to `end`, without its quotes."""

    start: int
    end: int
    is_quoted: bool


class TsvRow(NamedTuple):
    """The cells of a row; what is wrong with it instead, where it cannot be taken apart."""

    cells: tuple[Cell, ...]
    line: int
    broken: str = ""


class TsvFile:
    """A table that is open."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data

    def rows(self) -> Iterator[TsvRow]:
        """All rows that are not empty, the one with the names of the columns first."""
        at, line = 0, 1
        if self._data[:3] == b"\xef\xbb\xbf":
            at = 3
        while at < len(self._data):
            row, end = self._row(at, line=line)
            line += self._data[at:end].count(b"\n") if row.broken else self._num_lines(row, end)
            at = end
            if row.broken or any(cell.end > cell.start for cell in row.cells):
                yield row

    def text(self, cell: Cell) -> str:
        """The text of a cell.

        Raises:
            RoboLoopError: E-REC-001 when it is no UTF-8.
        """
        try:
            text = self._data[cell.start : cell.end].decode()
        except UnicodeDecodeError as error:
            raise RoboLoopError("E-REC-001", f"a cell is not UTF-8: {error.reason}") from error
        return text.replace('""', '"') if cell.is_quoted else text

    def begins(self, cell: Cell, *texts: bytes) -> bool:
        """Whether a cell begins with one of the texts."""
        return self._data[cell.start : cell.start + max(map(len, texts))].startswith(texts)

    def spans(self, pattern: re.Pattern[bytes], cell: Cell) -> Iterator[tuple[int, int]]:
        """Start and end, in bytes of the file, of whatever the pattern finds in a cell."""
        for found in pattern.finditer(self._data, cell.start, cell.end):
            yield found.span()

    def _row(self, at: int, *, line: int) -> tuple[TsvRow, int]:
        """The row that starts at `at`, and where the next one starts."""
        data, cells = self._data, list[Cell]()
        line_end = self._line_end(at)
        while True:
            if data[at : at + 1] == b'"':
                found = _QUOTED.match(data, at)
                if found is None:
                    return TsvRow((), line, BROKEN), min(line_end + 1, len(data))
                cells.append(Cell(*found.span(1), is_quoted=True))
                at = found.end()
                line_end = self._line_end(at) if at > line_end else line_end
                if data[at : at + 1] != b"\t" and data[at:line_end] not in (b"", b"\r"):
                    return TsvRow((), line, BROKEN), min(line_end + 1, len(data))
                tab = at if data[at : at + 1] == b"\t" else -1
            else:
                tab = data.find(b"\t", at, line_end)
                end = line_end - (data[line_end - 1 : line_end] == b"\r") if tab < 0 else tab
                cells.append(Cell(at, max(at, end), is_quoted=False))
            if tab < 0:
                return TsvRow(tuple(cells), line), min(line_end + 1, len(data))
            at = tab + 1

    def _line_end(self, at: int) -> int:
        """Where the next line break stands; the end of the file when there is none."""
        found = self._data.find(b"\n", at)
        return len(self._data) if found < 0 else found

    def _num_lines(self, row: TsvRow, end: int) -> int:
        """Line breaks of a row: its own, and those in its quoted cells."""
        inside = sum(
            self._data[cell.start : cell.end].count(b"\n") for cell in row.cells if cell.is_quoted
        )
        return inside + int(self._data[end - 1 : end] == b"\n")


@contextmanager
def open_tsv(path: Path) -> Generator[TsvFile]:
    """Map a table while the block runs.

    Raises:
        RoboLoopError: E-DAT-001 when it cannot be opened, E-DAT-002 when it is empty.
    """
    try:
        stream = path.open("rb")
    except OSError as error:
        raise RoboLoopError("E-DAT-001", f"cannot be opened: {error}", place=Place(path)) from error
    with stream:
        if stream.seek(0, 2) == 0:
            raise RoboLoopError("E-DAT-002", "the file is empty", place=Place(path))
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield TsvFile(data)

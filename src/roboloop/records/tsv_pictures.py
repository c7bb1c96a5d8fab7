"""A table of tab-separated values with pictures in base64, as VLMEvalKit publishes benchmarks.

The pictures stay where they are: a row gives the bytes of the file in which each of them stands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from roboloop.base.errors import Place, RoboLoopError
from roboloop.records.media import Media, SpanPicture
from roboloop.records.tsv_rows import Cell, TsvFile, TsvRow

MAX_REFERENCE_BYTES = 64
"""A cell of pictures this short is the index of another row, or a path, as in VLMEvalKit."""
_LONG_ITEM = re.compile(rb"""[^\s'",\[\]]{65,}""")
"""A picture in base64; whether it is sound shows when it is decoded."""

Spans = tuple[SpanPicture, ...]


class PictureTable:
    """The rows of a table as mappings, and the pictures in them."""

    def __init__(self, file: Path, *, table: TsvFile, names: tuple[str, ...], root: str) -> None:
        self.file = file
        self._table = table
        self._names = names
        self._root = root
        self._images = ""
        self._by_index: dict[str, Spans] = {}

    def note_pictures(self, *, column: str, index: str) -> None:
        """Go through the table once, so that a row may borrow the pictures of any other."""
        self._images = column
        if not {column, index} <= set(self._names):
            return
        at_image, at_index = self._names.index(column), self._names.index(index)
        for row in self._table.rows():
            if len(row.cells) == len(self._names):
                spans = self._spans(row.cells[at_image])
                if spans:
                    self._by_index[self._table.text(row.cells[at_index])] = spans

    def fields(self, row: TsvRow) -> dict[str, Any]:
        """Column -> text, without pictures in base64.

        Raises:
            RoboLoopError: E-DAT-004 for a row that has not as many cells as there are columns,
                E-REC-001 for a cell that is no UTF-8.
        """
        if row.broken:
            raise RoboLoopError("E-DAT-004", row.broken)
        if len(row.cells) != len(self._names):
            raise RoboLoopError(
                "E-DAT-004",
                f"the row has {len(row.cells)} cells, the table {len(self._names)} columns",
            )
        cells = dict(zip(self._names, row.cells, strict=True))
        return {
            name: self._table.text(cell)
            for name, cell in cells.items()
            if name != self._images or not self._spans(cell)
        }

    def pictures(self, row: TsvRow, *, fields: Mapping[str, Any]) -> tuple[str | Media, ...]:
        """The pictures of a row: in it, in the row it refers to, or files."""
        if not self._images:
            return ()
        if spans := self._spans(row.cells[self._names.index(self._images)]):
            return spans
        given = str(fields.get(self._images) or "")
        if self._images == "image" and given in self._by_index:
            return self._by_index[given]
        paths = given or str(fields.get("image_path") or "")
        if not paths:
            return ()
        if paths[0] == "[":
            return tuple(re.findall(r"""['"]([^'"]+)['"]""", paths))
        return (paths,)

    def _spans(self, cell: Cell) -> Spans:
        """Where in the file the base64 texts of a cell of pictures stand."""
        if self._images != "image" or cell.end - cell.start <= MAX_REFERENCE_BYTES:
            return ()
        if not self._table.begins(cell, b"[", b"data:"):
            return (self._span(cell.start, cell.end),)
        found = self._table.spans(_LONG_ITEM, cell)
        return tuple(self._span(start, end) for start, end in found)

    def _span(self, start: int, end: int) -> SpanPicture:
        path = f"{self._root}:{self.file.name}"
        return SpanPicture(path=path, offset=start, num_bytes=end - start, encoding="base64")


def header(table: TsvFile, row: TsvRow | None, *, file: Path) -> tuple[str, ...]:
    """The names of the columns."""
    try:
        names = tuple(table.text(cell) for cell in row.cells) if row else ()
    except RoboLoopError:
        names = ()
    if len(names) < 2 or len(set(names)) != len(names):
        raise RoboLoopError(
            "E-DAT-002",
            "its first line does not name columns, parted by tabs",
            place=Place(file, 1),
        )
    return names

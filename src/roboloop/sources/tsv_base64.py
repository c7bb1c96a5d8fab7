"""tsv_base64: a benchmark as one table with its pictures in base64.

Format: open-compass/VLMEvalKit, `docs/en/Development.md` and `vlmeval/dataset/image_base.py`.
Columns: `index`, `image` (base64, a list of them, or the index of the row whose picture it is),
`image_path` instead of or besides it, `question`, `hint`, `A`, `B`, `C`, `D` ..., `answer`,
`category`, `l2-category`, `split`. The pictures stay where they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.hashing import hash_file, hash_value
from roboloop.records.media import Media, SpanPicture
from roboloop.records.record import Record
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.conversation_records import EntryReader
from roboloop.sources.file_lists import data_files, folder_print
from roboloop.sources.published_rows import RowForm
from roboloop.sources.row_source import RowSource
from roboloop.sources.tsv_rows import Cell, TsvFile, TsvRow, open_tsv

MAX_REFERENCE_BYTES = 64
"""A cell of pictures this short is the index of another row, or a path, as in VLMEvalKit."""
_LONG_ITEM = re.compile(rb"""[^\s'",\[\]]{65,}""")
"""A picture in base64; whether it is sound shows when it is decoded."""

Spans = tuple[SpanPicture, ...]


class TsvBase64Source(RowSource):
    """Benchmark tables (TSV) with pictures in base64, as VLMEvalKit publishes them."""

    suffixes = (".tsv",)

    kind: Literal["tsv_base64"] = "tsv_base64"  # pyright: ignore[reportIncompatibleVariableOverride]
    path: Path
    """A `.tsv` file, or a folder of them."""
    image_folder: Path | None = None
    """What paths in `image_path` are relative to; the folder of `path` when left out."""

    def media_roots(self) -> Mapping[str, Path]:
        """The folder of the tables, and that of pictures named by path where it is another."""
        folder = self.path if self.path.is_dir() else self.path.parent
        pictures = self.image_folder or folder
        return {self.name: pictures, self._table_root: folder}

    def read_part(self, part: Path, context: SourceContext) -> Iterator[Record | Rejected]:
        """A record for each row of a table, or why it is none.

        Raises:
            RoboLoopError: E-DAT-002 for a file that is no such table.
        """
        del context
        with open_tsv(part) as table:
            yield from self._records(part, table=table)

    def fingerprint(self) -> str:
        """Hash of the options, the tables and the pictures that lie in files."""
        files = [hash_file(file) for file in data_files(self.path, suffixes=self.suffixes)]
        pictures = "" if self.image_folder is None else folder_print(self.image_folder)
        return hash_value([self.model_dump(mode="json"), files, pictures])

    def _records(self, file: Path, *, table: TsvFile) -> Iterator[Record | Rejected]:
        rows = table.rows()
        names = _header(table, next(rows, None), file=file)
        form = self.row_form(names)
        rows_of_tables = _Table(file, table=table, names=names, root=self._table_root)
        images = form.columns.get("images", "")
        rows_of_tables.note_pictures(column=images, index=form.columns.get("id", ""))
        reader = self.row_reader(form, split="test")
        for row in rows:
            yield _record(row, rows=rows_of_tables, form=form, reader=reader)

    @property
    def _table_root(self) -> str:
        return self.name if self.image_folder is None else f"{self.name}.tables"


class _Table:
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


def _record(row: TsvRow, *, rows: _Table, form: RowForm, reader: EntryReader) -> Record | Rejected:
    place = Place(rows.file, row.line)
    try:
        fields = rows.fields(row)
        pictures = rows.pictures(row, fields=fields)
        key = f"{rows.file.stem}-{row.line}"
        entry = form.entry(fields, key=key, pictures=pictures)
    except RoboLoopError as error:
        return Rejected(error.located(place), None)
    return reader.read(entry, place=place)


def _header(table: TsvFile, row: TsvRow | None, *, file: Path) -> tuple[str, ...]:
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

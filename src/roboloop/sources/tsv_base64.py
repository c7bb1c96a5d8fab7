"""tsv_base64: a benchmark as one table with its pictures in base64.

Format: open-compass/VLMEvalKit, `docs/en/Development.md` and `vlmeval/dataset/image_base.py`.
Columns: `index`, `image` (base64, a list of them, or the index of the row whose picture it is),
`image_path` instead of or besides it, `question`, `hint`, `A`, `B`, `C`, `D` ..., `answer`,
`category`, `l2-category`, `split`. The pictures stay where they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.hashing import hash_file, hash_value
from roboloop.records.record import Record
from roboloop.records.tsv_pictures import PictureTable, header
from roboloop.records.tsv_rows import TsvFile, TsvRow, open_tsv
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.conversation_records import EntryReader
from roboloop.sources.file_lists import data_files, folder_print
from roboloop.sources.published_rows import RowForm
from roboloop.sources.row_source import RowSource


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
        names = header(table, next(rows, None), file=file)
        form = self.row_form(names)
        rows_of_tables = PictureTable(file, table=table, names=names, root=self._table_root)
        images = form.columns.get("images", "")
        rows_of_tables.note_pictures(column=images, index=form.columns.get("id", ""))
        reader = self.row_reader(form, split="test")
        for row in rows:
            yield _record(row, rows=rows_of_tables, form=form, reader=reader)

    @property
    def _table_root(self) -> str:
        return self.name if self.image_folder is None else f"{self.name}.tables"


def _record(
    row: TsvRow, *, rows: PictureTable, form: RowForm, reader: EntryReader
) -> Record | Rejected:
    place = Place(rows.file, row.line)
    try:
        fields = rows.fields(row)
        pictures = rows.pictures(row, fields=fields)
        key = f"{rows.file.stem}-{row.line}"
        entry = form.entry(fields, key=key, pictures=pictures)
    except RoboLoopError as error:
        return Rejected(error.located(place), None)
    return reader.read(entry, place=place)

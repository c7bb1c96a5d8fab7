"""parquet: tables with their pictures inside, as data sets lie on hubs.

A column of pictures holds bytes, `{bytes, path}` structs (the layout of the `datasets` library's
Image feature), paths, or lists of any of these. The pictures stay where they are. Names of classes
are taken from the `huggingface` entry of the file's metadata.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.hashing import hash_file, hash_value
from roboloop.records.media import Media, ParquetPicture
from roboloop.records.record import Record
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.conversation_records import EntryReader
from roboloop.sources.published_rows import RowForm, split_in_name
from roboloop.sources.row_source import RowSource

BATCH_ROWS = 64


class RowGroup(NamedTuple):
    """A piece of the work: one group of rows of one file, the first row's number, and the split.

    `error` says why the file cannot be read at all.
    """

    file: Path
    group: int
    first_row: int
    error: str = ""


class ParquetSource(RowSource):
    """Parquet tables of questions and conversations with pictures inside."""

    suffixes = (".parquet",)

    kind: Literal["parquet"] = "parquet"  # pyright: ignore[reportIncompatibleVariableOverride]
    path: Path
    """A `.parquet` file, or a folder that has some at any depth."""
    image_folder: Path | None = None
    """What pictures given as paths are relative to; the folder of `path` when left out."""

    def media_roots(self) -> Mapping[str, Path]:
        """The folder of the tables, and that of pictures named by path where it is another."""
        pictures = self.image_folder or self._folder
        return {self.name: pictures, self._table_root: self._folder}

    def parts(self, context: SourceContext) -> Iterator[RowGroup]:
        """The groups of rows, file by file.

        Raises:
            RoboLoopError: E-DAT-001 when there is no file.
        """
        del context
        for file in self._files():
            try:
                table = _open(file)
            except RoboLoopError as error:
                yield RowGroup(file, 0, 0, error.detail)
                continue
            with table:
                first = 0
                for group in range(table.metadata.num_row_groups):
                    yield RowGroup(file, group, first)
                    first += table.metadata.row_group(group).num_rows

    def read_part(self, part: RowGroup, context: SourceContext) -> Iterator[Record | Rejected]:
        """A record for each row of a group, or why it is none."""
        del context
        if part.error:
            yield Rejected(RoboLoopError("E-MED-008", part.error, place=Place(part.file)))
            return
        with _open(part.file) as table:
            rows = _Rows(table, part=part, root=self._table_root, folder=self._folder)
            form = self.row_form(table.schema_arrow.names)
            form = replace(form, class_names=form.class_names or rows.class_names(form))
            split = split_in_name(part.file.stem)
            yield from _records(rows, form=form, reader=self.row_reader(form, split=split))

    def fingerprint(self) -> str:
        """Hash of the options and the tables."""
        return hash_value([self.model_dump(mode="json"), [hash_file(f) for f in self._files()]])

    def _files(self) -> Sequence[Path]:
        if self.path.is_file():
            return (self.path,)
        if not self.path.is_dir():
            raise RoboLoopError(
                "E-DAT-001", "there is no such file or folder", place=Place(self.path)
            )
        if not (found := sorted(self.path.rglob(f"*{self.suffixes[0]}"))):
            raise RoboLoopError(
                "E-DAT-001", "no file in it ends in .parquet", place=Place(self.path)
            )
        return found

    @property
    def _folder(self) -> Path:
        return self.path if self.path.is_dir() else self.path.parent

    @property
    def _table_root(self) -> str:
        return self.name if self.image_folder is None else f"{self.name}.tables"


class _Rows:
    """The rows of one group as mappings without the pictures' bytes."""

    def __init__(self, table: Any, *, part: RowGroup, root: str, folder: Path) -> None:
        self.file = part.file
        self._table = table
        self._part = part
        self._path = f"{root}:{part.file.relative_to(folder).as_posix()}"

    def __iter__(self) -> Iterator[tuple[int, dict[str, Any], dict[str, tuple[str | Media, ...]]]]:
        """Number of the row, column -> value, and column of pictures -> pictures."""
        row = self._part.first_row
        pictured = self._picture_columns()
        others = [name for name in self._table.schema_arrow.names if name not in pictured]
        batches = self._table.iter_batches(batch_size=BATCH_ROWS, row_groups=[self._part.group])
        for batch in batches:
            for index, fields in enumerate(batch.select(others).to_pylist()):
                pictures = {
                    name: tuple(self._pictures(batch.column(name)[index], column=name, row=row))
                    for name in pictured
                }
                yield row, fields, pictures
                row += 1

    def class_names(self, form: RowForm) -> tuple[str, ...]:
        """Names of the classes behind the answers, where the file's metadata tell them."""
        stored = (self._table.schema_arrow.metadata or {}).get(b"huggingface")
        try:
            features = json.loads(stored or b"{}").get("info", {}).get("features", {})
            names = features.get(form.columns.get("answer", ""), {}).get("names") or ()
        except (ValueError, AttributeError):
            return ()
        return tuple(map(str, names))

    def _picture_columns(self) -> list[str]:
        """Columns that hold bytes, or structs with bytes, or lists of them."""
        import pyarrow as pa

        def holds_bytes(kind: Any) -> bool:
            if pa.types.is_list(kind) or pa.types.is_large_list(kind):
                return holds_bytes(kind.value_type)
            if pa.types.is_struct(kind):
                return any(kind.field(i).name == "bytes" for i in range(kind.num_fields))
            return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)

        return [field.name for field in self._table.schema_arrow if holds_bytes(field.type)]

    def _pictures(self, cell: Any, *, column: str, row: int) -> Iterator[str | Media]:
        """The pictures of a cell; empty cells have none."""
        if not cell.is_valid:
            return
        if hasattr(cell, "values") and not hasattr(cell, "keys"):  # a list
            for item, value in enumerate(cell.values):
                yield from self._picture(value, ParquetPicture(
                    path=self._path, column=column, row=row, item=item))  # fmt: skip
        else:
            yield from self._picture(cell, ParquetPicture(path=self._path, column=column, row=row))

    def _picture(self, value: Any, here: ParquetPicture) -> Iterator[str | Media]:
        if not value.is_valid:
            return
        if not hasattr(value, "keys") or value["bytes"].is_valid:
            yield here
        elif "path" in value.keys() and value["path"].is_valid:  # noqa: SIM118
            yield str(value["path"].as_py())


def _records(rows: _Rows, *, form: RowForm, reader: EntryReader) -> Iterator[Record | Rejected]:
    column = form.columns.get("images", "")
    for row, fields, pictured in rows:
        key = f"{rows.file.stem}-{row}"
        place = Place(rows.file, row + 1)
        try:
            entry = form.entry(fields, key=key, pictures=_chosen(column, fields, pictured))
        except RoboLoopError as error:
            yield Rejected(error.located(place), key)
            continue
        yield reader.read(entry, place=place, origin=f"{rows.file.name}!{row}")


def _chosen(
    column: str, fields: Mapping[str, Any], pictured: Mapping[str, tuple[str | Media, ...]]
) -> tuple[str | Media, ...]:
    """The pictures of a row: of the column of pictures, else of `image_1`, `image_2` ..."""
    if column in pictured:
        return pictured[column]
    given = fields.get(column)
    if isinstance(given, str) and given:
        return (given,)
    if isinstance(given, list):
        return tuple(str(path) for path in given)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    numbered = [name for name in pictured if name.startswith("image")]
    return tuple(picture for name in numbered for picture in pictured[name])


def _open(file: Path) -> Any:
    """The open table.

    Raises:
        RoboLoopError: E-MED-008 when it is cut off or no Parquet file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(file)
    except (pa.ArrowException, OSError) as error:
        raise RoboLoopError(
            "E-MED-008", f"not a whole Parquet file: {error}", place=Place(file)
        ) from error

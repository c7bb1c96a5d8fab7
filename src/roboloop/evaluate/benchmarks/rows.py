"""Rows of the tables that benchmarks are published in: the hub's Parquet, VLMEvalKit's TSV.

Pictures are named, never loaded: of a column with `{bytes, path}` only the paths are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from roboloop.base.errors import Place, RoboLoopError
from roboloop.evaluate.benchmarks.folder import BenchmarkFolder, need
from roboloop.records.media import Media, ParquetPicture
from roboloop.records.tsv_pictures import PictureTable, header
from roboloop.records.tsv_rows import open_tsv


class Row(NamedTuple):
    """One row: its place, its values, and its pictures by column, in order."""

    place: Place
    fields: dict[str, Any]
    pictures: dict[str, tuple[Media, ...]]

    def need(self, *names: str) -> list[Any]:
        """The values of these columns.

        Raises:
            RoboLoopError: E-EVA-012 when one is null.
        """
        return need(self.fields, *names, place=self.place)

    def shown(self, *columns: str) -> tuple[Media, ...]:
        """The pictures of these columns; there must be one.

        Raises:
            RoboLoopError: E-EVA-012 when there is none.
        """
        found = tuple(medium for name in columns for medium in self.pictures.get(name, ()))
        if not found:
            raise RoboLoopError("E-EVA-012", "the row has no picture", place=self.place)
        return found


class PublishedRows(NamedTuple):
    """The rows of a benchmark, and whether they come from VLMEvalKit's table."""

    rows: Iterator[Row]
    is_tsv: bool


def published_rows(
    folder: BenchmarkFolder, *patterns: str, columns: Sequence[str]
) -> PublishedRows:
    """The rows of VLMEvalKit's table when there is one, else of the hub's Parquet files.

    Pictures stand in the column `image` of both.
    """
    if tables := folder.find("*.tsv"):
        return PublishedRows((row for table in tables for row in tsv_rows(folder, table)), True)
    return PublishedRows(hub_rows(folder, *patterns, columns=columns, pictures=("image",)), False)


def hub_rows(
    folder: BenchmarkFolder, *patterns: str, columns: Sequence[str], pictures: Sequence[str]
) -> Iterator[Row]:
    """The rows of the Parquet files that fit the first pattern any file fits.

    Args:
        folder: The benchmark's files.
        patterns: Globs below the folder.
        columns: Columns with values; each must be there. A name that ends with `?` need not.
        pictures: Columns with pictures: bytes, `{bytes, path}`, or lists of them.

    Raises:
        RoboLoopError: E-EVA-010 when there is no file, E-EVA-011 when a column is missing or a
            file is damaged.
    """
    for file in folder.files(*patterns, what="Parquet file"):
        yield from _parquet_rows(folder, file, columns=columns, pictures=pictures)


def tsv_rows(folder: BenchmarkFolder, file: Path) -> Iterator[Row]:
    """The rows of a table as VLMEvalKit publishes it, at the top of the folder.

    Its pictures are given as those of the column `image`, whether they stand in it or in files.

    Raises:
        RoboLoopError: E-EVA-011 for a file that is no such table, E-EVA-012 for a broken row.
    """
    with open_tsv(file) as table:
        lines = table.rows()
        try:
            names = header(table, next(lines, None), file=file)
        except RoboLoopError as error:
            raise RoboLoopError("E-EVA-011", error.detail, place=error.place) from error
        column = "image" if "image" in names else "image_path"
        _check_columns({"question", "answer", column}, there=names, file=file)
        rows = PictureTable(file, table=table, names=names, root=folder.kind)
        rows.note_pictures(column=column, index="index")
        for line in lines:
            place = Place(file, line.line)
            try:
                fields = rows.fields(line)
                given = rows.pictures(line, fields=fields)
            except RoboLoopError as error:
                raise RoboLoopError("E-EVA-012", error.detail, place=place) from error
            shown = tuple(
                folder.picture(item, place=place) if isinstance(item, str) else item
                for item in given
            )
            filled = {name: text for name, text in fields.items() if text}
            yield Row(place, filled, {"image": shown})


def _parquet_rows(
    folder: BenchmarkFolder, file: Path, *, columns: Sequence[str], pictures: Sequence[str]
) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table: Any = pq.ParquetFile(file)
    except (pa.ArrowException, OSError) as error:
        raise RoboLoopError(
            "E-EVA-011", f"not a whole Parquet file: {error}", place=Place(file)
        ) from error
    with closing(table):
        there = table.schema_arrow.names
        wanted = {name for name in (*columns, *pictures) if not name.endswith("?")}
        _check_columns(wanted, there=there, file=file)
        values = [name.rstrip("?") for name in columns if name.rstrip("?") in there]
        number = 0
        for group in range(table.num_row_groups):
            try:
                rows = table.read_row_group(group, columns=values).to_pylist()
                cells = {name: _picture_cells(table, group=group, column=name) for name in pictures}
            except (pa.ArrowException, OSError) as error:
                raise RoboLoopError(
                    "E-EVA-011", f"row group {group} is damaged: {error}", place=Place(file)
                ) from error
            path = folder.medium_path(file)
            for index, fields in enumerate(rows):
                shown = {
                    name: _pictures(cells[name][index], column=name, row=number, path=path)
                    for name in pictures
                }
                yield Row(Place(file, record_id=f"row {number}"), fields, shown)
                number += 1


def _check_columns(wanted: set[str], *, there: Sequence[str], file: Path) -> None:
    if missing := sorted(wanted - set(there)):
        raise RoboLoopError(
            "E-EVA-011",
            f"the table lacks the columns {', '.join(missing)}; it has {', '.join(there)}",
            place=Place(file),
        )


def _picture_cells(table: Any, *, group: int, column: str) -> list[Any]:
    """The cells of a column of pictures: what of them tells which pictures are there.

    Of `{bytes, path}` the paths are enough, unless one is null: then the bytes are looked at.
    """
    schema = table.schema
    leaves = [schema.column(index).path for index in range(len(schema))]
    paths = [leaf for leaf in leaves if leaf.startswith(f"{column}.") and leaf.endswith(".path")]
    cells: list[Any] = table.read_row_group(group, columns=paths or [column])[column].to_pylist()
    if not paths or all(item["path"] for cell in cells for item in _items(cell) if item):
        return cells
    whole: list[Any] = table.read_row_group(group, columns=[column])[column].to_pylist()
    return [
        [item if item and item["bytes"] else None for item in cell]
        if isinstance(cell, list)
        else (cell if cell and cell["bytes"] else None)
        for cell in whole
    ]


def _pictures(cell: Any, *, column: str, row: int, path: str) -> tuple[Media, ...]:
    if not isinstance(cell, list):
        return () if cell is None else (ParquetPicture(path=path, column=column, row=row),)
    return tuple(
        ParquetPicture(path=path, column=column, row=row, item=number)
        for number, item in enumerate(_items(cell))
        if item is not None
    )


def _items(cell: Any) -> list[Any]:
    return cell if isinstance(cell, list) else [cell]

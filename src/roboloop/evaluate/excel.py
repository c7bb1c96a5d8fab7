"""Tables of text as Excel workbooks, which VLMEvalKit writes unless it is told otherwise.

The package openpyxl is needed here only. A cell holds at most 32,767 characters and no control
signs; what does not fit is refused, since an answer that was cut would be scored as another one.
"""

from __future__ import annotations

import importlib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

from roboloop.base.errors import MissingDependencyError, Place, RoboLoopError

LONGEST_CELL = 32_767
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class TextRow(NamedTuple):
    """A row of a table: its number, from 1, and the text below each column's name."""

    line: int
    cells: Mapping[str, str]


def excel_rows(path: Path) -> Iterator[TextRow]:
    """Every row of a workbook's first sheet below the one with the names of the columns.

    Raises:
        RoboLoopError: E-ENV-001 without openpyxl, E-EVA-004 for a file that is no workbook.
    """
    openpyxl = _openpyxl("reading .xlsx")
    try:
        book = openpyxl.load_workbook(path, read_only=True)
    except (BadZipFile, KeyError, ValueError) as error:
        raise RoboLoopError("E-EVA-004", f"no workbook ({error})", place=Place(path)) from error
    try:
        rows: Iterator[Sequence[Any]] = book.worksheets[0].iter_rows(values_only=True)
        head = [_text(value) for value in next(rows, ())]
        for line, row in enumerate(rows, start=2):
            texts = [_text(value) for value in row]
            if any(texts):
                yield TextRow(line, dict(zip(head, texts, strict=False)))
    finally:
        book.close()


def excel_bytes(columns: Sequence[str], *, rows: Sequence[Mapping[str, str]]) -> bytes:
    """A workbook of one sheet whose cells are all texts, none of them a formula.

    Raises:
        RoboLoopError: E-ENV-001 without openpyxl, E-EVA-004 for a text that no cell can hold.
    """
    openpyxl = _openpyxl("writing .xlsx")
    texts = [[_checked(row.get(name, ""), column=name) for name in columns] for row in rows]
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    cell_of: Any = importlib.import_module("openpyxl.cell").WriteOnlyCell
    for row in (columns, *texts):
        cells = [cell_of(sheet, value=text) for text in row]
        for cell in cells:
            cell.data_type = "s"  # "=> B" is what a model said, and no formula
        sheet.append(cells)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _openpyxl(purpose: str) -> Any:
    try:
        return importlib.import_module("openpyxl")
    except ModuleNotFoundError as error:
        raise MissingDependencyError("openpyxl", purpose=purpose, extra="excel") from error


def _text(value: Any) -> str:
    """A cell as text; a whole number has no decimals, an empty cell no text."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else str(value)


def _checked(text: str, *, column: str) -> str:
    if len(text) <= LONGEST_CELL and not _CONTROL.search(text):
        return text
    why = "control signs" if len(text) <= LONGEST_CELL else f"{len(text):,} characters"
    raise RoboLoopError(
        "E-EVA-004",
        f"a text of the column {column!r} has {why}, which no cell of a workbook can hold",
        fix="Write --layout vlmevalkit, whose table is tab-separated.",
    )

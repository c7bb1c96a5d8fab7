"""Stored answers in the layouts of other evaluators, so that they can score them by their own code.

What is written is what `foreign_answers` reads: the raw text with its question and truth. Truths
that are places have no form there and stay empty.
"""

from __future__ import annotations

import csv
import io
import json
import re
import string
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.files import atomic_write_bytes
from roboloop.evaluate.excel import excel_bytes
from roboloop.evaluate.stored_cases import StoredAnswer

Layout = Literal["lmms_eval", "vlmevalkit", "vlmevalkit_xlsx", "flagevalmm"]


class Exported(NamedTuple):
    """What was written.

    Attributes:
        files: Every file.
        num_answers: Answers in them.
        num_left_out: Answers to questions that none of the evaluators has, such as for a path.
    """

    files: tuple[Path, ...]
    num_answers: int
    num_left_out: int


def export_answers(answers: Iterable[StoredAnswer], *, layout: Layout, out: Path) -> Exported:
    """Write every answer below `out`, in a folder for each model.

    Raises:
        RoboLoopError: E-EVA-002 when there is no answer that has a place in such a layout;
            for a workbook E-ENV-001 without openpyxl, E-EVA-004 for a text that no cell can hold.
    """
    groups: dict[tuple[str, str], list[StoredAnswer]] = {}
    num_left_out = 0
    for answer in answers:
        if answer.case is None:
            num_left_out += 1
        else:
            key = (_file_name(answer.model or "model"), _file_name(answer.case.benchmark))
            groups.setdefault(key, []).append(answer)
    if not groups:
        raise RoboLoopError("E-EVA-002", "no answer can be written", place=Place(out))
    files: dict[Path, bytes] = {}
    for (model, benchmark), rows in groups.items():
        files |= _WRITERS[layout](rows, model=model, benchmark=benchmark, folder=out / model)
    for path, data in files.items():
        atomic_write_bytes(path, data=data)
    return Exported(tuple(files), sum(map(len, groups.values())), num_left_out)


def _lmms_eval(
    rows: Sequence[StoredAnswer], *, model: str, benchmark: str, folder: Path
) -> dict[Path, bytes]:
    lines = [
        json.dumps(
            {
                "doc_id": row.id,
                "doc": {
                    "question": _question(row),
                    "options": _options(row),
                    "category": _subtask(row),
                },
                "target": _gold(row),
                "arguments": {},
                "resps": [[row.text]],
                "filtered_resps": [row.text],
            },
            ensure_ascii=False,
        )
        for row in rows
    ]
    return {folder / f"roboloop_samples_{benchmark}.jsonl": ("\n".join(lines) + "\n").encode()}


def _vlmevalkit(
    rows: Sequence[StoredAnswer], *, model: str, benchmark: str, folder: Path
) -> dict[Path, bytes]:
    table = _table(rows)
    out = io.StringIO()
    writer = csv.DictWriter(out, table.columns, delimiter="\t", lineterminator="\n")
    writer.writeheader()
    writer.writerows(table.rows)
    return {folder / f"{model}_{benchmark}.tsv": out.getvalue().encode()}


def _vlmevalkit_xlsx(
    rows: Sequence[StoredAnswer], *, model: str, benchmark: str, folder: Path
) -> dict[Path, bytes]:
    table = _table(rows)
    data = excel_bytes(table.columns, rows=table.rows)
    return {folder / f"{model}_{benchmark}.xlsx": data}


class _Table(NamedTuple):
    """VLMEvalKit's columns, and the texts below them in every row."""

    columns: Sequence[str]
    rows: Sequence[Mapping[str, str]]


def _table(rows: Sequence[StoredAnswer]) -> _Table:
    most = max(len(_options(row)) for row in rows)
    letters = string.ascii_uppercase[:most]
    columns = ["index", "question", *letters, "answer", "category", "prediction"]
    cells = [
        {
            "index": row.id,
            "question": _question(row),
            **dict(zip(letters, _options(row), strict=False)),
            "answer": _words(_gold(row)),
            "category": _subtask(row),
            "prediction": row.text,
        }
        for row in rows
    ]
    return _Table(columns, cells)


def _words(gold: str | list[str] | None) -> str:
    """The truth in one cell; several accepted texts as a list in Python's notation."""
    return "" if gold is None else gold if isinstance(gold, str) else str(gold)


def _flagevalmm(
    rows: Sequence[StoredAnswer], *, model: str, benchmark: str, folder: Path
) -> dict[Path, bytes]:
    said: list[dict[str, Any]] = []
    labels: list[dict[str, Any]] = []
    for row in rows:
        entry = {"question_id": row.id, "question": _question(row), "answer": row.text}
        more = {"options": _options(row), "sub_task": _subtask(row), "label": _gold(row)}
        said.append(entry)
        labels.append({**entry, **more})
    return {
        folder / benchmark / f"{benchmark}.json": _json(said),
        folder / benchmark / f"{benchmark}_evaluated.json": _json(labels),
    }


_WRITERS: Mapping[Layout, Any] = {
    "lmms_eval": _lmms_eval,
    "vlmevalkit": _vlmevalkit,
    "vlmevalkit_xlsx": _vlmevalkit_xlsx,
    "flagevalmm": _flagevalmm,
}


def _gold(row: StoredAnswer) -> str | list[str] | None:
    """The truth in words; None for places."""
    assert row.case is not None
    if row.case.kind in ("point", "bbox"):
        return None
    gold = row.case.gold
    return gold if isinstance(gold, str) else list(row.case.gold_texts)


def _question(row: StoredAnswer) -> str:
    assert row.case is not None
    return row.case.question


def _subtask(row: StoredAnswer) -> str:
    assert row.case is not None
    return row.case.subtask


def _options(row: StoredAnswer) -> list[str]:
    assert row.case is not None
    return list(row.case.options)


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def _file_name(name: str) -> str:
    """A name from a file as one part of a path."""
    return re.sub(r"[^\w.-]+|^\.+", "_", name)

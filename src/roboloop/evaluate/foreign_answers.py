"""Answers that another evaluator stored, as cases for any rules: old runs can be scored again.

    lmms-eval     ..._samples_<task>.jsonl    doc_id, doc, target, resps
    VLMEvalKit    <model>_<data set>.xlsx     index, question, A, B ..., answer, prediction;
                                              or the same as .tsv
    FlagEvalMM    <task>/                     <task>.json: what was said
                                              <task>_evaluated.json: label

The raw text is taken, never what the evaluator had cut out of it. Truths that are masks are not
stored by any of them: such answers are counted, and no rules score them.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from roboloop.base.errors import Place, RoboLoopError
from roboloop.evaluate.cases import case_from_json, line_object
from roboloop.evaluate.excel import TextRow, excel_rows
from roboloop.evaluate.stored_cases import StoredAnswer
from roboloop.records.tsv_rows import open_tsv

_SAMPLES = re.compile(r"(?:.*_)?samples_(.+)\.jsonl")
_EVALUATED = "_evaluated.json"
TABLES = (".tsv", ".xlsx")
_NAMES = {
    "allanglesbench": "all_angles", "cv_bench": "cvbench", "embspatialbench": "embspatial",
    "mmsi_bench": "mmsi", "omnispatial": "omni_spatial", "robospatialhome": "robo_spatial",
    "textvqa_val": "textvqa", "vsi_bench": "vsibench",
}  # fmt: skip
"""Names of others, in small letters -> ours, where they differ."""


def is_foreign(path: Path) -> bool:
    """Whether another evaluator left this file or folder."""
    if path.is_dir():
        return _flagevalmm_task(path) is not None
    return path.suffix in TABLES or _SAMPLES.fullmatch(path.name) is not None


def foreign_answers(path: Path) -> Iterator[StoredAnswer]:
    """Every answer that another evaluator stored at `path`.

    Raises:
        RoboLoopError: E-REC-001 for a line that is no JSON object, E-EVA-004 for what is not in
            that evaluator's layout, with the place; E-ENV-001 for a workbook without openpyxl.
    """
    if path.is_dir():
        yield from _flagevalmm(path)
    elif path.suffix in TABLES:
        yield from _vlmevalkit(path)
    else:
        yield from _lmms_eval(path)


def _lmms_eval(path: Path) -> Iterator[StoredAnswer]:
    """A log of samples; the folder it lies in is named after the model."""
    name = _SAMPLES.fullmatch(path.name)
    assert name is not None
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            place = Place(path, number)
            row = line_object(line, place=place)
            said: Any = _needed(row, "resps", place=place)
            while isinstance(said, list) and said:
                said = said[0]
            doc: Mapping[str, Any] = row.get("doc") or {}
            lists = [doc[key] for key in ("options", "choices") if isinstance(doc.get(key), list)]
            yield _answer(
                str(_needed(row, "doc_id", place=place)),
                model=path.parent.name,
                benchmark=name[1],
                text=_one_text(said, place=place),
                gold=_needed(row, "target", place=place),
                question=str(doc.get("question", "")),
                options=lists[0] if lists else [],
                subtask=str(doc.get("category") or ""),
                place=place,
            )


def _vlmevalkit(path: Path) -> Iterator[StoredAnswer]:
    """A table of predictions, named after the model, whose folder it lies in, and the data set."""
    folders = [folder.name for folder in path.resolve().parents]
    known = [name for name in folders if name and path.stem.startswith(f"{name}_")]
    model = known[0] if known else path.stem.partition("_")[0]
    benchmark = path.stem.removeprefix(f"{model}_")
    for line, cells in excel_rows(path) if path.suffix == ".xlsx" else _tsv_rows(path):
        place = Place(path, line)
        letters = [letter for letter in string.ascii_uppercase if cells.get(letter)]
        yield _answer(
            _needed(cells, "index", place=place),
            model=model,
            benchmark=benchmark,
            text=_needed(cells, "prediction", place=place),
            gold=_needed(cells, "answer", place=place) or None,
            question=cells.get("question", ""),
            options=[cells[letter] for letter in letters],
            subtask=cells.get("category", ""),
            place=place,
        )


def _tsv_rows(path: Path) -> Iterator[TextRow]:
    """Every row below the one with the names of the columns."""
    with open_tsv(path) as table:
        rows = table.rows()
        first = next(rows, None)
        head = [table.text(cell) for cell in first.cells] if first else []
        for row in rows:
            if row.broken:
                raise RoboLoopError("E-EVA-004", row.broken, place=Place(path, row.line))
            cells = dict(zip(head, map(table.text, row.cells), strict=False))
            yield TextRow(row.line, cells)


def _flagevalmm(folder: Path) -> Iterator[StoredAnswer]:
    """A task's folder, which lies in one named after the model.

    Its evaluation overwrites the answers, so what was said is taken from the file before it.
    """
    task = _flagevalmm_task(folder)
    assert task is not None
    said = _by_question(folder / f"{task}.json")
    for question, row in _by_question(folder / f"{task}{_EVALUATED}").items():
        place = Place(folder / f"{task}.json")
        text = _needed(_needed(said, question, place=place), "answer", place=place)
        yield _answer(
            question,
            model=folder.parent.name,
            benchmark=task,
            text=_one_text(text, place=place),
            gold=row.get("label"),
            question=str(row.get("question", "")),
            options=row.get("options") or [],
            subtask=str(row.get("sub_task") or ""),
            place=place,
        )


def _flagevalmm_task(folder: Path) -> str | None:
    names = (path.name.removesuffix(_EVALUATED) for path in sorted(folder.glob(f"*{_EVALUATED}")))
    return next((name for name in names if (folder / f"{name}.json").is_file()), None)


def _by_question(path: Path) -> dict[str, Mapping[str, Any]]:
    place = Place(path)
    try:
        rows: Any = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise RoboLoopError("E-EVA-004", f"no JSON ({error})", place=place) from error
    if not isinstance(rows, list):
        raise RoboLoopError("E-EVA-004", "not a list of answers", place=place)
    return {str(_needed(row, "question_id", place=place)): row for row in rows}


def _answer(
    key: str,
    *,
    model: str,
    benchmark: str,
    text: str,
    gold: Any,
    question: str,
    options: list[Any],
    place: Place,
    subtask: str = "",
) -> StoredAnswer:
    name = benchmark.lower()
    kind = _kind(gold, options=options)
    case = None
    if kind is not None:
        line = {
            "benchmark": _NAMES.get(name, name), "kind": kind, "answer": text, "gold": gold,
            "question": question, "options": options, "subtask": subtask,
        }  # fmt: skip
        if kind in ("mcq", "yesno"):
            line["gold"] = str(gold).strip(" ()")
        case = case_from_json(line, place=place)
    return StoredAnswer(key, model, text, case)


def _kind(gold: Any, *, options: list[Any]) -> str | None:
    """What was asked, by the form of the truth; None for truths that are no words."""
    if isinstance(gold, list) and gold and all(isinstance(each, str) for each in gold):
        return "text"
    if isinstance(gold, bool) or not isinstance(gold, str | int | float):
        return None
    words = str(gold).strip(" ()")
    if len(words) == 1 and words.upper() in string.ascii_uppercase[: len(options) or 8]:
        return "mcq"
    if words.lower() in ("yes", "no"):
        return "yesno"
    return "numeric" if re.fullmatch(r"-?\d+(\.\d+)?", words) else "text"


def _one_text(said: Any, *, place: Place) -> str:
    """What was said, if it is one text: no likelihoods, no several tries of one question."""
    if not isinstance(said, str):
        raise RoboLoopError("E-EVA-004", "what was said is not one text", place=place)
    return said


def _needed(row: Mapping[str, Any], key: str, *, place: Place) -> Any:
    if key not in row:
        raise RoboLoopError("E-EVA-004", f"{key!r} is missing", place=place)
    return row[key]

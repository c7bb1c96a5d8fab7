"""The answers that an evaluation stored, as cases for any rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from roboloop.base.geometry import PictureSize
from roboloop.dialects import Dialect
from roboloop.evaluate.compare.loaded import (
    declared_dialects,
    find_evaluation,
    read_items,
    read_report,
)
from roboloop.evaluate.rules.base import Case
from roboloop.records.answers import Answer, Box, Choice, Number, Text, YesNo, answer_from_json
from roboloop.records.regions import Mask, Polygon


class StoredAnswer(NamedTuple):
    """One answer of one model.

    Attributes:
        case: None when no rules know such a question, such as one for a path.
    """

    id: str
    model: str
    text: str
    case: Case | None


def stored_answers(path: Path) -> Iterator[StoredAnswer]:
    """Every answer of the evaluation at `path` (a run or an evaluation folder), failed ones too.

    Places are read in the dialect, with the options, in which they were scored.

    Raises:
        RoboLoopError: E-EVA-003 when there is no evaluation.
    """
    folder = find_evaluation(path)
    report = read_report(folder)
    dialects = {
        model["name"]: declared_dialects(report, model=model["name"]) for model in report["models"]
    }
    for item in read_items(folder):
        for model, said in item["predictions"].items():
            if item["truth"] is None:
                continue
            failed = said["status"] == "request_failed" and not said["text"]
            text = f"Error code: {said['note']}" if failed else said["text"]
            case = _case(item, text=text, dialect=dialects[model][item["task"]])
            yield StoredAnswer(item["id"], model, text, case)


def _case(item: Mapping[str, Any], *, text: str, dialect: Dialect) -> Case | None:
    truth: Answer = answer_from_json(item["truth"]["answer"])
    picture: Mapping[str, Any] = next(iter(item["pictures"]), {})
    sides = (picture.get("width"), picture.get("height"))
    shared = Case(
        benchmark=item["task"],
        kind="text",
        text=text,
        question=item["question"],
        subtask=item.get("subtask") or "",
        size=PictureSize(picture["width"], picture["height"]) if all(sides) else None,
        dialect=dialect,
    )
    match truth:
        case Choice(letter, options):
            return replace(shared, kind="mcq", gold=letter, options=options)
        case YesNo(value):
            return replace(shared, kind="yesno", gold="yes" if value else "no")
        case Number(value):
            return replace(shared, kind="numeric", gold=f"{value:g}")
        case Text(words):
            return replace(shared, gold=words)
        case Box() if item.get("question_type", item["task"]) == "pointing":
            return None
        case Box():
            return replace(shared, kind="bbox", gold=truth.corners_px)
        case Polygon(vertices_px):
            width, height = shared.picture_size
            corners = tuple((x / width, y / height) for x, y in vertices_px)
            return replace(shared, kind="point", polygon_unit=corners)
        case Mask(size, runs):
            lit = np.repeat(np.arange(len(runs)) % 2 == 1, runs).astype(np.uint8) * 255
            return replace(shared, kind="point", mask_levels=lit.reshape(size.height, size.width))
        case _:
            return None

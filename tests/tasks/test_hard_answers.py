"""A thousand hard answers, each read as a careful person reads it.

`hard_answers.jsonl` holds a text a line and what it `means`: a letter, a verdict, a number with its
unit, places in pixels of a picture of 640 x 480, or for words the score; null where nothing is
answered. They were judged before the rules saw them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from roboloop.base.geometry import PictureSize
from roboloop.dialects import Dialect, load_dialect
from roboloop.evaluate.rules import Case, load_rules
from roboloop.records.answers import Answer, Box, Choice, Number, Points, YesNo
from roboloop.records.media import FilePicture
from roboloop.records.record import Record
from roboloop.tasks import load_task

LINES = Path(__file__).with_name("hard_answers.jsonl").read_text(encoding="utf-8").splitlines()
ANSWERS: list[dict[str, Any]] = [json.loads(line) for line in LINES]
PICTURE = FilePicture(path="made-up", size=PictureSize(640, 480))
TASKS = {
    "choice": "choice_vqa",
    "yes_no": "yes_no_vqa",
    "number": "number_vqa",
    "points": "pointing",
    "box": "object_box",
}


def of_kind(*kinds: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    chosen = [answer for answer in ANSWERS if answer["kind"] in kinds]
    assert chosen
    return pytest.mark.parametrize("line", chosen, ids=lambda line: f"{line['text'][:40]!r}")


def read(line: dict[str, Any], *, dialect: Dialect) -> Answer | None:
    inputs: dict[str, Any] = {"question": "?", "options": tuple(line.get("options", ()))}
    task = load_task(TASKS[line["kind"]])
    record = Record(id="1", task=task.kind, media=(PICTURE,), inputs=inputs)
    return task.parse(line["text"], record=record, dialect=dialect).answer


@of_kind("choice", "yes_no", "number")
def test_words_and_numbers_say_what_a_person_reads(line: dict[str, Any]) -> None:
    answer = read(line, dialect=load_dialect("plain"))
    match answer:
        case Choice(letter):
            assert letter == line["means"]
        case YesNo(value):
            assert value is line["means"]
        case Number(value, unit):
            assert line["means"] is not None
            assert (pytest.approx(value), unit) == tuple(line["means"])
        case _:
            assert answer is line["means"] is None


@of_kind("points", "box")
def test_places_are_where_a_person_reads_them(line: dict[str, Any]) -> None:
    answer = read(line, dialect=load_dialect(line["dialect"]))
    match answer:
        case Points(points_px):
            assert [pytest.approx(point, abs=0.6) for point in points_px] == [
                tuple(place) for place in line["means"]
            ]
        case Box():
            assert answer.corners_px == pytest.approx(tuple(line["means"]), abs=0.6)
        case _:
            assert answer is line["means"] is None


@of_kind("words")
def test_words_are_worth_what_a_person_gives(line: dict[str, Any]) -> None:
    gold = tuple(line["gold"]) * (10 if line["benchmark"] == "textvqa" else 1)
    case = Case(benchmark=line["benchmark"], kind="text", text=line["text"], gold=gold)
    found = load_rules("default").score(case)
    assert found is not None and found.score == line["means"]

"""Our own rules: the answer a careful reader takes from the text, under the declared convention.

Every kind of question is read by the task of that kind. No answer scores 0 and stays in the mean.
"""

from __future__ import annotations

import re
from typing import ClassVar

from roboloop.base.geometry import Point
from roboloop.evaluate.rules.base import Case, CaseKind, Rules, RuleScore, mask_hits
from roboloop.evaluate.rules.measures import FORMULAS, contains_gold, vqa_accuracy
from roboloop.records.answers import Answer, Box, Choice, Number, Points, Text, YesNo
from roboloop.records.media import FilePicture
from roboloop.records.record import InputValue, Record
from roboloop.records.regions import Polygon
from roboloop.tasks import load_task
from roboloop.tasks.final_answer import REFUSAL
from roboloop.tasks.texts import normalised
from roboloop.tasks.yes_no import read_yes_no

TASK_OF: dict[CaseKind, str] = {
    "mcq": "choice_vqa",
    "yesno": "yes_no_vqa",
    "numeric": "number_vqa",
    "point": "pointing",
    "bbox": "object_box",
    "text": "vqa",
}
UNIT_OF = {
    "object_abs_distance": "m",
    "object_size_estimation": "cm",
    "room_size_estimation": "m2",
}
"""Units in which VSI-Bench asks, by subtask."""
_EITHER = re.compile(r"\b(?:or|either|neither|between)\b")
HALF = 0.5
MIN_IOU = 0.5


class DefaultRules(Rules):
    """Read by our tasks, scored by the benchmark's metric."""

    name: ClassVar[str] = "default"
    title: ClassVar[str] = "RoboLoop"

    def score(self, case: Case) -> RuleScore:
        """What the answer is worth; every benchmark is known."""
        record = _record(case)
        parsed = load_task(record.task).parse(case.text, record=record, dialect=case.dialect)
        answer = parsed.answer
        score = 0.0 if answer is None else _worth(answer, case=case, record=record)
        value = "" if answer is None else _shown(answer)
        return RuleScore(score, value, parsed.status, parsed.rule, parsed.span, parsed.note)


def _record(case: Case) -> Record:
    """The question as a record of the task that reads its answers."""
    inputs: dict[str, InputValue] = {"question": case.question}
    if case.options:
        inputs["options"] = case.options
    media = (FilePicture(path="case:picture", size=case.size),) if case.size else ()
    return Record(id="case", task=TASK_OF[case.kind], media=media, inputs=inputs)


def _worth(answer: Answer, *, case: Case, record: Record) -> float:
    match answer:
        case Choice(letter):
            return float(letter == case.gold_text.strip().upper())
        case YesNo(value):
            return float(value == (case.gold_text.strip().casefold() == "yes"))
        case Number():
            truth = Number(float(case.gold_text), UNIT_OF.get(case.subtask))
            values = load_task(record.task).score(answer, truth=truth, size=None)
            return values["mean_relative_accuracy"]
        case Points():
            return _places(answer, case=case)
        case Box():
            truth = Box(*case.gold_box_px)
            values = load_task(record.task).score(answer, truth=truth, size=case.size)
            return values[f"acc@{MIN_IOU:g}"]
        case Text(text):
            return _words(text, case=case)
        case _:
            raise AssertionError(answer)


def _places(answer: Points, *, case: Case) -> float:
    """Share of the points in the right area; of RoboSpatial's answers the first point alone."""
    points = answer.points_px[:1] if case.family == "robo_spatial" else answer.points_px
    if case.mask_levels is not None:
        levels = mask_hits(points, mask_levels=case.mask_levels)
        hits = [level >= HALF for level in levels]
    else:
        width, height = case.picture_size
        area = Polygon(tuple(Point(x * width, y * height) for x, y in case.polygon_unit))
        hits = [area.contains(point) for point in points]
    return sum(hits) / len(hits)


def _words(text: str, *, case: Case) -> float:
    """Whether an accepted text is the answer, or the only thing that a sentence says.

    Formulas are compared sign by sign, without blanks and dollars.
    """
    if case.subtask in FORMULAS:
        bare = [gold.replace("$", "") for gold in case.gold_texts]
        return float(contains_gold(case.text.replace("$", ""), gold=bare, without_blanks=True))
    given = [normalised(gold) for gold in case.gold_texts]
    said = normalised(text)
    if case.family != "ocrbench" and {"yes", "no"} & set(given):
        verdict = read_yes_no(text).answer
        said = said if verdict is None else _shown(verdict)
    meant = [said] if said in given else [gold for gold in given if _says(text, said, gold)]
    if case.family == "textvqa":
        return max((vqa_accuracy(gold, given=given) for gold in meant), default=0.0)
    return float(bool(meant))


def _says(text: str, said: str, gold: str) -> bool:
    """Whether a sentence names `gold` in whole words and neither denies nor offers it."""
    if gold in ("", "yes", "no") or REFUSAL.search(text) or _EITHER.search(said):
        return False
    before, held, _ = f" {said} ".partition(f" {gold} ")
    return bool(held) and not before.endswith((" not", "n't"))


def _shown(answer: Answer) -> str:
    match answer:
        case Choice(letter):
            return letter
        case YesNo(value):
            return "yes" if value else "no"
        case Number(value, unit):
            return f"{value:g}" + (f" {unit}" if unit else "")
        case Points(points_px):
            return ", ".join(f"({x:.1f}, {y:.1f})" for x, y in points_px)
        case Box():
            return "[" + ", ".join(f"{value:.1f}" for value in answer.corners_px) + "]"
        case Text(text):
            return text
        case _:
            raise AssertionError(answer)

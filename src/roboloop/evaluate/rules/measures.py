"""Measures that several evaluators share: of masks, of relative errors, of VQA's words.

Each is restated from what the evaluators' public code does, quirks included.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from roboloop.base.geometry import PictureSize, box_iou
from roboloop.evaluate.rules.base import Case, MaskArray, RuleScore
from roboloop.tasks.base import ParseStatus

_NUMBER = r"[-+]?\d+(?:\.\d*)?"
_TUPLE = re.compile(rf"\(({_NUMBER}(?:,\s*{_NUMBER})*)\)")
_CONFIDENCES = np.linspace(0.5, 0.95, 10)


def scored(score: float | bool, value: str, *, note: str = "") -> RuleScore:
    """What an evaluator without statuses makes of an answer; an empty value is no answer."""
    status = ParseStatus.OK if value else ParseStatus.NO_ANSWER
    return RuleScore(float(score), value, status, note=note)


def unit_box_score(found: re.Match[str] | None, *, case: Case, min_iou: float) -> RuleScore:
    """Whether four numbers, read as fractions of the picture, overlap the true box enough."""
    if found is None:
        return scored(0.0, "")
    x1, y1, x2, y2 = (float(group) for group in found.groups())
    width, height = case.picture_size
    gx1, gy1, gx2, gy2 = case.gold_box_px
    truth = (gx1 / width, gy1 / height, gx2 / width, gy2 / height)
    iou = box_iou((x1, y1, x2, y2), second_px=truth)
    return scored(iou >= min_iou, f"[{x1:g}, {y1:g}, {x2:g}, {y2:g}]")


class PixelBox(NamedTuple):
    """A box that stands for every pixel in it: x1 <= x < x2 and y1 <= y < y2."""

    x1: int
    y1: int
    x2: int
    y2: int


class Pixel(NamedTuple):
    """A place in whole pixels."""

    x: int
    y: int


def tuples_in(text: str) -> list[list[str]]:
    """The numbers, as written, of every `(a, b, ...)` of plain numbers."""
    return [match[1].split(",") for match in _TUPLE.finditer(text)]


def as_pixel(x: float, y: float, *, size: PictureSize) -> Pixel:
    """Fractions of the picture in pixels, cut off."""
    return Pixel(int(x * size.width), int(y * size.height))


def mean_level(places: Sequence[Pixel | PixelBox], *, levels: MaskArray, top: float) -> float:
    """Mean over all pixels named of the mask's level / `top`; those outside the picture count 0."""
    height, width = levels.shape
    total, count = 0.0, 0
    for place in places:
        if isinstance(place, PixelBox):
            x1, y1 = max(0, place.x1), max(0, place.y1)
            inside = levels[y1 : max(y1, place.y2), x1 : max(x1, place.x2)]
            total, count = total + float(inside.sum()), count + inside.size
        else:
            if 0 <= place.x < width and 0 <= place.y < height:
                total += float(levels[place.y, place.x])
            count += 1
    return total / count / top if count else 0.0


def relative_accuracy(value: float | None, *, truth: float) -> float:
    """Share of ten confidences c from 0.5 to 0.95 with |value - truth| / truth <= 1 - c."""
    if value is None or not truth:
        return 0.0
    return float((abs(value - truth) / truth <= 1 - _CONFIDENCES).mean())


_DIGITS = {
    word: str(value)
    for value, word in enumerate(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    )
} | {"none": "0"}  # fmt: skip
_ARTICLES = frozenset({"a", "an", "the"})
_MARKS = ';/[]"{}()=+\\_-><@`,?!'
_THOUSANDS = re.compile(r"\d,\d")
_LONE_STOP = re.compile(r"(?<!\d)\.(?!\d)")


def vqa_words(text: str) -> str:
    """A text as VQA's evaluation compares it: small letters, digits, no articles or marks.

    Its table of contractions (`dont` for `don't`) is left out.
    """
    plain = " ".join(text.split("\n")).strip()
    return " ".join(
        _DIGITS.get(word, word)
        for word in without_vqa_marks(plain).casefold().split()
        if word not in _ARTICLES
    )


def without_vqa_marks(text: str) -> str:
    """A mark beside a blank is dropped, any other becomes a blank; so does no stop in a number."""
    has_thousands = _THOUSANDS.search(text) is not None
    plain = text
    for mark in _MARKS:
        drop = has_thousands or f"{mark} " in text or f" {mark}" in text
        plain = plain.replace(mark, "" if drop else " ")
    return _LONE_STOP.sub("", plain)


NUM_AGREEING = 3
"""VQA accuracy: an answer that three of ten annotators gave is fully right."""


def vqa_accuracy(text: str, *, given: Sequence[str]) -> float:
    """VQA's accuracy: mean, over the annotators, of a third of the other annotators who agree.

    Source: Antol et al., VQA, ICCV 2015, and its evaluation code.
    """
    same = given.count(text)
    others = [same - (answer == text) for answer in given]
    return sum(min(1.0, count / NUM_AGREEING) for count in others) / len(others)


def contains_gold(text: str, *, gold: Sequence[str], without_blanks: bool) -> bool:
    """OCRBench's rule: an accepted text is anywhere in the answer.

    Formulas are compared without blanks, everything else in small letters.
    """

    def plain(words: str) -> str:
        line = words.strip().replace("\n", " ")
        return line.replace(" ", "") if without_blanks else line.lower()

    return any(plain(each) in plain(text) for each in gold)


FORMULAS = ("HME100k", "HMER", "Handwritten Mathematical Expression Recognition")
"""Names of OCRBench's subtask of formulas."""

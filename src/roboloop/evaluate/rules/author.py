"""Each benchmark's author's own rules, as far as they need no judge model.

Where an author asks GPT (BLINK, for texts its rule cannot read), our own reading stands in and the
note says so. Benchmarks whose authors published none are not known here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from roboloop.base.geometry import PictureSize, Point
from roboloop.evaluate.rules.base import Case, Rules, RuleScore
from roboloop.evaluate.rules.default import DefaultRules
from roboloop.evaluate.rules.measures import (
    Pixel,
    PixelBox,
    as_pixel,
    mean_level,
    relative_accuracy,
    scored,
    tuples_in,
)
from roboloop.evaluate.rules.published import backtick_choice, egoplan_choice
from roboloop.records.regions import Polygon
from roboloop.tasks.base import LETTERS

ROBOPOINT_SIZE = PictureSize(640, 480)
"""The only size of picture that Where2Place's script thinks of."""

_UNSIGNED = r"\s*(\d+(?:\.\d*)?)\s*,\s*(\d+(?:\.\d*)?)\s*"
_FIRST_PAIR = (re.compile(rf"\({_UNSIGNED}\)"), re.compile(rf"\[{_UNSIGNED}\]"))
_OMNI_ANSWER = re.compile(r"Answer\s*:\s*([A-D])\b", re.IGNORECASE)
_XML_PAIR = re.compile(r'x\d+="(-?\d+(?:\.\d*)?)"\s+y\d+="(-?\d+(?:\.\d*)?)"')
_FENCE = re.compile(r"```\w*\n(.*?)```", re.DOTALL)


class AuthorRules(Rules):
    """What the benchmark's own code gives."""

    name: ClassVar[str] = "author"
    title: ClassVar[str] = "the benchmark's author"

    def score(self, case: Case) -> RuleScore | None:
        """What the answer is worth there."""
        rule = _RULES.get(case.family)
        return None if rule is None else rule(case)


def _blink(case: Case) -> RuleScore:
    """The letter alone, or the one `(X)` that is a word of the text or of its last paragraph."""
    letters = LETTERS[: len(case.options)] or LETTERS[:5]
    text = case.text
    if text in (*LETTERS[:5], *(f"({letter})" for letter in LETTERS[:5])):
        letter = text.strip("()")
        return scored(letter == case.gold_text, letter)
    choices = {f"({letter})" for letter in letters}
    whole = choices & set(text.split())
    last = choices & set(text.split("\n\n")[-1].split())
    found = last if len(last) == 1 else whole
    if len(found) == 1:
        letter = found.pop().strip("()")
        return scored(letter == case.gold_text, letter)
    read = DefaultRules().score(case)
    note = "the author asks GPT-3.5 here; read by our rules instead"
    return read._replace(note=f"{note}; {read.note}" if read.note else note)


def _egoplan(case: Case) -> RuleScore:
    letter = egoplan_choice(case.text, all_phrases=True)
    return scored(letter == case.gold_text, letter)


def _mmsi(case: Case) -> RuleScore:
    letter = backtick_choice(case.text, letters="A-D")
    return scored(letter == case.gold_text, letter)


def _omni_spatial(case: Case) -> RuleScore:
    """The last `Answer: X`; whatever has none is an A."""
    found = _OMNI_ANSWER.findall(case.text)
    letter = found[-1] if found else "A"
    return scored(letter == case.gold_text, letter)


def _vsibench(case: Case) -> RuleScore:
    """The first word before a blank, compared as it is or read as a number."""
    word = case.text.split(" ")[0].rstrip(".").strip()
    if case.kind == "mcq":
        return scored(word.lower() == case.gold_text.lower(), word)
    try:
        value = float(word)
    except ValueError:
        return scored(0.0, "")
    return scored(relative_accuracy(value, truth=float(case.gold_text)), word)


def _where2place(case: Case) -> RuleScore | None:
    """RoboPoint's rule: numbers with a point are fractions of 640 x 480, whole ones are pixels.

    Of a box every pixel counts. The mask's grey levels are not thresholded.
    """
    places: list[Pixel | PixelBox] = []
    for numbers in tuples_in(case.text):
        values = [float(number) for number in numbers]
        if len(values) == 2:
            scaled = any("." in number for number in numbers)
            places.append(_pixel(values, size=ROBOPOINT_SIZE, scaled=scaled))
        elif len(values) == 4:
            scaled = "." in numbers[0]
            near = _pixel(values[:2], size=ROBOPOINT_SIZE, scaled=scaled)
            places.append(PixelBox(*near, *_pixel(values[2:], size=ROBOPOINT_SIZE, scaled=scaled)))
    if case.mask_levels is None:
        return None  # scored by a mask alone
    return _placed(mean_level(places, levels=case.mask_levels, top=255.0), places)


def _refspatial(case: Case) -> RuleScore | None:
    """RoboRefer's rule, whose parser depends on the model: tuples, Molmo's XML or Gemini's JSON."""
    if case.mask_levels is None:
        return None  # scored by a mask alone
    read = _REFSPATIAL_READERS.get(case.dialect.kind)
    if read is None:
        return None
    places = read(case.text, case.picture_size)
    lit = (case.mask_levels > 0).astype(np.uint8)
    return _placed(mean_level(places, levels=lit, top=1.0), places)


def _tuple_places(text: str, size: PictureSize) -> list[Pixel | PixelBox]:
    places: list[Pixel | PixelBox] = []
    for numbers in tuples_in(text):
        values = [float(number) for number in numbers]
        if len(values) == 2:
            scaled = any("." in number for number in numbers)
            places.append(_pixel(values, size=size, scaled=scaled))
        elif len(values) == 4:
            near = _pixel(values[:2], size=size, scaled=True)
            places.append(PixelBox(*near, *_pixel(values[2:], size=size, scaled=True)))
    return places


def _xml_places(text: str, size: PictureSize) -> list[Pixel | PixelBox]:
    return [as_pixel(float(x) / 100, float(y) / 100, size=size) for x, y in _XML_PAIR.findall(text)]


def _json_places(text: str, size: PictureSize) -> list[Pixel | PixelBox]:
    """`point` as [y, x] in thousandths, in a fenced list."""
    fence = _FENCE.search(text)
    try:
        items: Any = json.loads(fence[1].strip()) if fence else []
    except (ValueError, RecursionError):
        return []
    places: list[Pixel | PixelBox] = []
    for item in items if isinstance(items, list) else []:
        pair: Any = item.get("point") if isinstance(item, dict) else None
        if not isinstance(pair, list) or len(pair) != 2:
            continue
        if all(isinstance(value, int | float) for value in pair):
            places.append(as_pixel(pair[1] / 1000, pair[0] / 1000, size=size))
    return places


_REFSPATIAL_READERS: dict[str, Callable[[str, PictureSize], list[Pixel | PixelBox]]] = {
    "llava": _tuple_places,
    "plain": _tuple_places,
    "molmo": _xml_places,
    "gemini": _json_places,
}


def _robo_spatial(case: Case) -> RuleScore | None:
    """Yes and no must begin the text; of points the first pair in `( )`, else `[ ]`, as 0 to 1."""
    if case.kind == "yesno":
        said = case.text.strip().lower()
        return scored(said.startswith(case.gold_text.strip().lower()), said)
    if not case.polygon_unit:
        return None  # scored by a polygon alone
    found = next((pair for shape in _FIRST_PAIR if (pair := shape.search(case.text))), None)
    if found is None:
        return scored(0.0, "")
    area = Polygon(tuple(Point(x, y) for x, y in case.polygon_unit))
    return scored(area.contains(Point(float(found[1]), float(found[2]))), found[0])


def _pixel(values: list[float], *, size: PictureSize, scaled: bool) -> Pixel:
    x, y = values
    return as_pixel(x, y, size=size) if scaled else Pixel(int(x), int(y))


def _placed(score: float, places: list[Pixel | PixelBox]) -> RuleScore:
    return scored(score, " ".join(str(tuple(place)) for place in places[:8]))


_RULES: dict[str, Callable[[Case], RuleScore | None]] = {
    "blink": _blink,
    "egoplan": _egoplan,
    "mmsi": _mmsi,
    "omni_spatial": _omni_spatial,
    "refspatial": _refspatial,
    "robo_spatial": _robo_spatial,
    "vsibench": _vsibench,
    "where2place": _where2place,
}
